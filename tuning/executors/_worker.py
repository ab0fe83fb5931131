"""The worker's side of `processes`: a process that takes calls until nobody hands it any."""

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from multiprocessing import connection
from typing import Any, NoReturn

from kerascnn import memory

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1

# Whether the call returned, what it returned or raised, and the bytes resident after it.
Answer = tuple[bool, Any, int]


def work(pipe: "connection.Connection[Any, Any]", environment: Mapping[str, str]) -> NoReturn:
    """The worker's life: take a call, answer it, until the pipe closes."""
    _die_with_parent()
    os.environ.update(environment)
    os.dup2(2, 1)  # What users' code prints must not mix with the result on stdout.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            fn, args, kwargs = pipe.recv()
        except EOFError:
            _leave(0)
        try:
            succeeded, result = True, fn(*args, **kwargs)
        except Exception as error:
            succeeded, result = False, sendable(error)
        answer: Answer = (succeeded, result, memory.resident())
        pipe.send(answer)


def sendable(error: Exception) -> Exception:
    """Returns the error, or, if it would not arrive in one piece, its traceback in words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


def _die_with_parent() -> None:
    """Makes this process end when the one that started it does, however that ends.

    A thread sees to it anywhere, but not while a native call holds Python's lock; the kernel of
    Linux does at once. To it the parent is the thread that started this process: the slot's, which
    outlives its worker.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


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
