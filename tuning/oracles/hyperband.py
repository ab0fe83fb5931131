"""Hyperband, by Keras Tuner: many configurations for few epochs, the better ones for more.

Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, "Hyperband: A Novel Bandit-Based Approach to
Hyperparameter Optimization", JMLR 2018, https://jmlr.org/papers/v18/16-558.html, figure 2 with
three times the epochs from rung to rung.

Departures from Keras Tuner's: brackets follow one another until the search has all its
configurations, and one that is then not full promotes in proportion to what it holds; a failed
trial leaves its place in the next rung empty, where theirs stalls the rung; and no point is tried
twice.
"""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner

from tuning import space as spaces
from tuning.oracles import Ask, Oracle, _keras_tuner, _points
from tuning.space import Space

LEARNS = True
CONTINUES = True


def oracle(space: Space, *, maximize: bool = True, seed: int = 0, epochs: int = 1) -> Oracle:
    """Returns the oracle; the last rung of each bracket trains `epochs` epochs."""
    return HyperbandOracle(space, maximize=maximize, seed=seed, epochs=epochs)


class HyperbandOracle:
    """Keras Tuner's brackets, asked from (seed, trial) and told trial by trial.

    Args:
        space: What to draw from.
        maximize: Whether more is better.
        seed: Any int.
        epochs: The planned length, at least 1.
    """

    asks_again = True

    def __init__(self, space: Space, *, maximize: bool, seed: int, epochs: int) -> None:
        self._space = space
        self._maximize = maximize
        self._seed = seed
        self._epochs = epochs
        self._brackets = _keras_tuner.make(
            _Brackets, space, maximize=maximize, max_epochs=epochs, hyperband_iterations=None
        )
        self._brackets.own_space = space
        self._points = 0  # Distinct ones, of the space.
        self._worst: list[float] = []  # Score so far, once there is one
        self._failed: set[str] = set()  # Names of Keras Tuner's trials

    def adopt(self, trial: int, ask: Ask) -> None:
        """Takes a point that no bracket holds; it is only never drawn again."""
        if spaces.contains(self._space, ask.point):
            self._points += 1
            values = {name: ask.point[name] for name in self._space}
            _keras_tuner.enter(self._brackets, str(trial), values)

    def tell(self, trial: int, scores: Sequence[float]) -> None:
        score = statistics.fmean(scores) if scores else None
        if score is not None:
            known = [*self._worst, score]
            self._worst = [_points.worst_of(known, maximize=self._maximize)]
        if (entered := self._brackets.trials.get(str(trial))) is not None:
            self._end(entered, score)

    def ask(self, trial: int, *, new: bool = True) -> Ask | None:
        if not self._space:
            return None
        self._brackets.closed = not new or _points.is_exhausted(self._space, self._points)
        self._brackets._seed_state = _points.derive(self._seed, trial)
        name = str(trial)
        while (values := self._brackets.propose(name)) is not None:
            entered = _keras_tuner.enter(self._brackets, name, values)
            parent = values.get("tuner/trial_id")
            if parent not in self._failed:
                return self._told(values, parent)
            # Its place in the rung is taken, and worth nothing: the rung goes on without it.
            self._end(entered, None)
            name += "+"
        return None

    def _told(self, values: Mapping[str, Any], parent: str | None) -> Ask:
        self._points += parent is None
        epochs = values["tuner/epochs"]
        return Ask(
            point={name: values[name] for name in self._space},
            epochs=None if epochs >= self._epochs else epochs,
            parent=None if parent is None else int(parent),
        )

    def _end(self, entered: Any, score: float | None) -> None:
        if score is None:
            self._failed.add(entered.trial_id)
            score = _points.worst_of(self._worst, maximize=self._maximize)
        _keras_tuner.end(self._brackets, entered, score)


class _ClosedError(Exception):
    """No bracket may begin, and none has a promotion ready."""


class _Rung(int):
    """The number of a bracket, which knows how many trials its first rung holds."""

    first: list[Any]


class _Brackets(keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    """Keras Tuner's brackets; while `closed` they only promote.

    A closed bracket is as large as what it holds: 7 of 9 trials promote 3 and then 1.
    """

    closed = False
    own_space: Space
    _brackets: list[dict[str, Any]]

    def propose(self, name: str) -> dict[str, Any] | None:
        """Returns the values of the next trial, `name`; None, and no trace, if there is none."""
        before = list(self._brackets)
        try:
            values: dict[str, Any] | None = self.populate_space(name).get("values")
        except _ClosedError:
            values = None
        if values is None:
            self._brackets = before
        return values

    def _start_new_bracket(self) -> None:
        super()._start_new_bracket()
        bracket = self._brackets[-1]
        number = _Rung(bracket["bracket_num"])
        number.first = bracket["rounds"][0]
        bracket["bracket_num"] = number

    def _increment_bracket_num(self) -> None:
        if self.closed:
            raise _ClosedError
        super()._increment_bracket_num()

    def _get_size(self, bracket_num: _Rung, round_num: int) -> int:
        size: int = super()._get_size(bracket_num, round_num)
        if not self.closed:
            return size
        held: int = math.ceil(len(bracket_num.first) / self.factor**round_num)
        return min(size, held)

    def _random_values(self) -> dict[str, Any] | None:
        values: dict[str, Any] | None = super()._random_values()
        if values is None:  # Only tried points were drawn.
            tried = [trial.hyperparameters.values for trial in self.trials.values()]
            rng = random.Random(self._seed_state)
            values = _points.untried(self.own_space, tried, rng)
        return values
