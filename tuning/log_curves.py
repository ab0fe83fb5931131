"""Curves of runs that logged at their own steps, brought to the same ones so that they can be
averaged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tuning.logged import Series

Kept = TypeVar("Kept")

# Steps a curve is drawn at.
_STEPS = 400


class Curves:
    """Every tag's curves, each read when it is first asked for.

    Args:
        read: Tag -> run -> its curve.
    """

    def __init__(self, read: Callable[[str], Mapping[str, Series]]) -> None:
        self._read = read
        self._known: dict[str, tuple[list[float], dict[str, list[float | None]]]] = {}

    def of(self, run: str, tags: Sequence[str]) -> Mapping[str, Sequence[float | None]]:
        """Returns tag -> values, of one run."""
        return _Lazy(tags, lambda tag: self._aligned(tag)[1].get(run, []))

    def steps(self, tags: Sequence[str]) -> Mapping[str, Sequence[float]]:
        """Returns tag -> the steps of its values."""
        return _Lazy(tags, lambda tag: self._aligned(tag)[0])

    def _aligned(self, tag: str) -> tuple[list[float], dict[str, list[float | None]]]:
        if tag not in self._known:
            self._known[tag] = aligned(self._read(tag))
        return self._known[tag]


def aligned(
    found: Mapping[str, Series],
) -> tuple[list[float], dict[str, list[float | None]]]:
    """Returns (steps, run -> its value at each of them, up to its own last one).

    Between two values of a run lies a straight line. None stands before a run's first finite value,
    after its last, and where it logged NaN or infinity. Of many steps, some are left out, evenly.
    """
    grid = np.unique([step for series in found.values() for step in series.steps])
    if len(grid) > _STEPS:
        grid = grid[np.linspace(0, len(grid) - 1, _STEPS).round().astype(int)]
    return grid.tolist(), {run: _on(grid, series) for run, series in found.items()}


def _on(grid: npt.NDArray[np.float64], series: Series) -> list[float | None]:
    steps, values = np.asarray(series.steps), np.asarray(series.values)
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    last = np.append(steps[1:] != steps[:-1], True)  # Of a step that was logged twice.
    steps, values = steps[last], values[last]
    finite = np.isfinite(values)
    own = grid[grid <= steps[-1]]
    if not finite.any():
        return [None] * len(own)
    drawn = np.interp(own, steps[finite], values[finite])
    known = (own >= steps[finite][0]) & (own <= steps[finite][-1])
    known &= ~np.isin(own, steps[~finite])
    return [float(value) if there else None for value, there in zip(drawn, known, strict=True)]


class _Lazy(Mapping[str, Kept]):
    """Known keys, whose values are made when they are asked for."""

    def __init__(self, keys: Sequence[str], make: Callable[[str], Kept]) -> None:
        self._keys, self._make = dict.fromkeys(keys), make

    def __getitem__(self, key: str) -> Kept:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
