"""The oracle's side of a search: made late, and told all that came before in its order."""

import functools
from collections.abc import Mapping
from typing import Any

from kerascnn import metrics, quiet, registry, training
from tuning.oracles import Ask, Oracle
from tuning.study import SearchSpec
from tuning.trials import Trial, Trials

# Asks in a row answered by a configuration already tried before the space counts as exhausted.
_DUPLICATES = 50


class Asking:
    """Asks the oracle of a study, which is made when it is first needed.

    Args:
        spec: The study's; it has an oracle.
        trials: What was asked so far; each ask and score is also reported here, in order.
        versions: Package -> version that the study was begun with.
    """

    def __init__(self, spec: SearchSpec, trials: Trials, versions: Mapping[str, Any]) -> None:
        self._spec = spec
        self._trials = trials
        self._versions = versions
        # ("ask", trial, None) and ("tell", trial, score), as the log has them.
        self._history: list[tuple[str, int, float | None]] = []

    def prepare(self) -> None:
        """Makes the oracle, which imports Keras Tuner and takes seconds, while others work."""
        _ = self._oracle

    def asked(self, trial: Trial) -> None:
        """Takes note of an ask: this one's answer, or one in the log."""
        self._history.append(("ask", trial.number, None))

    def tell(self, trial: Trial, score: float | None) -> None:
        """Takes the score of a trial whose runs have all ended; None: it failed."""
        self._history.append(("tell", trial.number, score))
        if "_oracle" in vars(self):
            self._oracle.tell(trial.number, score)

    def next(self) -> Ask | None:
        """Returns what to try next, never a configuration that was tried; None: nothing now."""
        return self._ask(self._oracle, len(self._trials))

    @functools.cached_property
    def _oracle(self) -> Oracle:
        with quiet.silenced():  # It may bring Keras and its backend.
            entry = registry.load("tuning.oracles", self._spec.oracle)
        oracle: Oracle = entry.oracle(
            self._spec.space,
            maximize=metrics.maximize(self._spec.objective),
            seed=self._spec.seed,
            epochs=self._spec.base.epochs,
        )
        for kind, number, score in self._history:
            if kind == "tell":
                oracle.tell(number, score)
            else:
                self._replay(oracle, number)
        return oracle

    def _replay(self, oracle: Oracle, number: int) -> None:
        point = self._trials[number].point
        # The baseline is nobody's ask.
        if not number or not oracle.asks_again:
            oracle.adopt(number, point)
            return
        ask = self._ask(oracle, number)
        if ask is None or ask.point != point:
            now = training.versions("keras-tuner")["keras-tuner"]
            raise ValueError(
                f"The oracle no longer asks what it asked as trial {number}: the study was begun "
                f"with keras-tuner {self._versions.get('keras-tuner')}, this is {now}."
            )

    def _ask(self, oracle: Oracle, number: int) -> Ask | None:
        for _ in range(_DUPLICATES):
            ask = oracle.ask(number)
            known = None if ask is None else self._trials.find(ask.point)
            if known is None or known.number >= number:
                return ask
        return None
