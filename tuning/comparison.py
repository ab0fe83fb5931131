"""The leaderboard of a study: which configuration is better, and by more than its own noise?"""

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import metrics, registry, training
from kerascnn.record import RunRecord
from kerascnn.spec import Value, settings, value_of
from tuning import measures
from tuning.measures import Interval
from tuning.study import Study
from tuning.trials import has_score

# Seeds from which on the best-set is shown: with fewer almost nothing can be told apart.
BEST_SET_SEEDS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One configuration across its runs.

    Attributes:
        config_id: The configuration.
        family: Its family.
        hyperparameters: The settings that vary in the study, defaults included.
        epochs: Epochs its runs were trained for, a rule that ends a run early aside.
        stopped_early: Whether that is less than was planned: such a row is not ranked.
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
        seconds: Mean time of a run; None: unknown.
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
    seconds: float | None
    in_best_set: bool | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Board:
    """A leaderboard.

    Attributes:
        study: The study's name.
        metric: A metric without its prefix.
        split: The part it was measured on.
        rows: Best mean first; then those stopped early, the longest first; those without a mean
            last.
        undecided: How many others cannot be told from the leader, of those that are ranked; None
            with one seed.
        failures: Why runs failed: the last line of the first error of each configuration.
        imported: Where the runs came from, if they are another tool's trials; else None.
    """

    study: str
    metric: str
    split: str
    rows: tuple[Row, ...]
    undecided: int | None
    failures: Mapping[str, str]
    imported: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns what `compare --json` prints."""
        rows = [dataclasses.asdict(row) for row in self.rows]
        for row in rows:
            del row["values"]
        return {
            "study": self.study,
            "metric": self.metric,
            "split": self.split,
            "imported": self.imported,
            "configurations": rows,
            "pairs": [],
        }


def compare(study: Study, metric: str | None = None, split: str | None = None) -> Board:
    """Ranks the configurations of a study that were trained to their planned length.

    Those that were not, as an oracle saw no use in it, follow unranked.

    Args:
        study: The study.
        metric: "accuracy" or, with the part, "val_accuracy"; None: the study's objective.
        split: "train" (a fixed sample of it), "validation", "confirmation" or "test"; None: the
            part the metric names, else validation.

    Raises:
        ValueError: If there is no such metric or part, or no run has it.
    """
    part, name = resolve(study, metric, split)
    # What a confirmation trained anew has no part in the search's leaderboard.
    phase = {"confirmation": "confirm", "test": "final"}.get(part, study.spec.phase)
    groups: dict[str, list[RunRecord]] = defaultdict(list)
    for record in study.records():
        if record.status != "infeasible" and record.spec.phase == phase:
            groups[record.spec.config_id].append(record)
    rows = [row_of(study, _furthest(runs), part, name) for runs in groups.values()]
    if not rows and phase != study.spec.phase:
        raise ValueError(f"No run of {study.folder} was scored on {part} yet: `confirm` does that.")
    if not rows:
        raise ValueError(f"No run of {study.folder} has ended yet.")
    if not any(row.n for row in rows):
        raise ValueError(_why_nothing(study, groups, metrics.prefix_of(part) + name))
    rows = ranked(rows, name)
    failures = {config: _reason(runs) for config, runs in groups.items() if _reason(runs)}
    return _with_best_set(study, rows, part, name, failures)


def resolve(study: Study, metric: str | None, split: str | None) -> tuple[str, str]:
    """Returns (part, metric without prefix) of what the user asked for."""
    part, name = metrics.split_name(study.spec.objective)
    if metric is not None:
        if metric in metrics.DIRECTIONS:
            name = metric
        elif metric in metrics.names():
            part, name = metrics.split_name(metric)
        else:
            known = (*metrics.DIRECTIONS, *metrics.names())
            raise ValueError(registry.unknown("metrics", metric, known))
    if split is not None:
        parts = tuple(metrics.PREFIXES.values())
        if split not in parts:
            raise ValueError(registry.unknown("splits", split, parts))
        if metric not in (None, *metrics.DIRECTIONS) and split != part:
            raise ValueError(f"{metric!r} is of {part}. Received also: --split {split}")
        part = split
    return part, name


def _why_nothing(study: Study, groups: Mapping[str, Sequence[RunRecord]], full: str) -> str:
    runs = [run for group in groups.values() for run in group]
    if any(run.status != "failed" for run in runs):
        return f"No run of {study.folder} has {full}."
    return f"Every run of {study.folder} failed ({len(runs)}). The first: {_reason(runs)}"


def _reason(runs: Sequence[RunRecord]) -> str:
    """Returns the reason of the first run that failed, or ""."""
    return next((run.reason for run in runs if run.status == "failed"), "")


def _furthest(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Returns the runs that were trained for longest: others are on their way, or left behind."""
    reach = max(run.spec.last_epoch for run in runs)
    return [run for run in runs if run.spec.last_epoch == reach]


