"""What a study has asked and what came of it: state that any replay of the log rebuilds."""

import bisect
import dataclasses
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from kerascnn import metrics, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning.oracles import Ask
from tuning.standings import Ranking, Tally
from tuning.study import Study


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
        ended = [self.runs[repeat] for repeat in sorted(self.runs)]
        values = [run.metrics[metric] for run in ended if run.status == "finished"]
        return values if has_score(len(values), len(ended)) else []


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
        self._of: dict[str, list[Trial]] = {}  # Configuration -> its trials
        self._begun: Counter[str] = Counter()  # Family -> configurations begun
        self._infeasible: list[int] = []  # Numbers of those that began a configuration, rising
        self._tally: dict[int, Tally] = {}  # Trial -> its runs, as they stood
        self._total = Tally()
        self._ranking: Ranking[str, Trial] = Ranking()
        self._with_model: dict[str, Trial] = {}  # Configurations that may have one on disk
        self._allots = spec.allots_seeds
        self._maximize = metrics.maximize(spec.objective)
        self._seeds = spec.seeds if spec.oracle else 0
        self.trials = spec.trials

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number: int) -> Trial:
        return self._all[number]

    @property
    def seeds(self) -> int:
        """Runs of each trial, where an oracle is asked; setting it plans them for all to come."""
        return self._seeds

    @seeds.setter
    def seeds(self, seeds: int) -> None:
        self._seeds = seeds
        for trial in self._all:
            if not trial.continued and trial.asked is None:
                self.plan(trial, seeds)

    def enter(self, ask: Ask) -> Trial:
        """Adds the next trial: what was asked for."""
        config = self._study.configured(ask.point)
        if ask.epochs is not None:
            config = dataclasses.replace(config, stop_epoch=ask.epochs)
        seeds = self._seeds if ask.seeds is None else ask.seeds
        trial = Trial(len(self._all), ask.point, config, ask.parent, asked=ask.seeds, seeds=seeds)
        if ask.parent is not None:
            parent = self._all[ask.parent]
            parent.continued = True
            if parent.config.last_epoch == config.last_epoch:  # Only more seeds are wanted.
                trial.runs.update(parent.runs)
                trial.inherited = frozenset(parent.runs)
        self._all.append(trial)
        self._of.setdefault(config.config_id, []).append(trial)
        if ask.parent is None:
            self._begun[self._spec.contender(ask.point).name] += 1
        self._note(trial)
        return trial

    def plan(self, trial: Trial, seeds: int) -> None:
        """Takes how many runs of a trial are planned."""
        trial.seeds = seeds
        self._note(trial)

    def take(self, trial: Trial, record: RunRecord) -> None:
        """Takes the record of a run of a trial."""
        trial.runs[record.spec.repeat] = record
        self._note(trial)

    def find(self, point: Mapping[str, Value]) -> Trial | None:
        """Returns the first trial of the configuration that `point` makes, if there is one."""
        return self.of(self._study.configured(point).config_id)

    def of(self, config_id: str) -> Trial | None:
        """Returns the first trial of a configuration, if there is one."""
        known = self._of.get(config_id)
        return known[0] if known else None

    @property
    def feasible(self) -> int:
        """How many trials count: see `counted`."""
        return self.counted(len(self._all))

    def counted(self, known: int) -> int:
        """Returns how many distinct configurations were begun whose network can be built.

        Args:
            known: How many trials, from the first, are asked whether it can; others count.
        """
        return self._begun.total() - bisect.bisect_left(self._infeasible, known)

    def begun(self) -> Counter[str]:
        """Returns how many configurations were begun of each family that is searched."""
        return self._begun.copy()

    def reasons(self) -> list[str]:
        """Returns why trials could not be built, one reason a trial."""
        runs = [list(trial.runs.values()) for trial in self._all if trial.infeasible]
        return [ended[0].error for ended in runs]

    def why_nothing_builds(self, count: int) -> str | None:
        """Returns why, and with which values, if the last `count` trials could not be built."""
        last = self._all[-count:]
        if len(last) < count or not all(trial.infeasible for trial in last):
            return None
        alike = [
            f"{name}={value}"
            for name, value in last[-1].point.items()
            if all(trial.point.get(name) == value for trial in last)
        ]
        fixed = [f"{name}={value}" for name, value in self._spec.base.hyperparameters.items()]
        shared = f" all have {', '.join(alike)}." if alike else " they share no searched value."
        given = f" Fixed: {', '.join(fixed)}." if fixed else ""
        ended = [next(iter(trial.runs.values())) for trial in last]
        what = "are infeasible" if any(run.parameters for run in ended) else "cannot be built"
        return f"{count} points in a row {what}:{shared}{given} The last: {ended[-1].error}"

    def ranked(self) -> list[Trial]:
        """Returns the complete trials that have a score: the longest first, then the best.

        Of a configuration that was continued only the last trial counts.
        """
        return self._ranking.items()

    def progress(self) -> Progress:
        """Returns where the search stands; of a study without an oracle, this command's trials."""
        to_come = max(0, self.trials - self.feasible) if self._spec.oracle else 0
        leaders = self._ranking.items(1)
        return Progress(
            ended=self._total.ended,
            planned=self._total.planned + to_come * (1 if self._allots else self._seeds),
            failed=self._total.failed,
            best=leaders[0].score(self._spec.objective) if leaders else None,
        )

    def prune(self, folder: Path, keep: int) -> None:
        """Bounds the disk: only the `keep` leaders keep the model of their repeat 0."""
        leaders = {trial.config.config_id for trial in self._ranking.items(keep)}
        for config in [config for config in self._with_model if config not in leaders]:
            trial = self._with_model.pop(config)
            if (first := trial.runs.get(0)) is not None:
                model = training.run_dir(folder, first.spec) / "model.keras"
                model.unlink(missing_ok=True)

    def _note(self, trial: Trial) -> None:
        """Keeps counts and ranking up with a trial, at a price that does not grow with them."""
        before = self._tally.get(trial.number, Tally())
        self._tally[trial.number] = trial.tally
        self._total = self._total.replaced(before, trial.tally)
        place = bisect.bisect_left(self._infeasible, trial.number)
        known = self._infeasible[place : place + 1] == [trial.number]
        if trial.parent is None and trial.infeasible and not known:
            self._infeasible.insert(place, trial.number)
        config = trial.config.config_id
        complete = [each for each in self._of[config] if each.complete]
        if complete:
            self._with_model[config] = complete[-1]
        score = complete[-1].score(self._spec.objective) if complete else None
        if score is None:
            self._ranking.remove(config)
            return
        better = score if self._maximize else -score
        last = complete[-1]
        self._ranking.put(config, (-_reach(last), -better, complete[0].number), last)


