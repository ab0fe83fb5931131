"""Bias and variance of runs that cross training sets and seeds. Pure functions of arrays.

    risk = bias + variance,  variance = data + seed + interaction

`logits` are (subsets, seeds, images, classes): models trained on `subsets` samples of the training
data with the same `seeds` seeds each; `labels`, int (images,). Runs that share a subset or a seed
are alike, and all pairs of runs would understate the variance: at 4 x 3 its data part by 18 %, its
seed part by 27 %. So

    variance     is taken from runs that share neither subset nor seed,
    data         is that less the variance of runs that share their subset,
    seed         is that less the variance of runs that share their seed,
    interaction  is what is left: this seed on these data.

For votes and probabilities these are the two-way mean squares of `variance_sources.crossed`,
unbiased. For the cross-entropy the three are jackknifed: nearly so. What is really 0 is often
negative, and shown so. The bias includes the noise of the labels.
"""

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from tuning.measures import TINY, Array, Interval, t_quantile

Logits = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]

# Images at a time, so that a thousand classes fit into memory.
_CHUNK = 1000
# Groups of runs that share nothing are all taken if there are no more, else the diagonals.
_GROUPS = 120


@dataclasses.dataclass(frozen=True, kw_only=True)
class Crossed:
    """A loss image by image, (images,) each; see the module."""

    risk: Array
    bias: Array
    variance: Array
    data: Array
    seed: Array
    interaction: Array


