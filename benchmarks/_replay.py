"""A search played on recorded curves: epochs are bought, and what was named when is kept."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks._curves import Curves
from tuning import selection

Array = npt.NDArray[np.float64]


class SpentError(Exception):
    """The budget does not pay for what was wanted: the search is over."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Market:
    """What searches are played on, and what they pay.

    A run pays its building when it begins, and its epochs as they are trained: one that goes on
    later pays only further epochs. Compiling is paid once a search by every program, that is by
    all runs alike in everything but the learning rate; it is only where `compiles` says so. One
    worker does one thing at a time, and asking takes no time.

    Attributes:
        curves: The recording.
        compiles: Whether compiling is paid for.
        runs: The budget, in runs of the planned length at their mean price.
    """

    curves: Curves
    compiles: bool = False
    runs: float = 60

    @functools.cached_property
    def run_seconds(self) -> float:
        """What a run of the planned length costs on the mean over all points."""
        curves = self.curves
        prices = curves.building + curves.epochs * curves.epoch_seconds.astype(np.float64)
        return float(np.mean(prices))

    @property
    def budget(self) -> float:
        """Simulated seconds that a search may take."""
        return self.runs * self.run_seconds

    @functools.cached_property
    def programs(self) -> tuple[object, ...]:
        """The program of each point: points alike but for the learning rate share one."""
        return tuple(
            tuple(value for name, value in point.items() if name != "learning_rate")
            for point in self.curves.points
        )

    @functools.cached_property
    def truth(self) -> Array:
        """Shrunken test mean of each point, in percent, (points,)."""
        tested = 100 * self.curves.tested
        # No error is taken to be below half an image: some configurations learn nothing, alike.
        least = 100 * 0.5 / self.curves.images["test"]
        errors = tested.std(axis=1, ddof=1) / np.sqrt(tested.shape[1])
        return selection.shrink(tested.mean(axis=1), np.maximum(errors, least)).means

    @functools.cached_property
    def regret(self) -> Array:
        """Points of accuracy that each point is below the best, (points,)."""
        return np.asarray(self.truth.max() - self.truth)


class Replay:
    """One search's purchases.

    Args:
        market: What it is played on.
        seed: Of the pair: it decides which recorded run of a point is its first, its second, ...

    Attributes:
        seconds: Spent so far.
        trace: (seconds, point) of every time another point was named.
    """

    def __init__(self, market: Market, seed: int) -> None:
        self.market = market
        self.curves = market.curves
        self.seconds = 0.0
        self.trace: list[tuple[float, int]] = []
        self._seed = seed
        self._reached: dict[tuple[int, int], int] = {}  # (point, run) -> epochs
        self._compiled: set[object] = set()

    def train(self, point: int, run: int = 0, epochs: int = 0) -> Sequence[float]:
        """Buys what is missing of a run, and returns its validation accuracies so far.

        Args:
            point: Number of the point.
            run: Which of its runs: 0, 1, ...; beyond those recorded they come again.
            epochs: How far, counted from its beginning; 0: the planned length.

        Raises:
            SpentError: If that is beyond the budget. Nothing is bought then.
        """
        wanted = epochs or self.curves.epochs
        price = self._price(point, run, wanted)
        if self.seconds + price > self.market.budget:
            raise SpentError
        self.seconds += price
        self._compiled.add(self.market.programs[point])
        self._reached[point, run] = max(wanted, self._reached.get((point, run), 0))
        stored = self._order(point)[run % self.curves.seeds]
        seen: list[float] = self.curves.accuracy[point, stored, :wanted].tolist()
        return seen

    def name(self, point: int | None) -> None:
        """Says which point the search would leave with by now; None: none yet."""
        if point is not None and (not self.trace or self.trace[-1][1] != point):
            self.trace.append((self.seconds, point))

    def _price(self, point: int, run: int, epochs: int) -> float:
        reached = self._reached.get((point, run))
        further = max(0, epochs - (reached or 0))
        price = further * float(self.curves.epoch_seconds[point])
        if reached is None:
            price += float(self.curves.building[point])
        if self.market.compiles and self.market.programs[point] not in self._compiled:
            price += float(self.curves.compiling[point])
        return price

    def _order(self, point: int) -> Sequence[int]:
        """Returns the recorded runs of a point in this search's order."""
        rng = np.random.default_rng([self._seed, point])
        order: list[int] = rng.permutation(self.curves.seeds).tolist()
        return order


@dataclasses.dataclass(frozen=True)
class Played:
    """A search that was played: what it named, and by how much that was below the best.

    Attributes:
        changes: Simulated seconds at which another point was named, rising.
        regrets: Points of accuracy from then on.
    """

    changes: tuple[float, ...]
    regrets: tuple[float, ...]

    @classmethod
    def of(cls, replay: Replay) -> "Played":
        regret = replay.market.regret
        return cls(
            tuple(seconds for seconds, _ in replay.trace),
            tuple(float(regret[point]) for _, point in replay.trace),
        )

    def until(self, points: float) -> float:
        """Returns the seconds until the regret stays below `points`; infinite: never."""
        found = np.inf
        for seconds, regret in zip(self.changes[::-1], self.regrets[::-1], strict=True):
            if regret >= points:
                break
            found = seconds
        return float(found)

    def at(self, seconds: float) -> float:
        """Returns the regret of what is named after `seconds`; infinite: nothing is."""
        known = [r for when, r in zip(self.changes, self.regrets, strict=True) if when <= seconds]
        return known[-1] if known else float(np.inf)
