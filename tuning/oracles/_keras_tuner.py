"""Adapts the oracles of Keras Tuner to adopt, ask and tell, and translates spaces into its terms.

The only module that knows its oracles and hyperparameters. Its oracles expect to own a project
folder, worker ids and retries; ours keep none of these and write no files.
"""

import random
import statistics
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial
from sklearn.exceptions import ConvergenceWarning

from kerascnn.spec import Value
from tuning import space as spaces
from tuning.oracles import Ask, _points
from tuning.space import Domain, Float, Int, Space


class UnlearningOracle:
    """An oracle of Keras Tuner whose choices do not depend on scores.

    A trial is ended for Keras Tuner as it is asked: its grid would wait for the score of each
    point before it names the next.

    Args:
        name: A class of `keras_tuner.oracles`.
        space: What to draw from.
        seed: Any int; 0 is a seed like the others.
        adopts: Whether a point chosen by others can be entered; else it may be asked again.
    """

    asks_again = True

    def __init__(self, name: str, space: Space, *, seed: int, adopts: bool = True) -> None:
        self._space = space
        self._seed = seed
        self._adopts = adopts
        self._oracle = make(
            getattr(keras_tuner.oracles, name), space, maximize=True, max_trials=None
        )

    def adopt(self, trial: int, ask: Ask) -> None:
        if self._adopts and spaces.contains(self._space, ask.point):
            values = {name: ask.point[name] for name in self._space}
            self._enter(f"adopted{trial}", values)

    def ask(self, trial: int, *, new: bool = True) -> Ask | None:
        if not self._space or not new:
            return None
        # From (seed, trial) alone, and never 0, which Keras Tuner takes for "no seed".
        self._oracle._seed_state = _points.derive(self._seed, trial)
        # A fresh worker id each time: a known worker is given its old trial again.
        asked = self._oracle.create_trial(f"ask{len(self._oracle.trials)}")
        if asked.status == "RUNNING":
            self._end(asked)
            return Ask(point={name: asked.hyperparameters.values[name] for name in self._space})
        point = self._untried(trial)
        if point is None:
            return None
        self._enter(f"untried{trial}", point)
        return Ask(point=point)

    def tell(self, trial: int, scores: Sequence[float]) -> None:
        """Does nothing: no later choice depends on it."""

    def _enter(self, name: str, values: Mapping[str, Value]) -> None:
        self._end(enter(self._oracle, name, values))

    def _end(self, trial: Any) -> None:
        end(self._oracle, trial, 0.0)

    def _untried(self, trial: int) -> dict[str, Value] | None:
        tried = [each.hyperparameters.values for each in self._oracle.trials.values()]
        return _points.untried(self._space, tried, random.Random(f"{self._seed}/{trial}"))


