"""Where the variance between runs comes from, the training data or the seed. Pure functions.

Runs form a table, `predictions` (subsets, seeds, ...): models trained on `subsets` samples of the
training data with `seeds` seeds each. What follows is nothing, for one number a run; or (images,
classes), averaged over images and summed over classes, for probabilities (the variance of
`bias_variance.brier`). One-hot votes give twice the variance of `bias_variance.kohavi_wolpert`.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from kerascnn import registry
from tuning.bias_variance import geometric_variance
from tuning.measures import Array

# Ways to draw several training sets from one pool.
DRAWS = ("disjoint", "overlapping", "bootstrap")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """A variance by source; an estimate that is really 0 is often negative, and shown so.

    Attributes:
        data: The choice of training data.
        seed: The seed.
        interaction: This seed on these data; None where every subset has seeds of its own, whose
            `seed` includes it.
    """

    data: float
    seed: float
    interaction: float | None = None

    @property
    def total(self) -> float:
        """Their sum."""
        return self.data + self.seed + (self.interaction or 0.0)


def nested(predictions: Array) -> Sources | None:
    """Returns data against seed where every subset has seeds of its own; None below 2 x 2 runs.

    Unbiased. Plain variances of the subsets' means, as in Neal et al. 2018, hold a share
    1 / seeds of the seeds' variance and call it the data's.
    """
    subsets, seeds = predictions.shape[:2]
    if subsets < 2 or seeds < 2:
        return None
    within = _mean(predictions.var(axis=1, ddof=1).mean(axis=0))
    between = _mean(predictions.mean(axis=1).var(axis=0, ddof=1))
    return Sources(data=between - within / seeds, seed=within)


def crossed(predictions: Array) -> Sources | None:
    """Returns data against seed where all subsets share the seeds; None below 2 x 2 runs.

    Two-way random effects, unbiased, and for the same number of runs more telling than `nested`:
    what belongs to a seed is told from what a seed does on one subset only.
    """
    subsets, seeds = predictions.shape[:2]
    if subsets < 2 or seeds < 2:
        return None
    by_subset, by_seed = predictions.mean(axis=1), predictions.mean(axis=0)
    rest = predictions - by_subset[:, None] - by_seed[None] + predictions.mean(axis=(0, 1))
    error = _mean((rest**2).sum(axis=(0, 1))) / ((subsets - 1) * (seeds - 1))
    return Sources(
        data=_mean(by_subset.var(axis=0, ddof=1)) - error / seeds,
        seed=_mean(by_seed.var(axis=0, ddof=1)) - error / subsets,
        interaction=error,
    )


def cross_entropy_sources(logits: npt.NDArray[np.floating[Any]]) -> Sources | None:
    """Returns data against seed for the cross-entropy, of logits (subsets, seeds, images, classes).

    The Kullback-Leibler variance of all runs is exactly the mean of the subsets' own plus that of
    the subsets' centres. Plug-ins: both are too low at few runs, and the data's part holds a
    share of the seeds'; `crossed.cross_entropy` mends both. None below 2 x 2 runs.
    """
    subsets, seeds = logits.shape[:2]
    if subsets < 2 or seeds < 2:
        return None
    logs = special.log_softmax(np.asarray(logits, np.float64), axis=-1)
    seed = np.mean([geometric_variance(own).mean() for own in logs])
    centres = special.log_softmax(logs.mean(axis=1), axis=-1)
    return Sources(data=float(geometric_variance(centres).mean()), seed=float(seed))


def shown_share(draw: str, size: int, pool: int) -> float:
    """Returns which share of the data's variance several samples of one pool show.

    Args:
        draw: "disjoint" samples; "overlapping" ones, each without replacement; or "bootstrap".
        size: Of a sample.
        pool: Of what all are drawn from.

    Samples that share points vary less than new data would: of a mean of `size` values with
    variance 1, which varies by 1 / size, samples show this share, the rest being their
    covariance. Dividing by it mends learners that act like a mean, roughly others. A bootstrap
    sample has the pool's size but 63 % of its points: the bias is that of a smaller set.

    Raises:
        ValueError: If there is no such draw, or a sample is larger than the pool or empty.
    """
    if draw not in DRAWS:
        raise ValueError(registry.unknown("draws", draw, DRAWS))
    if not 0 < size <= pool:
        raise ValueError(f"0 < size <= pool must hold. Received: {size=}, {pool=}")
    return {"disjoint": 1.0, "overlapping": 1 - size / pool, "bootstrap": 1 - 1 / pool}[draw]


def resampled_factor(runs: int, test_share: float) -> float:
    """Returns what to multiply the variance between resampled splits by, for that of their mean.

    Args:
        runs: Random divisions into training and test data.
        test_share: Test images over training images.

    Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003:
    1 / runs would take divisions of the same data for independent ones.
    """
    return 1 / runs + test_share


def _mean(squares: Any) -> float:
    """Returns squares (), or (images, classes), averaged over images and summed over classes."""
    squares = np.asarray(squares)
    return float(squares.sum(axis=-1).mean() if squares.ndim > 1 else squares.mean())
