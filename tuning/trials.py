"""What a study has asked and what came of it: state that any replay of the log rebuilds."""

import bisect
import dataclasses
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from kerascnn import attempt, metrics
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning.oracles import Ask
from tuning.standings import Ranking, Tally
from tuning.study import Study
from tuning.trial import Progress, Trial

# Trials stopped early that may have checkpoints while a search is under way.
_CHECKPOINTS = 32


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
        self._heirs: dict[int, Trial] = {}  # Trial -> that which gives it more seeds
        self._begun: Counter[str] = Counter()  # Family -> configurations begun
        self._infeasible: list[int] = []  # Numbers of those that began a configuration, rising
        self._tally: dict[int, Tally] = {}  # Trial -> its runs, as they stood
        self._total = Tally()
        self._ranking: Ranking[str, Trial] = Ranking()
        self._with_model: dict[str, Trial] = {}  # Configurations that may have one on disk
        self._with_checkpoint: dict[str, Trial] = {}  # The same of those that stopped early
        self._allots = spec.allots_seeds
        self._maximize = metrics.maximize(spec.objective)
        self._seeds = spec.seeds if spec.oracle else 0
        self.trials = spec.trials
        self._found: tuple[Mapping[str, Value], RunSpec] | None = None  # What was looked for last

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
        config = self._configured(ask.point)
        if ask.epochs is not None:
            config = dataclasses.replace(config, stop_epoch=ask.epochs)
        seeds = self._seeds if ask.seeds is None else ask.seeds
        trial = Trial(len(self._all), ask.point, config, ask.parent, asked=ask.seeds, seeds=seeds)
        if ask.parent is not None:
            parent = self._all[ask.parent]
            parent.continued = True
            if parent.config.last_epoch == config.last_epoch:  # Only more seeds are wanted.
                trial.runs.update(parent.runs)
                # Those too that were lost and come again.
                trial.inherited = frozenset(range(parent.seeds))
                self._heirs[parent.number] = trial
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

    def take(self, trial: Trial, record: RunRecord) -> list[Trial]:
        """Takes the record of a run of a trial; returns it, and those that inherit the run."""
        trial.runs[record.spec.repeat] = record
        self._note(trial)
        heir = self._heirs.get(trial.number)
        return [trial, *(self.take(heir, record) if heir is not None else [])]

    def find(self, point: Mapping[str, Value]) -> Trial | None:
        """Returns the first trial of the configuration that `point` makes, if there is one."""
        return self.of(self._configured(point).config_id)

    def _configured(self, point: Mapping[str, Value]) -> RunSpec:
        """Returns the configuration of a point; what was just looked for is entered next."""
        if self._found is None or self._found[0] is not point:
            self._found = point, self._study.configured(point)
        return self._found[1]

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
        shared = f": all have {', '.join(alike)}." if alike else "."
        given = f" Fixed: {', '.join(fixed)}." if fixed else ""
        ended = [next(iter(trial.runs.values())) for trial in last]
        what = "are infeasible" if any(run.parameters for run in ended) else "cannot be built"
        return f"{count} points in a row {what}{shared}{given} The last: {ended[-1].error}"

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

    def prune(self, folder: Path, keep: int, *, ended: bool = False) -> None:
        """Bounds the disk: only the `keep` leaders keep the model of their repeat 0.

        Of those that stopped early the better keep their checkpoints, from which a later trial may
        go on, until the search has `ended`.
        """
        self._prune_checkpoints(folder, 0 if ended else _CHECKPOINTS)
        leaders = {trial.config.config_id for trial in self._ranking.items(keep)}
        for config in [config for config in self._with_model if config not in leaders]:
            trial = self._with_model.pop(config)
            if (first := trial.runs.get(0)) is not None:
                model = attempt.run_dir(folder, first.spec) / "model.keras"
                model.unlink(missing_ok=True)

    def _prune_checkpoints(self, folder: Path, most: int) -> None:
        """Once more than `most` trials have checkpoints, the worse half of each length loses them.

        One that is being continued keeps its own.
        """
        held = {c: each for c, each in self._with_checkpoint.items() if each is self._of[c][-1]}
        if len(held) <= most:
            return
        by_length: dict[int, list[tuple[float, str]]] = {}
        for config, trial in held.items():
            score = trial.score(self._spec.objective)
            worth = -math.inf if score is None else score if self._maximize else -score
            by_length.setdefault(trial.config.last_epoch, []).append((worth, config))
        for ranked in by_length.values():
            ranked.sort(reverse=True)
            for _, config in ranked[len(ranked) // 2 if most else 0 :]:
                for run in self._with_checkpoint.pop(config).runs.values():
                    attempt.checkpoint_of(folder, run.spec).unlink(missing_ok=True)

    def _note(self, trial: Trial) -> None:
        """Keeps counts and ranking up with a trial, at a price that does not grow with them."""
        before, now = self._tally.get(trial.number, Tally()), trial.tally
        self._tally[trial.number] = now
        self._total = self._total.replaced(before, now)
        place = bisect.bisect_left(self._infeasible, trial.number)
        known = self._infeasible[place : place + 1] == [trial.number]
        if trial.parent is None and trial.infeasible and not known:
            self._infeasible.insert(place, trial.number)
        config = trial.config.config_id
        complete = [each for each in self._of[config] if each.complete]
        if complete:
            self._with_model[config] = complete[-1]
            self._with_checkpoint.pop(config, None)
            if complete[-1].config.stop_epoch:
                self._with_checkpoint[config] = complete[-1]
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
