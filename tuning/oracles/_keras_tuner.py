"""Adapts the oracles of Keras Tuner to adopt, ask and tell.

The only module that knows Keras Tuner. Its oracles expect to own a project folder, worker ids
and retries; ours keep none of these and write no files.
"""

import hashlib
import random
import sys
from collections.abc import Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial

from kerascnn.spec import Value
from tuning import space as spaces
from tuning.oracles import Ask
from tuning.space import Choice, Float, Int, Space

# Draws of an already tried point before an untried one is searched for.
_COLLISIONS = 50


class KerasTunerOracle:
    """An oracle of Keras Tuner whose choices do not depend on scores.

    A trial is ended for Keras Tuner as it is asked: its grid would wait for the score of each
    point before it names the next.

    Args:
        name: A class of `keras_tuner.oracles`.
        space: What to draw from.
        seed: Any int; 0 is a seed like the others.
        adopts: Whether a point chosen by others can be entered; else it may be asked again.
    """

    def __init__(self, name: str, space: Space, *, seed: int, adopts: bool = True) -> None:
        self._space = space
        self._seed = seed
        self._adopts = adopts
        self._oracle = getattr(keras_tuner.oracles, name)(
            objective=keras_tuner.Objective("score", "max"),
            hyperparameters=hyperparameters(space),
            max_trials=None,  # Its own limit is 10; ours is the study's.
            max_consecutive_failed_trials=sys.maxsize,
        )
        self._oracle.verbose = 0
        self._oracle._max_collisions = _COLLISIONS
        self._oracle.save = lambda: None
        self._oracle._save_trial = lambda trial: None

    def adopt(self, trial: int, point: Mapping[str, Value]) -> None:
        if self._adopts and all(point.get(name) in domain for name, domain in self._space.items()):
            values = {name: point[name] for name in self._space}
            self._enter(f"adopted{trial}", values)

    def ask(self, trial: int) -> Ask | None:
        if not self._space:
            return None
        # From (seed, trial) alone, and never 0, which Keras Tuner takes for "no seed".
        self._oracle._seed_state = derive(self._seed, trial)
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

    def tell(self, trial: int, score: float | None) -> None:
        """Does nothing: no later choice depends on it."""

    def _enter(self, name: str, values: Mapping[str, Value]) -> None:
        """Enters a point as if this oracle had proposed it."""
        hp = self._oracle.get_space()
        hp.values = dict(values)
        entered = Trial(hp, trial_id=name, status="RUNNING")
        self._oracle.trials[name] = entered
        self._oracle._record_values(entered)
        self._end(entered)

    def _end(self, trial: Any) -> None:
        trial.status = "COMPLETED"
        self._oracle.update_trial(trial.trial_id, {"score": 0.0})
        self._oracle.end_trial(trial)

    def _untried(self, trial: int) -> dict[str, Value] | None:
        """Returns a point never tried, or None: the space is exhausted."""
        count = spaces.size(self._space)
        if count is None:
            return None
        tried = {
            _key(each.hyperparameters.values, self._space) for each in self._oracle.trials.values()
        }
        start = random.Random(f"{self._seed}/{trial}").randrange(count)
        for index in range(count):
            point = spaces.nth(self._space, (start + index) % count)
            if _key(point, self._space) not in tried:
                return point
        return None


def derive(seed: int, trial: int) -> int:
    """Returns the random state of an ask: 1 to 2**31, from (seed, trial) alone."""
    digest = hashlib.sha256(f"{seed}/{trial}".encode()).digest()
    return (int.from_bytes(digest[:4], "big") >> 1) + 1


def hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """Translates a space into Keras Tuner's own terms."""
    hp = keras_tuner.HyperParameters()
    for name, domain in space.items():
        if isinstance(domain, Int):
            hp.Int(name, domain.low, domain.high, domain.step)
        elif isinstance(domain, Float):
            sampling = "log" if domain.log else "linear"
            hp.Float(name, domain.low, domain.high, sampling=sampling)
        elif set(domain.values) == {False, True}:
            hp.Boolean(name)  # As a Choice they would become 0 and 1.
        elif isinstance(domain, Choice) and len(domain.values) > 1:
            hp.Choice(name, list(domain.values))
        else:
            hp.Fixed(name, domain.values[0])
    return hp


def _key(values: Mapping[str, Value], space: Space) -> tuple[Value, ...]:
    return tuple(values[name] for name in space)
