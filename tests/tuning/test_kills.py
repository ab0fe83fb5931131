"""`kill -9` at any instant, of everything or of the main process alone: nothing is lost.

A study is killed again and again, and each time gone on with. In the end its log and its table are
those of a study that nobody killed, and no run that had finished was trained again.
"""

import contextlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import killing
from tests.studies import board, essence
from tuning.study import Study

_JAX = importlib.util.find_spec("jax") is not None
ROOT = Path(__file__).parents[2]
# Together more than a hundred.
KILLS = 10


class Template:
    """The warm process, and the search it runs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing"],
            cwd=ROOT,
            # An oracle needs no backend; Keras' own for NumPy takes JAX.
            env={**os.environ, **({"KERAS_BACKEND": "numpy"} if _JAX else {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "warm\n"

    def begin(self, folder: Path, instant: int | None = None, **options: Any) -> int:
        """Begins a search, or goes on with it; returns its process id."""
        assert self._process.stdin is not None
        order = {"folder": str(folder), "instant": instant, **options}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def end(self) -> int:
        """Waits for the search to end, and returns its exit code."""
        return int(self._answer())

    def run(self, folder: Path, **options: Any) -> float:
        """Runs a search to its end; returns the seconds it took."""
        start = time.monotonic()
        self.begin(folder, **options)
        assert self.end() == 0, Path(f"{folder}.stderr").read_text()
        return time.monotonic() - start

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    made = Template()
    yield made
    made.close()


def check(folder: Path, whole: Path) -> None:
    """Asserts that a study ended as the one that nobody killed."""
    killed, expected = Study(folder), Study(whole)
    assert essence(killed) == essence(expected)
    assert board(killed) == board(expected)
    assert not list(folder.rglob(".*.json.*"))
    ended = set()
    for line in (folder / "ledger").read_text().splitlines():
        word, *run = line.split()
        if word == "end":
            ended.add(tuple(run))
        else:
            assert tuple(run) not in ended, "A run that had finished was trained again."


def alive(group: int) -> list[int]:
    """Returns the processes of a group: a search and its workers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # It ended meanwhile.
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("oracle", killing.SPECS)
@pytest.mark.parametrize(("executor", "workers"), [("serial", 1), ("processes", 2)])
@pytest.mark.parametrize("whom", ["group", "main"])
def test_a_search_killed_at_random_instants_ends_as_if_it_was_not(
    template: Template, tmp_path: Path, oracle: str, executor: str, workers: int, whom: str
) -> None:
    options = {"oracle": oracle, "executor": executor, "workers": workers}
    draw = random.Random(f"{oracle}/{executor}/{whom}")
    usual = template.run(tmp_path / "whole", **options)
    kills = number = 0
    while kills < KILLS:
        folder, number = tmp_path / f"killed{number}", number + 1
        while kills < KILLS:
            search = template.begin(folder, **options)
            time.sleep(0.9 * usual * draw.random())
            with contextlib.suppress(ProcessLookupError):  # It has ended.
                {"main": os.kill, "group": os.killpg}[whom](search, signal.SIGKILL)
            if template.end() == 0:
                break
            kills += 1
            if draw.random() < 0.5:  # Else the next comes at once, whoever still writes.
                wait_for_none(search)
        template.run(folder, **options)
        check(folder, tmp_path / "whole")


def wait_for_none(search: int) -> None:
    """Asserts that nobody of a killed search is left for long."""
    deadline = time.monotonic() + 10
    while alive(search) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(search), "A worker outlived its main process."


@pytest.mark.slow
@pytest.mark.parametrize("oracle", killing.SPECS)
def test_a_search_killed_while_it_writes_ends_as_if_it_was_not(
    template: Template, tmp_path: Path, oracle: str
) -> None:
    """At every kind of instant: half a study.json, record or line, before and after a rename."""
    options = {"oracle": oracle, "executor": "serial", "workers": 1}
    draw = random.Random(oracle)
    template.run(tmp_path / "whole", **options)
    kills, folder = 0, tmp_path / "killed"
    for instant in (*range(1, 6), *(draw.randint(1, 60) for _ in range(20))):
        template.begin(folder, instant, **options)
        if template.end() == 0:
            break
        kills += 1
    assert kills >= 10
    template.run(folder, **options)
    check(folder, tmp_path / "whole")
