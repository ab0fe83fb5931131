"""Commands that cross training sets with seeds, on a trainer that plants what they find."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import attempt, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tuning import cli, decomposition, executors
from tuning.decomposition import Decomposition

# Arguments -> (exit code, stdout, stderr).
Main = Callable[..., tuple[int, str, str]]


def go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets commands write into an empty folder, and train in this very process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setattr(executors, "settings", lambda backend, threads: {})


def left(spec: RunSpec, folder: str, logits: np.ndarray) -> RunRecord:
    """Leaves the logits of a run as a worker does, and returns its record."""
    path = attempt.run_dir(Path(folder), spec) / "logits-validation.npy"
    training.save_array(path, logits)
    return RunRecord(spec=spec, epoch=spec.epochs, metrics={"val_accuracy": 0.5}, parameters=7)


def failing(fails: Callable[[RunSpec], bool], written: Callable[[RunSpec, str], RunRecord]) -> Any:
    """Returns a `run` of which some runs fail."""

    def some(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
        return [
            RunRecord(spec=spec, status="failed", error="Traceback\nBoom: no")
            if fails(spec)
            else written(spec, folder)
            for spec in specs
        ]

    return some


def command_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], run: Any
) -> Main:
    """Returns what runs a command line with `run` for a trainer."""

    class Fake(Decomposition):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, run=run, **options)

    monkeypatch.setattr(decomposition, "Decomposition", Fake)

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main([*arguments, "--executor", "serial"])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call
