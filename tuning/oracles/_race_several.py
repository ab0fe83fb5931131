"""Who stands where in a race for several objectives: by non-dominated rank, not by one number.

A vector has an objective a place, better the higher, and nan where it is not known.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from fractions import Fraction

from tuning.dominance import Levels, Point, dominates
from tuning.objectives import mean
from tuning.oracles._race import ENOUGH, Runner
from tuning.standings import Sums


def together(runs: Sequence[Point]) -> tuple[float, ...]:
    """Returns the means over runs, of what is known of each objective."""
    return tuple(mean(values) for values in zip(*runs, strict=True))


class FrontRung:
    """Who showed what at one rung, and what they gained from it to the next.

    Attributes:
        waiting: Numbers of those that have yet to show something.
    """

    def __init__(self) -> None:
        self.waiting: set[int] = set()
        self._shown: Levels[int] = Levels()
        self._ready: dict[int, Runner] = {}
        self._order: list[int] = []  # The first of those that showed something, in their order
        self._gains: Sums[int] = Sums(0)  # Of each who went on: what it gained, and the squares
        self._there: Levels[int] = Levels()  # What they showed at the next rung

    def __len__(self) -> int:
        """How many showed something."""
        return len(self._shown)

    def place(self, runner: Runner, rung: int) -> None:
        """Takes where a runner stands now; this is the rung of that number."""
        name = runner.number
        if runner.pending and runner.rung == rung:
            self.waiting.add(name)
        else:
            self.waiting.discard(name)
        if (here := runner.vectors.get(rung)) is None:
            return
        if self._shown.put(name, _ranked(here)):
            self._order = []
        if runner.rung == rung and not runner.pending:
            self._ready[name] = runner
        else:
            self._ready.pop(name, None)
        if (there := runner.vectors.get(rung + 1)) is not None:
            gained = [b - a for a, b in zip(here, there, strict=True)]
            gains = [Fraction(0 if math.isnan(each) else each) for each in gained]
            if not len(self._gains):
                self._gains = Sums(2 * len(gains))
            self._gains.put(name, (*gains, *(gain * gain for gain in gains)))
            self._there.put(name, _ranked(there))

    def goes_on(self, rung: int, count: int, doubt: float) -> Runner | None:
        """Returns who goes on to the next rung: of the first `count`, the first who may."""
        if len(self._order) < count:
            self._order = self._shown.first(count)
        for name in self._order[:count]:
            runner = self._ready.get(name)
            if runner is not None and not self.is_beaten(runner.vectors[rung], doubt):
                return runner
        return None

    def is_beaten(self, vector: Point, doubt: float) -> bool:
        """Returns whether its noise cannot bring a reading to the front of the next rung.

        An objective whose noise is none, such as parameters, gains nothing from rung to rung and
        stays as it is; one that is not known has no say.

        Args:
            vector: Of somebody who did not go on yet.
            doubt: Standard deviations by which it may be wrong.
        """
        count, places = len(self._gains), len(vector)
        if count < ENOUGH:
            return False
        totals = self._gains.totals
        hoped = []
        for reading, gained, squares in zip(vector, totals[:places], totals[places:], strict=True):
            sd = math.sqrt((squares - gained * gained / count) / (count - 1))
            hoped.append(reading + float(gained) / count + doubt * sd)
        known = [i for i, value in enumerate(hoped) if not math.isnan(value)]
        best = [hoped[i] for i in known]
        leads = self._there.levels()[0].values()
        return any(dominates([each[i] for i in known], best) for each in leads)


class FrontField:
    """Those who came to the end and have scores: whom the seeds do not show to be dominated."""

    def __init__(self) -> None:
        self._of: dict[int, Runner] = {}
        # Of each: scores but one, and their summed squares, an objective a place.
        self._spread: Sums[int] = Sums(1)
        self._found: dict[float, list[Runner]] = {}  # By how close; until somebody comes

    def __len__(self) -> int:
        return len(self._of)

    def place(self, runner: Runner) -> None:
        """Takes where a runner stands now."""
        name, count = runner.number, len(runner.told)
        if not count and name not in self._of:
            return
        self._found = {}
        self._of.pop(name, None)
        self._spread.remove(name)
        if not count or runner.failed:
            return
        self._of[name] = runner
        if count > 1:
            columns = list(zip(*runner.told, strict=True))
            squares = [
                0.0 if any(map(math.isnan, values)) else (count - 1) * statistics.variance(values)
                for values in columns
            ]
            if not len(self._spread):
                self._spread = Sums(1 + len(squares))
            self._spread.put(name, (count - 1, *squares))

    def contenders(self, close: float) -> list[Runner]:
        """Returns those that nobody is shown to dominate.

        Args:
            close: Standard errors within which a difference shows nothing.
        """
        if close not in self._found:
            self._found[close] = list(self._undominated(close))
        return self._found[close]

    def _undominated(self, close: float) -> Iterator[Runner]:
        noise = self._noise()
        runners = sorted(self._of.values(), key=lambda each: each.number)
        vectors = {each.number: together(each.told) for each in runners}

        def beats(one: Runner, other: Runner) -> bool:
            if noise is None:
                return False
            share = math.sqrt(1 / len(one.told) + 1 / len(other.told))
            # What is not known is nan, and nothing is shown of it: it compares as False.
            ahead = [
                a - close * sd * share - b
                for a, b, sd in zip(vectors[one.number], vectors[other.number], noise, strict=True)
            ]
            return all(gap >= 0 for gap in ahead) and any(gap > 0 for gap in ahead)

        for each in runners:
            if not any(beats(other, each) for other in runners if other is not each):
                yield each

    def _noise(self) -> list[float] | None:
        """The standard deviations between the seeds of one configuration; None: unknown.

        That of what belongs to the network, or to all seeds together, is 0.
        """
        freedom, *squares = self._spread.totals
        return None if freedom < ENOUGH else [math.sqrt(each / freedom) for each in squares]


def _ranked(vector: Point) -> tuple[float, ...]:
    """Returns a vector that can be ranked: what is not known is the worst there can be.

    Where it is known of nobody, as the sd of one run each, it changes no rank.
    """
    return tuple(-math.inf if math.isnan(value) else value for value in vector)
