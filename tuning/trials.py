"""What a study has asked and what came of it: state that any replay of the log rebuilds."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from kerascnn import metrics, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning.study import Study


@dataclasses.dataclass
class Trial:
    """One ask and what came of it.

    Attributes:
        number: Which ask, from 0.
        point: What was asked for.
        config: The configuration, no run of it in particular.
        seeds: Runs that are planned; those of an earlier command may be more.
        runs: Records by repeat.
        told: Whether the oracle knows the score.
    """

    number: int
    point: Mapping[str, Value]
    config: RunSpec
    seeds: int = 0
    runs: dict[int, RunRecord] = dataclasses.field(default_factory=dict)
    told: bool = False

    @property
    def complete(self) -> bool:
        return self.infeasible or len(self.runs) >= self.seeds

    @property
    def infeasible(self) -> bool:
        return any(run.status == "infeasible" for run in self.runs.values())

    def score(self, metric: str) -> float | None:
        """Returns the mean of the finished runs; None if fewer than half of all finished."""
        ended = [self.runs[repeat] for repeat in sorted(self.runs)]
        values = [run.metrics[metric] for run in ended if run.status == "finished"]
        return statistics.fmean(values) if has_score(len(values), len(ended)) else None


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


class Trials:
    """The trials of a study, and how far it should go.

    Attributes:
        trials: Distinct configurations to try, where an oracle is asked.
    """

    def __init__(self, study: Study) -> None:
        spec = study.spec
        self._study = study
        self._spec = spec
        self._all: list[Trial] = []
        self._by_config: dict[str, Trial] = {}
        self._maximize = metrics.maximize(spec.objective)
        self._seeds = spec.seeds if spec.oracle else 0
        self.trials = spec.trials

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number: int) -> Trial:
        return self._all[number]

    @property
    def seeds(self) -> int:
        """Runs of each trial, where an oracle is asked; setting it plans them for all."""
        return self._seeds

    @seeds.setter
    def seeds(self, seeds: int) -> None:
        self._seeds = seeds
        for trial in self._all:
            trial.seeds = seeds

    def enter(self, point: Mapping[str, Value]) -> Trial:
        """Adds the next trial."""
        trial = Trial(len(self._all), point, self._configured(point), self._seeds)
        self._all.append(trial)
        self._by_config[trial.config.config_id] = trial
        return trial

    def find(self, point: Mapping[str, Value]) -> Trial | None:
        """Returns the trial of the configuration that `point` makes, if it was asked for."""
        return self._by_config.get(self._configured(point).config_id)

    def _configured(self, point: Mapping[str, Value]) -> RunSpec:
        return self._spec.base.configure(self._study.located(point))

    @property
    def feasible(self) -> int:
        """How many trials count: those whose network can be built, as far as is known."""
        return sum(not trial.infeasible for trial in self._all)

    def reasons(self) -> list[str]:
        """Returns why trials could not be built, one reason a trial."""
        runs = [list(trial.runs.values()) for trial in self._all if trial.infeasible]
        return [ended[0].error for ended in runs]

    def last_all_infeasible(self, count: int) -> str | None:
        """Returns why, if the last `count` trials could not be built."""
        last = self._all[-count:]
        if len(last) < count or not all(trial.infeasible for trial in last):
            return None
        return next(iter(last[-1].runs.values())).error

    def ranked(self) -> list[Trial]:
        """Returns the complete trials that have a score, best first."""
        pairs = [(trial.score(self._spec.objective), trial) for trial in self._all]
        scored = [(s, trial) for s, trial in pairs if s is not None and trial.complete]
        scored.sort(key=lambda pair: pair[0], reverse=self._maximize)
        return [trial for _, trial in scored]

    def progress(self) -> Progress:
        """Returns where the search stands; of a study without an oracle, this command's trials."""
        counted = [trial for trial in self._all if trial.seeds and not trial.infeasible]
        ended = [run for trial in counted for run in trial.runs.values()]
        to_come = max(0, self.trials - self.feasible) if self._spec.oracle else 0
        ranked = self.ranked()
        return Progress(
            ended=len(ended),
            planned=sum(max(trial.seeds, len(trial.runs)) for trial in counted)
            + to_come * self._seeds,
            failed=sum(run.status == "failed" for run in ended),
            best=ranked[0].score(self._spec.objective) if ranked else None,
        )

    def prune(self, folder: Path, keep: int) -> None:
        """Bounds the disk: only the `keep` leaders keep the model of their repeat 0."""
        for trial in self.ranked()[keep:]:
            if (first := trial.runs.get(0)) is not None:
                model = training.run_dir(folder, first.spec) / "model.keras"
                model.unlink(missing_ok=True)


def has_score(finished: int, ended: int) -> bool:
    """Returns whether a configuration has a score: at least half of its ended runs finished."""
    return finished > 0 and 2 * finished >= ended


def alike(records: Sequence[RunRecord]) -> bool:
    """Returns whether all raised the same exception at the same line."""
    raised = [record.error for record in records if record.error.startswith("Traceback")]
    return len(raised) == len(records) and len({_where(error) for error in raised}) == 1


def _where(error: str) -> tuple[str, ...]:
    """Returns the last line of code in a traceback, and the exception."""
    lines = error.strip().splitlines()
    files = [line for line in lines if line.lstrip().startswith("File ")]
    return (*files[-1:], *lines[-1:])
