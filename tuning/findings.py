"""What a study found, as the dashboard and the report show it: the value every figure is made of.

Nothing here reads the data or runs code that a study names: a log directory may be a stranger's.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
from scipy import special

from kerascnn import metrics
from kerascnn.record import RunRecord
from kerascnn.spec import Value
from tuning import (
    bias_variance,
    comparison,
    decomposition_report,
    examples,
    gathered,
    scores,
    thumbnails,
    wording,
)
from tuning.comparison import Board
from tuning.crossed import Estimate
from tuning.decomposition import crossings, shown, varied
from tuning.examples import Answers
from tuning.measures import Interval
from tuning.pairs import Pair
from tuning.study import Study
from tuning.thumbnails import Thumbnails

# Loss -> its name in words.
LOSSES = {
    "zero_one": "0-1 loss (share of errors)",
    "brier": "Brier score",
    "cross_entropy": "cross-entropy (nats)",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Course:
    """One run, epoch by epoch.

    Attributes:
        config_id: Its configuration.
        name: Which run of it: "search0".
        state: Running ones are read from event files, and no reported number is made of them.
        history: One value per epoch by name ("accuracy/validation"); None where it was not finite.
        seconds: Wall time so far.
        reason: Why it failed; else "".
        steps: Curve -> where its values stand; one that is not there stands at epochs 1, 2, 3, ...
    """

    config_id: str
    name: str
    state: Literal["finished", "failed", "running"]
    history: Mapping[str, Sequence[float | None]]
    seconds: float
    reason: str = ""
    steps: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many epochs it has values of."""
        return max(map(len, self.history.values()), default=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """One part of a loss.

    Attributes:
        value: Its mean over images.
        interval: For other images and other runs; None where there is none.
    """

    value: float
    interval: Interval | None


class Findings(Protocol):
    """What figures are made of, whoever wrote the runs."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def board(self) -> Board | None:
        """The leaderboard; None if there is none: see `missing`."""

    @property
    def missing(self) -> str:
        """Why there is no leaderboard; else ""."""

    @property
    def names(self) -> Mapping[str, str]:
        """Configuration -> what it is called, any text; one that is not there goes by its id."""

    @property
    def remarks(self) -> list[str]:
        """What the leaderboard does and does not tell, a line each."""

    @property
    def lacks(self) -> Mapping[str, str]:
        """Figure -> why there can be nothing to show in it."""

    @property
    def metrics(self) -> list[str]:
        """The metrics that can be asked for."""

    @property
    def splits(self) -> list[str]:
        """The parts that any run was scored on."""

    @property
    def settings(self) -> Mapping[str, Mapping[str, Value]]:
        """Configuration -> the settings that vary, in the order of the leaderboard."""

    @property
    def courses(self) -> Mapping[str, Sequence[Course]]:
        """Configuration -> its runs, those under way included."""

    def pairs(self, among: int) -> tuple[list[str], list[Pair]]:
        """Returns (the ids of the `among` leading configurations, all pairs of them)."""

    def shares(self, config_id: str, loss: str) -> dict[str, Share]:
        """Returns "risk", "bias", "data", "seed", "interaction" -> what is known of it, by loss.

        Nothing for fewer than two runs, or without their logits.
        """

    def answers(self, configs: Sequence[str]) -> Answers:
        """Returns what the runs of some configurations answered, image by image.

        Raises:
            ValueError: If they have left no answers.
        """

    def thumbnails(self) -> Thumbnails:
        """Returns the pictures that are kept of the hardest images.

        Raises:
            ValueError: If there are none.
        """

    def picture(self) -> bytes:
        """Returns the PNG of `thumbnails`.

        Raises:
            ValueError: If there is none, or it is damaged.
        """

    def class_names(self) -> Sequence[str]:
        """Returns the names of the classes; nothing where they are not known."""


class StudyFindings:
    """What a study found.

    Args:
        study: The study.
        metric: See `comparison.compare`.
        split: See `comparison.compare`.
        under_way: Runs that have not ended.
    """

    def __init__(
        self,
        study: Study,
        metric: str | None = None,
        split: str | None = None,
        under_way: Sequence[Course] = (),
    ) -> None:
        self.study = study
        self.title = study.name
        self._asked = metric, split
        self._under_way = under_way
        self.names: Mapping[str, str] = {}
        self.lacks: Mapping[str, str] = {}
        self.metrics = list(metrics.DIRECTIONS)
        self.board: Board | None = None
        self.missing = ""
        self._answers: dict[tuple[str, ...], Answers] = {}
        if study.spec.subsets:
            self.missing = (
                f"{study.name} is a decomposition: its runs differ by more than their seeds. "
                "Bias and variance, and the learning curves, show it."
            )
            return
        try:
            self.board = comparison.compare(study, metric, split)
        except ValueError as error:
            self.missing = str(error)

    @property
    def remarks(self) -> list[str]:
        return [] if self.board is None else wording.remarks(self.board)

    @property
    def splits(self) -> list[str]:
        scored = {name for record in self.study.records() for name in record.metrics}
        prefixes = metrics.PREFIXES.items()
        return [part for prefix, part in prefixes if any(n.startswith(prefix) for n in scored)]

    @functools.cached_property
    def settings(self) -> Mapping[str, Mapping[str, Value]]:
        if self.board is not None:
            return {row.config_id: row.hyperparameters for row in self.board.rows}
        if self.study.spec.subsets:
            found = crossings(self.study)
            names = varied(found)
            return {each.config.config_id: shown(each, names) for each in found}
        return {}

    @functools.cached_property
    def courses(self) -> Mapping[str, Sequence[Course]]:
        found: dict[str, list[Course]] = {config: [] for config in self.settings}
        phase = self._phase
        for config, record in self.study.identified():
            if record.spec.phase == phase and record.status != "infeasible":
                found.setdefault(config, []).append(_course(config, record))
        for course in self._under_way:
            found.setdefault(course.config_id, []).append(course)
        return found

    @functools.cached_property
    def _losses(self) -> dict[str, dict[str, dict[str, Estimate]]]:
        return decomposition_report.losses(self.study)

    @property
    def _part(self) -> str:
        return self.board.split if self.board else "validation"

    @property
    def _phase(self) -> str:
        return gathered.phase_of(self.study, self._part)

    def pairs(self, among: int) -> tuple[list[str], list[Pair]]:
        if self.study.imported is not None:
            return [], []
        return comparison.leading_pairs(self.study, *self._asked, among=among)

    def shares(self, config_id: str, loss: str) -> dict[str, Share]:
        if self.study.spec.subsets:
            parts = self._losses.get(config_id, {}).get(loss, {})
            return {n: Share(value=each.value, interval=each.interval) for n, each in parts.items()}
        if self.board is None:
            return {}
        records = [
            record
            for config, record in self.study.identified()
            if config == config_id
            and record.spec.phase == self._phase
            and record.status == "finished"
        ]
        return _of_seeds(self.study, records, self.board.split, loss)

    def answers(self, configs: Sequence[str]) -> Answers:
        if self.study.imported is not None:
            raise ValueError("Another tool's trials leave no answers, image by image.")
        asked = tuple(configs)
        if asked not in self._answers:
            part = self._part
            runs = examples.voters(self.study, part, asked)
            # Of one choice of configurations at a time: that of thousands of runs takes a while.
            self._answers = {asked: examples.read(self.study, part, runs)}
        return self._answers[asked]

    def thumbnails(self) -> Thumbnails:
        if self.board is None:
            raise ValueError(self.missing)
        part, _ = metrics.split_name(self.study.spec.objective)
        if self._part != part:
            raise ValueError(f"they are kept of {part} alone")
        return thumbnails.read(self.study.folder, self._part)

    def picture(self) -> bytes:
        return thumbnails.picture(self.study.folder, self._part, self.thumbnails())

    def class_names(self) -> Sequence[str]:
        data = self.study.about.get("data")
        names = data.get("class_names") if isinstance(data, dict) else None
        return [str(name) for name in names] if isinstance(names, list) else []


def _course(config: str, record: RunRecord) -> Course:
    return Course(
        config_id=config,
        name=record.spec.run_name,
        state="finished" if record.status == "finished" else "failed",
        history=record.history,
        seconds=record.seconds,
        reason=record.reason if record.status == "failed" else "",
    )


def _of_seeds(study: Study, records: Sequence[RunRecord], part: str, loss: str) -> dict[str, Share]:
    """Returns the parts of a loss of runs that differ in their seeds alone."""
    if len(records) < 2:
        return {}
    files = scores.logits_files([(study.folder, record.spec) for record in records], part)
    labels = scores.read_labels(scores.labels_file(study.folder, part))
    if labels is None or scores.problems(labels, files):
        return {}
    logits = np.stack([np.load(file) for file in files]).astype(np.float64)
    found = {
        "zero_one": lambda: bias_variance.estimates(
            bias_variance.kohavi_wolpert, logits.argmax(axis=2), labels
        ),
        "brier": lambda: bias_variance.estimates(
            bias_variance.brier, special.softmax(logits, axis=2), labels
        ),
        "cross_entropy": lambda: bias_variance.estimates(
            bias_variance.cross_entropy, logits, labels
        ),
    }[loss]()
    names = {"risk": "risk", "bias": "bias", "variance": "seed"}
    return {
        names[part]: Share(value=estimate.value, interval=estimate.interval)
        for part, estimate in (found or {}).items()
        if part in names
    }
