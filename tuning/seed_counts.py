"""How many runs it takes to tell configurations apart."""

import math

import numpy as np
from scipy import optimize, special

# Nodes of the quadrature of Rinott's constant, which it gives to 3e-4.
_NODES = 200


def power(
    runs: int, effect: float, *, alpha: float = 0.05, correlation: float | None = None
) -> float:
    """Returns how often a two-sided t test finds a difference, with `runs` runs of each.

    Args:
        runs: Of each of the two, at least 2.
        effect: The difference of the means, in standard deviations between runs.
        alpha: Level; alpha / 9 to compare each of ten configurations with the best.
        correlation: Of paired runs; None: independent runs (Welch, equal variances).
    """
    if correlation is None:
        df, shift = 2 * (runs - 1), effect * math.sqrt(runs / 2)
    else:
        df, shift = runs - 1, effect * math.sqrt(runs / (2 * (1 - correlation)))
    critical = special.stdtrit(df, 1 - alpha / 2)
    # SciPy's noncentral t is NaN far out, where the chance to stay below is 0.
    below, above = np.nan_to_num([special.nctdtr(df, shift, x) for x in (-critical, critical)])
    return float(1 - above + below)


def seeds_needed(
    effect: float,
    *,
    alpha: float = 0.05,
    power_wanted: float = 0.8,
    correlation: float | None = None,
    at_most: int = 100_000,
) -> int | None:
    """Returns the fewest runs of each with which `power` is reached; None if over `at_most`.

    Args:
        effect: The difference that matters, in standard deviations between runs.
        alpha: Level of the two-sided test.
        power_wanted: Chance to find that difference.
        correlation: As in `power`.
        at_most: Where to stop looking.
    """

    def enough(runs: int) -> bool:
        return power(runs, abs(effect), alpha=alpha, correlation=correlation) >= power_wanted

    high = 2
    while not enough(high):
        if high >= at_most:
            return None
        high = min(2 * high, at_most)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return max(2, high)


def detectable_difference(
    runs: int, *, alpha: float = 0.05, power_wanted: float = 0.8
) -> float | None:
    """Returns the least difference, in standard deviations between runs, found with that power.

    With 3 runs of each it is 3.07, with 5 2.02, with 10 1.32. None for one run.
    """
    if runs < 2:
        return None

    def missing(effect: float) -> float:
        return power(runs, effect, alpha=alpha) - power_wanted

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(optimize.brentq(missing, 0, high, xtol=1e-10))


def pairs_needed(better: float = 0.75, *, alpha: float = 0.05, beta: float = 0.05) -> int:
    """Returns how many pairs show that P(a above b) is over 1/2 when it is `better`.

    Noether, "Sample Size Determination for Some Common Nonparametric Tests", JASA 82, 1987, one
    sided, as in Bouthillier et al., "Accounting for Variance in Machine Learning Benchmarks",
    MLSys 2021: 29 at their defaults, which are these.
    """
    return math.ceil(noether(better, alpha=alpha, beta=beta))


def noether(better: float, *, alpha: float, beta: float) -> float:
    """Returns `pairs_needed` before it is rounded up.

    Raises:
        ValueError: If `better` is not between 1/2 and 1.
    """
    if not 0.5 < better <= 1:
        raise ValueError(f"0.5 < better <= 1 must hold. Received: {better=}")
    return float(
        (special.ndtri(1 - alpha) + special.ndtri(1 - beta)) ** 2 / (6 * (better - 0.5) ** 2)
    )


def rinott_h(groups: int, first: int, confidence: float = 0.95) -> float:
    """Returns Rinott's constant for choosing the best of `groups` after `first` runs of each.

    Rinott, "On Two-Stage Selection Procedures and Related Probability-Inequalities",
    Communications in Statistics A7, 1978. See `rinott_runs`.

    Raises:
        ValueError: If there are fewer than two groups or first runs.
    """
    if groups < 2 or first < 2:
        raise ValueError(f"groups and first must be at least 2. Received: {groups=}, {first=}")
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    # The integral over two chi-squared variables, in their quantiles: both run from 0 to 1.
    x = special.chdtri(first - 1, 1 - (nodes + 1) / 2)
    weights = weights / 2
    scale = np.sqrt((first - 1) * (1 / x[:, None] + 1 / x))

    def missing(h: float) -> float:
        return float(weights @ (special.ndtr(h / scale) @ weights) ** (groups - 1)) - confidence

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(optimize.brentq(missing, 0, high, xtol=1e-10))


def rinott_runs(
    sd: float, margin: float, *, groups: int, first: int, confidence: float = 0.95
) -> int:
    """Returns how many runs in all a configuration needs, so that the best of them is chosen.

    Args:
        sd: Its standard deviation over the `first` runs.
        margin: Differences below it do not matter.
        groups: Configurations compared.
        first: Runs of each so far.
        confidence: Chance that the one with the best mean is within `margin` of the best.

    Raises:
        ValueError: If the margin is not above 0.
    """
    if margin <= 0:
        raise ValueError(f"margin must be above 0. Received: {margin=}")
    return max(first, math.ceil((rinott_h(groups, first, confidence) * sd / margin) ** 2))
