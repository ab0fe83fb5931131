"""Adapts the samplers of Optuna to adopt, ask and tell, and translates spaces into its terms.

The only module that knows its samplers. They expect to live as long as their study, and to keep a
random state in it; ours are made for one ask, in a study that is made for it, so that the log alone
decides what comes next.
"""

import contextlib
import math
import random
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from kerascnn.spec import Value
from tuning import space as spaces
from tuning.oracles import Ask, _points
from tuning.space import Choice, Domain, Float, Space

NOTHING, OWN, ALL = "nothing", "own", "all"


class OptunaOracle:
    """A sampler of Optuna, made afresh for every ask from all that was told so far.

    It is correct where Optuna is not: a failed trial counts as the worst seen, objective by
    objective, where theirs is invisible to most samplers; a point is never asked twice; and an
    exhausted space ends the search. Trials without a score are to Optuna trials that run.

    The numbers of a choice are to Optuna their places in rising order: 16 lies between 8 and 64.

    Args:
        sampler: Makes the sampler from a seed.
        space: What to draw from.
        maximize: Whether more is better; of several objectives, of each.
        seed: Any int.
        notes: Of which points the notes are kept that a sampler makes as it is asked, such as the
            number of a generation: `NOTHING`, `OWN` (what it proposed itself) or `ALL`.
        draws: How often it is asked before a point that was tried gives way to any other.
    """

    asks_again = False

    def __init__(
        self,
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        space: Space,
        *,
        maximize: bool | Sequence[bool],
        seed: int,
        notes: str = NOTHING,
        draws: int = _points.COLLISIONS,
    ) -> None:
        self._sampler = sampler
        self._space = space
        self._maximize = (maximize,) if isinstance(maximize, bool) else tuple(maximize)
        self._seed = seed
        self._notes = notes
        self._draws = draws
        self._distributions = {name: _coding(domain) for name, domain in space.items()}
        self._points: dict[int, dict[str, Value]] = {}  # Trial -> point
        self._noted: dict[int, Mapping[str, Any]] = {}  # Trial -> what the sampler noted of it
        self._scores: dict[int, tuple[float, ...] | None] = {}  # Trial -> means; None: it failed

    def adopt(self, trial: int, ask: Ask) -> None:
        if not spaces.contains(self._space, ask.point):
            return
        point = {name: ask.point[name] for name in self._space}
        if self._notes != NOTHING and self._has_more:
            self._note(trial, point, *self._proposed(trial))  # As if it was asked.
        self._points[trial] = point

    def tell(self, trial: int, scores: Sequence[Any]) -> None:
        several = [score if isinstance(score, tuple) else (score,) for score in scores]
        means = tuple(statistics.fmean(each) for each in zip(*several, strict=True))
        self._scores[trial] = means if means and all(map(math.isfinite, means)) else None

    def ask(self, trial: int, *, new: bool = True) -> Ask | None:
        if not new or not self._has_more:
            return None
        proposed, notes = self._proposed(trial)
        point = self._untried(trial) if proposed is None else proposed
        self._note(trial, point, proposed, notes)
        self._points[trial] = point
        return Ask(point=point)

    @property
    def _has_more(self) -> bool:
        return not _points.is_exhausted(self._space, len(self._points))

    def _note(
        self,
        trial: int,
        point: Mapping[str, Value],
        proposed: Mapping[str, Value] | None,
        notes: Mapping[str, Any],
    ) -> None:
        """Keeps what was noted, where it is kept of such a point.

        A trial asked for again, as its first answer was a configuration tried by another name, has
        another point than it will have when it is adopted: that is not the sampler's own either.
        """
        own = point == proposed and trial not in self._points
        if self._notes == ALL or (self._notes == OWN and own):
            self._noted[trial] = notes
        else:
            self._noted.pop(trial, None)

    def _proposed(self, trial: int) -> tuple[dict[str, Value] | None, Mapping[str, Any]]:
        """Returns (the sampler's first point that was not tried, what it noted); None: it has
        none.
        """
        tried = {_points.key(point, self._space) for point in self._points.values()}
        notes: Mapping[str, Any] = {}
        with silenced():
            study = self._so_far(_points.derive(self._seed, trial))
            for _ in range(self._draws):  # What was drawn in vain runs on: draws move away from it.
                number = study.ask(self._distributions).number
                asked = study.get_trials(deepcopy=False)[number]
                point = {n: _decoded(self._space[n], code) for n, code in asked.params.items()}
                notes = asked.system_attrs
                if _points.key(point, self._space) not in tried:
                    return {name: point[name] for name in self._space}, notes
        return None, notes

    def _so_far(self, seed: int) -> optuna.Study:
        """Makes the study of one ask."""
        directions = ["maximize" if each else "minimize" for each in self._maximize]
        study = optuna.create_study(
            storage=optuna.storages.InMemoryStorage(),
            directions=directions,
            sampler=self._sampler(seed),
        )
        known = [means for means in self._scores.values() if means is not None]
        worst = [
            _points.worst_of((means[i] for means in known), maximize=maximize)
            for i, maximize in enumerate(self._maximize)
        ]
        for number, point in self._points.items():
            running = number not in self._scores
            study.add_trial(
                optuna.trial.create_trial(
                    state=TrialState.RUNNING if running else TrialState.COMPLETE,
                    values=None if running else self._scores[number] or worst,
                    params={name: _coded(self._space[name], v) for name, v in point.items()},
                    distributions=self._distributions,
                    system_attrs=dict(self._noted.get(number, {})),
                )
            )
        return study

    def _untried(self, trial: int) -> dict[str, Value]:
        """Returns any point that was not tried, where there is one."""
        rng = random.Random(f"{self._seed}/{trial}")
        found = _points.untried(self._space, self._points.values(), rng)
        return spaces.sample(self._space, rng) if found is None else found


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keeps Optuna from logging, and from warning of what is new in it."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def distribution(domain: Domain) -> BaseDistribution:
    """Translates a domain into Optuna's own terms."""
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    if isinstance(domain, Float):
        return FloatDistribution(float(domain.low), float(domain.high), log=domain.log)
    return IntDistribution(domain.low, domain.values[-1], step=domain.step)


def _coding(domain: Domain) -> BaseDistribution:
    """Returns the distribution that a sampler draws from: places, of a choice of numbers."""
    order = _order(domain)
    return distribution(domain) if order is None else IntDistribution(0, len(order) - 1)


def _coded(domain: Domain, value: Value) -> Value:
    order = _order(domain)
    if order is not None:
        return order.index(value)
    return float(value) if isinstance(domain, Float) else value


def _decoded(domain: Domain, code: Value) -> Value:
    order = _order(domain)
    return code if order is None else order[int(code)]


def _order(domain: Domain) -> list[Value] | None:
    """Returns the numbers of a choice in rising order; None: it is no choice, or of no numbers."""
    if not isinstance(domain, Choice) or type(domain.values[0]) not in (int, float):
        return None
    return sorted(domain.values, key=float)
