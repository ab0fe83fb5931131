"""One ask of an oracle and what came of it."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning import objectives
from tuning.objectives import Objective
from tuning.oracles import Ask
from tuning.standings import Tally


@dataclasses.dataclass
class Trial:
    """One ask and what came of it.

    Attributes:
        number: Which ask, from 0.
        point: What was asked for.
        config: The configuration and its reach, no run of it in particular.
        parent: The trial that this one continues, for more epochs or with more seeds; None: a new
            configuration.
        continued: Whether a later trial continues it: it then needs no more seeds.
        asked: Runs the oracle asked for; None: the study's number.
        seeds: Runs that are planned; those of an earlier command may be more.
        inherited: Repeats of runs that belong to the trial it continues.
        runs: Records by repeat.
    """

    number: int
    point: Mapping[str, Value]
    config: RunSpec
    parent: int | None = None
    continued: bool = False
    asked: int | None = None
    seeds: int = 0
    inherited: frozenset[int] = frozenset()
    runs: dict[int, RunRecord] = dataclasses.field(default_factory=dict)

    @property
    def ask(self) -> Ask:
        """What was asked for."""
        epochs = self.config.stop_epoch or None
        return Ask(point=self.point, epochs=epochs, seeds=self.asked, parent=self.parent)

    @property
    def complete(self) -> bool:
        return self.infeasible or len(self.runs) >= self.seeds

    @property
    def infeasible(self) -> bool:
        return any(run.status == "infeasible" for run in self.runs.values())

    def missing(self, specs: Sequence[RunSpec]) -> list[RunSpec]:
        """Returns those of its own runs without record: none if its network cannot be built."""
        if self.infeasible:
            return []
        known = {*self.runs, *self.inherited}
        return [spec for spec in specs if spec.repeat not in known]

    @property
    def tally(self) -> Tally:
        """Its own runs: none if none are planned, or its network cannot be built."""
        if not self.seeds or self.infeasible:
            return Tally()
        own = [run for repeat, run in self.runs.items() if repeat not in self.inherited]
        failed = sum(run.status == "failed" for run in own)
        return Tally(len(own), failed, max(self.seeds - len(self.inherited), len(own)))

    def score(self, metric: str) -> float | None:
        """Returns the mean of `scores`; None if there are none."""
        values = self.scores(metric)
        return statistics.fmean(values) if values else None

    def scores(self, metric: str) -> list[float]:
        """Returns those of the finished runs, by repeat; none if fewer than half finished."""
        return [run.metrics[metric] for run in self._scored]

    def points(self, among: Sequence[Objective]) -> list[tuple[float, ...]]:
        """Returns the same of several objectives, the first a metric; nan: not known."""
        runs = self._scored
        columns = [objectives.values(each.name, runs, among[0].name) for each in among]
        return list(zip(*columns, strict=True))

    @property
    def _scored(self) -> list[RunRecord]:
        ended = [self.runs[repeat] for repeat in sorted(self.runs)]
        finished = [run for run in ended if run.status == "finished"]
        return finished if has_score(len(finished), len(ended)) else []


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a search stands.

    Attributes:
        ended, planned: Runs.
        failed: Runs among the ended that failed.
        best: The best mean so far, of configurations with all their seeds; None at first.
    """

    ended: int
    planned: int
    failed: int
    best: float | None


def has_score(finished: int, ended: int) -> bool:
    """Returns whether a configuration has a score: at least half of its ended runs finished."""
    return finished > 0 and 2 * finished >= ended
