"""One attempt at a run: from its checkpoint, or from the beginning, to its record."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascnn import checkpoint, durations, host, memory, registry, trainers
from kerascnn.checkpoint import Checkpoint
from kerascnn.costs import Costs
from kerascnn.record import RunRecord, write_file
from kerascnn.spec import RunSpec, value_of

if TYPE_CHECKING:
    from kerascnn.signals import Watch

# The file in a run's folder that shows that it is alive.
ALIVE = ".alive"
# Seconds between two signs of life.
_BEAT = 1.0


def outbox(folder: Path, spec: RunSpec) -> RunRecord | None:
    """Returns the record a worker left in the run's folder, or None; a damaged one is none."""
    try:
        fields = json.loads((run_dir(folder, spec) / "record.json").read_bytes())
        record = RunRecord.from_json(fields)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    same = (record.spec.run_id, record.spec.last_epoch) == (spec.run_id, spec.last_epoch)
    return record if same else None


def run_dir(folder: Path, spec: RunSpec) -> Path:
    """Returns the folder of a run in its study's."""
    return folder / spec.config_id / spec.run_name


def checkpoint_of(folder: Path, spec: RunSpec) -> Path:
    """Returns the file of a run's checkpoint in its study's folder."""
    return run_dir(folder, spec) / "checkpoint.npz"


def drop_checkpoint(folder: Path, record: RunRecord) -> None:
    """Removes the checkpoint of a run that ended, unless a later trial may train it for longer."""
    spec = record.spec
    if record.status != "finished" or spec.last_epoch == spec.epochs:
        checkpoint_of(folder, spec).unlink(missing_ok=True)


