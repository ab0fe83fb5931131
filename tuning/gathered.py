"""The runs of one study, or of several on the same data, by configuration."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from kerascnn import metrics, registry
from kerascnn.record import RunRecord
from kerascnn.spec import CONFIGURABLE, RunSpec, Value, settings, value_of
from tuning.study import Study

# Phase -> the part that only its runs are scored on, of a study that has searched.
_PHASES = {"confirmation": "confirm", "test": "final"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A record, whose it is, and of which configuration."""

    study: Study
    config_id: str
    record: RunRecord

    def __str__(self) -> str:
        return f"{self.record.spec.run_name} of {self.config_id[:6]} in {self.study.folder}"


# Configuration -> its runs.
Groups = Mapping[str, Sequence[Run]]


def resolve(
    studies: Sequence[Study], metric: str | None = None, split: str | None = None
) -> tuple[str, str]:
    """Returns (part, metric without prefix) of what the user asked for.

    Args:
        studies: At least one.
        metric: "accuracy" or, with the part, "val_accuracy"; None: the studies' objective.
        split: A part; None: that of the metric, else that of the objective.

    Raises:
        ValueError: If there is no such metric or part, or the studies' objectives differ in what
            was not given.
    """
    found = {_resolve(study.spec.objective, metric, split): study for study in reversed(studies)}
    if len(found) > 1:
        (*_, (part, name)), (second, *_) = found, found
        one, other = found[part, name], found[second]
        option = "--split" if name == second[1] else "--metric"
        raise ValueError(
            f"Studies of different objectives need {option}: {one.folder} ranks by "
            f"{one.spec.objective}, {other.folder} by {other.spec.objective}."
        )
    return next(iter(found))


def _resolve(objective: str, metric: str | None, split: str | None) -> tuple[str, str]:
    part, name = metrics.split_name(objective)
    if metric is not None:
        if metric in metrics.DIRECTIONS:
            name = metric
        elif metric in metrics.names():
            part, name = metrics.split_name(metric)
        else:
            known = (*metrics.DIRECTIONS, *metrics.names())
            raise ValueError(registry.unknown("metrics", metric, known))
    if split is not None:
        parts = tuple(metrics.PREFIXES.values())
        if split not in parts:
            raise ValueError(registry.unknown("splits", split, parts))
        if metric not in (None, *metrics.DIRECTIONS) and split != part:
            raise ValueError(f"{metric!r} is of {part}. Received also: --split {split}")
        part = split
    return part, name


def gather(studies: Sequence[Study], part: str, name: str) -> tuple[Groups, int]:
    """Returns (configuration -> its runs that trained for longest, how many runs were left out).

    Runs for fewer epochs than another of the same configuration are on their way, or left
    behind. Several studies' runs of one configuration are put together; one that stands in two
    of them, of the same seed, is taken from that where it went furthest, else the first, and
    counted as left out.

    Args:
        studies: At least one.
        part: The part of the data that is asked about; it says of which phase the runs are.
        name: The metric without its prefix.

    Raises:
        ValueError: If runs are of different data or another division of them, or a study has no
            run with that metric.
    """
    known: dict[tuple[str, str, int], Run] = {}
    again = 0
    for study in studies:
        runs = _of_phase(study, part)
        _refuse_nothing(study, runs, part, name)
        for run in runs:
            spec = run.record.spec
            key = run.config_id, spec.subset, spec.seed
            there = known.get(key)
            again += there is not None
            if there is None or spec.last_epoch > there.record.spec.last_epoch:
                known[key] = run
    _refuse_other_data(list(known.values()))
    groups: dict[str, list[Run]] = {}
    for (config, _, _), run in known.items():
        groups.setdefault(config, []).append(run)
    return {config: _furthest(runs) for config, runs in groups.items()}, again


def reason(runs: Sequence[Run]) -> str:
    """Returns the reason of the first run that failed, or ""."""
    return next((run.record.reason for run in runs if run.record.status == "failed"), "")