class LearningOracle:
    """An oracle of Keras Tuner that models the scores, made afresh from them for every ask.

    It is correct where Keras Tuner's is not: a failed trial counts as the worst score seen, where
    theirs is invisible; its model is fitted before it is asked about running trials; a point is
    never asked twice, but the untried point that the model finds best is; and an exhausted space
    ends the search.

    Args:
        name: A class of `keras_tuner.oracles` with a Gaussian process `gpr`.
        space: What to draw from.
        maximize: Whether more is better.
        seed: Any int.
        options: What the class takes besides.
    """

    asks_again = False

    def __init__(
        self, name: str, space: Space, *, maximize: bool, seed: int, **options: Any
    ) -> None:
        self._name = name
        self._space = space
        self._maximize = maximize
        self._seed = seed
        self._options = options
        self._points: dict[int, Mapping[str, Value]] = {}  # Trial -> point
        self._scores: dict[int, float | None] = {}  # Trial -> score; None: it failed

    def adopt(self, trial: int, ask: Ask) -> None:
        if spaces.contains(self._space, ask.point):
            self._points[trial] = {name: ask.point[name] for name in self._space}

    def tell(self, trial: int, scores: Sequence[float]) -> None:
        self._scores[trial] = statistics.fmean(scores) if scores else None

    def ask(self, trial: int, *, new: bool = True) -> Ask | None:
        if not new or _points.is_exhausted(self._space, len(self._points)):
            return None
        with warnings.catch_warnings():
            # That a length scale of the kernel ends at its bound is no news to anyone.
            warnings.simplefilter("ignore", ConvergenceWarning)
            values = self._proposed(trial)
        self._points[trial] = {name: values[name] for name in self._space}
        return Ask(point=self._points[trial])

    def _proposed(self, trial: int) -> Mapping[str, Value]:
        oracle = self._so_far(trial)
        values = oracle.populate_space(f"ask{trial}").get("values")
        tried = {_points.key(point, self._space) for point in self._points.values()}
        if values is None or _points.key(values, self._space) in tried:
            return self._best_untried(oracle, random.Random(f"{self._seed}/{trial}"))
        proposed: Mapping[str, Value] = values
        return proposed

    def _so_far(self, trial: int) -> Any:
        """Makes the oracle of this ask, from (seed, trial), the points and their scores."""
        seed = _points.derive(self._seed, trial)
        oracle = make(
            getattr(keras_tuner.oracles, self._name),
            self._space,
            maximize=self._maximize,
            max_trials=None,
            seed=seed,
            **self._options,
        )
        worst = _points.worst_of(self._scores.values(), maximize=self._maximize)
        for number in [number for number in self._points if number in self._scores]:
            score = self._scores[number]
            entered = enter(oracle, f"trial{number}", self._points[number])
            end(oracle, entered, worst if score is None else score)
        # Before that it draws at random, and fitting takes seconds.
        if len(oracle.trials) >= oracle.num_initial_points:
            oracle.gpr.fit(*oracle._vectorize_trials())
        for number in [number for number in self._points if number not in self._scores]:
            entered = enter(oracle, f"trial{number}", self._points[number])
            oracle.ongoing_trials[f"slot{number}"] = entered
        return oracle

    def _best_untried(self, oracle: Any, rng: random.Random) -> Mapping[str, Value]:
        """Returns the untried point with the best confidence bound, of a thousand drawn."""
        tried = list(self._points.values())
        keys = {_points.key(point, self._space) for point in tried}
        drawn = (spaces.sample(self._space, rng) for _ in range(1000))
        candidates = [point for point in drawn if _points.key(point, self._space) not in keys]
        if not candidates or not hasattr(oracle.gpr, "X_train_"):
            found = candidates[0] if candidates else _points.untried(self._space, tried, rng)
            assert found is not None, "The space was checked not to be exhausted."
            return found
        names = [hp for hp in oracle.hyperparameters.space if hp in oracle._nonfixed_space()]
        vectors = [[hp.value_to_prob(point[hp.name]) for hp in names] for point in candidates]
        mean, spread = oracle.gpr.predict(vectors, return_std=True)
        return candidates[int((mean - oracle.beta * spread).argmin())]


def make(kind: type, space: Space, *, maximize: bool, **options: Any) -> Any:
    """Makes an oracle of Keras Tuner without words or files of its own.

    Args:
        kind: A class of `keras_tuner.oracles`.
        space: What to draw from.
        maximize: Whether more is better.
        options: What the class takes besides; `max_trials=None` where it has a limit, which is 10.
    """
    oracle = kind(
        objective=keras_tuner.Objective("score", "max" if maximize else "min"),
        hyperparameters=hyperparameters(space),
        max_consecutive_failed_trials=sys.maxsize,
        **options,
    )
    oracle.verbose = 0
    oracle._max_collisions = _points.COLLISIONS
    oracle.save = lambda: None
    oracle._save_trial = lambda trial: None
    # It would walk over all trials at the end of each; here any number may fail.
    oracle._check_consecutive_failures = lambda: None
    return oracle


def enter(oracle: Any, name: str, values: Mapping[str, Value]) -> Any:
    """Enters a point as if the oracle had proposed it, and returns its trial."""
    hp = oracle.get_space()
    hp.values = dict(values)
    entered = Trial(hp, trial_id=name, status="RUNNING")
    oracle.trials[name] = entered
    oracle._record_values(entered)
    return entered


def end(oracle: Any, trial: Any, score: float) -> None:
    """Ends a trial for Keras Tuner with the score it is to have."""
    trial.status = "COMPLETED"
    oracle.update_trial(trial.trial_id, {"score": score})
    oracle.end_trial(trial)


def hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """Translates a space into Keras Tuner's own terms."""
    hp = keras_tuner.HyperParameters()
    for name, domain in space.items():
        register(hp, name, domain)
    return hp


def register(
    hp: keras_tuner.HyperParameters, name: str, domain: Domain, default: Value | None = None
) -> Any:
    """Registers a setting in `hp` and returns its value there; None where `hp` holds it inactive.

    Args:
        hp: The hyperparameters of a trial, or of a search.
        name: The setting.
        domain: Its values.
        default: The one of them to begin with; None: the first.
    """
    first = {} if default is None else {"default": default}
    if isinstance(domain, Int):
        return hp.Int(name, domain.low, domain.high, domain.step, **first)
    if isinstance(domain, Float):
        sampling = "log" if domain.log else "linear"
        return hp.Float(name, domain.low, domain.high, sampling=sampling, **first)
    if len(domain.values) == 2 and all(type(value) is bool for value in domain.values):
        return hp.Boolean(name, **first)  # As a Choice they would become 0 and 1.
    if len(domain.values) > 1:
        return hp.Choice(name, list(domain.values), **first)
    return hp.Fixed(name, domain.values[0])
