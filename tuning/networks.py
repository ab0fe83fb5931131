"""The network of a run that was not kept, and the data it was trained on, as they were."""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kerascnn import attempt, datasets, quiet, training
from kerascnn.exporters import _check
from kerascnn.record import RunRecord
from tuning.study import Study

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset


def train_again(study: Study, record: RunRecord, recorded: Path, target: Path) -> None:
    """Writes the network of a run that was not kept, trained once more, to `target`.

    Args:
        study: Whose run it is; this process has its backend and threads.
        record: The run.
        recorded: Its logits, which must come out again.
        target: The file; `again` beside it is made and removed.

    Raises:
        RuntimeError: If the run fails, or is another.
    """
    scratch = target.with_name("again")
    # Its seed makes it this run. Only repeat 0 leaves its network.
    spec = dataclasses.replace(record.spec, repeat=0)
    with quiet.silenced():
        runs = training.run([spec], folder=str(scratch), trainer=study.trainer, loggers=())
    if runs[0].status != "finished":
        raise RuntimeError(
            f"{record.spec.run_name} was trained again and {runs[0].status}: {runs[0].reason}"
        )
    again = attempt.run_dir(scratch, spec)
    _check.compare(
        _check.softmax(_check.read_logits(again / recorded.name)),
        _check.read_logits(recorded),
        f"{recorded.parent / 'model.keras'} is not kept, and trained again it is another network",
    )
    os.replace(again / "model.keras", target)
    shutil.rmtree(scratch)


def data_of(record: RunRecord) -> "Dataset":
    """Returns the data of a run.

    Raises:
        ValueError: If they are no longer what they were.
    """
    spec = record.spec
    data = datasets.load(spec.dataset, **spec.data_options)
    if data.fingerprint != spec.fingerprint:
        raise ValueError(
            f"The data of {spec.dataset} changed since the run: fingerprint "
            f"{data.fingerprint[:12]}, the run's {spec.fingerprint[:12]}. They are needed as they "
            "were, to check its network."
        )
    return data
