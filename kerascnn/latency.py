"""How long a network takes to answer, on this machine as it is now."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kerascnn import host

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Images at once: an answer that is waited for, and answers in bulk.
BATCHES = (1, 64)
# Calls of each batch: as many as fit into the seconds, within these bounds.
_LEAST, _MOST = 5, 50


def measure(
    predict: "Callable[[npt.NDArray[np.uint8]], object]",
    shape: tuple[int, int, int],
    *,
    seconds: float = 2.0,
    warm_up: int = 3,
) -> dict[str, Any]:
    """Returns how long calls of a network take, and on how many threads.

    Args:
        predict: Takes uint8 images (n, height, width, channels).
        shape: (height, width, channels) of one image.
        seconds: For calls of each batch, which are 5 at least and 50 at most.
        warm_up: Calls that are not counted: the first ones compile, allocate and fill caches.

    Returns:
        "threads", and "batches": for 1 and 64 images "batch", "calls", and seconds of a call:
        "median", "low" and "high", between which 90 % of the calls lie. What else the machine
        does is in them.
    """
    found = [_timed(predict, (batch, *shape), seconds, warm_up) for batch in BATCHES]
    return {"threads": host.threads(), "batches": found}


def of(host: Mapping[str, Any], batch: int) -> dict[str, float] | None:
    """Returns how long a run's network took to answer so many images at once, as the run ended.

    Runs trained in one call share a network, and what was measured of it once.

    Args:
        host: Of its record.
        batch: One of `BATCHES`.

    Returns:
        One of `measure`'s batches; None: not measured.
    """
    found = host.get("latency", {}).get("batches", ())
    return next((each for each in found if each["batch"] == batch), None)


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
    predict: "Callable[[npt.NDArray[np.uint8]], object]",
    shape: tuple[int, ...],
    seconds: float,
    warm_up: int,
) -> dict[str, Any]:
    import numpy as np  # What was measured is read where nothing heavy is.

    images = np.zeros(shape, np.uint8)
    for _ in range(warm_up):
        predict(images)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < _LEAST or (len(taken) < _MOST and time.perf_counter() < end):
        start = time.perf_counter()
        predict(images)
        taken.append(time.perf_counter() - start)
    low, median, high = (float(each) for each in np.quantile(taken, [0.05, 0.5, 0.95]))
    return {"batch": shape[0], "calls": len(taken), "median": median, "low": low, "high": high}
