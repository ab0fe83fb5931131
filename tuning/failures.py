"""What ended a run that did not end by itself, in words that say what to do about it."""

import dataclasses
import re

from kerascnn.record import RunRecord
from tuning.executors import WorkerDiedError

_LESS_MEMORY = "Fewer --workers, or a smaller batch_size or network, take less memory."
# As Python, NumPy, TensorFlow and XLA say it, each at the start of a line of the traceback.
_MEMORY = re.compile(
    r"^(\S*MemoryError\b|\S*ResourceExhaustedError\b|\S*Error: RESOURCE_EXHAUSTED)", re.MULTILINE
)


def is_out_of_memory(record: RunRecord) -> bool:
    """Returns whether a run failed for want of memory: the next time there may be more."""
    return record.status == "failed" and _MEMORY.search(record.error) is not None


def for_good(record: RunRecord) -> RunRecord:
    """Returns the record of a run that was out of memory again, with what to do about it.

    Its error no longer begins as a traceback does: it is not the user's code that is broken, and
    smaller networks may go on.
    """
    error = f"Out of memory:\n{record.error.rstrip()}\nOut of memory, twice. {_LESS_MEMORY}"
    return dataclasses.replace(record, error=error)


def of_worker(error: BaseException) -> str:
    """Returns what ended a worker, and what to do about it."""
    if not isinstance(error, WorkerDiedError):
        told = f"{type(error).__name__}: {error}"
        return f"{told}. {_LESS_MEMORY}" if isinstance(error, MemoryError) else told
    if error.signal == "SIGKILL":
        return f"{error} That is mostly the system's doing, for want of memory. {_LESS_MEMORY}"
    if error.signal:
        return f"{error} That is a crash in native code: another --backend may not have it."
    return str(error)


def of_silence(seconds: float) -> str:
    """Returns what to say of a run that hung."""
    return (
        f"It hung: no sign of life for {seconds:g} s, and its worker was ended. A network that "
        "takes longer to compile is too large; else look at the device and the disk it is on."
    )


def of_length(limit: float) -> str:
    """Returns what to say of a run that did not stop at its limit by itself."""
    return f"Over the run limit of {limit:g} s, and its worker was ended."
