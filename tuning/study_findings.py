"""What one of our studies found, from its log and logits alone: no data, no code that it names."""

import functools
from collections.abc import Mapping, Sequence

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
    learning_curve,
    robust_kept,
    scores,
    thumbnails,
    wording,
)
from tuning.comparison import Board
from tuning.crossed import Estimate
from tuning.decomposition import crossings, shown, varied
from tuning.examples import Answers
from tuning.findings import Course, Share
from tuning.learning_curve import Report as Curves
from tuning.pairs import Pair
from tuning.robustness import Report as Robustness
from tuning.study import Study
from tuning.thumbnails import Thumbnails


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
                f"{study.name} was made by `{study.spec.made_by}`: its runs differ by more than "
                "their seeds. Bias and variance, and the curves, show it."
            )
            return
        try:
            self.board = comparison.compare(study, metric, split)
        except ValueError as error:
            self.missing = str(error)

    @property
    def remarks(self) -> list[str]:
        if self.board is None:
            return []
        lines = wording.remarks(self.board)
        if "test" in self.splits and self.board.split != "test":
            lines.append("Confirmed: what can be claimed of the winner was measured on test.")
        return lines

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
        return _of_seeds(self.study, self._finished.get(config_id, []), self.board.split, loss)

    @functools.cached_property
    def _finished(self) -> Mapping[str, Sequence[RunRecord]]:
        found: dict[str, list[RunRecord]] = {}
        for config, record in self.study.identified():
            if record.spec.phase == self._phase and record.status == "finished":
                found.setdefault(config, []).append(record)
        return found

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

    def learning_curve(self) -> Curves | None:
        return self._learning_curve if self.study.spec.is_learning_curve else None

    @functools.cached_property
    def _learning_curve(self) -> Curves:
        try:
            return learning_curve.report(self.study)
        except (RuntimeError, OSError) as error:
            raise ValueError(str(error)) from None

    def robustness(self) -> tuple[Robustness, list[str]] | None:
        study = self.study
        if study.imported is not None or study.spec.subsets or study.spec.phase == "final":
            return None
        found = robust_kept.read(study)
        return found, robust_kept.since(study, found)


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
