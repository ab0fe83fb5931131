"""What an older study found, tried first in a new one: a hint, whatever data it was of."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from kerascnn.spec import RunSpec, settings, value_of
from tuning import comparison, enqueued
from tuning import space as spaces
from tuning.contender import Contender
from tuning.enqueued import Point
from tuning.study import Study, find

# Configurations that are tried first, if the user does not say how many.
_USUAL = 3
# Settings in which studies may differ: how long and on how many images they train.
_REACH = ("epochs", "train_size")


@dataclasses.dataclass(frozen=True)
class Earlier:
    """An older study, and how many of its leading configurations are wanted."""

    study: Study
    count: int


def read(text: str) -> Earlier:
    """Reads "STUDY" or "STUDY:N".

    Raises:
        ValueError: If there is no such study, it has no mean to rank by, or N is 0.
    """
    name, colon, count = text.rpartition(":")
    if not (colon and count.isdecimal()):
        name, count = text, str(_USUAL)
    if int(count) < 1:
        raise ValueError(f"--after takes STUDY:N with N above 0. Received: {text!r}")
    found = Earlier(find(name), int(count))
    comparison.from_records(found.study)
    return found


def add(study: Study, earlier: Earlier) -> str:
    """Puts what an older study found in line, best first, and returns that in a sentence.

    Those it took before count: the same command adds nothing.

    Args:
        study: A search that nobody is running.
        earlier: The older study.

    Raises:
        ValueError: If it is the same study, or another process is writing this one.
    """
    older = earlier.study
    if older.folder.resolve() == study.folder.resolve():
        raise ValueError(f"--after takes another study. Received: {older.folder}, which this is.")
    taken = sum(origin["study"] == older.name for origin in enqueued.origins(study))
    fitting, obstacles = [], []
    for origin, spec in _ranked(older):
        found = _point(study, spec)
        if isinstance(found, str):
            obstacles.append(found)
        elif found != study.spec.point(study.spec.contender(found), _defaults(study, found)):
            fitting.append((found, origin))
    wanted = fitting[: earlier.count]
    added = enqueued.add(study, wanted[taken:])
    if not wanted:
        why = f": {obstacles[0]}" if obstacles else ", the defaults aside"
        return f"Nothing of {older.folder} is tried first, as none lies in this space{why}."
    ranks = ", ".join(str(origin["rank"]) for _, origin in wanted)
    state = "are" if added else "were"
    return f"Tried first {state} {len(wanted)} of {older.folder}, there of rank {ranks}."


def _ranked(study: Study) -> Iterator[tuple[dict[str, Any], RunSpec]]:
    """Yields the configurations of a study that have a rank, best first, and where they stood."""
    specs = {config: record.spec for config, record in study.identified()}
    rows = [row for row in comparison.from_records(study) if row.is_ranked]
    for rank, row in enumerate(rows, start=1):
        origin = {
            "study": study.name,
            "config_id": row.config_id,
            "rank": rank,
            "mean": row.mean,
            "objective": study.spec.objective,
            "fingerprint": study.spec.base.fingerprint,
        }
        yield origin, specs[row.config_id]


def _point(study: Study, spec: RunSpec) -> Point | str:
    """Returns the point of `study` that a configuration is, or why it is none."""
    name = Contender(base=spec, space={}).name
    contender = next((each for each in study.spec.contenders if each.name == name), None)
    if contender is None:
        return f"{name} is not searched"
    base = contender.base
    if unknown := [each for each in spec.hyperparameters if each not in settings(base.family)]:
        return f"{name} has no {unknown[0]}"
    # Hyperparameters not named there are defaults of the family, which is the same one here.
    moved = dataclasses.replace(spec, family=base.family, code=base.code)
    for setting in settings(base.family):
        value, domain = value_of(moved, setting), contender.space.get(setting)
        if domain is not None and value not in domain:
            return f"{setting}={value} is not in {spaces.text(domain)}"
        if domain is None and setting not in _REACH and value != value_of(base, setting):
            return f"{setting} is {value} there, {value_of(base, setting)} here"
    values = {setting: value_of(moved, setting) for setting in contender.space}
    return study.spec.point(contender, values)


def _defaults(study: Study, point: Point) -> Point:
    return study.spec.contender(point).defaults()
