"""A race: many configurations for a few epochs, the better for longer, contenders with more seeds.

Rungs of asynchronous successive halving (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt,
Recht & Talwalkar, "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020,
https://arxiv.org/abs/1810.05934): two ninths of the planned epochs, four ninths, all. The best
third of a rung goes on, but for those that its noise cannot bring to the lead. Of those that came
to the end, the ones that the noise between seeds does not tell from the best get further seeds,
one at a time, as in racing (Maron & Moore, "Hoeffding Races", NeurIPS 1993), up to the study's
number.

Of several objectives the best third of a rung is that of the lowest non-dominated rank, and within
a rank those that lie furthest apart; noise cannot bring to the lead whom somebody at the next rung
dominates even so; and those get further seeds whom nobody is shown to dominate. The sd between
seeds is no number at rungs of one seed: it has no say there, and whoever comes to the end gets a
second seed.

Where points come from is left to another oracle. The figures behind the constants, and how soon it
finds what others find: benchmarks/RESULTS.md.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn import registry
from kerascnn.spec import Value
from tuning.oracles import Ask, Oracle
from tuning.oracles._race import Field, Rung, Runner
from tuning.oracles._race_several import FrontField, FrontRung, together
from tuning.space import Space

LEARNS = True
CONTINUES = True
ALLOTS_SEEDS = True
SEVERAL = True
POINTS = ("random_search", "bayesian", "tpe", "gp", "nsga2")

# Parts of the planned epochs.
_RUNGS = (2 / 9, 4 / 9, 1.0)
# One of so many goes on from rung to rung.
_FACTOR = 3
# Standard deviations by which what a rung shows may be wrong, and still somebody goes on.
_DOUBT = 2.0
# The same between contenders: while the race is on, and at its end.
_CLOSE, _CLOSE_AT_THE_END = 1.0, 2.0
# Further seeds for one configuration that came to the end, while the race is on.
_FURTHER = 0.5


def oracle(
    space: Space,
    *,
    maximize: bool | tuple[bool, ...] = True,
    seed: int = 0,
    epochs: int = 1,
    seeds: int = 1,
    points: str = "random_search",
) -> Oracle:
    """Returns the oracle.

    Args:
        space, maximize, seed, epochs: See the room.
        seeds: Runs that a contender has at most.
        points: Which oracle draws the points, one of `POINTS`. One that learns is told the scores
            of the first rung, which all have; for several objectives it must take several.

    Raises:
        ValueError: If `points` is none of these.
    """
    if points not in POINTS:
        raise ValueError(registry.unknown("what draws the points of a race", points, POINTS))
    drawing = registry.load("tuning.oracles", points).oracle(
        space, maximize=maximize, seed=seed, epochs=epochs
    )
    return RaceOracle(drawing, maximize=maximize, epochs=epochs, seeds=seeds)


class RaceOracle:
    """The race over points that another oracle draws.

    Args:
        drawing: Draws the points.
        maximize: Whether more is better; of several objectives, of each.
        epochs: The planned length, at least 1.
        seeds: Runs that a contender has at most.
    """

    asks_again = False

    def __init__(
        self, drawing: Oracle, *, maximize: bool | tuple[bool, ...], epochs: int, seeds: int
    ) -> None:
        self._drawing = drawing
        several = isinstance(maximize, tuple)
        directions = maximize if isinstance(maximize, tuple) else (maximize,)
        self._signs = [1.0 if each else -1.0 for each in directions]
        self._lengths = sorted({max(1, round(epochs * part)) for part in _RUNGS})
        self._top = len(self._lengths) - 1
        self._seeds = seeds
        self._of: dict[int, Runner] = {}  # Trial -> whose it is
        self._joined = 0
        # All but the last
        self._rungs: list[Rung | FrontRung] = [
            FrontRung() if several else Rung() for _ in range(self._top)
        ]
        self._field: Field | FrontField = FrontField() if several else Field()
        self._further = 0  # Seeds asked for beyond everybody's first

    def adopt(self, trial: int, ask: Ask) -> None:
        if ask.parent is None:
            self._drawing.adopt(trial, ask)
        self._enter(trial, ask)

    def tell(self, trial: int, scores: Sequence[Any]) -> None:
        runner = self._of[trial]
        runner.pending, runner.failed = False, not scores
        if scores:
            self._read(runner, scores)
        self._place(runner)
        if not scores or not runner.rung:
            self._drawing.tell(trial, scores)

    def _read(self, runner: Runner, scores: Sequence[Any]) -> None:
        if isinstance(self._field, FrontField):
            told = [
                tuple(sign * value for sign, value in zip(self._signs, score, strict=True))
                for score in scores
            ]
            runner.vectors[runner.rung] = together(told)
            if runner.rung == self._top:
                runner.told = told
            scores = [score[0] for score in scores]
        better = [self._signs[0] * score for score in scores]
        runner.readings[runner.rung] = statistics.fmean(better)
        if runner.rung == self._top:
            runner.scores = better

    def ask(self, trial: int, *, new: bool = True) -> Ask | None:
        found = self._go_on(trial, ending=False) if new else None
        if found is None and new:
            drawn = self._drawing.ask(trial, new=True)
            found = None if drawn is None else self._asked(trial, drawn.point, 0, 1, None)
        # The points are used up, or no more are wanted: those that are there come to the end.
        return found or self._go_on(trial, ending=True)

    def _go_on(self, trial: int, *, ending: bool) -> Ask | None:
        """Returns what continues a runner; None: nothing for now.

        Args:
            trial: The number of the ask.
            ending: Whether nobody joins any more.
        """
        ways = [self._contender, self._promoted]
        for way in reversed(ways) if ending else ways:
            if (runner := way(ending=ending)) is not None:
                further = way == self._contender
                rung = runner.rung if further else runner.rung + 1
                return self._asked(trial, runner.point, rung, runner.seeds + further, runner.latest)
        return None

    def _asked(
        self, trial: int, point: Mapping[str, Value], rung: int, seeds: int, parent: int | None
    ) -> Ask:
        ask = Ask(
            point=point,
            epochs=None if rung == self._top else self._lengths[rung],
            # What the study may raise later is for those that had all there were.
            seeds=None if rung == self._top and seeds == self._seeds else seeds,
            parent=parent,
        )
        self._enter(trial, ask)
        return ask

    def _enter(self, trial: int, ask: Ask) -> None:
        rung = self._top if ask.epochs is None else self._lengths.index(ask.epochs)
        seeds = self._seeds if ask.seeds is None else ask.seeds
        if ask.parent is None:
            runner = Runner(self._joined, ask.point, trial, rung, seeds)
            self._joined += 1
        else:
            runner = self._of[ask.parent]
            self._further += rung == runner.rung  # Also of what is adopted.
            runner.latest, runner.pending = trial, True
            runner.rung, runner.seeds = rung, seeds
        self._of[trial] = runner
        self._place(runner)

    def _place(self, runner: Runner) -> None:
        for number, rung in enumerate(self._rungs):
            rung.place(runner, number)
        self._field.place(runner)

    def _promoted(self, *, ending: bool) -> Runner | None:
        """Returns who goes on to the next rung, of the highest rung that has somebody."""
        for number, rung in reversed(list(enumerate(self._rungs))):
            share = len(rung) / _FACTOR
            count = math.ceil(share) if ending and not rung.waiting else int(share)
            if (runner := rung.goes_on(number, count, _DOUBT)) is not None:
                return runner
        return None

    def _contender(self, *, ending: bool) -> Runner | None:
        """Returns who gets another seed: of those that may be the best, who has fewest."""
        ended = len(self._field)
        if not ended or (not ending and self._further >= _FURTHER * ended):
            return None
        contenders = self._field.contenders(_CLOSE_AT_THE_END if ending else _CLOSE)
        if len(contenders) == 1 and not ending:
            return None
        free = [each for each in contenders if not each.pending and each.seeds < self._seeds]
        return min(free, key=lambda each: (each.seeds, -each.mean), default=None)
