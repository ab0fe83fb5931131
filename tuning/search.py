"""The search loop: ask, run, record, tell. The log is its only state, and resuming is replay."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from kerascnn import attempt, training
from kerascnn.record import RunRecord
from kerascnn.spec import Value
from tuning import leftovers, summary
from tuning.asking import Asking, Circumstances
from tuning.declarations import Declarations
from tuning.dispatch import Dispatch, Run
from tuning.limits import UNLIMITED, Limits
from tuning.oracles import Ask
from tuning.stops import FirstRuns, refuse_the_impossible
from tuning.study import Study
from tuning.trial import Progress, Trial
from tuning.trials import Trials

# Points in a row that cannot be built before the search gives up.
_INFEASIBLE = 100


class Search:
    """One study being run, from wherever its log stands.

    Args:
        study: The study.
        executor: Where runs are trained.
        workers: Calls it runs at once; as many trials more wait for them, so that none idles
            while an oracle takes its time.
        trials: Distinct configurations to try, if more than before.
        seeds: Runs of each, if more than before.
        points: What to try if the study has no oracle.
        keep: How many leading configurations keep the model of their repeat 0.
        run: What a worker executes.
        limits: Of its runs.
        spent: Whether the time budget is: nothing more is begun then, and what is under way is
            stopped.
        watch: Called with a `Progress` after every run.

    Attributes:
        exhausted: Whether every point of the space was tried before there were enough.
        unfinished: Runs planned so far that had not ended when the time budget was spent; None:
            it was enough.
    """

    def __init__(
        self,
        study: Study,
        executor: Executor,
        *,
        workers: int = 1,
        trials: int = 0,
        seeds: int = 0,
        points: Sequence[Mapping[str, Value]] = (),
        keep: int = 1,
        run: Run = training.run,
        limits: Limits = UNLIMITED,
        spent: Callable[[], bool] = lambda: False,
        watch: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._study = study
        self._spec = study.spec
        self._contenders = len(study.spec.contenders)
        self._workers = workers
        self._wanted = {"trials": trials, "seeds": seeds}
        self._points = list(points)
        self._keep = keep
        self._limits = limits
        self._spent = spent
        self._watch = watch
        self._trials = Trials(study)
        versions = study.about.get("versions", {})
        self._asking = Asking(study.spec, self._trials, versions) if study.spec.oracle else None
        self._dispatch: Dispatch[Trial] = Dispatch(
            study, executor, **limits.of(run), missing=Trial.missing, record=self._record
        )
        # Records whose ask was lost: they count once it is asked for again.
        self._waiting: list[RunRecord] = []
        self._declarations = Declarations(study.log)
        self._enqueued: list[Mapping[str, Value]] = []
        self._first = FirstRuns(max(2, workers))
        self.exhausted = False
        self.unfinished: int | None = None

    @property
    def infeasible(self) -> list[str]:
        """Why points could not be built, one reason a point; they are not counted as trials."""
        return self._trials.reasons()

    def __call__(self) -> None:
        """Runs the study to its end, or until the time budget is spent.

        Raises:
            KeyboardInterrupt: After Ctrl-C; every finished run is in the log.
            RuntimeError: If the first runs fail alike, or nothing can be built.
            ImpossibleError: If the baseline, or a point that was given, cannot be built.
            ValueError: If another process is writing the study, or its log does not replay.
            OSError: If the disk is full; the study is intact.
        """
        with self._study.log:
            leftovers.sweep(self._study)
            self._replay()
            self._extend()
            self._limits.declare(self._study.log)
            summary.describe(self._study.folder, self._spec)
            try:
                self._loop()
            except BaseException:
                self._dispatch.stop()
                raise
            self._trials.prune(self._study.folder, self._keep, ended=self.unfinished is None)
            leftovers.sweep(self._study)

    # What the log says.

    def _replay(self) -> None:
        for line in self._study.log.lines():
            if line["kind"] == "ask":
                asked: dict[str, Any] = {
                    name: line.get(name) for name in ("point", "epochs", "seeds", "parent")
                }
                self._enter(Ask(**asked), Circumstances.from_json(line))
            elif line["kind"] == "run":
                fields = {name: value for name, value in line.items() if name != "kind"}
                self._take(RunRecord.from_json(fields))
            elif line["kind"] == "event" and line["name"] == "extended":
                self._trials.trials, self._trials.seeds = line["trials"], line["seeds"]
            elif line["kind"] == "event" and line["name"] == "enqueued":
                self._enqueued.append(line["point"])
            elif line["kind"] == "event" and line["name"] == "test_declared":
                self._declarations.take(line)

    def _enter(self, ask: Ask, circumstances: Circumstances) -> Trial:
        if self._asking is not None:
            self._asking.asked(circumstances)
        trial = self._trials.enter(ask)
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            self._take(record)
        return trial

    def _extend(self) -> None:
        if self._asking is None:
            return
        reach = {"trials": self._trials.trials, "seeds": self._trials.seeds}
        wanted = {name: max(reach[name], self._wanted[name]) for name in reach}
        if wanted != reach:
            self._study.log.append("event", {"name": "extended", **wanted})
            self._trials.trials, self._trials.seeds = wanted["trials"], wanted["seeds"]

    # What is still to do.

    def _loop(self) -> None:
        for number in range(len(self._trials)):
            self._refuse_the_impossible(self._trials[number])
            if self._trials[number].seeds and not self._spent():
                self._submit(self._trials[number])
        while not self._spent():
            while self._has_room() and (trial := self._next()) is not None:
                self._submit(trial)
            if self._dispatch.idle:
                return
            if self._asking is not None and self._trials.feasible < self._trials.trials:
                self._asking.prepare()
            self._dispatch.wait()
        if not self._dispatch.idle or self._next() is not None:
            self._stop_for_now()

    def _has_room(self) -> bool:
        return len(self._dispatch.owners()) < 2 * self._workers and not self._spent()

    def _stop_for_now(self) -> None:
        """Ends what is under way, to be gone on with: no number depends on where that is."""
        self._dispatch.stop()
        progress = self._trials.progress()
        to_begin = len(self._points) * (self._wanted["seeds"] or self._spec.seeds)
        self.unfinished = progress.planned - progress.ended + to_begin
        self._limits.spend(self._study.log, self.unfinished)

    def _next(self) -> Trial | None:
        if self._asking is None:
            return self._next_given()
        if (point := self._next_enqueued()) is not None:
            return self._begin(Ask(point=point), self._asking.given())
        found = self._next_asked(self._asking)
        return None if found is None else self._begin(*found)

    def _next_enqueued(self) -> Mapping[str, Value] | None:
        """Returns the user's own point whose turn it is: after the baselines, whoever is asked."""
        while self._enqueued and len(self._trials) >= self._contenders:
            point = self._enqueued.pop(0)
            if self._trials.find(point) is None:
                return point
        return None

    def _next_given(self) -> Trial | None:
        if not self._points:
            return None
        point = self._points.pop(0)
        trial = self._trials.find(point) or self._begin(Ask(point=point), Circumstances(0, True))
        self._trials.plan(trial, self._wanted["seeds"] or self._spec.seeds)
        if self._spec.phase == "final" and len(trial.runs) < trial.seeds:
            self._declarations.declare(trial)
        self._refuse_the_impossible(trial)
        return trial

    def _begin(self, ask: Ask, circumstances: Circumstances) -> Trial:
        fields = {**dataclasses.asdict(ask), **circumstances.to_json()}
        self._study.log.append("ask", {"trial": len(self._trials), **fields})
        trial = self._enter(ask, circumstances)
        if self._asking is not None:
            self._asking.entered(trial.number)
        return trial

    def _next_asked(self, asking: Asking) -> tuple[Ask, Circumstances] | None:
        if (reason := self._trials.why_nothing_builds(_INFEASIBLE)) is not None:
            raise RuntimeError(reason)
        if self.exhausted:
            return None
        found = asking.next()
        if found is None and self._dispatch.idle:
            self.exhausted = self._trials.feasible < self._trials.trials
        return found

    def _submit(self, trial: Trial) -> None:
        """Submits the runs that are missing, adopting those a worker finished unrecorded."""
        written = summary.is_written(self._study.folder, trial.config, len(trial.runs))
        if trial.complete and not written and not trial.continued:
            self._summarize(trial)
        specs = [
            trial.config.repeated(self._spec.seed, self._spec.phase, repeat)
            for repeat in range(trial.seeds)
        ]
        varied = self._spec.varied(trial.point)
        self._dispatch.submit(
            trial, specs, parts=self._parts(trial), varied=varied, apart=trial.continued
        )

    def _parts(self, trial: Trial) -> int:
        """Into how many calls a trial's seeds go, so that no worker idles at start or end."""
        if self._asking is None:
            return max(1, self._workers // (1 + len(self._points)))
        to_come = max(0, self._trials.trials - self._trials.feasible)
        return self._workers if not trial.number else max(1, self._workers // (1 + to_come))

    # What came of it.

    def _record(self, trial: Trial, record: RunRecord) -> None:
        if record.spec.repeat in trial.runs or trial.infeasible:
            return
        if record.status == "infeasible":  # So are all its seeds: one line says it, the first.
            first = trial.config.repeated(self._spec.seed, self._spec.phase, 0)
            record = dataclasses.replace(record, spec=first)
        record = dataclasses.replace(record, trial=trial.number, point=trial.point)
        self._study.log.append_record(record)
        self._take(record)
        attempt.drop_checkpoint(self._study.folder, record)
        if trial.complete:
            self._summarize(trial)
            self._trials.prune(self._study.folder, self._keep)
        self._watch(self._trials.progress())
        self._refuse_the_impossible(trial)
        self._first.add(record)

    def _refuse_the_impossible(self, trial: Trial) -> None:
        baseline = self._asking is not None and trial.number < self._contenders
        refuse_the_impossible(trial, is_baseline=baseline, is_typed=self._asking is None)

    def _take(self, record: RunRecord) -> None:
        if record.trial is None or record.spec.phase != self._spec.phase:
            return
        trial = self._find(record)
        if trial is None:
            self._waiting.append(record)
            return
        for each in self._trials.take(trial, record):
            if self._asking is not None and each.complete:
                self._asking.tell(each, self._asking.scores_of(each))

    def _find(self, record: RunRecord) -> Trial | None:
        """Returns the trial of a record; None if its ask was lost."""
        if self._asking is None:
            return self._trials.of(record.spec.config_id)
        number = record.trial or 0
        trial = self._trials[number] if number < len(self._trials) else None
        same = trial is not None and trial.config.config_id == record.spec.config_id
        return trial if same else None

    def _summarize(self, trial: Trial) -> None:
        summary.write(
            self._study.folder,
            list(trial.runs.values()),
            len(trial.runs),
            varied=self._spec.varied(trial.point),
            objective=self._spec.objective,
        )