def shown(groups: Groups) -> dict[str, dict[str, Value]]:
    """Returns configuration -> the settings that vary, defaults included.

    In one study they are those that it searched, or was given; in several also those in which
    the studies differ.
    """
    if any(run.study.imported is not None for runs in groups.values() for run in runs):
        # What is not in a point was inactive: it has no value.
        return {config: dict(runs[0].record.point) for config, runs in groups.items()}
    known = functools.cache(_settings)

    @functools.cache
    def value(config: str, name: str) -> Value | None:
        record = groups[config][0].record
        return _value(record, name, known(record.spec.family))

    found: dict[str, dict[str, Value]] = {}
    for config, runs in groups.items():
        asked = runs[0].record.point
        names = runs[0].study.spec.varied(asked) or tuple(asked)
        found[config] = {
            name: asked.get(name, each)
            for name in names
            # A baseline may be of a family that was not searched.
            if name not in ("family", "code") and (each := value(config, name)) is not None
        }
    if len({run.study.folder for runs in groups.values() for run in runs}) == 1:
        return found
    names = tuple(dict.fromkeys(name for each in found.values() for name in each))
    specs = {config: runs[0].record.spec for config, runs in groups.items()}
    candidates = dict.fromkeys(
        name for spec in specs.values() for name in (*spec.hyperparameters, *CONFIGURABLE)
    )
    for name in (name for name in candidates if name not in names):
        if len({value(config, name) for config in specs} - {None}) > 1:
            names = (*names, name)
    return {
        config: {n: each for n in names if (each := value(config, n)) is not None}
        for config in specs
    }


def _settings(family: str) -> tuple[str, ...]:
    """Returns what can be set of a family; nothing if there is none here, as of another's log."""
    try:
        return settings(family)
    except ValueError:
        return ()


def _value(record: RunRecord, name: str, known: Sequence[str]) -> Value | None:
    """Returns the value of a setting, of those that are known of its family; None: it has none."""
    spec = record.spec
    if known:
        return value_of(spec, name) if name in known else None
    told = {**record.point, **spec.hyperparameters, **{n: getattr(spec, n) for n in CONFIGURABLE}}
    return told.get(name)


def phase_of(study: Study, part: str) -> str:
    """Returns of which phase the runs are that a part of the data is asked about of."""
    return _PHASES.get(part, study.spec.phase)


def _of_phase(study: Study, part: str) -> list[Run]:
    # What a confirmation trained anew has no part in the search's leaderboard.
    phase = phase_of(study, part)
    return [
        Run(study, config, record)
        for config, record in study.identified()
        if record.status != "infeasible" and record.spec.phase == phase
    ]


def _refuse_nothing(study: Study, runs: Sequence[Run], part: str, name: str) -> None:
    full = metrics.prefix_of(part) + name
    if any(run.record.status == "finished" and full in run.record.metrics for run in runs):
        return
    if not runs and phase_of(study, part) != study.spec.phase:
        raise ValueError(f"No run of {study.folder} was scored on {part} yet: `confirm` does that.")
    if not runs:
        raise ValueError(f"No run of {study.folder} has ended yet.")
    if any(run.record.status != "failed" for run in runs):
        raise ValueError(f"No run of {study.folder} has {full}.")
    raise ValueError(f"Every run of {study.folder} failed ({len(runs)}). The first: {reason(runs)}")


def _refuse_other_data(runs: Sequence[Run]) -> None:
    first: dict[tuple[object, ...], Run] = {}
    for run in runs:
        first.setdefault(_data(run.record.spec), run)
    if len(first) > 1:
        one, other = list(first.values())[:2]
        raise ValueError(
            "These runs are of different data, or divided otherwise: "
            f"{one} ({_told(one.record.spec)}) and {other} ({_told(other.record.spec)})."
        )


def _data(spec: RunSpec) -> tuple[object, ...]:
    """Returns what runs must agree in; the fingerprint stands for the division too."""
    if spec.fingerprint:
        return (spec.fingerprint,)
    return spec.dataset, *spec.data_options.values()


def _told(spec: RunSpec) -> str:
    named = f"{Path(spec.dataset).name}, split seed {spec.split_seed}"
    return named + (f", fingerprint {spec.fingerprint[:8]}" if spec.fingerprint else "")


def _furthest(runs: Sequence[Run]) -> list[Run]:
    reach = max(run.record.spec.last_epoch for run in runs)
    return [run for run in runs if run.record.spec.last_epoch == reach]
