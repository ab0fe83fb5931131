"""How long a network takes to answer, on this machine as it is now."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import host

# Images at once: an answer that is waited for, and answers in bulk.
BATCHES = (1, 64)
# Calls that are not counted: the first ones compile, allocate and fill caches.
_WARM_UP = 3
# Calls of each batch: as many as fit into the seconds, within these bounds.
_LEAST, _MOST = 5, 50
_SECONDS = 2.0


def measure(
    predict: Callable[[npt.NDArray[np.uint8]], object], shape: tuple[int, int, int]
) -> dict[str, Any]:
    """Returns how long calls of a network take, and on how many threads.

    Args:
        predict: Takes uint8 images (n, height, width, channels).
        shape: (height, width, channels) of one image.

    Returns:
        "threads", and "batches": for 1 and 64 images "batch", "calls", and seconds of a call:
        "median", "low" and "high", between which 90 % of the calls lie. What else the machine
        does is in them.
    """
    found = [_timed(predict, np.zeros((batch, *shape), np.uint8)) for batch in BATCHES]
    return {"threads": host.threads(), "batches": found}


def text(found: dict[str, Any]) -> str:
    """Returns "1.2 ms (1 ms to 2 ms) for 1 image, 5 ms (4 ms to 6 ms) for 64, on 1 thread"."""
    told = [
        f"{_short(each['median'])} ({_short(each['low'])} to {_short(each['high'])}) for "
        f"{each['batch']}{' image' if each['batch'] == 1 else ''}"
        for each in found["batches"]
    ]
    threads = found["threads"]
    return f"{', '.join(told)}, on {threads} {'thread' if threads == 1 else 'threads'}"


def _short(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def _timed(
    predict: Callable[[npt.NDArray[np.uint8]], object], images: npt.NDArray[np.uint8]
) -> dict[str, Any]:
    for _ in range(_WARM_UP):
        predict(images)
    taken: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(taken) < _LEAST or (len(taken) < _MOST and time.perf_counter() < end):
        start = time.perf_counter()
        predict(images)
        taken.append(time.perf_counter() - start)
    low, median, high = (float(each) for each in np.quantile(taken, [0.05, 0.5, 0.95]))
    batch = len(images)
    return {"batch": batch, "calls": len(taken), "median": median, "low": low, "high": high}