Decompose = Callable[[Logits, Labels], Crossed | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """One part averaged over images.

    Attributes:
        value: The mean.
        error_images: Its standard error if only the images were others; None for one image.
        error_subsets: The same for other training sets; None for two.
        error_seeds: The same for other seeds; None for two.
        interval: For others of all three; None where one is missing or all are 0.
    """

    value: float
    error_images: float | None
    error_subsets: float | None
    error_seeds: float | None
    interval: Interval | None

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.interval is None else (self.interval[1] - self.interval[0]) / 2


def zero_one(logits: Logits, labels: Labels) -> Crossed | None:
    """Returns the error rate by the frequencies of votes; None below 2 x 2 runs.

    Kohavi and Wolpert's terms, as `bias_variance.kohavi_wolpert`: the variance is half the share
    of pairs of runs that disagree.
    """
    classes = logits.shape[-1]
    votes = np.eye(classes)[np.argmax(logits, axis=-1)]
    return _squared(votes, labels, 0.5)


def brier(logits: Logits, labels: Labels) -> Crossed | None:
    """Returns the squared distance of probabilities to the label; None below 2 x 2 runs."""
    return _squared(special.softmax(np.asarray(logits, np.float64), axis=-1), labels, 1)


def cross_entropy(logits: Logits, labels: Labels) -> Crossed | None:
    """Returns the cross-entropy, in nats; None below 2 x 2 runs.

    The central prediction is the softmax of the mean logits, as in `bias_variance.cross_entropy`.
    Each of the three variances is the jackknife over groups of min(subsets, seeds) runs: of equal
    size, so that what they still understate cancels in their differences, as far as it can. The
    total is about 3 % too low with groups of three and 1 % with five, for logits that differ by
    2, and a part up to 8 % with groups of three.
    """
    subsets, seeds = logits.shape[:2]
    size = min(subsets, seeds)
    if size < 2:
        return None
    logs = special.log_softmax(np.asarray(logits, np.float64), axis=-1)
    rows = [[(s, r) for r in range(seeds)] for s in range(subsets)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    risk = -logs[:, :, np.arange(len(labels)), labels].mean(axis=(0, 1))
    return _parts(
        risk,
        _jackknifed(logs, _sharing_nothing(subsets, seeds)),
        _jackknifed(logs, _within(rows, size)),
        _jackknifed(logs, _within(columns, size)),
    )


LOSSES: dict[str, Decompose] = {
    "zero_one": zero_one,
    "brier": brier,
    "cross_entropy": cross_entropy,
}


def by_image(decompose: Decompose, logits: Logits, labels: Labels) -> Crossed | None:
    """Returns what `decompose` does, some images at a time: memory is bounded."""
    starts = range(0, len(labels), _CHUNK)
    chunks = [slice(start, start + _CHUNK) for start in starts]
    found = [decompose(logits[:, :, chunk], labels[chunk]) for chunk in chunks]
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    names = [field.name for field in dataclasses.fields(Crossed)]
    return Crossed(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


def estimates(
    decompose: Decompose, logits: Logits, labels: Labels, confidence: float = 0.95
) -> dict[str, Estimate] | None:
    """Returns every part averaged over images, each with its uncertainty; None below 2 x 2 runs.

    The squared standard error is that over images plus those of leaving out one subset and one
    seed at a time (jackknife), with Student's t and Satterthwaite's degrees of freedom, and no
    interval is narrower than one of the three alone would be. In simulated studies of 3 x 3 and
    4 x 3 runs, also of runs that differ as wholes, 95 % intervals covered 91 to 100 %.
    """
    whole = by_image(decompose, logits, labels)
    if whole is None:
        return None
    left_out = [
        [by_image(decompose, np.delete(logits, i, axis=axis), labels) for i in range(count)]
        for axis, count in enumerate(logits.shape[:2])
    ]
    return {
        field.name: _estimate(
            getattr(whole, field.name),
            [_spread([getattr(o, field.name) for o in others if o]) for others in left_out],
            logits.shape[:2],
            confidence,
        )
        for field in dataclasses.fields(Crossed)
    }


def _estimate(
    images: Array, by_runs: Sequence[float | None], counts: Sequence[int], confidence: float
) -> Estimate:
    value = float(images.mean())
    by_images = float(images.std(ddof=1) / np.sqrt(len(images))) if len(images) > 1 else None
    found = [*zip((by_images, *by_runs), (len(images), *counts), strict=True)]
    errors = [(error, count - 1) for error, count in found if error is not None]
    half = _half(errors, confidence) if len(errors) == len(found) else 0.0
    return Estimate(
        value=value,
        error_images=by_images,
        error_subsets=by_runs[0],
        error_seeds=by_runs[1],
        interval=None if half < TINY else (value - half, value + half),
    )


def _half(errors: Sequence[tuple[float, int]], confidence: float) -> float:
    """Returns half an interval from standard errors and their degrees of freedom.

    Satterthwaite's for the sum of their squares, and no less than any of them has alone.
    """
    total = math.hypot(*(error for error, _ in errors))
    if total < TINY:
        return 0.0
    df = 1 / sum((error / total) ** 4 / df for error, df in errors)
    alone = [t_quantile(confidence, df) * error for error, df in errors]
    return max(t_quantile(confidence, df) * total, *alone)


def _spread(left_out: Sequence[Array]) -> float | None:
    """Returns the jackknife's standard error from what is left without one; None if nothing is."""
    means = [float(images.mean()) for images in left_out]
    return float(np.std(means) * np.sqrt(len(means) - 1)) if means else None


def _squared(predictions: Array, labels: Labels, factor: float) -> Crossed | None:
    """Returns `factor` times the squared distance to the one-hot label, taken apart."""
    subsets, seeds = predictions.shape[:2]
    if subsets < 2 or seeds < 2:
        return None
    truth = np.eye(predictions.shape[-1])[labels]
    mean = predictions.mean(axis=(0, 1))
    by_subset, by_seed = predictions.mean(axis=1), predictions.mean(axis=0)
    rest = predictions - by_subset[:, None] - by_seed[None] + mean
    error = (rest**2).sum(axis=(0, 1, 3)) / ((subsets - 1) * (seeds - 1))
    data = by_subset.var(axis=0, ddof=1).sum(axis=-1) - error / seeds
    seed = by_seed.var(axis=0, ddof=1).sum(axis=-1) - error / subsets
    risk = ((predictions - truth) ** 2).sum(axis=-1).mean(axis=(0, 1))
    return _parts(
        factor * risk,
        factor * (data + seed + error),
        factor * (seed + error),
        factor * (data + error),
    )


def _parts(risk: Array, variance: Array, same_subset: Array, same_seed: Array) -> Crossed:
    return Crossed(
        risk=risk,
        bias=risk - variance,
        variance=variance,
        data=variance - same_subset,
        seed=variance - same_seed,
        interaction=same_subset + same_seed - variance,
    )


_Cell = tuple[int, int]  # (subset, seed)


def _sharing_nothing(subsets: int, seeds: int) -> list[tuple[_Cell, ...]]:
    """Returns groups of min(subsets, seeds) runs of which no two share a subset or a seed.

    All there are, 24 for 4 x 3; if they are too many, the diagonals, which hold every run as often
    as every other.
    """
    size, most = sorted((subsets, seeds))
    if math.perm(most, size) <= _GROUPS:
        chosen: Iterable[tuple[int, ...]] = itertools.permutations(range(most), size)
    else:
        chosen = [tuple((i + shift) % most for i in range(size)) for shift in range(most)]
    groups = [tuple(enumerate(each)) for each in chosen]
    if subsets <= seeds:
        return groups
    return [tuple((s, r) for r, s in group) for group in groups]


def _within(lines: Sequence[Sequence[_Cell]], size: int) -> list[tuple[_Cell, ...]]:
    """Returns groups of `size` runs out of each line; of a long line its stretches.

    They go round its end: every run is in as many groups as every other.
    """
    if math.comb(len(lines[0]), size) * len(lines) <= _GROUPS:
        return [group for line in lines for group in itertools.combinations(line, size)]
    return [
        tuple(line[(start + i) % len(line)] for i in range(size))
        for line in lines
        for start in range(len(line))
    ]


def _jackknifed(logs: Array, groups: Sequence[tuple[_Cell, ...]]) -> Array:
    """Returns the variance of the cross-entropy (images,), jackknifed in each group, their mean.

    A group's own is minus the logarithm of the sum over classes of its geometric mean; see
    `bias_variance.geometric_variance`. Groups share what is left of them without one run.
    """
    weights: Counter[frozenset[_Cell]] = Counter()
    size = len(groups[0])
    for group in groups:
        weights[frozenset(group)] -= size
    total = np.zeros(logs.shape[2])
    without: Counter[frozenset[_Cell]] = Counter()
    for group in groups:
        for cell in group:
            without[frozenset(group) - {cell}] += 1
    for cells, weight in weights.items():
        total += weight * _log_sum(logs, cells)
    for cells, weight in without.items():
        total += weight * (size - 1) / size * _log_sum(logs, cells)
    return total / len(groups)


def _log_sum(logs: Array, cells: frozenset[_Cell]) -> Array:
    mean = np.mean([logs[cell] for cell in sorted(cells)], axis=0)
    return np.asarray(special.logsumexp(mean, axis=-1))
