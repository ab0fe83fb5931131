"""No parallelism: `submit` runs the call at once, in this process. For debuggers and tests."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

from tuning.executors import HERE, Machines


class SerialExecutor(Executor):
    """Runs each call inside `submit`."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            with contextlib.redirect_stdout(sys.stderr):  # Results alone go to stdout.
                result = fn(*args, **kwargs)
            future.set_result(result)
        except Exception as error:
            future.set_exception(error)
        return future


def default_workers(threads: int, calls: int, *, backend: str, machines: Machines) -> int:
    """Returns 1, the only number there is."""
    return 1


def executor(
    workers: int = 1, *, environment: Mapping[str, str], machines: Machines = HERE
) -> Executor:
    """Returns the executor; `environment` counts unless a backend was imported already.

    Raises:
        ValueError: If more than one worker is asked for.
    """
    if workers != 1:
        raise ValueError(f"The serial executor has 1 worker. Received: {workers}")
    os.environ.update(environment)
    return SerialExecutor()
