"""Loggers: one file each.

Contract of every public module here:

    def logger(run_dir, spec, *, shown) -> Logger

`run_dir` is the run's folder, a `pathlib.Path`. `shown` maps the names of the settings that vary
in the study to this run's values. Plain calls, so that every trainer can make them; a logger
imports no backend.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kerascnn.record import RunRecord


class Logger(Protocol):
    """Follows one run."""

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Takes the metrics of an epoch (1, 2, ...), by names such as "accuracy/validation"."""

    def close(self, record: "RunRecord") -> None:
        """Takes the outcome; nothing follows."""
