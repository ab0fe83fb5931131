"""Worker processes on this machine, each a slot of its own.

A worker that crashes, hangs or is killed costs its slot's call and no other: the pool of the
standard library breaks as a whole, and none of its workers can be ended alone. Workers are
spawned, so that no state of a backend is inherited; they ignore Ctrl-C, which is the submitting
process' to handle, and leave when that process dies, however it dies.
"""

import contextlib
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from multiprocessing import connection
from typing import Any, NoReturn

_SPAWN = multiprocessing.get_context("spawn")

Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class WorkerDiedError(RuntimeError):
    """The process that ran the call ended before it returned."""


class ProcessesExecutor(Executor):
    """`workers` slots, each one thread here and one process there."""

    def __init__(self, workers: int, environment: Mapping[str, str]) -> None:
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._slots = [_Slot(self._calls, environment) for _ in range(workers)]
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._closed:
            raise RuntimeError("The executor was shut down.")
        future: Future[Any] = Future()
        self._calls.put((future, fn, args, kwargs))
        return future

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
        self._lock = threading.Lock()
        self._killed = False
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
                succeeded, result = self._call(work)
            except (EOFError, ConnectionError):
                code = self._end()
                future.set_exception(WorkerDiedError(f"The worker process died: {_reason(code)}."))
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

    def _call(self, work: list[Any]) -> tuple[bool, Any]:
        with self._lock:
            if self._killed:
                raise EOFError
            if self._process is None or not self._process.is_alive():
                self._start()
        self._pipe.send(work)
        answer: tuple[bool, Any] = self._pipe.recv()
        return answer

    def _start(self) -> None:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_work, args=(theirs, dict(self._environment)), daemon=True)
        with _no_main_module():
            process.start()
        theirs.close()
        self._pipe, self._process = ours, process

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


def _work(pipe: "connection.Connection[Any, Any]", environment: Mapping[str, str]) -> NoReturn:
    """The worker's life: take a call, answer it, until the pipe closes."""
    os.environ.update(environment)
    os.dup2(2, 1)  # What users' code prints must not mix with the result on stdout.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    while True:
        try:
            fn, args, kwargs = pipe.recv()
        except EOFError:
            _leave(0)
        try:
            answer: tuple[bool, Any] = (True, fn(*args, **kwargs))
        except Exception as error:
            answer = (False, _sendable(error))
        pipe.send(answer)


def _sendable(error: Exception) -> Exception:
    """Returns the error, or, if it would not arrive in one piece, its traceback in words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        _leave(1)  # Nobody is left to take the result; finished runs are on disk.


def _leave(code: int) -> NoReturn:
    """Ends this process at once: taking a backend apart takes long, and nothing is left to save."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # Whoever read it may be gone.
            stream.flush()
    os._exit(code)


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def executor(workers: int, *, environment: Mapping[str, str]) -> Executor:
    """Returns an executor with `workers` processes; each starts with its first call.

    Raises:
        ValueError: If `workers` is less than 1.
    """
    if workers < 1:
        raise ValueError(f"`workers >= 1` must hold. Received: {workers}")
    return ProcessesExecutor(workers, environment)
