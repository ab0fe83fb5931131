"""What a study adds to TensorBoard: its HParams page, its margin charts, its summaries.

A view, written once per configuration and never read back.
"""

import re
import shutil
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value, short, value_of
from tuning import space as spaces
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Domain, Float

if TYPE_CHECKING:
    from tuning.measures import Interval

# Curve -> the range its bands are clipped to: beyond it they would only stretch the axis.
CURVES = {
    "accuracy/validation": (0.0, 1.0),
    "loss/validation": (0.0, float("inf")),
    "accuracy/train": (0.0, 1.0),
    "loss/train": (0.0, float("inf")),
}
_SUMMARY = {
    "sd": "sd",
    "interval_low": "interval low",
    "interval_high": "interval high",
    "n": "n",
    "failed": "failed",
    "new_data_low": "new data low",
    "new_data_high": "new data high",
    "sd_low": "sd low",
    "sd_high": "sd high",
    "sd_floor": "sd floor",
    "sd_run": "sd of runs",
    "generalization_gap": "generalization gap",
    "kw_variance": "variance, 0-1",
    "ce_variance": "variance, cross-entropy",
}
# Settings the HParams page opens with; without a word from us it takes the first by the alphabet.
_COLUMNS = 5
# Characters; a folder's name may have 255.
_LONGEST_LABEL = 80


def describe(folder: Path, spec: SearchSpec) -> None:
    """Writes the study's own event file: what its pages show. Writing it again changes nothing.

    Args:
        folder: The study's.
        spec: What the study is: the columns are its space.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    from kerascnn import events  # NumPy: not on the way to a `--help`.

    metrics = {f"metrics/{spec.objective}": spec.objective}
    metrics |= {f"summary/{tag}": word for tag, word in _SUMMARY.items()}
    metrics |= {f"metrics/{name}": name for name in ("val_accuracy", "val_loss")}
    space = spaces.union([contender.space for contender in spec.contenders])
    if spec.others:
        space = {"family": Choice(*(contender.name for contender in spec.contenders)), **space}
    columns = [
        _column(name, space[name], leading=position < _COLUMNS)
        for position, name in enumerate(_most_telling_first(space))
    ] or [events.choice(name, [value]) for name, value in events.shown_of(spec.base, {}).items()]
    charts = {
        f"{curve}: mean over the seeds": (f"mean/{curve}", f"lower/{curve}", f"upper/{curve}")
        for curve in reversed(CURVES)  # The page shows the last chart first.
    }
    title = "Mean over the seeds, with its 95 % t-interval clipped to the values there can be"
    values = [events.experiment(columns, metrics), events.margin_charts(title, charts)]
    events.write_whole(folder, [(0, values)])


def write(
    folder: Path,
    records: Sequence[RunRecord],
    seeds: int,
    *,
    varied: Sequence[str] | None = None,
    objective: str = "val_accuracy",
) -> None:
    """Writes the summary of one configuration, once its last planned seed has ended.

    It goes to `<folder>/<config_id>/summary-n<seeds>/<label>/`, the label being the values that
    vary, and replaces the summary of another number of seeds. Per epoch, over the finished runs
    that reached it: `mean/<curve>`, `lower/<curve>` and `upper/<curve>`, the 95 % t-interval of
    the mean (NaN for a single run). At the last epoch the scalars `summary/*` that
    docs/comparing.md lists, as computed; those that data cannot support are left out. Nothing is
    written if no run finished or failed.

    Args:
        folder: The study's.
        records: All runs of the configuration, finished and failed.
        seeds: How many runs were planned.
        varied: Names of the settings that vary in the study, as the runs' loggers were told
            them; None: the summary gets no label and no columns in the HParams page.
        objective: The metric that ranks.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    from kerascnn import events  # NumPy: not on the way to a `--help`.

    finished = [record for record in records if record.status == "finished"]
    failed = sum(record.status == "failed" for record in records)
    if not finished and not failed:
        return
    spec = records[0].spec
    shown = {name: value_of(spec, name) for name in varied or ()}
    target = folder_of(folder, spec, seeds)
    steps = [*_curves(finished), _final(folder, finished, failed, objective)]
    if varied is not None:  # A further session of the configuration: its row gets sd, n, ...
        start = events.session_start(spec.config_id, events.shown_of(spec, shown))
        steps.insert(0, (0, [start, events.session_end(succeeded=True)]))
    _replace(target, shown, steps)


