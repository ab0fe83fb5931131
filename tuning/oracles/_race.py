"""Who stands where in a race: kept as scores come, so that no ask walks over all who run."""

import dataclasses
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from kerascnn.spec import Value
from tuning.standings import Ranking, Sums

# Pairs or repeats that a standard deviation is estimated from, at least.
ENOUGH = 3


@dataclasses.dataclass(eq=False)
class Runner:
    """One configuration in the race; scores are better the higher.

    Attributes:
        number: Which, in the order they joined.
        point: Its values.
        latest: Its last trial.
        rung: That which it was asked for last; the last rung is the planned length.
        seeds: Runs asked for.
        pending: Whether its last trial is still under way.
        failed: Whether its last trial failed.
        readings: Rung -> what it showed there.
        scores: Of its runs of the planned length.
        vectors: Rung -> the means of all objectives there, of a race for several.
        told: Vectors of its runs of the planned length, likewise.
    """

    number: int
    point: Mapping[str, Value]
    latest: int
    rung: int
    seeds: int
    pending: bool = True
    failed: bool = False
    readings: dict[int, float] = dataclasses.field(default_factory=dict)
    scores: Sequence[float] = ()
    vectors: dict[int, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    told: Sequence[tuple[float, ...]] = ()

    @property
    def mean(self) -> float:
        return statistics.fmean(self.scores)


class Rung:
    """Who showed what at one rung, and what they gained from it to the next.

    Attributes:
        shown: All who showed something, the best first.
        ready: Those of them that went no further, the best first.
        waiting: Numbers of those that have yet to show something.
    """

    def __init__(self) -> None:
        self.shown: Ranking[int, Runner] = Ranking()
        self.ready: Ranking[int, Runner] = Ranking()
        self.waiting: set[int] = set()
        self._gains: Sums[int] = Sums(2)  # Of each who went on: what it gained, and its square
        self._leads: Ranking[int, float] = Ranking()  # What they showed at the next rung

    def __len__(self) -> int:
        """How many showed something."""
        return len(self.shown)

    def place(self, runner: Runner, rung: int) -> None:
        """Takes where a runner stands now; this is the rung of that number."""
        name = runner.number
        if runner.pending and runner.rung == rung:
            self.waiting.add(name)
        else:
            self.waiting.discard(name)
        if (reading := runner.readings.get(rung)) is None:
            return
        key = (-reading, name)
        self.shown.put(name, key, runner)
        if runner.rung == rung and not runner.pending:
            self.ready.put(name, key, runner)
        else:
            self.ready.remove(name)
        if (there := runner.readings.get(rung + 1)) is not None:
            gain = Fraction(there - reading)
            self._gains.put(name, (gain, gain * gain))
            self._leads.put(name, (-there, name), there)

    def goes_on(self, rung: int, count: int, doubt: float) -> Runner | None:
        """Returns who goes on to the next rung: the best, if it is of the first `count`.

        Args:
            rung: The number of this one.
            count: How many may go on, of all who showed something.
            doubt: See `is_beaten`.
        """
        for runner in self.ready.items(1):  # Where the best does not go on, nobody does.
            is_among_the_best = self.shown.place(runner.number) < count
            if is_among_the_best and not self.is_beaten(runner.readings[rung], doubt):
                return runner
        return None

    def is_beaten(self, reading: float, doubt: float) -> bool:
        """Returns whether its noise cannot bring a reading of this rung to the next one's lead.

        What others gained from this rung to the next says how far a reading here is to be trusted.

        Args:
            reading: Of somebody who did not go on yet.
            doubt: Standard deviations by which it may be wrong.
        """
        count = len(self._gains)
        if count < ENOUGH:
            return False
        gained, squares = self._gains.totals
        sd = math.sqrt((squares - gained * gained / count) / (count - 1))
        hoped = float(gained) / count + doubt * sd
        return reading + hoped < self._leads.items(1)[0]


class Field:
    """Those who came to the end and have scores: who leads, and how far chance may have it so."""

    def __init__(self) -> None:
        # By how many scores, how many seeds and whether a trial is pending; the best first.
        self._groups: dict[tuple[int, int, bool], Ranking[int, Runner]] = {}
        self._of: dict[int, tuple[int, int, bool]] = {}
        # Of each: scores but one, and their summed squares.
        self._spread: Sums[int] = Sums(2)

    def __len__(self) -> int:
        return len(self._of)

    def place(self, runner: Runner) -> None:
        """Takes where a runner stands now."""
        name, count = runner.number, len(runner.scores)
        if (old := self._of.pop(name, None)) is not None:
            self._groups[old].remove(name)
        if not count or runner.failed:
            self._spread.remove(name)
            return
        group = self._of[name] = (count, runner.seeds, runner.pending)
        self._groups.setdefault(group, Ranking()).put(name, (-runner.mean, name), runner)
        if count > 1:
            squares = (count - 1) * statistics.variance(runner.scores)
            self._spread.put(name, (count - 1, squares))

    def contenders(self, close: float) -> list[Runner]:
        """Returns those of `front` that noise does not tell from the best.

        Args:
            close: Standard errors within which a difference shows nothing.
        """
        sd = self.noise
        front = sorted(self.front(), key=lambda each: each.number)
        best = max(front, key=lambda each: each.mean - (sd or 0.0) / (2 * len(each.scores)))

        def is_close(runner: Runner) -> bool:
            if sd is None or runner is best:
                return True
            error = sd * math.sqrt(1 / len(runner.scores) + 1 / len(best.scores))
            return runner.mean + close * error > best.mean

        return [each for each in front if is_close(each)]

    def front(self) -> Iterator[Runner]:
        """Yields the first two of each group: by mean alone, no other comes before them."""
        for group in self._groups.values():
            yield from group.items(2)

    @property
    def noise(self) -> float | None:
        """The standard deviation between the seeds of one configuration; None: unknown."""
        freedom, squares = self._spread.totals
        return None if freedom < ENOUGH else math.sqrt(squares / freedom)
