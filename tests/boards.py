"""Studies made by hand, to be compared."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerascnn import attempt
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tuning import study
from tuning.search_spec import SearchSpec
from tuning.space import Choice
from tuning.study import Study

BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)
SPEC = SearchSpec(base=BASE, space={"filters": Choice(8, 16, 32, 64)})
LABELS = np.arange(20, dtype=np.int32) % 2


def record(filters: int, repeat: int, accuracy: float | None, parameters: int = 1) -> RunRecord:
    spec = BASE.configure({"filters": filters}).repeated(0, "search", repeat)
    point = {"filters": filters}
    if accuracy is None:
        return RunRecord(spec=spec, status="failed", error="No.", trial=0, point=point)
    metrics = {"val_accuracy": accuracy, "val_loss": 1 - accuracy}
    return RunRecord(
        spec=spec, metrics=metrics, trial=0, point=point, seconds=2, parameters=parameters
    )


def begin(folder: Path, records: Sequence[RunRecord], spec: SearchSpec = SPEC) -> Study:
    made = study.create(folder, spec, {})
    with made.log:
        for each in records:
            made.log.append_record(each)
    return made


def with_logits(made: Study, spec: RunSpec, right: Sequence[bool]) -> None:
    folder = attempt.run_dir(made.folder, spec)
    folder.mkdir(parents=True)
    guesses = np.where(right, LABELS, 1 - LABELS)
    np.save(folder / "logits-validation.npy", np.eye(2, dtype=np.float32)[guesses])
    study.save_labels(made.folder, "validation", LABELS)


def scored(folder: Path, right: dict[int, np.ndarray]) -> Study:
    """Makes a study of filters -> which image each run is right on, bool (runs, 20)."""
    rows = {(f, i): row for f, runs in right.items() for i, row in enumerate(runs)}
    made = begin(folder, [record(f, i, float(row.mean())) for (f, i), row in rows.items()])
    for (filters, repeat), row in rows.items():
        with_logits(made, record(filters, repeat, 0.5).spec, row)
    return made