def _reach(trial: Trial) -> float:
    """Returns how far a trial went, as a part of its planned length."""
    return trial.config.last_epoch / trial.config.epochs


def has_score(finished: int, ended: int) -> bool:
    """Returns whether a configuration has a score: at least half of its ended runs finished."""
    return finished > 0 and 2 * finished >= ended


class FirstRuns:
    """Tells the user's broken code by the first runs: the same exception at the same line.

    Args:
        enough: How many runs it takes.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._records: list[RunRecord] = []

    def add(self, record: RunRecord) -> None:
        """Takes the next run that ended.

        Raises:
            RuntimeError: If it is the last of the first and all failed alike: no run's fault.
        """
        if len(self._records) < self._enough:
            self._records.append(record)
            if len(self._records) == self._enough and alike(self._records):
                raise RuntimeError(
                    f"The first {self._enough} runs failed at the same line. Stopped.\n"
                    f"{record.error}"
                )


def alike(records: Sequence[RunRecord]) -> bool:
    """Returns whether all raised the same exception at the same line."""
    raised = [record.error for record in records if record.error.startswith("Traceback")]
    return len(raised) == len(records) and len({_where(error) for error in raised}) == 1


def _where(error: str) -> tuple[str, ...]:
    """Returns the last line of code in a traceback, and the exception."""
    lines = error.strip().splitlines()
    files = [line for line in lines if line.lstrip().startswith("File ")]
    return (*files[-1:], *lines[-1:])
