"""Runs handed to an executor, and their records collected as each ends.

A worker that dies, hangs or runs out of memory costs the run it was at, which is tried once more
and then recorded as failed; the log says of each that it was, so that a study that is resumed does
not try for ever.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from kerascnn import attempt, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tuning import executors, failures
from tuning.liveness import Life
from tuning.study import Study

# Seconds between looks for runs that ended inside a call still under way.
_POLL = 0.25
# Such a look reads a file for every call: it takes at most one of so many seconds.
_SHARE = 10
# Seconds without a sign of life after which a run hung. A first call compiles in silence.
HANG_AFTER = 900.0
# Seconds a run has to stop at its limit by itself: it does so between compiled calls.
GRACE = 120.0
# Looks for signs of life in the shortest time after which a call is ended.
_LOOKS = 20

Owner = TypeVar("Owner")
Run = Callable[..., list[RunRecord]]


@dataclasses.dataclass
class _Call(Generic[Owner]):
    """A call under way.

    Attributes:
        owner: Whom its runs belong to.
        batch: Its runs.
        varied: Names of the settings that vary in the study.
        folder: Where its runs leave what they leave.
        life: The signs of life it gave.
        hung: Why its worker was ended, if its run is to be tried again.
        over: Why its worker was ended, if its run was too long.
    """

    owner: Owner
    batch: list[RunSpec]
    varied: Sequence[str]
    folder: Path
    life: Life
    hung: str = ""
    over: str = ""


class Dispatch(Generic[Owner]):
    """Calls under way, each with a batch of runs that belong to an owner, such as a trial.

    Args:
        study: Whose folder the workers write to.
        executor: Where runs are trained.
        run: What a worker executes.
        missing: (owner, runs) -> those of them that have no record yet and should have one.
        record: Takes an owner and the record of one of its runs; a record may come twice.
        run_limit: Seconds after which a run stops; None: no limit.
        hang_after: Seconds without a sign of life after which a run is ended.
        grace: Seconds beyond `run_limit` after which a run that did not stop is ended.
    """

    def __init__(
        self,
        study: Study,
        executor: Executor,
        *,
        run: Run = training.run,
        missing: Callable[[Owner, Sequence[RunSpec]], list[RunSpec]],
        record: Callable[[Owner, RunRecord], None],
        run_limit: float | None = None,
        hang_after: float = HANG_AFTER,
        grace: float = GRACE,
    ) -> None:
        self._study = study
        self._executor = executor
        self._run = run
        self._missing = missing
        self._record = record
        self._limit = run_limit
        self._hang_after = hang_after
        self._longest = None if run_limit is None else run_limit * study.together + grace
        self._interval = min(hang_after, self._longest or hang_after) / _LOOKS
        self._looked = time.monotonic()
        self._look_again = self._looked + _POLL  # For runs that ended inside calls
        self._retried: set[tuple[str, int]] | None = None  # Read when it is first needed.
        self._pending: dict[Future[list[RunRecord]], _Call[Owner]] = {}
        self._calls: Counter[int] = Counter()  # Identity of an owner -> its calls under way
        self._owners: dict[int, Owner] = {}

    @property
    def idle(self) -> bool:
        """Whether no call is under way."""
        return not self._pending

    def owners(self) -> list[Owner]:
        """Returns whose calls are under way, each once."""
        return list(self._owners.values())

    def submit(
        self,
        owner: Owner,
        specs: Sequence[RunSpec],
        *,
        parts: int = 1,
        varied: Sequence[str] = (),
        apart: bool = False,
    ) -> None:
        """Submits the runs that are missing, adopting those a worker finished unrecorded.

        Args:
            owner: Whom they belong to.
            specs: Its runs, of one configuration.
            parts: Into at most how many calls they go; runs computed together stay so.
            varied: Names of the settings that vary in the study, for the loggers.
            apart: Whether they leave their files aside, because longer runs have left theirs.
        """
        folder = self._study.apart if apart else self._study.folder
        missing = self._adopt(owner, specs, folder, ended=True)
        together = self._study.together
        # Whole groups: one more that is not full would cost as much as one that is.
        size = max(1, -(-len(missing) // (parts * together))) * together
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            self._call(_Call(owner, batch, varied, folder, Life(folder)))

    def wait(self) -> None:
        """Waits until something may have ended, and records what did."""
        wait(self._pending, timeout=min(_POLL, self._interval), return_when=FIRST_COMPLETED)
        if (start := time.monotonic()) >= self._look_again:
            self.collect_finished()
            took = time.monotonic() - start
            self._look_again = start + max(_POLL, _SHARE * took)
        self._end_what_hangs()
        for future in [future for future in self._pending if future.done()]:
            self._collect(future)

    def stop(self) -> None:
        """Ends the executor at once; what had ended is recorded."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.collect_finished()

    def collect_finished(self) -> None:
        """Records runs that ended inside calls still under way."""
        for call in list(self._pending.values()):
            self._adopt(call.owner, call.batch, call.folder, ended=False)

    def _call(self, call: _Call[Owner]) -> None:
        options: Mapping[str, Any] = {} if self._limit is None else {"run_limit": self._limit}
        future = self._executor.submit(
            self._run,
            call.batch,
            folder=str(call.folder),
            trainer=self._study.trainer,
            varied=call.varied,
            **options,
        )
        self._pending[future] = call
        self._calls[id(call.owner)] += 1
        self._owners[id(call.owner)] = call.owner

    def _leave(self, owner: Owner) -> None:
        """Takes note that one of an owner's calls has ended."""
        self._calls[id(owner)] -= 1
        if not self._calls[id(owner)]:
            del self._calls[id(owner)], self._owners[id(owner)]

    def _adopt(
        self, owner: Owner, batch: Sequence[RunSpec], folder: Path, *, ended: bool
    ) -> list[RunSpec]:
        """Records what workers left of a batch, and returns the runs that are still missing.

        Args:
            owner: Whom they belong to.
            batch: The runs.
            folder: Where they left it.
            ended: Whether no worker is at them: what was out of memory may be tried again.
        """
        for spec in self._missing(owner, batch):
            places = dict.fromkeys((self._study.folder, folder))
            left = {place: attempt.outbox(place, spec) for place in places}
            for place, record in left.items():
                if record is not None and (ended or not failures.is_out_of_memory(record)):
                    self._take(owner, record, place)
            if not (ended or any(left.values())) and self._study.together == 1:
                break  # Runs go in order: none behind it has ended.
        return self._missing(owner, batch)

    def _take(self, owner: Owner, record: RunRecord, folder: Path) -> None:
        """Records a run that ended, unless it is to be tried again."""
        if failures.is_out_of_memory(record):
            if self._may_retry(record.spec):
                (attempt.run_dir(folder, record.spec) / "record.json").unlink(missing_ok=True)
                self._retry(record.spec, record.reason)
                return
            record = failures.for_good(record)
        self._record(owner, record)

    def _collect(self, future: Future[list[RunRecord]]) -> None:
        call = self._pending.pop(future)
        self._leave(call.owner)
        error = future.exception()
        if isinstance(error, OSError):
            raise error
        for record in future.result() if error is None else ():
            if self._missing(call.owner, [record.spec]):
                self._take(call.owner, record, call.folder)
        missing = self._adopt(call.owner, call.batch, call.folder, ended=True)
        if error is None:  # Those that are to be tried again, and no others.
            missing = [spec for spec in missing if not self._may_retry(spec)]
        elif missing:
            missing = self._blame(call, missing, error)
        if missing:
            batch = _Call(call.owner, missing, call.varied, call.folder, Life(call.folder))
            self._call(batch)

    def _blame(
        self, call: _Call[Owner], missing: list[RunSpec], error: BaseException
    ) -> list[RunSpec]:
        """Takes note of what ended a worker, and returns the runs that are still to be trained.

        Runs go in order: the first without a record is the one that ended it.
        """
        first, reason = missing[0], call.over or call.hung or failures.of_worker(error)
        died = isinstance(error, executors.WorkerDiedError | MemoryError)
        if died and not call.over and self._may_retry(first):
            self._retry(first, reason)
            return missing
        if died and not call.over:
            reason = f"Twice: {reason}"
        self._record(call.owner, RunRecord(spec=first, status="failed", error=reason))
        return missing[1:]

    # What was tried before.

    def _may_retry(self, spec: RunSpec) -> bool:
        if self._retried is None:
            events = (line for line in self._study.log.lines() if line.get("name") == "retried")
            self._retried = {(event["run_id"], event["epochs"]) for event in events}
        return (spec.run_id, spec.last_epoch) not in self._retried

    def _retry(self, spec: RunSpec, reason: str) -> None:
        """Says in the log, before it is done, that a run is tried again."""
        assert self._retried is not None
        run = {"run_id": spec.run_id, "epochs": spec.last_epoch}
        self._study.log.append("event", {"name": "retried", **run, "reason": reason})
        self._retried.add((spec.run_id, spec.last_epoch))

    # What does not end.

    def _end_what_hangs(self) -> None:
        passed = time.monotonic() - self._looked
        if passed < self._interval or not executors.can_end(self._executor):
            return
        self._looked = time.monotonic()
        for future, call in self._pending.items():
            missing = self._missing(call.owner, call.batch)
            if not missing or not future.running() or call.hung or call.over:
                continue
            # A process that was stopped itself knows of the time before its last look alone.
            call.life.look(missing[0], min(passed, 2 * self._interval))
            if call.life.silent >= self._hang_after:
                call.hung = failures.of_silence(self._hang_after)
            elif self._longest is not None and call.life.busy >= self._longest:
                call.over = failures.of_length(self._limit or 0.0)
            if call.hung or call.over:
                executors.end(self._executor, future)
