"""A trainer without training: searches are tested in milliseconds, in any process."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascnn import attempt, metrics, training
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


def wait_or_hold(path: str, hold: bool) -> None:
    """Says in `path` that it began, and sleeps; to hold is to keep Python's lock meanwhile.

    No thread of this process runs then, as in a long call of native code.
    """
    import ctypes

    Path(path).touch()
    while not hold:
        time.sleep(1)
    ctypes.PyDLL(None).sleep(600)


_kept: list[bytes] = []


def leak(size: int) -> int:
    """Keeps so many bytes for good, and returns the process' id."""
    import os

    _kept.append(b"x" * size)
    return os.getpid()


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


def leave(folder: str, record: RunRecord) -> None:
    """Leaves a record as a worker does."""
    import json

    from kerascnn.record import write_file

    path = attempt.run_dir(Path(folder), record.spec) / "record.json"
    write_file(path, json.dumps(record.to_json()).encode())


def leave_a_record_and_wait(
    specs: Sequence[RunSpec], *, folder: str, **options: Any
) -> list[RunRecord]:
    """Ends the first run, leaves its record as a worker does, and interrupts the caller."""
    leave(folder, scored(specs[0]))
    raise KeyboardInterrupt


def working_run(specs: Sequence[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """Runs as `training.run` does, for a few milliseconds each, and keeps a ledger of it."""
    return [attempt.outbox(Path(folder), spec) or _worked(spec, folder) for spec in specs]


def _worked(spec: RunSpec, folder: str) -> RunRecord:
    from kerascnn.record import write_file

    record = dataclasses.replace(scored(spec), seconds=0.0)
    logits = attempt.run_dir(Path(folder), spec) / "logits-validation.npy"
    _note(folder, f"begin {spec.run_id} {spec.last_epoch}")
    time.sleep(0.001 + spec.seed % 20 / 1000)
    write_file(logits, b"logits")
    leave(folder, record)
    _note(folder, f"end {spec.run_id} {spec.last_epoch}")
    return record


def _note(folder: str, line: str) -> None:
    import os

    Path(folder).mkdir(parents=True, exist_ok=True)
    ledger = os.open(Path(folder) / "ledger", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(ledger, f"{line}\n".encode())
    os.close(ledger)


def troubled_run(specs: Sequence[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """Runs as `training.run` does, but for what `trouble` planned in the folder."""
    return [attempt.outbox(Path(folder), spec) or _attempted(spec, folder) for spec in specs]


def trouble(folder: Path, repeat: int, *kinds: str) -> None:
    """Plans what happens to a repeat of the baseline, one kind an attempt."""
    (folder / f"trouble{repeat}").write_text("".join(f"{kind}\n" for kind in kinds))


def _attempted(spec: RunSpec, folder: str) -> RunRecord:
    plan = Path(folder) / f"trouble{spec.repeat}"
    kinds = plan.read_text().splitlines() if plan.exists() and not spec.hyperparameters else []
    record = scored(spec)
    if kinds:
        plan.write_text("".join(f"{kind}\n" for kind in kinds[1:]))
        record = _in_trouble(spec, folder, kinds[0])
    leave(folder, record)
    return record


def _in_trouble(spec: RunSpec, folder: str, kind: str) -> RunRecord:
    import os
    import signal

    if kind == "hang":
        time.sleep(600)
    if kind == "long":
        alive = attempt.run_dir(Path(folder), spec) / ".alive"
        alive.parent.mkdir(parents=True, exist_ok=True)
        while True:
            alive.touch()
            time.sleep(0.02)
    if kind == "memory":
        raise MemoryError("in the worker")
    if kind.startswith("SIG"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.Signals[kind])
    return RunRecord(spec=spec, status="failed", error=kind)


def meet(folder: str, count: int, names: Sequence[str]) -> tuple[list[str | None], str]:
    """Waits until so many are here, and returns variables, and what of a framework is loaded."""
    import os
    import sys

    place = Path(folder)
    place.mkdir(exist_ok=True)
    (place / str(os.getpid())).touch()
    while len(list(place.iterdir())) < count:
        time.sleep(0.01)
    heavy = {"keras", "tensorflow", "jax"} & set(sys.modules)
    return [os.environ.get(name) for name in names], " ".join(sorted(heavy))


def hold_gpu(folder: str) -> tuple[str, int]:
    """Returns which GPU this process is pinned to, and how many hold it meanwhile, itself too."""
    import os

    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    mine = Path(folder, gpu, str(os.getpid()))
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.touch()
    time.sleep(0.03)
    count = len(list(mine.parent.iterdir()))
    mine.unlink()
    return gpu, count


def begin_and_wait(folder: str, number: int) -> int:
    """Says that it began, and returns its number once the folder holds `go`."""
    import os

    (Path(folder) / f"begun-{number}-{os.getpid()}").touch()
    wait_for(f"{folder}/go")
    return number


def end_the_parent(folder: str) -> None:
    """Ends what handed this call to its process, as a machine that is lost does."""
    import os
    import signal

    (Path(folder) / f"begun-{os.getpid()}").touch()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
