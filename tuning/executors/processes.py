"""Worker processes on this machine, each a slot of its own.

A worker that crashes, hangs or is killed costs its slot's call and no other: the pool of the
standard library breaks as a whole, and none of its workers can be ended alone. Workers are
spawned, so that no state of a backend is inherited; they ignore Ctrl-C, which is the submitting
process' to handle, and leave when that process dies, however it dies.

Where there are GPUs that the backend can use, each slot is pinned to one, for good: a worker that
is replaced gets the same. With `per_gpu` several share one, and its memory (`_gpus`).
"""

import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from tuning import executors
from tuning.executors import HERE, Machines, WorkerDiedError, _gpus, _worker

TAKES = ("per_gpu",)

_SPAWN = multiprocessing.get_context("spawn")
# A worker's memory has settled after so many calls; one that then grows to so many times as much is
# replaced, which takes 4 s: at worst once in so many calls, where networks differ much in size.
_SETTLED = 30
_GROWTH = 1.1

Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class ProcessesExecutor(Executor):
    """A slot for each of `environments`, one thread here and one process there."""

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._slots = [_Slot(self._calls, environment) for environment in environments]
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._closed:
            raise RuntimeError("The executor was shut down.")
        future: Future[Any] = Future()
        self._calls.put((future, fn, args, kwargs))
        return future

    def end(self, future: Future[Any]) -> None:
        """Ends the worker of a call under way; its slot gets another for the next."""
        for slot in self._slots:
            slot.end(future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the workers: after their calls with `wait`, else at once."""
        self._closed = True
        while cancel_futures and not self._calls.empty():
            with contextlib.suppress(queue.Empty):
                call = self._calls.get_nowait()
                if call is not None:
                    call[0].cancel()
        for _ in self._slots:
            self._calls.put(None)
        if not wait:
            for slot in self._slots:
                slot.kill()
        for slot in self._slots:
            slot.thread.join()


class _Slot:
    """Hands calls to one worker process, and starts another when it died."""

    def __init__(
        self, calls: "queue.SimpleQueue[Call | None]", environment: Mapping[str, str]
    ) -> None:
        self._calls = calls
        self._environment = environment
        self._lock = threading.RLock()
        self._killed = False
        self._spent = False  # Whether the worker is good for no further call.
        self._future: Future[Any] | None = None  # Of the call under way.
        self._answers = 0  # Of this worker.
        self._settled = 0  # Bytes resident in it after `_SETTLED` of them.
        self._process: Any = None
        self._pipe: Any = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            future, *work = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                succeeded, result = self._call(future, work)
            except (EOFError, ConnectionError):
                future.set_exception(_died(self._end()))
                continue
            except Exception as error:  # A slot that dies would leave its calls waiting for ever.
                self._end()
                future.set_exception(error)
                continue
            if succeeded:
                future.set_result(result)
            else:
                future.set_exception(result)
        self._end()

    def _call(self, future: Future[Any], work: list[Any]) -> tuple[bool, Any]:
        with self._lock:
            if self._killed:
                raise EOFError
            if self._spent or self._process is None or not self._process.is_alive():
                self._end()
                self._start()
            self._future = future
        try:
            self._pipe.send(work)
            answer: _worker.Answer = self._pipe.recv()
        finally:
            with self._lock:
                self._future = None
        self._weigh(answer[2])
        return answer[:2]

    def _weigh(self, resident: int) -> None:
        """Takes what a call left resident: a backend keeps something of every network."""
        self._answers += 1
        if self._answers == _SETTLED:
            self._settled = resident
        elif self._answers > _SETTLED and resident > _GROWTH * self._settled:
            self._spent = True

    def _start(self) -> None:
        ours, theirs = _SPAWN.Pipe()
        arguments = theirs, dict(self._environment)
        process = _SPAWN.Process(target=_worker.work, args=arguments, daemon=True)
        with _no_main_module():
            process.start()
        theirs.close()
        self._pipe, self._process = ours, process
        self._spent, self._answers = False, 0

    def _end(self) -> int | None:
        with self._lock:
            if self._process is None:
                return None
            self._pipe.close()
            self._process.join(timeout=5)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            code: int | None = self._process.exitcode
            self._process = None
        return code

    def end(self, future: Future[Any]) -> None:
        """Ends the worker at once if it is at this call."""
        with self._lock:
            if self._future is future and self._process is not None:
                self._process.kill()
                self._spent = True  # Its answer may be here already: the slot is to go on.

    def kill(self) -> None:
        """Ends the worker at once."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()


_main_lock = threading.Lock()


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Keeps a spawned worker from importing the user's script again.

    Otherwise a script without `if __name__ == "__main__":` would start its search in every
    worker. What workers run is importable, so that they never need the script.
    """
    with _main_lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _died(code: int | None) -> WorkerDiedError:
    """Returns what to tell of a worker that ended with this exit code."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            return WorkerDiedError(f"The worker process died: killed by {name}.", name)
    return WorkerDiedError(f"The worker process died: exit code {code}.")


def check(machines: Machines) -> None:
    """Raises ValueError if runs are to share GPUs and there are none; see `_gpus.listed`."""
    _gpus.check(machines.per_gpu)


def default_workers(threads: int, calls: int, *, backend: str, machines: Machines) -> int:
    """Returns as many as the GPUs have room for, or without any the cores, and the memory."""
    slots = _gpus.slots(backend, machines.per_gpu)
    return executors.default_workers(threads, calls, len(slots) or None)


def executor(
    workers: int, *, environment: Mapping[str, str], machines: Machines = HERE
) -> Executor:
    """Returns an executor with `workers` processes; each starts with its first call.

    Raises:
        ValueError: If `workers` is less than 1, or more than the GPUs there are have room for.
    """
    if workers < 1:
        raise ValueError(f"`workers >= 1` must hold. Received: {workers}")
    slots = _gpus.slots(environment.get("KERAS_BACKEND", ""), machines.per_gpu)
    if 0 < len(slots) < workers:
        room = "1 run" if len(slots) == 1 else f"{len(slots)} runs"
        raise ValueError(
            f"The GPUs here have room for {room} at once. Received: {workers} workers. More share "
            "a GPU with --per-gpu; CUDA_VISIBLE_DEVICES= trains on the CPU."
        )
    pins = slots[:workers] or [{}] * workers
    return ProcessesExecutor([{**environment, **pin} for pin in pins])
