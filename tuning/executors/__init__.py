"""Executors: one file each.

Contract of every public module here:

    def executor(workers, *, environment, machines) -> concurrent.futures.Executor

`environment` holds the variables that must stand before a backend is imported (`settings`);
`machines` is a `Machines`, and `TAKES` names the fields of it that the module goes by: any other
that is set is refused. What else it cannot have, a module with `check(machines)` says before
anything is written. One with `default_workers(threads, calls, *, backend, machines)` says how many
calls it runs at once where nobody does; for others this machine's cores and memory do.
Submitted calls are `kerascnn.training.run` and its like: importable functions, picklable
arguments. `shutdown(wait=False, cancel_futures=True)` ends calls under way at once where the
executor can: what a run has finished is on disk by then.

A call whose worker ends before it returns raises `WorkerDiedError`. An executor that can end the
worker of one call has `end(future)`; one that cannot has none, and waits for what hangs. One whose
workers are on other machines has `check_reach(folder, paths)`, which raises ValueError unless all
of them see the folder and have the paths, and `memory`, the bytes a call may take there.
"""

import dataclasses
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from kerascnn import memory, registry
from tuning.executors import _compile_cache

# Memory in bytes that a worker is reckoned with: a framework and a small network.
WORKER_MEMORY = 1_500_000_000


_ROOM = "tuning.executors"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machines:
    """What an executor is told besides workers and environment: which machines, and how shared.

    Attributes:
        address: Where a cluster is reached; "": none is asked for.
        per_gpu: Calls that share a GPU.
    """

    address: str = ""
    per_gpu: int = 1

    def __post_init__(self) -> None:
        if self.per_gpu < 1:
            raise ValueError(f"`per_gpu >= 1` must hold. Received: {self.per_gpu}")


HERE = Machines()


class WorkerDiedError(RuntimeError):
    """The process that ran the call ended before it returned.

    Attributes:
        signal: The signal that ended it, such as "SIGSEGV"; "" if it left by itself.
    """

    def __init__(self, message: str, signal: str = "") -> None:
        super().__init__(message)
        self.signal = signal


def can_end(executor: Executor) -> bool:
    """Returns whether the executor can end the worker of one call."""
    return hasattr(executor, "end")


def end(executor: Executor, future: Future[Any]) -> None:
    """Ends the worker of a call under way; nothing happens if the call has returned."""
    executor.end(future)  # type: ignore[attr-defined]  # Ours, where `can_end`.


def check_reach(executor: Executor, folder: Path, paths: Sequence[str]) -> None:
    """Raises ValueError unless all workers see the study's folder, and have what it refers to.

    Args:
        executor: Of `make`.
        folder: Where calls leave what they leave.
        paths: Absolute ones, of files and folders.
    """
    if hasattr(executor, "check_reach"):
        executor.check_reach(folder, paths)


def memory_of_call(executor: Executor, at_once: int) -> int:
    """Returns the bytes of memory that each of so many calls at once may take."""
    found: int = getattr(executor, "memory", memory.total() // at_once)
    return found


def check(name: str, machines: Machines) -> None:
    """Raises ValueError if there is no such executor, or `machines` asks of it what it cannot."""
    for field in dataclasses.fields(machines):
        value = getattr(machines, field.name)
        if field.name not in _taken(name) and value != field.default:
            others = [each for each in registry.names(_ROOM) if field.name in _taken(each)]
            raise ValueError(
                f"The executor {name} takes no --{field.name.replace('_', '-')}. Received: {value}."
                + (f" Those that do: {', '.join(others)}." if others else " None does.")
            )
    if hasattr(module := registry.load(_ROOM, name), "check"):
        module.check(machines)


def _taken(name: str) -> tuple[str, ...]:
    """Returns the fields of `Machines` that an executor goes by, without importing it."""
    return tuple(registry.constant(_ROOM, name, "TAKES", ()))


def make(
    name: str,
    workers: int | None,
    threads: int,
    calls: int,
    *,
    backend: str,
    machines: Machines = HERE,
) -> tuple[Executor, int]:
    """Returns an executor, and how many calls it runs at once.

    Args:
        name: An entry of this room.
        workers: That number; None: as the executor has it.
        threads: CPU threads of each call.
        calls: How many there will be.
        backend: What they train with.
        machines: What the executor is told besides.

    Raises:
        ValueError: If there is no such executor, or it cannot have what it is asked for.
    """
    check(name, machines)
    module = registry.load(_ROOM, name)
    if workers is None and hasattr(module, "default_workers"):
        workers = module.default_workers(threads, calls, backend=backend, machines=machines)
    if workers is None:
        workers = default_workers(threads, calls)
    environment = settings(backend, threads)
    return module.executor(workers, environment=environment, machines=machines), workers


def settings(backend: str, threads: int) -> dict[str, str]:
    """Returns the environment of a process that trains with `backend` on `threads` CPU threads.

    The numbers a CPU gives depend on the number of threads, so that it is fixed here.
    """
    count = str(threads)
    return {
        "KERAS_BACKEND": backend,
        "KERASCNN_THREADS": count,
        "OMP_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": "1",
        # TensorFlow's own choice depends on the processor. What it gains: benchmarks/RESULTS.md.
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_FLAGS": _xla_flags(threads),
        **(_compile_cache.settings() if backend == "jax" else {}),
    }


def _xla_flags(threads: int) -> str:
    own = os.environ.get("XLA_FLAGS", "")
    if threads == 1 and "xla_cpu_multi_thread_eigen" not in own:
        own += " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return own.strip()


def is_installed(backend: str) -> bool:
    """Returns whether processes of this Python can train with `backend`."""
    return importlib.util.find_spec(backend) is not None


def check_installed(backend: str) -> None:
    """Raises ValueError if `backend` is not installed: workers would only fail, one and all."""
    if not is_installed(backend):
        raise ValueError(
            f"The backend {backend} is not installed. Try: python -m pip install {backend}"
        )


def cores() -> int:
    """Returns the CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared_threads(calls: int, workers: int) -> int:
    """Returns the threads that each run has where so many calls share the cores."""
    return max(1, cores() // max(1, min(calls, cores(), workers)))


def default_workers(threads: int, calls: int, devices: int | None = None) -> int:
    """Returns as many workers as cores and memory allow, and no more than there are calls.

    Args:
        threads: CPU threads of each.
        calls: How many calls there will be.
        devices: How many calls the devices that compute have room for; None: the cores do.
    """
    room = memory.total() // WORKER_MEMORY
    return max(1, min(cores() // threads if devices is None else devices, room, calls))
