"""Loggers: one file each.

Contract of every public module here:

    def logger(run_dir, spec, *, shown) -> Logger

`run_dir` is the run's folder, a `pathlib.Path`. `shown` maps the names of the settings that vary
in the study to this run's values. Plain calls, so that every trainer can make them; a logger
imports no backend.

A logger that wants to know what passes through the network says so by a literal:

    NEEDS_NETWORK = True

The run is then watched, on a copy of its network and outside the training step, which costs time
and changes no number; what `kerascnn/signals.py` measures goes to every logger of the run that has

    inside(number, values) -> None

after epoch `number`, and before the first, which is 0: gradients, updates, dead and saturated
units, by names such as "gradients/block1_conv1/norm". A run that is resumed tells of its earlier
epochs again, as `epoch` does.
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
