"""TensorBoard: one event file in the run's folder, readable while the run is under way."""

import math
from collections.abc import Mapping
from pathlib import Path

from kerascnn import events
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value


def logger(run_dir: Path, spec: RunSpec, *, shown: Mapping[str, Value]) -> "EventLogger":
    """Starts the run's event file, in place of one that an interrupted attempt left.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    return EventLogger(run_dir, spec, shown)


class EventLogger:
    """One run in TensorBoard: its curves, and a session of the HParams page.

    All seeds of a configuration are one session group. Curves keep the names the trainer gives
    them; a value that is not finite is drawn as TensorBoard draws it, a triangle. The final
    metrics are `metrics/<metric>`, at the epoch whose weights they are of.
    """

    def __init__(self, run_dir: Path, spec: RunSpec, shown: Mapping[str, Value]) -> None:
        self._ended = False
        self._file = events.EventFile(run_dir)
        self._file.write(0, [events.session_start(spec.config_id, events.shown_of(spec, shown))])

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Adds one point to every curve.

        Raises:
            OSError: If the disk is full.
        """
        self._file.write(number, [events.scalar(tag, metrics[tag]) for tag in sorted(metrics)])

    def inside(self, number: int, values: Mapping[str, float]) -> None:
        """Adds one point to every curve of what passes through the network; see `signals`.

        Raises:
            OSError: If the disk is full.
        """
        self.epoch(number, values)

    def close(self, record: RunRecord) -> None:
        """Adds the outcome, once.

        Raises:
            OSError: If the disk is full.
        """
        if self._ended:
            return
        # One NaN would make the HParams page's mean over the seeds NaN.
        final = {name: value for name, value in record.metrics.items() if math.isfinite(value)}
        self._file.write(
            record.scored_epoch,
            [
                *(events.scalar(f"metrics/{name}", final[name]) for name in sorted(final)),
                events.session_end(succeeded=record.status == "finished"),
            ],
        )
        self._ended = True