class Attempt:
    """A run under way in a worker.

    It leaves in its folder `.alive`, touched about every second while it trains, and
    `checkpoint.npz`; at its end `record.json`, and no more of these two, unless it stopped before
    its planned length: then the checkpoint stays, for a later trial that trains it for longer.

    Args:
        spec: The run.
        folder: The study's.
        trainer: With its form, if it has forms.
        loggers: Entries of `kerascnn/loggers`.
        varied: Names of the settings that vary in the study.
        checkpoint_every: Seconds of training between two checkpoints.
        run_limit: Seconds the run may take in all; None: as long as it needs.

    Attributes:
        record: The outcome, once there is one.
        costs: What its network costs; nothing before it is measured.
        watch: What follows its network, if one of its loggers asks for that.
        images: How many an epoch has; 0: not known yet.
        started: What the record will say of the weights it starts from.
        answers: What the record's `host` will say of how long its network takes to answer.
        scored_epoch: What the record will say of it.
    """

    def __init__(
        self,
        spec: RunSpec,
        folder: Path,
        trainer: str,
        *,
        loggers: Sequence[str],
        varied: Sequence[str],
        checkpoint_every: float,
        run_limit: float | None,
    ) -> None:
        self.spec = spec
        self.record = outbox(folder, spec)
        self.dir = run_dir(folder, spec)
        self._folder = folder
        self._checkpoint = checkpoint_of(folder, spec)
        self.trainer = trainer
        self.costs = Costs()
        self.watch: Watch | None = None
        self.images = 0
        self.started: Mapping[str, Any] = {}
        self.answers: dict[str, Any] = {}
        self.scored_epoch = 0
        self._shown = {name: value_of(spec, name) for name in varied}
        self._names = loggers
        self._every, self._limit = checkpoint_every, run_limit
        self.begin()

    def begin(self) -> None:
        """Starts the clock, and forgets what there was: a run beside it may have failed."""
        self._start = self._saved = time.perf_counter()
        self._beaten = 0.0
        self._history: dict[str, list[float | None]] = {}
        self._epoch = 0
        self._loggers: list[Any] | None = None
        self._continued: tuple[int, int] | None = None
        self._behind = 0  # Epochs that an attempt before this one made, or that were looked into.
        self._ends: list[float] = []  # When epochs of this attempt ended, looks inside left out
        self._aside = 0.0  # Seconds that these took
        memory.forget_peak()

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, in all its attempts."""
        return time.perf_counter() - self._start

    def leave_out(self, seconds: float) -> None:
        """Takes seconds that went to something else from what the run took."""
        self._start += seconds
        self._aside += seconds

    @property
    def is_watched(self) -> bool:
        """Whether one of its loggers wants to know what passes through the network."""
        needs = "kerascnn.loggers", "NEEDS_NETWORK"
        return any(registry.constant(needs[0], name, needs[1], False) for name in self._names)

    def resumed(self) -> Checkpoint | None:
        """Returns where an attempt before this one stood, if that is of any use."""
        start, seconds = checkpoint.read(self._checkpoint, made=self._made()) or (None, 0.0)
        if start is not None and start.reach > (self.spec.last_epoch, 0):
            start = None
        if start is not None:
            self._continued, self._behind = start.reach, start.epoch
            self._start -= seconds
        if self.watch is not None:
            self.watch.begin(start)
            self._tell(0)
        return start

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        """Takes the metrics of an epoch."""
        self._epoch = number
        for name, value in values.items():
            self._history.setdefault(name, []).append(value)
        for logger in self._open_loggers():
            logger.epoch(number, values)
        if number <= self._behind:
            self._tell(number)
        else:
            self._ends.append(time.perf_counter() - self._aside)

    def pause(self, here: Callable[[], Checkpoint] | None) -> None:
        """Shows that the run is alive, keeps to its limit, and writes a checkpoint when due.

        Args:
            here: Returns where the run stands; None: not now.

        Raises:
            Stop: If the run is over its limit. Its record is then made.
            OSError: If the disk is full.
        """
        now = time.perf_counter()
        if now - self._beaten >= _BEAT:
            self._beaten = now
            self.dir.mkdir(parents=True, exist_ok=True)
            (self.dir / ALIVE).touch()
        if self._limit is not None and now - self._start > self._limit:
            self.end(
                status="failed", error=f"Over the limit of {durations.text(self._limit)} a run."
            )
            raise trainers.Stop
        if here is not None:
            self._look_inside(here)
            self._save(here, now)

    def _look_inside(self, here: Callable[[], Checkpoint]) -> None:
        """Measures the network, if it is watched and an epoch has just ended."""
        if self.watch is not None and self._epoch > self._behind:
            self._behind, start = self._epoch, time.perf_counter()
            self.watch.epoch(self._epoch, here().model)
            self._tell(self._epoch)
            self._aside += time.perf_counter() - start

    def _tell(self, epoch: int) -> None:
        """Tells the loggers that can hear it what was measured after an epoch."""
        seen = {} if self.watch is None else self.watch.seen
        for logger in self._open_loggers() if epoch in seen else ():
            if hasattr(logger, "inside"):
                logger.inside(epoch, seen[epoch])

    def _save(self, here: Callable[[], Checkpoint], now: float) -> None:
        """Writes a checkpoint when due."""
        to_be_continued = self._epoch == self.spec.last_epoch < self.spec.epochs
        if to_be_continued or now - self._saved >= self._every:
            found, seconds = here(), now - self._start
            if self.watch is not None:
                found = self.watch.kept(found)
            checkpoint.write(self._checkpoint, found, made=self._made(), seconds=seconds)
            self._saved = time.perf_counter()

    def end(self, **fields: Any) -> None:
        """Makes the record, hands it to the loggers and leaves it in the run's folder."""
        about = host.about(*trainers.named(self.trainer))
        if self._continued is not None:
            about["continued"] = self._continued
        about |= {**self._measured(), **self.started}
        record = RunRecord(
            spec=self.spec,
            epoch=self._epoch,
            restored=0 if self.scored_epoch == self._epoch else self.scored_epoch,
            history=self._history,
            seconds=self.seconds,
            parameters=self.costs.parameters,
            multiply_accumulates=self.costs.multiply_accumulates,
            host=about,
            **fields,
        )
        for logger in self._open_loggers():
            logger.close(record)
        write_file(self.dir / "record.json", json.dumps(record.to_json()).encode())
        self.record = record
        (self.dir / ALIVE).unlink(missing_ok=True)
        drop_checkpoint(self._folder, record)

    def _measured(self) -> dict[str, Any]:
        """Returns what the run took besides time; see `RunRecord`."""
        found = dict(self.answers)
        if peak := memory.peak():
            found["peak_memory"] = peak
        if self.images and len(self._ends) > 1:
            seconds = self._ends[-1] - self._ends[0]
            found["images_per_second"] = self.images * (len(self._ends) - 1) / seconds
        return found

    def _made(self) -> dict[str, Any]:
        """Returns what a checkpoint must agree in: whose it is, and what decides the numbers."""
        about = host.about(*trainers.named(self.trainer))
        kept = {name: about[name] for name in about if name not in ("machine", "gpu", "ended")}
        return {"run": self.spec.run_id, **kept}

    def _open_loggers(self) -> list[Any]:
        if self._loggers is None:
            self.dir.mkdir(parents=True, exist_ok=True)
            rooms = [registry.load("kerascnn.loggers", name) for name in self._names]
            made = [room.logger(self.dir, self.spec, shown=self._shown) for room in rooms]
            self._loggers = made
        return self._loggers
