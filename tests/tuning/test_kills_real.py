"""`kill -9` of real searches, real training in their workers: the same numbers in the end."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.studies import board, essence
from tuning.study import Study

ROOT = Path(__file__).parents[2]
KILLS = 6


@pytest.mark.slow
def test_real_searches_killed_at_random_instants_end_as_if_they_were_not(tmp_path: Path) -> None:
    usual = time.monotonic()
    assert begin(tmp_path / "whole").wait() == 0
    usual = time.monotonic() - usual
    draw, kills, number = random.Random(0), 0, 0
    while kills < KILLS:
        folder, number = tmp_path / f"killed{number}", number + 1
        while kills < KILLS:
            search = begin(folder)
            with contextlib.suppress(subprocess.TimeoutExpired):
                search.wait(usual * (0.3 + 0.6 * draw.random()))
            if search.poll() is not None:
                break
            kills += 1
            if draw.random() < 0.5:
                search.kill()
            else:
                os.killpg(search.pid, signal.SIGKILL)
            search.wait()
        assert begin(folder).wait() == 0
        same(Study(folder), Study(tmp_path / "whole"))


def begin(folder: Path) -> "subprocess.Popen[bytes]":
    """Begins a search, or goes on with it, in a process group of its own."""
    arguments = ["search", "linear,mlp", "digits", "--trials", "3", "--seeds", "2", "--epochs", "2"]
    return subprocess.Popen(
        [sys.executable, "run.py", *arguments, "--workers", "2", "--study", str(folder)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def same(killed: Study, whole: Study) -> None:
    """Asserts that both have the same log, table and logits."""
    assert essence(killed) == essence(whole)
    assert board(killed) == board(whole)
    runs = logits(whole)
    assert runs == logits(killed)
    for run in runs:
        assert np.array_equal(np.load(killed.folder / run), np.load(whole.folder / run))


def logits(study: Study) -> list[Path]:
    """Returns where the study has logits, within its folder."""
    return sorted(path.relative_to(study.folder) for path in study.folder.rglob("logits-*"))
