"""Rounds of runs of several configurations: submitted, recorded one by one, waited for."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from kerascnn import attempt, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning import leftovers
from tuning.dispatch import Dispatch, Run
from tuning.limits import UNLIMITED, Limits
from tuning.study import Study
from tuning.trial import Progress


class Entrant(Protocol):
    """A configuration that takes part.

    Attributes:
        trial: The trial it is; None: it was not asked for.
        point: What was asked for.
        runs: Records by what `key` of `Rounds` makes of their specs.
    """

    trial: int | None
    point: Mapping[str, Value]
    runs: dict[Any, RunRecord]


Who = TypeVar("Who", bound=Entrant)


class Rounds(Generic[Who]):
    """Trains what is missing of some configurations' runs, each record in the log as it comes.

    Args:
        study: Whose log is open for writing.
        executor: Where runs are trained.
        key: Spec -> the key of its record in an entrant's `runs`.
        run: What a worker executes.
        limits: Of its runs.
        watch: Called with a `Progress` after every run.
        ended: Called with every record after it is in the log; it may raise.
    """

    def __init__(
        self,
        study: Study,
        executor: Executor,
        *,
        key: Callable[[RunSpec], Any],
        run: Run = training.run,
        limits: Limits = UNLIMITED,
        watch: Callable[[Progress], None] = lambda progress: None,
        ended: Callable[[RunRecord], None] = lambda record: None,
    ) -> None:
        self._study = study
        self._key = key
        self._watch = watch
        self._after = ended
        self._planned = 0
        self._ended: list[RunRecord] = []
        self._dispatch: Dispatch[Who] = Dispatch(
            study, executor, **limits.of(run), missing=self._missing, record=self._record
        )

    def train(
        self,
        round_: Sequence[tuple[Who, Sequence[RunSpec]]],
        *,
        parts: int,
        varied: Sequence[str] = (),
    ) -> None:
        """Trains one round to its end.

        Args:
            round_: The configurations, each with all its runs, ended ones included.
            parts: Into at most how many calls the runs of one go.
            varied: Names of the settings that vary in the study, for the loggers.

        Raises:
            OSError: If the disk is full; the study is intact.
        """
        self._planned = sum(len(specs) for _, specs in round_)
        known = [(who, self._key(spec)) for who, specs in round_ for spec in specs]
        self._ended = [who.runs[key] for who, key in known if key in who.runs]
        for who, specs in round_:
            self._dispatch.submit(who, specs, parts=parts, varied=varied)
        while not self._dispatch.idle:
            self._dispatch.wait()
        leftovers.sweep(self._study)

    def stop(self) -> None:
        """Ends the executor at once; what had ended is recorded."""
        self._dispatch.stop()

    def _missing(self, who: Who, specs: Sequence[RunSpec]) -> list[RunSpec]:
        return [spec for spec in specs if self._key(spec) not in who.runs]

    def _record(self, who: Who, record: RunRecord) -> None:
        key = self._key(record.spec)
        if key in who.runs:
            return
        record = replace(record, trial=who.trial, point=who.point)
        self._study.log.append_record(record)
        attempt.drop_checkpoint(self._study.folder, record)
        who.runs[key] = record
        self._ended.append(record)
        failed = sum(each.status != "finished" for each in self._ended)
        self._watch(Progress(len(self._ended), self._planned, failed, None))
        self._after(record)
