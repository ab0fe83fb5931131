"""Runs handed to an executor, and their records collected as each ends."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Generic, TypeVar

from kerascnn import training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tuning.study import Study

# Seconds between looks for runs that ended inside a call still under way.
_POLL = 0.25

Owner = TypeVar("Owner")
Run = Callable[..., list[RunRecord]]


class Dispatch(Generic[Owner]):
    """Calls under way, each with a batch of runs that belong to an owner, such as a trial.

    Args:
        study: Whose folder the workers write to.
        executor: Where runs are trained.
        run: What a worker executes.
        missing: (owner, runs) -> those of them that have no record yet and should have one.
        record: Takes an owner and the record of one of its runs; a record may come twice.
    """

    def __init__(
        self,
        study: Study,
        executor: Executor,
        *,
        run: Run = training.run,
        missing: Callable[[Owner, Sequence[RunSpec]], list[RunSpec]],
        record: Callable[[Owner, RunRecord], None],
    ) -> None:
        self._study = study
        self._executor = executor
        self._run = run
        self._missing = missing
        self._record = record
        self._pending: dict[
            Future[list[RunRecord]], tuple[Owner, list[RunSpec], Sequence[str]]
        ] = {}

    @property
    def idle(self) -> bool:
        """Whether no call is under way."""
        return not self._pending

    def owners(self) -> list[Owner]:
        """Returns whose calls are under way, each once."""
        owners = {id(owner): owner for owner, _, _ in self._pending.values()}
        return list(owners.values())

    def submit(
        self, owner: Owner, specs: Sequence[RunSpec], *, parts: int = 1, varied: Sequence[str] = ()
    ) -> None:
        """Submits the runs that are missing, adopting those a worker finished unrecorded.

        Args:
            owner: Whom they belong to.
            specs: Its runs, of one configuration.
            parts: Into at most how many calls they go; runs computed together stay so.
            varied: Names of the settings that vary in the study, for the loggers.
        """
        missing = self._adopt(owner, specs)
        together = self._study.together
        # Whole groups: one more that is not full would cost as much as one that is.
        size = max(1, -(-len(missing) // (parts * together))) * together
        for start in range(0, len(missing), size):
            self._call(owner, missing[start : start + size], varied)

    def wait(self) -> None:
        """Waits until something may have ended, and records what did."""
        wait(self._pending, timeout=_POLL, return_when=FIRST_COMPLETED)
        self.collect_finished()
        for future in [future for future in self._pending if future.done()]:
            self._collect(future)

    def stop(self) -> None:
        """Ends the executor at once; what had ended is recorded."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.collect_finished()

    def collect_finished(self) -> None:
        """Records runs that ended inside calls still under way."""
        for owner, batch, _ in list(self._pending.values()):
            self._adopt(owner, batch)

    def _call(self, owner: Owner, batch: list[RunSpec], varied: Sequence[str]) -> None:
        future = self._executor.submit(
            self._run,
            batch,
            folder=str(self._study.folder),
            trainer=self._study.trainer,
            varied=varied,
        )
        self._pending[future] = (owner, batch, varied)

    def _adopt(self, owner: Owner, batch: Sequence[RunSpec]) -> list[RunSpec]:
        """Records what workers left of a batch, and returns the runs that are still missing."""
        for spec in self._missing(owner, batch):
            record = training.outbox(self._study.folder, spec)
            if record is not None:
                self._record(owner, record)
        return self._missing(owner, batch)

    def _collect(self, future: Future[list[RunRecord]]) -> None:
        owner, batch, varied = self._pending.pop(future)
        error = future.exception()
        if isinstance(error, OSError):
            raise error
        if error is None:
            for record in future.result():
                self._record(owner, record)
        elif missing := self._adopt(owner, batch):
            # Runs go in order: the first without a record is the one that ended the worker.
            text = f"{type(error).__name__}: {error}"
            self._record(owner, RunRecord(spec=missing[0], status="failed", error=text))
            if missing[1:]:
                self._call(owner, missing[1:], varied)
