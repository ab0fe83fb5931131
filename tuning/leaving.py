"""Which run leaves a study, and how a folder comes to be there as a whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kerascnn import metrics, registry, training
from kerascnn.record import RunRecord
from tuning.study import Study

# Phases whose repeat 0 may leave, the first that is there.
_PHASES = ("final", "search")

Made = TypeVar("Made")


def winner(study: Study) -> str | None:
    """Returns the configuration that the last confirmation chose; None if none did."""
    chosen = [line for line in study.log.lines() if line.get("name") == "chosen"]
    return chosen[-1]["config_id"] if chosen else None


def status(record: RunRecord) -> str:
    """Returns whether what a run was scored on had a part in choosing it."""
    return "confirmed" if record.spec.phase == "final" else "not confirmed"


def find(study: Study, beginning: str) -> str:
    """Returns the id of the one configuration of `study` that begins so.

    Raises:
        ValueError: If there is none, or more than one.
    """
    known = list(dict.fromkeys(record.spec.config_id for record in study.records()))
    matching = [config for config in known if beginning and config.startswith(beginning)]
    if not matching:
        raise ValueError(registry.unknown(f"the configurations of {study.name}", beginning, known))
    if len(matching) > 1:
        raise ValueError(f"{beginning!r} begins more than one id: {', '.join(matching)}.")
    return matching[0]


def run_0(study: Study, config_id: str) -> RunRecord:
    """Returns the record of the run that leaves: repeat 0 of the configuration.

    Raises:
        ValueError: If it has not ended, or failed.
    """
    ended = {
        record.spec.phase: record
        for record in study.records()
        if record.spec.config_id == config_id
        and record.spec.repeat == 0
        and record.spec.subset == "all"
    }
    record = next((ended[phase] for phase in _PHASES if phase in ended), None)
    if record is None or record.status != "finished":
        state = "has not ended" if record is None else f"is {record.status}"
        raise ValueError(
            f"Run 0 of configuration {config_id} {state}, and no other run stands in for it: "
            "name another with --config."
        )
    return record


def scored_part(record: RunRecord) -> str:
    """Returns the part of the data that the run was scored on."""
    return training.SCORED_PARTS[record.spec.phase][0]


def accuracy(record: RunRecord) -> float:
    """Returns the share of the part's images that the run labels correctly."""
    return record.metrics[metrics.prefix_of(scored_part(record)) + "accuracy"]


def beside(path: Path, make: Callable[[Path], Made]) -> Made:
    """Makes a folder beside `path` and renames it: there is all of it or nothing.

    Args:
        path: The folder there will be.
        make: Makes it as `export` in the folder it is given.

    Returns:
        What `make` returned.
    """
    made = [parent for parent in path.absolute().parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        error.filename = str(path)  # What was asked for, not what is made first.
        raise
    try:
        found = make(beside)
        os.rename(beside / "export", path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):  # Not empty: it holds the export.
                parent.rmdir()
    return found
