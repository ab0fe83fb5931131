"""What picking the best of noisy results does to them: optimism, its repair, best-of-n.

More is better here; a loss is passed with its sign turned.
"""

import dataclasses

import numpy as np
from scipy import integrate, special

from tuning.measures import Array, Values


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shrunken:
    """Means moved towards their centre by as much as they are noise.

    Attributes:
        center: The mean of the true means.
        spread: Standard deviation of the true means; 0 where the results do not differ by more
            than their errors.
        means: (configurations,), to rank by.
        sds: (configurations,), how uncertain each is, `center` and `spread` being taken as known.
    """

    center: float
    spread: float
    means: Array
    sds: Array


def expected_maximum(n: int) -> float:
    """Returns the expected largest of n standard normal values: 0, 0.56, 0.85, ...

    Raises:
        ValueError: If n is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1. Received: {n=}")
    above = integrate.quad(lambda x: -np.expm1(n * special.log_ndtr(x)), 0, np.inf, epsabs=1e-11)
    below = integrate.quad(lambda x: np.exp(n * special.log_ndtr(x)), -np.inf, 0, epsabs=1e-11)
    return float(above[0] - below[0])


def optimism(configurations: int, error: float, spread: float = 0.0) -> float:
    """Returns by how much the best of several means is expected to exceed its true mean.

    Args:
        configurations: How many were compared.
        error: Standard error of each mean: the seed standard deviation / sqrt(runs).
        spread: Standard deviation of the true means.
    """
    if error == 0:
        return 0.0
    return expected_maximum(configurations) * error**2 / float(np.hypot(error, spread))


def shrink(means: Values, errors: Values) -> Shrunken:
    """Returns empirical-Bayes means: each is center + (1 - B) (mean - center), B its noise share.

    Args:
        means: (configurations,).
        errors: Their standard errors, (configurations,), all above 0.

    The spread is DerSimonian and Laird's, "Meta-analysis in Clinical Trials", 1986; with equal
    errors this is the rule of James and Stein. A ranking, not a repair: with 20 configurations
    that are all equal the best still looks 0.2 standard errors too good.

    Raises:
        ValueError: If an error is not above 0.
    """
    x, squared = np.asarray(means, np.float64), np.asarray(errors, np.float64) ** 2
    if not (squared > 0).all():
        raise ValueError(f"Standard errors must be above 0. Received: {list(errors)}")
    weights = 1 / squared
    center = np.average(x, weights=weights)
    excess = (weights * (x - center) ** 2).sum() - (len(x) - 1)
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    spread = max(0.0, float(excess / scale)) if len(x) > 1 else 0.0
    center = np.average(x, weights=1 / (squared + spread))
    noise = squared / (squared + spread)
    return Shrunken(
        center=float(center),
        spread=float(np.sqrt(spread)),
        means=center + (1 - noise) * (x - center),
        sds=np.sqrt(squared * (1 - noise)),
    )


def expected_best(
    values: Values, n: int, *, by: Values | None = None, replacement: bool = False
) -> float:
    """Returns what the best of n configurations drawn from these is expected to score.

    Args:
        values: What is reported of each, (configurations,).
        n: How many are tried, 1 to all.
        by: What chooses among them, (configurations,), such as their scores in the search while
            `values` are of fresh runs; None: `values` themselves, whose curve shows the winner's
            curse. Equal ones are chosen with equal odds.
        replacement: False: Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020,
            unbiased. True: Dodge et al., "Show Your Work", EMNLP 2019, which is too low.

    Raises:
        ValueError: If n is out of range.
    """
    x = np.asarray(values, np.float64)
    if not 1 <= n <= len(x):
        raise ValueError(f"1 <= n <= {len(x)} must hold. Received: {n=}")
    _, place, ties = np.unique(x if by is None else by, return_inverse=True, return_counts=True)
    below = np.concatenate([[0], np.cumsum(ties)])
    if replacement:
        chance = np.diff((below / len(x)) ** n)
    else:
        chance = np.diff(special.binom(below, n) / special.binom(len(x), n))
    means = np.bincount(place, weights=x) / ties
    return float(chance @ means)
