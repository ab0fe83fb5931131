"""What a learning curve found, read from its log and logits: error against training images."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import training
from kerascnn.spec import Value
from tuning import decomposition_report, extrapolation, measures, scores
from tuning.decomposition import Crossing, crossings, images_of
from tuning.extrapolation import Extrapolation
from tuning.measures import Array, Interval
from tuning.study import Study

# Settings that follow from the size, and make no other curve.
_OF_SIZE = ("train_size", "epochs")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """One size of one curve.

    Attributes:
        config_id: The configuration.
        size: Training images.
        epochs: For how many it is trained.
        subsets, seeds: How many training sets and seeds are used: those whose runs all finished.
        n: Runs that are used.
        failed: Runs that failed.
        reason: Why the first of them did; "" if none did.
        errors: Of each, (subsets, seeds).
        error: Their mean error, the share of images that are wrong; None without a run.
        standard_error: Of the mean, for other training sets and seeds; None where it is unknown.
        df: Its degrees of freedom.
        interval: The mean's 95 % interval.
    """

    config_id: str
    size: int
    epochs: int
    subsets: int
    seeds: int
    n: int
    failed: int
    reason: str
    errors: tuple[tuple[float, ...], ...]
    error: float | None
    standard_error: float | None
    df: float
    interval: Interval | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """One family's error against the number of training images.

    Attributes:
        family: Its family.
        hyperparameters: The settings it was given.
        points: By size.
        extrapolation: The law through those that have an error.
    """

    family: str
    hyperparameters: dict[str, Value]
    points: tuple[Point, ...]
    extrapolation: Extrapolation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """A learning curve, of one family or several.

    Attributes:
        study: The study's name.
        split: The part of the data that errors are of.
        images: How many images that is.
        pool: The training images that training sets are drawn from.
        curves: In the order they were asked for.
    """

    study: str
    split: str
    images: int
    pool: int
    curves: tuple[Curve, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns what `learning-curve --json` prints."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class _Measured:
    """A size with its runs.

    Attributes:
        each: Its configuration.
        wrong: 1 where a run is wrong on an image, (subsets, seeds, images); none used: (0, 0, 0).
    """

    each: Crossing
    wrong: Array

    @property
    def size(self) -> int:
        return self.each.config.train_size

    @property
    def errors(self) -> Array:
        """(subsets, seeds)."""
        return np.asarray(self.wrong.mean(axis=2)) if self.wrong.size else np.empty((0, 0))


def report(study: Study) -> Report:
    """Returns what a learning curve found so far.

    Raises:
        ValueError: If the study is none, or its labels or logits are missing or damaged.
        RuntimeError: If no run finished.
    """
    if not study.spec.is_learning_curve:
        made_by = study.spec.made_by
        raise ValueError(f"{study.folder} was made by `{made_by}`, not by `learning-curve`.")
    part = training.SCORED_PARTS[study.spec.phase][0]
    labels = scores.read_labels(scores.labels_file(study.folder, part))
    if labels is None:
        raise ValueError(f"{scores.labels_file(study.folder, part)} is missing or damaged.")
    groups: dict[str, list[_Measured]] = {}
    for each in crossings(study):
        kept = {name: value for name, value in each.point.items() if name not in _OF_SIZE}
        groups.setdefault(repr(sorted(kept.items())), []).append(_measured(study, each, labels))
    if not any(one.wrong.size for group in groups.values() for one in group):
        reason = next(
            (one.each.reason for g in groups.values() for one in g if one.each.reason), ""
        )
        raise RuntimeError(f"{study.folder}: no run finished. The first that failed: {reason}")
    pool = images_of(study)
    return Report(
        study=study.name,
        split=part,
        images=len(labels),
        pool=pool,
        curves=tuple(_curve(group, pool, study.spec.seed) for group in groups.values()),
    )


def _measured(study: Study, each: Crossing, labels: npt.NDArray[np.integer[Any]]) -> _Measured:
    part = training.SCORED_PARTS[study.spec.phase][0]
    subsets, repeats = _used(study, each)
    runs = [(study.folder, each.runs[s, r].spec) for s in subsets for r in repeats]
    if not runs:
        return _Measured(each, np.empty((0, 0, 0)))
    files = scores.logits_files(runs, part)
    if problems := scores.problems(labels, files):
        raise ValueError(problems[0])
    wrong = np.stack([np.load(file).argmax(axis=1) != labels for file in files])
    return _Measured(each, wrong.reshape(len(subsets), len(repeats), -1).astype(np.float64))


def _used(study: Study, each: Crossing) -> tuple[Sequence[str], Sequence[int]]:
    """Returns the training sets and seeds of which all runs finished; else one that has most."""
    subsets, repeats = decomposition_report.in_full(study, each)
    if subsets:
        return subsets, repeats
    done = {key for key, run in each.runs.items() if run.status == "finished"}
    by_subset = {s: sorted(r for t, r in done if t == s) for s in study.spec.training_sets}
    best = max(by_subset, key=lambda subset: len(by_subset[subset]))
    return [best], by_subset[best]


def _curve(group: Sequence[_Measured], pool: int, seed: int) -> Curve:
    group = sorted(group, key=lambda one: one.size)
    data = data_variances([one.errors for one in group], [one.size for one in group], pool)
    points = tuple(_point(one, variance, pool) for one, variance in zip(group, data, strict=True))
    known = [(p, one) for p, one in zip(points, group, strict=True) if p.error is not None]
    by_image = np.array([one.wrong.mean(axis=(0, 1)) for _, one in known])
    config = group[0].each.config
    ours = {"family", "code", *_OF_SIZE}
    return Curve(
        family=config.family,
        hyperparameters={n: v for n, v in group[0].each.point.items() if n not in ours},
        points=points,
        extrapolation=extrapolation.extrapolate(
            [p.size for p, _ in known],
            [p.error or 0.0 for p, _ in known],
            [np.nan if p.standard_error is None else p.standard_error for p, _ in known],
            [p.df for p, _ in known],
            np.atleast_2d(np.cov(by_image)) / by_image.shape[1] if len(known) > 1 else None,
            seed=seed,
        ),
    )


def data_variances(
    errors: Sequence[Array], sizes: Sequence[int], pool: int
) -> list[tuple[float, int] | None]:
    """Returns (variance of errors by what other training images change, degrees of freedom).

    Draws from one pool share images and show 1 - size / pool of it; where that is less than half,
    the variance of the largest size below stands in: it falls with the size. None where there is
    none.

    Args:
        errors: Of each size (subsets, seeds), sizes rising.
        sizes: The sizes.
        pool: Images that training sets are drawn from.
    """
    found: list[tuple[float, int] | None] = []
    for table, size in zip(errors, sizes, strict=True):
        share = 1 - size / pool
        if min(table.shape) >= 2 and share >= 0.5:
            subset, _, rest = measures.mean_squares(table)
            found.append((max(0.0, subset - rest) / table.shape[1] / share, len(table) - 1))
        else:
            below = [known for known in found if known is not None]
            found.append(below[-1] if below and share < 0.5 else None)
    return found


def standard_error(
    errors: Array, size: int, pool: int, data: tuple[float, int] | None
) -> tuple[float, float] | None:
    """Returns (standard error, its degrees of freedom) of a mean over training sets and seeds.

    Args:
        errors: (subsets, seeds).
        size: Images of a training set.
        pool: Images that these are drawn from: what they share does not average out.
        data: Of `data_variances`.

    None where the data's variance is unknown or there are fewer than two seeds.
    """
    subsets, seeds = errors.shape
    if data is None or seeds < 2:
        return None
    share = 1 - size / pool
    parts = [data[0] * (share / subsets + 1 - share)]
    dfs = [data[1], seeds - 1]
    if subsets < 2:
        parts.append(float(errors.var(ddof=1)) / seeds)
    else:
        _, seed, rest = measures.mean_squares(errors)
        parts += [max(0.0, seed - rest) / (subsets * seeds), rest / (subsets * seeds)]
        dfs.append((subsets - 1) * (seeds - 1))
    total = sum(parts)
    if total < measures.TINY**2:
        return 0.0, float(seeds - 1)
    return float(np.sqrt(total)), measures.satterthwaite(total, parts, dfs)


def _point(one: _Measured, data: tuple[float, int] | None, pool: int) -> Point:
    errors, each = one.errors, one.each
    mean = float(errors.mean()) if errors.size else None
    found = standard_error(errors, one.size, pool, data) if errors.size else None
    se, df = found or (None, 0.0)
    if se is not None and mean is not None:
        # Runs that happen to agree: not less than independent errors on these images would vary.
        trials = one.wrong.size
        share = (mean * trials + 0.5) / (trials + 1)
        se = max(se, float(np.sqrt(share * (1 - share) / trials)))
    half = None if se is None else measures.t_quantile(0.95, df) * se
    return Point(
        config_id=each.config.config_id,
        size=one.size,
        epochs=each.config.epochs,
        subsets=errors.shape[0],
        seeds=errors.shape[1],
        n=errors.size,
        failed=sum(run.status == "failed" for run in each.runs.values()),
        reason=each.reason,
        errors=tuple(tuple(map(float, row)) for row in errors),
        error=mean,
        standard_error=se,
        df=df,
        interval=None if half is None or mean is None else (mean - half, mean + half),
    )
