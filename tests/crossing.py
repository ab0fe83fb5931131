"""Commands that cross training sets with seeds, on a trainer that plants what they find."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from tuning import cli, decomposition, executors
from tuning.decomposition import Decomposition

# Arguments -> (exit code, stdout, stderr).
Main = Callable[..., tuple[int, str, str]]


def go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets commands write into an empty folder, and train in this very process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setattr(executors, "settings", lambda backend, threads: {})


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