def ranked(rows: Sequence[Row], name: str) -> list[Row]:
    """Returns rows in the order of a `Board`, by a metric without its prefix."""
    return sorted(rows, key=lambda row: _rank(row, metrics.DIRECTIONS[name]))


def _rank(row: Row, maximize: bool) -> tuple[bool, int, float, int]:
    mean = 0.0 if row.mean is None else row.mean
    behind = -row.epochs if row.stopped_early else -sys.maxsize
    return row.mean is None, behind, -mean if maximize else mean, row.parameters or 0


def row_of(study: Study, runs: Sequence[RunRecord], part: str, name: str) -> Row:
    """Returns the row of one configuration.

    Args:
        study: Whose it is.
        runs: Its runs, at least one, finished or failed.
        part: The part of the data they are measured on.
        name: A metric without its prefix.
    """
    full = metrics.prefix_of(part) + name
    runs = sorted(runs, key=lambda run: run.spec.repeat)
    finished = [run for run in runs if run.status == "finished" and full in run.metrics]
    values = [run.metrics[full] for run in finished]
    scores = scores_of(study, finished, part, name) if len(values) > 1 else None
    return Row(
        config_id=runs[0].spec.config_id,
        family=runs[0].spec.family,
        hyperparameters=_shown(study, runs[0]),
        epochs=runs[0].spec.last_epoch,
        stopped_early=runs[0].spec.last_epoch < runs[0].spec.epochs,
        n=len(finished),
        failed=sum(run.status == "failed" for run in runs),
        values=tuple(values),
        mean=float(np.mean(values)) if has_score(len(values), len(runs)) else None,
        interval_seeds=measures.t_interval(values),
        interval_new_data=None if scores is None else measures.new_data_interval(scores),
        sd=measures.sd(values),
        sd_interval=measures.sd_interval(values),
        sd_floor=measures.sd_floor(scores)
        if scores is not None and name in ("accuracy", "top5")
        else None,
        parameters=max(run.parameters for run in runs) or None,
        seconds=float(np.mean([run.seconds for run in runs])) or None,
        in_best_set=None,
    )


def scores_of(
    study: Study, runs: Sequence[RunRecord], part: str, name: str
) -> npt.NDArray[np.float64] | None:
    """Returns scores (runs, images); None if the logits are gone or the metric is no mean."""
    rows = []
    try:
        labels = np.load(study.folder / f"labels-{part}.npy")
        for run in runs:
            folder = training.run_dir(study.folder, run.spec)
            logits = np.load(folder / f"logits-{part}.npy", mmap_mode="r")
            rows.append(metrics.per_image(logits, labels, name))
    except (OSError, ValueError):
        return None
    if any(row is None for row in rows):
        return None
    return np.stack([row for row in rows if row is not None])


def _shown(study: Study, run: RunRecord) -> dict[str, Value]:
    if study.imported is not None:  # What is not in a point was inactive: it has no value.
        return dict(run.point)
    asked = run.point
    names = [n for n in study.spec.varied(asked) or asked if n not in ("family", "code")]
    known = settings(run.spec.family)  # A baseline may be of a family that was not searched.
    return {n: asked[n] if n in asked else value_of(run.spec, n) for n in names if n in known}


def _with_best_set(
    study: Study, rows: list[Row], part: str, name: str, failures: Mapping[str, str]
) -> Board:
    ranked = [row for row in rows if row.mean is not None and not row.stopped_early]
    groups = [row.values for row in ranked]
    undecided = None
    if ranked and ranked[0].n > 1:
        members = measures.best_set(groups, maximize=metrics.DIRECTIONS[name])
        undecided = sum(members[1:])
        if all(row.n >= BEST_SET_SEEDS for row in ranked):
            flags = dict(zip((row.config_id for row in ranked), members, strict=True))
            rows = [
                row
                if row.stopped_early
                else dataclasses.replace(row, in_best_set=flags.get(row.config_id, False))
                for row in rows
            ]
    return Board(
        study=study.name,
        metric=name,
        split=part,
        rows=tuple(rows),
        undecided=undecided,
        failures=failures,
        imported=study.imported,
    )
