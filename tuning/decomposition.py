"""Decomposition: configurations trained on several training sets, with the same seeds on each.

What comes of it is read from the log by `decomposition_report`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor

from kerascnn import training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value, settings, value_of
from tuning import summary
from tuning.dispatch import Run
from tuning.limits import UNLIMITED, Limits
from tuning.rounds import Rounds
from tuning.stops import FirstRuns, ImpossibleError
from tuning.study import Study
from tuning.trial import Progress


@dataclasses.dataclass
class Crossing:
    """A configuration whose error is taken apart.

    Attributes:
        config: The configuration, no run of it in particular.
        trial: Which of the study, from 0.
        point: What was asked for.
        runs: (subset, repeat) -> record.
    """

    config: RunSpec
    trial: int | None
    point: Mapping[str, Value]
    runs: dict[tuple[str, int], RunRecord] = dataclasses.field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why its first run that failed did; "" if none failed."""
        return next((run.reason for run in self.runs.values() if run.status == "failed"), "")


class Decomposition:
    """One decomposition being run, from wherever its log stands.

    Args:
        study: One begun by `plan.new_decomposition`.
        executor: Where runs are trained.
        points: The configurations to train; those of earlier commands stay as they are.
        seeds: Runs on each training set.
        workers: Calls it runs at once.
        run: What a worker executes.
        limits: Of its runs.
        watch: Called with a `Progress` after every run.
    """

    def __init__(
        self,
        study: Study,
        executor: Executor,
        *,
        points: Sequence[Mapping[str, Value]],
        seeds: int,
        workers: int = 1,
        run: Run = training.run,
        limits: Limits = UNLIMITED,
        watch: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._study = study
        self._points = points
        self._seeds = seeds
        self._workers = workers
        self._limits = limits
        self._first = FirstRuns(max(2, workers))
        self._rounds: Rounds[Crossing] = Rounds(
            study, executor, key=_key, run=run, limits=limits, watch=watch, ended=self._ended
        )

    def __call__(self) -> None:
        """Trains what is missing.

        Raises:
            KeyboardInterrupt: After Ctrl-C; every finished run is in the log.
            RuntimeError: If the first runs fail alike.
            ImpossibleError: If a network cannot be built.
            OSError: If the disk is full; the study is intact.
        """
        with self._study.log:
            self._limits.declare(self._study.log)
            try:
                self._train()
            except BaseException:
                self._rounds.stop()
                raise

    def _train(self) -> None:
        spec = self._study.spec
        known = {each.config.config_id: each for each in crossings(self._study)}
        for point in self._points:
            config = self._study.configured(point)
            if config.config_id not in known:
                ask = {"trial": len(known), "point": point, "epochs": None, "parent": None}
                self._study.log.append("ask", {**ask, "told": 0, "new": True})
                # Its runs may be there already, if its ask was lost.
                known = {each.config.config_id: each for each in crossings(self._study)}
        wanted = dict.fromkeys(self._study.configured(point).config_id for point in self._points)
        chosen = [known[config_id] for config_id in wanted]
        for each in chosen:
            for record in each.runs.values():
                _refuse_the_impossible(record)
        summary.describe(self._study.folder, spec)
        specs = [
            (
                each,
                [
                    each.config.repeated(spec.seed, spec.phase, repeat, subset)
                    for subset in self._subsets(each.config)
                    for repeat in range(self._seeds)
                ],
            )
            for each in chosen
        ]
        # Each in as many calls as there are workers: none idles at the end.
        self._rounds.train(specs, parts=self._workers, varied=varied(known.values()))

    def _subsets(self, config: RunSpec) -> tuple[str, ...]:
        """Returns what a configuration is trained on: there is one draw of all the images."""
        spec = self._study.spec
        alike = spec.is_learning_curve and config.train_size == images_of(self._study)
        return spec.training_sets[:1] if alike else spec.training_sets

    def _ended(self, record: RunRecord) -> None:
        _refuse_the_impossible(record)
        self._first.add(record)


def images_of(study: Study) -> int:
    """Returns how many training images there are."""
    return int(study.about["data"]["parts"]["train"])


def crossings(study: Study) -> list[Crossing]:
    """Returns the configurations of a decomposition in the order they were asked for."""
    found: dict[str, Crossing] = {}
    for line in study.log.lines():
        if line["kind"] == "ask":
            config = study.configured(line["point"])
            found[config.config_id] = Crossing(config, line["trial"], line["point"])
    for record in study.log:
        known = found.get(record.spec.config_id)  # None: its ask was lost.
        if known is not None and record.spec.phase == study.spec.phase:
            known.runs[_key(record.spec)] = record
    return list(found.values())


def varied(among: Iterable[Crossing]) -> tuple[str, ...]:
    """Returns the names of the settings that were given different values."""
    given = [
        {name: value for name, value in each.point.items() if name not in ("family", "code")}
        for each in among
    ]
    names = dict.fromkeys(name for point in given for name in point)
    return tuple(n for n in names if len({point[n] for point in given if n in point}) > 1)


def shown(each: Crossing, names: Sequence[str]) -> dict[str, Value]:
    """Returns those of the named settings that a configuration has, with their values."""
    known = settings(each.config.family)
    return {name: value_of(each.config, name) for name in names if name in known}


def _key(spec: RunSpec) -> tuple[str, int]:
    return spec.subset, spec.repeat


def _refuse_the_impossible(record: RunRecord) -> None:
    if record.status == "infeasible":
        raise ImpossibleError(f"The network cannot be built: {record.error}")