def write_scalars(
    folder: Path, spec: RunSpec, runs: int, scalars: Mapping[str, float], shown: Mapping[str, Value]
) -> None:
    """Writes numbers of one configuration, and replaces those of another number of runs.

    Args:
        folder: The study's.
        spec: The configuration.
        runs: How many runs the numbers are of.
        scalars: Tag -> value, at the last epoch.
        shown: The values that vary in the study, for the label.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    from kerascnn import events  # NumPy: not on the way to a `--help`.

    values = [events.scalar(tag, value) for tag, value in scalars.items()]
    _replace(folder_of(folder, spec, runs), shown, [(spec.last_epoch, values)])


def is_written(folder: Path, spec: RunSpec, seeds: int) -> bool:
    """Returns whether the summary of `seeds` runs of the configuration stands."""
    return any(folder_of(folder, spec, seeds).glob("**/*tfevents*"))


def folder_of(folder: Path, spec: RunSpec, seeds: int) -> Path:
    """Returns the folder of a configuration's summary in its study's."""
    return folder / spec.config_id / f"summary-n{seeds}"


def _replace(target: Path, shown: Mapping[str, Value], steps: Sequence[Any]) -> None:
    from kerascnn import events

    events.write_whole(target / label(shown), steps)
    for old in target.parent.glob("summary-n*"):
        if old != target:
            shutil.rmtree(old)


def label(shown: Mapping[str, Value]) -> str:
    """Returns "depth=3,learning_rate=0.00123": a folder's name that can be read; "" for nothing."""
    parts: list[str] = []
    for name in _most_telling_first(shown):
        parts.append(f"{name}={_short(shown[name])}")
        if len(",".join(parts)) > _LONGEST_LABEL:
            parts.pop()  # Never within a value: it would read as another.
            break
    return ",".join(parts)


def _short(value: Value) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", short(value))


def _most_telling_first(names: Iterable[str]) -> list[str]:
    """Puts the learning rate first, which matters most and stands last in most spaces."""
    return sorted(names, key=lambda name: name != "learning_rate")


def _column(name: str, domain: Domain, *, leading: bool) -> Any:
    from kerascnn import events

    if isinstance(domain, Choice):
        return events.choice(name, domain.values, leading=leading)
    scale = "on a log scale" if isinstance(domain, Float) and domain.log else ""
    return events.interval(name, domain.low, domain.high, leading=leading, description=scale)


def _curves(finished: Sequence[RunRecord]) -> Iterator[tuple[int, list[Any]]]:
    from kerascnn import events
    from tuning import measures  # SciPy: not on the way to a `--help`.

    epochs = max((record.epoch for record in finished), default=0)
    histories = {curve: [record.history.get(curve, ()) for record in finished] for curve in CURVES}
    for epoch in range(1, epochs + 1):
        values = [
            events.scalar(f"{part}/{curve}", value)
            for curve in CURVES
            for part, value in _point(curve, epoch, histories[curve], measures.t_interval)
        ]
        if values:
            yield epoch, values


def _point(
    curve: str,
    epoch: int,
    histories: Sequence[Sequence[float | None]],
    interval: Callable[[Sequence[float]], "Interval | None"],
) -> Iterator[tuple[str, float]]:
    """Yields mean, lower and upper of a curve at an epoch: always all three, at the same steps."""
    reached = [history[epoch - 1] for history in histories if len(history) >= epoch]
    values = [value for value in reached if value is not None]
    if not values:
        return
    least, most = CURVES[curve]
    low, high = interval(values) or (float("nan"), float("nan"))
    yield "mean", statistics.fmean(values)
    # In this order a NaN comes through as it is.
    yield "lower", max(low, least)
    yield "upper", min(high, most)


def _final(
    folder: Path, finished: Sequence[RunRecord], failed: int, objective: str
) -> tuple[int, list[Any]]:
    from kerascnn import events
    from tuning import spread  # SciPy: not on the way to a `--help`.

    scored = [record for record in finished if objective in record.metrics]
    found: dict[str, float] = {"n": len(finished), "failed": failed}
    if scored:
        found |= spread.of_records(scored, objective)
        found |= spread.of_logits(folder, scored, objective)
    epoch = max((record.epoch for record in finished), default=0)
    return epoch, [events.scalar(f"summary/{name}", found[name]) for name in sorted(found)]
