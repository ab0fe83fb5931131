"""Studies to be reported: of a stranger who names things as markup, confirmed, taken apart."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn import attempt, metrics, training
from kerascnn.checks import subset_parts
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, value_of
from tests import boards
from tuning import study
from tuning.confirmation import Confirmation
from tuning.decomposition import Decomposition
from tuning.executors import serial
from tuning.rules import Rules
from tuning.search_spec import SearchSpec
from tuning.study import Study

MARKUP = "</script><script>alert(1)</script>"
# Everything that means something to HTML, Markdown or LaTeX.
SPECIAL = r"a_b % & # $ {x} ~ ^ \y | `z` [q](r) *s* <i> -- -1"
ABOUT = {
    "created": "2026-01-02T03:04:05+00:00",
    "command": f"run.py search cnn '{MARKUP}'",
    "versions": {"keras": "3.0", "jax": ""},
    "data": {
        "name": MARKUP,
        "input_shape": [8, 8, 1],
        "class_names": [MARKUP, "cat"],
        "parts": {"train": 100, "validation": 20},
        "notes": [SPECIAL],
    },
}


def hostile(folder: Path) -> Study:
    """Three configurations whose every text is markup; a run of one failed."""
    rng = np.random.default_rng(0)
    made = study.create(folder / "<script>alert(1)", boards.SPEC, ABOUT)
    history = {"accuracy/validation": [0.25, 0.5], MARKUP: [0.5, 0.25]}
    host = {"machine": MARKUP, "versions": {"keras": MARKUP}, "ended": "2026"}
    with made.log:
        for filters, share in {8: 0.5, 16: 0.7, 32: 0.9}.items():
            for repeat in range(3):
                right = rng.random(20) < share
                record = boards.record(filters, repeat, float(right.mean()), parameters=filters)
                made.log.append_record(dataclasses.replace(record, history=history, host=host))
                boards.with_logits(made, record.spec, right)
        failed = boards.record(8, 3, None)
        made.log.append_record(dataclasses.replace(failed, error=f"Traceback\n{MARKUP} {SPECIAL}"))
    return made


def imported(folder: Path) -> Study:
    """Another tool's trials, whose family and settings are markup."""
    about = {"imported": {"format": MARKUP, "from": MARKUP}, "created": "2026"}
    base = RunSpec(family=f"keras_tuner:{MARKUP}", dataset="unknown")
    made = study.create(folder, SearchSpec(base=base, space={}, oracle=""), about)
    with made.log:
        for value in (1, 2):
            spec = dataclasses.replace(base, hyperparameters={MARKUP: value}).repeated(
                0, "search", 0
            )
            made.log.append_record(
                RunRecord(
                    spec=spec, metrics={"val_accuracy": value / 4}, trial=0, point={MARKUP: value}
                )
            )
    return made


def searched(folder: Path) -> Study:
    """A search of four configurations that took no training."""
    spec = dataclasses.replace(boards.SPEC, trials=4, rules=Rules(shortlist=2))
    specs = [
        (filters, boards.BASE.configure({"filters": filters}).repeated(0, "search", repeat))
        for filters in (8, 16, 32, 64)
        for repeat in range(3)
    ]
    return boards.begin(
        folder,
        [
            dataclasses.replace(_scored(each), trial=i // 3, point={"filters": filters})
            for i, (filters, each) in enumerate(specs)
        ],
        spec,
    )


def confirmed(folder: Path, **options: Any) -> Study:
    """The same, confirmed."""
    made = searched(folder)
    with serial.executor(environment={}) as executor:
        Confirmation(made, executor, run=_run, **options)()
    return made


def apart(folder: Path, failing: tuple[int, int] | None = None) -> Study:
    """A decomposition of 3 x 3 runs of two configurations.

    Args:
        folder: Where it is made.
        failing: (training set, seed) whose runs fail.
    """
    base = RunSpec(family="linear", dataset="digits", fingerprint="f" * 64)
    made = study.create(folder, SearchSpec(base=base, oracle="", subsets="disjoint:3"), ABOUT)
    study.save_labels(made.folder, "validation", boards.LABELS)

    def run(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
        return [_crossed(spec, folder, failing) for spec in specs]

    points = [{"family": "cnn", "filters": filters} for filters in (8, 16)]
    with serial.executor(environment={}) as executor:
        Decomposition(made, executor, points=points, seeds=3, run=run)()
    return made


def _crossed(spec: RunSpec, folder: str, failing: tuple[int, int] | None) -> RunRecord:
    part = subset_parts(spec.subset)[1]
    if (part, spec.repeat) == failing:
        return RunRecord(spec=spec, status="failed", error="Traceback\nBoom: no")
    rng = np.random.default_rng([int(value_of(spec, "filters")), part, spec.repeat])
    logits = rng.normal(0, 1, (20, 2)) + 2 * np.eye(2)[boards.LABELS]
    path = attempt.run_dir(Path(folder), spec) / "logits-validation.npy"
    training.save_array(path, np.asarray(logits, np.float32))
    return RunRecord(spec=spec, epoch=spec.epochs, metrics={"val_accuracy": 0.5}, parameters=7)


def _run(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """More filters are better, by more than the seeds."""
    return [_scored(spec) for spec in specs]


def _scored(spec: RunSpec) -> RunRecord:
    filters = int(value_of(spec, "filters"))
    name = metrics.prefix_of(training.SCORED_PARTS[spec.phase][0]) + "accuracy"
    value = filters / 100 + np.random.default_rng(spec.seed).normal(0, 0.004)
    history = {"accuracy/validation": [value / 2, value]}
    return RunRecord(spec=spec, metrics={name: float(value)}, parameters=filters, history=history)
