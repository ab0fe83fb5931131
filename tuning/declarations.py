"""What a study says, before it is trained, that it will score on the test set."""

from collections.abc import Mapping
from typing import Any

from kerascnn.record import RunLog
from tuning.trial import Trial


class Declarations:
    """Events `test_declared` in a log, one for each number of runs of a configuration.

    Args:
        log: Open for writing when something is declared.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._known: list[dict[str, Any]] = []

    def take(self, line: Mapping[str, Any]) -> None:
        """Takes one that the log holds."""
        self._known.append({name: value for name, value in line.items() if name != "kind"})

    def declare(self, trial: Trial) -> None:
        """Declares the runs that are planned of a trial, unless they are."""
        declared = {"trial": trial.number, "config_id": trial.config.config_id}
        event = {"name": "test_declared", **declared, "seeds": trial.seeds}
        if event not in self._known:
            self._log.append("event", event)
            self._known.append(event)
