"""A trainer without training: searches are tested in milliseconds, in any process."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascnn import metrics, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, value_of


def run(specs: Sequence[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """Scores a run by a formula; one configuration in seven fails, another diverges once."""
    return [scored(spec) for spec in specs]


def scored(spec: RunSpec) -> RunRecord:
    number = int(spec.config_id, 16)
    if number % 7 == 0:
        return RunRecord(spec=spec, status="failed", error=f"Traceback\nBoom: {spec.run_id}")
    if number % 7 == 1 and spec.repeat == 1:
        history = {"loss/train": [1.0, float("nan")]}
        return RunRecord(spec=spec, status="failed", error="Diverged.", epoch=2, history=history)
    value = (number % 1000 / 1000 + spec.seed % 100 / 10_000) * spec.last_epoch / spec.epochs
    prefix = metrics.prefix_of(training.SCORED_PARTS[spec.phase][0])
    return RunRecord(
        spec=spec,
        epoch=spec.last_epoch,
        metrics={f"{prefix}accuracy": value, f"{prefix}loss": 1 - value},
        history={name: [value] * spec.last_epoch for name in ("accuracy/train", "loss/train")},
        parameters=number % 10_000,
        seconds=time.perf_counter() % 1,
    )


def infeasible_run(specs: Sequence[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """Cannot build what has depth 3."""
    return [
        RunRecord(spec=spec, status="infeasible", error="Too deep.")
        if value_of(spec, "depth") == 3
        else scored(spec)
        for spec in specs
    ]


def broken_run(specs: Sequence[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """Fails at one line, whatever it is given."""
    error = 'Traceback (most recent call last):\n  File "mine.py", line 3, in build\nTypeError: no'
    return [RunRecord(spec=spec, status="failed", error=error) for spec in specs]


def die(folder: str) -> None:
    """Ends the process as a crash in native code does."""
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def double(number: int) -> int:
    return 2 * number


def raise_value_error() -> None:
    raise ValueError("as asked")


class OddError(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def raise_odd_error() -> None:
    raise OddError("as", "asked")


def environment_of(name: str) -> str | None:
    import os

    return os.environ.get(name)


def wait_for(path: str) -> bool:
    """Returns once `path` exists."""
    while not Path(path).exists():
        time.sleep(0.01)
    return True


def leave_a_record_and_wait(
    specs: Sequence[RunSpec], *, folder: str, **options: Any
) -> list[RunRecord]:
    """Ends the first run, leaves its record as a worker does, and interrupts the caller."""
    import json

    from kerascnn import training
    from kerascnn.record import write_file

    record = scored(specs[0])
    path = training.run_dir(Path(folder), specs[0]) / "record.json"
    write_file(path, json.dumps(record.to_json()).encode())
    raise KeyboardInterrupt
