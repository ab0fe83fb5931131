"""What a command may take: time in all, time of a run. Not part of what its study is."""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

from kerascnn.record import RunLog
from tuning.dispatch import Run

# Checkpoints of a run that is under way for a whole time budget, at least.
_CHECKPOINTS = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds that a command may take; None: as long as it takes.

    Attributes:
        time_budget: Of training in all; then what is under way is stopped, to be gone on with
            by the next command. The serial executor, which nobody can interrupt, stops after
            its call.
        run_limit: Of one run; one that takes longer is stopped and has failed.
        checkpoint_every: Of training from checkpoint to checkpoint, from which an interrupted
            run continues.
    """

    time_budget: float | None = None
    run_limit: float | None = None
    checkpoint_every: float = 60.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise ValueError(f"`{field.name} > 0` must hold. Received: {value!r}")

    def of(self, run: Run) -> dict[str, Any]:
        """Returns what a `Dispatch` is given: `run` as it is called, and the limit of runs."""
        every = self.checkpoint_every
        if self.time_budget is not None:  # However short it is, its runs must get further.
            every = min(every, self.time_budget / _CHECKPOINTS)
        return {
            "run": functools.partial(run, checkpoint_every=every),
            "run_limit": self.run_limit,
        }

    def clock(self) -> Callable[[], bool]:
        """Returns what tells whether the time budget is spent, counted from now on."""
        start = time.monotonic()
        budget = float("inf") if self.time_budget is None else self.time_budget
        return lambda: time.monotonic() - start >= budget

    def spend(self, log: RunLog, unfinished: int) -> None:
        """Says in a log, open for writing, that the time budget is spent, and what is left."""
        spent = {"name": "budget_spent", "seconds": self.time_budget, "unfinished": unfinished}
        log.append("event", spent)

    def declare(self, log: RunLog) -> None:
        """Says in a log, open for writing, which limit its next runs have, if it is another.

        A run that fails for being slow is no worse a network: whoever reads the log must know.
        """
        declared: dict[str, Any] = {"seconds": None}
        for line in log.lines():
            if line["kind"] == "event" and line["name"] == "run_limit":
                declared = line
        if declared["seconds"] != self.run_limit:
            log.append("event", {"name": "run_limit", "seconds": self.run_limit})


UNLIMITED = Limits()
