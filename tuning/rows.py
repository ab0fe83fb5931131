"""One configuration across its runs, with its numbers; and the order of several."""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerascnn import latency, metrics
from kerascnn.record import RunRecord
from kerascnn.spec import Value
from tuning import differences, measures, scores
from tuning.differences import Marginals
from tuning.gathered import Run
from tuning.measures import Interval
from tuning.trial import has_score


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One configuration across its runs.

    Attributes:
        config_id: The configuration.
        family: Its family.
        hyperparameters: The settings that vary in the study or between studies, defaults
            included.
        epochs: Epochs its runs were trained for, a rule that ends a run early aside.
        stopped_early: Whether that is less than was planned, or a race gave others more seeds: such
            a row is not ranked.
        n: Finished runs.
        failed: Failed runs; they are counted, never averaged away.
        values: The metric of each finished run, by repeat.
        mean: Their mean; None if fewer than half of the runs finished.
        interval_seeds: 95 % interval of the mean for other seeds on the same images.
        interval_new_data: The same for other seeds and other images.
        sd: Standard deviation between runs.
        sd_interval: Its 95 % interval.
        sd_floor: What independent errors alone would give (accuracy and top5).
        parameters: Weights and statistics of the network; None: unknown.
        multiply_accumulates: Of the forward pass of one image; None: unknown.
        seconds: Mean time of a run; None: unknown.
        images_per_second: Training images a second, the mean over the runs; None: unknown.
        peak_memory: Bytes the worker process of a run had in memory at most, the framework's
            included: the largest of the runs; None: unknown.
        latency: Seconds in which a network answers one image: the median over the runs of what was
            measured as each ended; None: unknown.
        latency_interval: Between which 90 % of the calls lay, medians over the runs again.
        latency_64, latency_64_interval: The same of 64 images at once.
        in_best_set: Whether it cannot be told from the best; None below five seeds.
    """

    config_id: str
    family: str
    hyperparameters: dict[str, Value]
    epochs: int
    stopped_early: bool
    n: int
    failed: int
    values: tuple[float, ...]
    mean: float | None
    interval_seeds: Interval | None
    interval_new_data: Interval | None
    sd: float | None
    sd_interval: Interval | None
    sd_floor: float | None
    parameters: int | None
    multiply_accumulates: int | None
    seconds: float | None
    images_per_second: float | None = None
    peak_memory: int | None = None
    latency: float | None = None
    latency_interval: Interval | None = None
    latency_64: float | None = None
    latency_64_interval: Interval | None = None
    in_best_set: bool | None

    @property
    def is_ranked(self) -> bool:
        """Whether it has a mean, at the planned length."""
        return self.mean is not None and not self.stopped_early


def ranked(rows: Sequence[Row], name: str) -> list[Row]:
    """Returns rows in the order of a leaderboard, by a metric without its prefix."""
    return sorted(rows, key=lambda row: _rank(row, metrics.DIRECTIONS[name]))


def _rank(row: Row, maximize: bool) -> tuple[bool, int, float, int]:
    mean = 0.0 if row.mean is None else row.mean
    behind = -row.epochs if row.stopped_early else -sys.maxsize
    return row.mean is None, behind, -mean if maximize else mean, row.parameters or 0


def from_records(
    runs: Sequence[Run], part: str, name: str, hyperparameters: dict[str, Value]
) -> Row:
    """Returns the row of one configuration as far as the records alone tell.

    Args:
        runs: Its runs, at least one, finished or failed.
        part: The part of the data they are measured on.
        name: A metric without its prefix.
        hyperparameters: The settings to show.
    """
    records = [run.record for run in runs]
    first, full = records[0].spec, metrics.prefix_of(part) + name
    values = [run.record.metrics[full] for run in _finished(runs, part, name)]
    return Row(
        config_id=runs[0].config_id,
        family=first.family,
        hyperparameters=hyperparameters,
        epochs=first.last_epoch,
        stopped_early=first.last_epoch < first.epochs,
        n=len(values),
        failed=sum(record.status == "failed" for record in records),
        values=tuple(values),
        mean=float(np.mean(values)) if has_score(len(values), len(records)) else None,
        interval_seeds=measures.t_interval(values),
        interval_new_data=None,
        sd=measures.sd(values),
        sd_interval=measures.sd_interval(values),
        sd_floor=None,
        parameters=max(record.parameters for record in records) or None,
        multiply_accumulates=max(record.multiply_accumulates for record in records) or None,
        seconds=float(np.mean([record.seconds for record in records])) or None,
        images_per_second=_mean([record.images_per_second for record in records]),
        peak_memory=max((record.peak_memory or 0 for record in records), default=0) or None,
        **_latency(records),
        in_best_set=None,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _latency(records: Sequence[RunRecord]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for batch in latency.BATCHES:
        known = [each for r in records if (each := latency.of(r.host, batch)) is not None]
        name = "latency" if batch == 1 else f"latency_{batch}"
        if known:
            low, median, high = (
                float(np.median([each[end] for each in known])) for end in ("low", "median", "high")
            )
            found |= {name: median, f"{name}_interval": (low, high)}
    return found


def with_scores(
    row: Row, runs: Sequence[Run], part: str, name: str
) -> tuple[Row, Marginals | None, list[str]]:
    """Returns the row with what the logits add, what pairs need of them, and which are unreadable.

    With one run nothing is read: it has no interval. The other arguments are those of
    `from_records`.
    """
    if row.n < 2:
        return row, None, []
    finished = _finished(runs, part, name)
    labels = scores.labels_file(finished[0].study.folder, part)
    files = scores.logits_files([(run.study.folder, run.record.spec) for run in finished], part)
    found, unreadable = scores.read(labels, files, name)
    if found is None:
        return row, None, unreadable
    row = dataclasses.replace(
        row,
        interval_new_data=measures.new_data_interval(found),
        sd_floor=measures.sd_floor(found) if name in metrics.RIGHT_OR_WRONG else None,
    )
    return row, differences.marginals(found), []


def _finished(runs: Sequence[Run], part: str, name: str) -> list[Run]:
    """Returns the runs that have the metric, by repeat."""
    full = metrics.prefix_of(part) + name
    found = [run for run in runs if run.record.status == "finished" and full in run.record.metrics]
    return sorted(found, key=lambda run: run.record.spec.repeat)
