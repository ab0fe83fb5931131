"""Several runs as one program (JAX), such as all seeds of a configuration.

Runs that differ only in what stands in variables or is drawn for them are computed side by side:
one step is a step of each, on images that lie on the device once. There are three ways to compute
it, and which is fastest depends on network and device: see `choose`. They differ in the last
bits, and so does a group of another size; a study therefore keeps to one way and one size, and a
group that has fewer runs is filled up.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kerascnn import registry
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import OnPause, Start, afresh, check_backend, compiled, ignore

BACKENDS = ("jax",)
# Kernels side by side; patches times kernels; one run after another.
FORMS = ("grouped", "patches", "separate")

Build = Callable[[int], keras.Model]
OnEpoch = Callable[[int, int, Mapping[str, float]], None]
OnEnd = Callable[[int, keras.Model, Callable[[npt.NDArray[np.int64]], Any], int], None]


def train(
    build: Build,
    data: Dataset,
    specs: Sequence[RunSpec],
    *,
    on_epoch: OnEpoch,
    on_end: OnEnd,
    start: Start = afresh,
    on_pause: OnPause = ignore,
    form: str = "",
) -> None:
    """Trains `specs` in groups that can share a program; see the room's contract.

    Args:
        build, data, specs, on_epoch, on_end, start, on_pause: See there.
        form: One of `FORMS` and, after a colon, how many runs at most are computed together:
            "patches:3"; "": as `choose` finds.
    """
    check_backend("vectorized", keras.backend.backend())
    from kerascnn.trainers import _group  # JAX need not be there where this is only listed.

    how, together = _parsed(form or choose(build, data, specs)["form"])
    groups: dict[object, list[Any]] = {}
    for i, spec in enumerate(specs):
        run = _group.Run(i, spec, data)
        groups.setdefault(run.alike, []).append(run)
    for runs in groups.values():
        width = 1 if how == "separate" else _group.width(build, data, runs[0], how, together)
        if width == 1:
            _separately(build, data, runs, on_epoch, on_end, start, on_pause)
            continue
        for first in range(0, len(runs), width):
            group = _group.Group(build, data, runs[first : first + width], how, width, start)
            group.fit(on_epoch, on_end, on_pause)


def choose(build: Build, data: Dataset, specs: Sequence[RunSpec]) -> dict[str, Any]:
    """Times steps of as many runs as `specs` in every form, on the first of them.

    Returns:
        "form", the fastest, as `train` takes it; "together", how many runs it computes at once;
        "seconds", by form, of one step of all runs.
    """
    check_backend("vectorized", keras.backend.backend())
    seconds = {}
    if len(specs) > 1:
        timed = {form: _seconds(build, data, specs, form) for form in FORMS}
        seconds = {form: each for form, each in timed.items() if each < math.inf}
    best = min(seconds, key=seconds.__getitem__, default="separate")
    together = 1 if best == "separate" else len(specs)
    form = best if together == 1 else f"{best}:{together}"
    return {"form": form, "together": together, "seconds": seconds}


def _separately(
    build: Build,
    data: Dataset,
    runs: Sequence[Any],
    on_epoch: OnEpoch,
    on_end: OnEnd,
    start: Start,
    on_pause: OnPause,
) -> None:
    """Trains runs one after another, as `compiled` does."""
    compiled.train(
        build,
        data,
        [run.spec for run in runs],
        on_epoch=lambda i, *told: on_epoch(runs[i].i, *told),
        on_end=lambda i, *made: on_end(runs[i].i, *made),
        start=lambda i: start(runs[i].i),
        on_pause=lambda i, here: on_pause(runs[i].i, here),
    )


def _parsed(form: str) -> tuple[str, int]:
    how, _, together = form.partition(":")
    if how not in FORMS:
        raise ValueError(registry.unknown("the forms of vectorized", how, FORMS))
    return how, int(together or 1)


def _seconds(build: Build, data: Dataset, specs: Sequence[RunSpec], form: str) -> float:
    """Returns how long a step of all runs takes in a form; inf if there is no memory for it."""
    from kerascnn.trainers import _group

    run = _group.Run(0, specs[0], data)
    steps = min(2, run.epochs.steps)
    try:
        step, width = _group.trial(build, data, run, form, len(specs))
        taken = []
        for _ in range(3):  # The first compiles.
            start = time.perf_counter()
            step(0, steps)
            taken.append(time.perf_counter() - start)
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return math.inf
    return min(taken[1:]) / steps * len(specs) / width
