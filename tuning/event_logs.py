"""What anyone's logs tell: `Findings` made of the scalars of event files.

A run's number is its last value of a tag, never its best. Nothing is known of images, nor of how
the runs came to be, so that everything here only describes.
"""

import collections
import functools
import hashlib
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from kerascnn import registry
from kerascnn.spec import Value
from tuning import comparison, log_curves, log_wording, logged, measures, pairs, tags, trial
from tuning.comparison import Board
from tuning.findings import Course, Share, WithoutAnswers
from tuning.logged import Place, Reader, Run, Series, Session
from tuning.pairs import Pair, Question, Sample
from tuning.rows import Row

# Seconds without a new value after which a run that did not say how it ended is taken for finished.
SILENT = 60
_ALPHA = 0.05
_LACKS = {
    "bias_variance": "It takes what each run said of each image (logits), which event files do not "
    "hold. Runs of `search`, `train` and `decompose` keep them.",
    "examples": "It takes what each run said of each image (logits), which event files do not "
    "hold. Runs of `search` and `train` keep them.",
}
_NO_SETTINGS = (
    "No setting has more than one value: these runs say nothing of their settings, or all the same."
    " Settings come from the HParams plug-in: "
    "tensorboard.plugins.hparams.api.KerasCallback(folder, {...}) beside a run's own callback."
)


class LogFindings(WithoutAnswers):
    """What event files tell.

    Args:
        title: What they are called.
        reader: Reads them.
        pattern: What of a run's name tells it from others of its configuration; None: the groups
            of HParams.
        metric: The tag to compare by; None: the one that its name speaks for most.
        now: Seconds since the epoch; None: by the clock.
    """

    def __init__(
        self,
        title: str,
        reader: Reader,
        pattern: "re.Pattern[str] | None" = None,
        metric: str | None = None,
        now: float | None = None,
    ) -> None:
        self.title = title
        self.missing = ""
        self.board: Board | None = None
        self.splits: list[str] = []
        self._reader = reader
        self._now = time.time() if now is None else now
        listed, sessions = reader.tags(), reader.sessions()
        self._places = logged.places(listed, sessions, pattern)
        self._tags = {folder: listed[folder] for folder in self._places}
        self.metrics = tags.ordered(self._counts())
        self.names: dict[str, str] = {}
        self._runs: dict[str, list[Run]] = {}
        if not self.metrics:
            self.missing = log_wording.nothing(list(listed), pattern)
        elif metric is not None and metric not in self.metrics:
            self.missing = registry.unknown("tags of these runs", metric, self.metrics)
        else:
            self._told: list[str] = []
            self._compare(metric or self.metrics[0], sessions)
            grouping = log_wording.Grouping(
                pattern=None if pattern is None else pattern.pattern,
                by_hparams=bool(sessions),
                left_out=sorted(listed.keys() - self._places.keys()),
            )
            self._told = log_wording.before(grouping, self._runs, self._without)

    def _counts(self) -> "collections.Counter[str]":
        """Returns tag, from the run's folder on -> how many runs have it."""
        return collections.Counter(
            self._places[folder].inside + tag for folder, own in self._tags.items() for tag in own
        )

    def _compare(self, metric: str, sessions: Mapping[str, Session]) -> None:
        read = self._series(metric)
        runs = {place.run: place for place in self._places.values()}
        self._without = len(runs) - len(read)
        found: dict[str, list[Run]] = {}
        for folder, series in sorted(read.items()):
            place = runs[folder]
            self.names.setdefault(id_of(place.group), place.group)
            session = logged.session_of(folder, sessions)
            run = _logged(place, series, session, metric, self._now)
            found.setdefault(id_of(place.group), []).append(run)
        if not found:
            self.missing = f"There are no values of {metric} yet."
            return
        settings = _settings(found)
        maximize = tags.maximize(metric)
        made = [_row(config, each, settings[config]) for config, each in found.items()]
        made.sort(key=lambda row: _place_of(row, maximize, self.names))
        self._runs = {row.config_id: found[row.config_id] for row in made}
        self.board = self._board(metric, made, maximize)

    def _board(self, metric: str, made: Sequence[Row], maximize: bool) -> Board:
        ranked = [row for row in made if row.is_ranked]
        margin, self._margin = log_wording.margin(metric, ranked)
        question = Question(maximize=maximize, margin=margin, alpha=_ALPHA)
        samples = [_sample(row) for row in ranked]
        contrasts = [pairs.contrast(samples[0], each) for each in samples[1:]]
        leading = pairs.leading(contrasts, question)
        failures = {
            config: next(run.reason for run in runs if run.state == "failed")
            for config, runs in self._runs.items()
            if any(run.state == "failed" for run in runs)
        }
        return Board(
            study=self.title,
            metric=metric,
            split="",
            rows=tuple(comparison.with_best_set(made, question)),
            pairs=tuple(leading),
            undecided=comparison.undecided([r.config_id for r in ranked], made[0], leading),
            question=question,
            failures=failures,
            descriptive=True,
            imported=None,
            unreadable=(),
            repeated=0,
        )

    def _series(self, tag: str) -> dict[str, Series]:
        """Returns folder of a run -> its curve of a tag that begins at that folder."""
        wanted: dict[str, list[str]] = {}
        for folder, place in self._places.items():
            own = tag.removeprefix(place.inside)
            if tag.startswith(place.inside) and own in self._tags[folder]:
                wanted.setdefault(own, []).append(folder)
        return {
            self._places[folder].run: series
            for own, folders in wanted.items()
            for folder, series in self._reader.series(own, folders).items()
        }

    @property
    def settings(self) -> Mapping[str, Mapping[str, Value]]:
        return {row.config_id: row.hyperparameters for row in self.board.rows} if self.board else {}

    @property
    def remarks(self) -> list[str]:
        if self.board is None:
            return []
        return log_wording.remarks(self.board, self.names, self._told, self._margin)

    @property
    def lacks(self) -> Mapping[str, str]:
        if any(self.settings.values()):
            return _LACKS
        return {**_LACKS, "hyperparameters": self.missing or _NO_SETTINGS}

    @functools.cached_property
    def courses(self) -> Mapping[str, Sequence[Course]]:
        curves = log_curves.Curves(self._series)
        having: dict[str, list[str]] = {}
        for folder, place in self._places.items():
            having.setdefault(place.run, []).extend(place.inside + t for t in self._tags[folder])
        return {
            config: [
                Course(
                    config_id=config,
                    name=run.name,
                    state=run.state,
                    history=curves.of(run.folder, having[run.folder]),
                    steps=curves.steps(having[run.folder]),
                    seconds=run.seconds or 0.0,
                    reason=run.reason,
                )
                for run in runs
            ]
            for config, runs in self._runs.items()
        }

    def pairs(self, among: int) -> tuple[list[str], list[Pair]]:
        if self.board is None:
            return [], []
        ranked = [row for row in self.board.rows if row.is_ranked][:among]
        found = pairs.every([_sample(row) for row in ranked], self.board.question)
        return [row.config_id for row in ranked], found

    def shares(self, config_id: str, loss: str) -> dict[str, Share]:
        return {}


