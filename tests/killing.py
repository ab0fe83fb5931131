"""A process that is warm: for every search that a test kills it forks a child, in milliseconds.

    python -m tests.killing

Says that it is warm, then reads an order a line and answers with the child's process id and, once
it ended, its exit code.
Each child leads a process group of its own, workers included; workers are spawned as ever.
"""

import contextlib
import dataclasses
import io
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn import record, registry
from kerascnn.spec import RunSpec
from tests import fake
from tuning import search, study
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Float, Int

SPEC = SearchSpec(
    base=RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64),
    space={
        "filters": Int(4, 32, 4),
        "depth": Int(1, 3),
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "activation": Choice("relu", "tanh"),
    },
    trials=8,
    seeds=2,
)
SPECS = {
    "random_search": SPEC,
    "hyperband": dataclasses.replace(SPEC, oracle="hyperband", trials=9),
    "race": dataclasses.replace(SPEC, oracle="race", trials=9, seeds=3),
}


def run(folder: str, oracle: str, executor: str, workers: int) -> None:
    """Runs a search with the fake trainer to its end, from wherever it stands."""
    begun = study.create(Path(folder), SPECS[oracle], {"versions": {}})
    for part in ("train", "validation"):
        study.save_labels(begun.folder, part, np.zeros(3, np.int32))
    room = registry.load("tuning.executors", executor)
    with room.executor(workers, environment={}) as pool:
        search.Search(begun, pool, workers=workers, run=fake.working_run)()


def main() -> None:
    """Takes orders until there are none."""
    with contextlib.suppress(ValueError):  # Brings what a search imports late.
        registry.load("tuning.oracles", "hyperband").oracle({}, maximize=True, seed=0, epochs=9)
    registry.load("tuning.oracles", "random_search")
    print("warm", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            os._exit(_child(order))
        with contextlib.suppress(OSError):  # The child may have been quicker, and be gone.
            os.setpgid(child, child)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _child(order: dict[str, Any]) -> int:
    os.setpgid(0, 0)
    with open(f"{order['folder']}.stderr", "a") as errors:
        os.dup2(errors.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)
    instant = order.pop("instant")
    if instant is not None:
        _die_at(instant)
    try:
        run(**order)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _die_at(instant: int) -> None:
    """Kills this process at the so-manieth instant of a write."""
    passed = itertools.count(1)

    def pass_by() -> None:
        if next(passed) == instant:
            os.kill(os.getpid(), signal.SIGKILL)

    at_writes(pass_by, setattr)


def at_writes(pass_by: Callable[[], None], patch: Callable[[Any, str, Any], None]) -> None:
    """Has `pass_by` called at every instant of a write to a study's folder.

    Each write has one, when half of it is done; each fsync and rename two: before and after.

    Args:
        pass_by: It may raise, or never return.
        patch: What sets an attribute of a module.
    """

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> None:
            pass_by()
            function(*arguments)
            pass_by()

        return called

    class Watched(io.FileIO):
        def write(self, content: Any) -> int:
            half = len(content) // 2
            done = super().write(memoryview(content)[:half])
            pass_by()
            return done + super().write(memoryview(content)[half:])

    def watched_open(path: Any, mode: str = "r", buffering: int = -1) -> Any:
        if mode not in ("wb", "ab+"):
            return open(path, mode, buffering)
        file = Watched(path, mode.replace("b", ""))
        return file if not buffering else io.BufferedWriter(file)

    patch(record, "open", watched_open)
    patch(os, "fsync", around(os.fsync))
    patch(os, "replace", around(os.replace))


if __name__ == "__main__":
    main()
