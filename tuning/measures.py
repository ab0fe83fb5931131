"""Statistics across runs: pure functions of arrays, float64 throughout.

A value is one run's; an interval is (low, high) as computed, also where it passes 0 or 1. Where
data cannot support a number the answer is None, never a guess.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

Values = Sequence[float] | npt.NDArray[np.float64]
Interval = tuple[float, float]

# What is below this is rounding, not variation.
_TINY = 1e-12


def t_interval(values: Values, confidence: float = 0.95) -> Interval | None:
    """Returns Student's interval of the mean of `values` (runs,): other seeds, the same images.

    None for fewer than two values, or where they do not vary: an interval of no width would be
    false certainty. It holds at 3 to 30 runs, where a bootstrap does not.
    """
    x = np.asarray(values, np.float64)
    if len(x) < 2 or np.ptp(x) < _TINY:
        return None
    half = stats.t.ppf(0.5 + confidence / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return float(x.mean() - half), float(x.mean() + half)


def sd(values: Values) -> float | None:
    """Returns the standard deviation between runs (runs,), with n - 1; None for one value."""
    x = np.asarray(values, np.float64)
    return float(x.std(ddof=1)) if len(x) > 1 else None


def sd_interval(values: Values, confidence: float = 0.95) -> Interval | None:
    """Returns the chi-squared interval of the standard deviation between runs (runs,).

    None for fewer than two values, or where they do not vary. It assumes normal values and is
    wide: 0.5 to 6 times the standard deviation at three runs.
    """
    spread = sd(values)
    if spread is None or spread < _TINY:
        return None
    df = len(values) - 1
    tail = (1 - confidence) / 2
    low, high = stats.chi2.ppf([1 - tail, tail], df)
    return float(spread * np.sqrt(df / low)), float(spread * np.sqrt(df / high))


def new_data_interval(scores: npt.NDArray[np.float64], confidence: float = 0.95) -> Interval | None:
    """Returns the interval of the mean for other seeds *and* other images.

    Args:
        scores: (runs, images), each image's score in each run, such as 1 where it is right.
        confidence: Nominal coverage.

    The two-way random-effects standard error sqrt((MS_run + MS_image - MS_error) / (runs images))
    with Satterthwaite's degrees of freedom. None for fewer than two runs or images, or where
    nothing varies.
    """
    runs, images = scores.shape
    if runs < 2 or images < 2 or np.ptp(scores) < _TINY:
        return None
    run, image, error = mean_squares(scores)
    total, df = run, float(runs - 1)  # The seeds' part alone is the least it can be.
    if run + image - error > run:
        total = run + image - error
        image_df, error_df = images - 1, (runs - 1) * (images - 1)
        parts = run**2 / (runs - 1) + image**2 / image_df + error**2 / error_df
        df = max(1.0, total**2 / parts)
    if total < _TINY:
        return None
    half = stats.t.ppf(0.5 + confidence / 2, df) * np.sqrt(total / (runs * images))
    return float(scores.mean() - half), float(scores.mean() + half)


def mean_squares(scores: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Returns the mean squares (run, image, error) of scores (runs, images), both at least 2."""
    runs, images = scores.shape
    by_run, by_image, mean = scores.mean(axis=1), scores.mean(axis=0), scores.mean()
    run = images * by_run.var(ddof=1)
    image = runs * by_image.var(ddof=1)
    total = ((scores - mean) ** 2).sum()
    error = (total - (runs - 1) * run - (images - 1) * image) / ((runs - 1) * (images - 1))
    return float(run), float(image), max(0.0, float(error))


def sd_floor(right: npt.NDArray[np.float64]) -> float | None:
    """Returns the standard deviation of accuracy that independent errors alone would give.

    Args:
        right: (runs, images), 1 where the run is right on the image, else 0.

    Jordan, "On the Variance of Neural Network Training with respect to Test Sets and
    Distributions", ICLR 2024: the square root of the sum over images of the variance over runs,
    over images squared. None for one run.
    """
    runs, images = right.shape
    return float(np.sqrt(right.var(axis=0, ddof=1).sum()) / images) if runs > 1 else None


def best_set(groups: Sequence[Values], *, maximize: bool = True, alpha: float = 0.05) -> list[bool]:
    """Returns which groups cannot be told from the best: the true best is among them.

    Args:
        groups: Each configuration's values (runs,).
        maximize: Whether more is better.
        alpha: Chance that the best is left out.

    A group is out if another beats it by a one-sided Welch test at alpha / (groups - 1), which
    holds although the leader is picked from the same data. A group of one run is never out.
    """
    signed = [np.asarray(group, np.float64) * (1 if maximize else -1) for group in groups]
    level = alpha / max(1, len(groups) - 1)
    return [
        not any(beats(rival, group, level) for j, rival in enumerate(signed) if j != i)
        for i, group in enumerate(signed)
    ]


def beats(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], level: float) -> bool:
    """Returns whether the mean of `a` (runs,) is above that of `b`, by a one-sided Welch test.

    Without variation in either, or with one run, the test is undefined and the answer no.
    """
    if len(a) < 2 or len(b) < 2 or a.mean() <= b.mean():
        return False
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if va + vb < _TINY**2:
        return False
    df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    return bool(stats.t.sf((a.mean() - b.mean()) / np.sqrt(va + vb), df) < level)