def id_of(name: str) -> str:
    """Returns the id of a configuration of that name: short, and safe wherever ids travel."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]


def _logged(place: Place, series: Series, session: Session | None, metric: str, now: float) -> Run:
    last, ended = series.values[-1], session.ended if session else ""
    state: Literal["finished", "failed", "running"] = "finished"
    reason = ""
    if not math.isfinite(last):
        state, reason = "failed", f"The last value of {metric} of {place.run} is {last}."
    elif ended == "failed":
        state, reason = "failed", f"{place.run} says at its end that it failed."
    elif not ended and now - series.times[-1] < SILENT:
        state = "running"
    return Run(
        folder=place.run,
        name=place.name,
        series=series,
        state=state,
        reason=reason,
        settings=session.settings if session else {},
    )


def _settings(found: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, Value]]:
    """Returns configuration -> the settings that all its runs share and not all configurations."""
    shared: dict[str, dict[str, Value]] = {}
    for config, runs in found.items():
        first, *others = [run.settings for run in runs]
        shared[config] = {
            name: value
            for name, value in first.items()
            if all(each.get(name) == value for each in others)
        }
    values: dict[str, set[Any]] = {}
    for name in dict.fromkeys(n for each in shared.values() for n in each):
        values[name] = {each.get(name) for each in shared.values()}
    return {
        config: {name: value for name, value in each.items() if len(values[name]) > 1}
        for config, each in shared.items()
    }


def _row(config: str, runs: Sequence[Run], settings: dict[str, Value]) -> Row:
    finished = [run for run in runs if run.state == "finished"]
    failed = sum(run.state == "failed" for run in runs)
    values = tuple(run.series.values[-1] for run in finished)
    seconds = [s for run in runs if run.state != "running" and (s := run.seconds)]
    has_mean = trial.has_score(len(values), len(values) + failed)
    return Row(
        config_id=config,
        family="",
        hyperparameters=settings,
        epochs=int(max(max(run.series.steps) for run in runs)),
        stopped_early=False,
        n=len(values),
        failed=failed,
        values=values,
        mean=float(np.mean(values)) if has_mean else None,
        interval_seeds=measures.t_interval(values),
        interval_new_data=None,
        sd=measures.sd(values),
        sd_interval=measures.sd_interval(values),
        sd_floor=None,
        parameters=None,
        multiply_accumulates=None,
        seconds=float(np.mean(seconds)) if seconds else None,
        in_best_set=None,
    )


def _place_of(row: Row, maximize: bool, names: Mapping[str, str]) -> tuple[bool, float, str]:
    mean = row.mean or 0.0
    return row.mean is None, -mean if maximize else mean, names[row.config_id]


def _sample(row: Row) -> Sample:
    return Sample(row.config_id, row.values, None)
