"""How an error falls with the number of training images: a power law above a floor, fitted."""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from tuning.measures import TINY, Array, Interval, Values

# Exponents tried before the best is refined; published ones lie between 0.05 and 1.
_EXPONENTS = np.geomspace(0.01, 5, 120)
# The same where many curves are fitted at once, and none is refined.
_FINE = 200
# A law without a known floor is not to be asked beyond so many times its largest size.
_REACH = 2.0
# A fit with less residual is exact: it has rounding, and no noise to estimate an interval from.
_EXACT = 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """error(n) = floor + scale n^-exponent.

    Attributes:
        floor: What is left on endless data, at least 0.
        scale: At least 0; 0 where the error does not fall.
        exponent: None where the error does not fall.
        floor_interval: 95 % profile interval of the floor; None where the data cannot give one:
            three sizes or fewer without standard errors, or a fit without residual.
        reach: The largest n it may be asked about: twice the largest size where the interval is
            missing or holds 0, for then floor and exponent cannot be told apart; else infinite.
    """

    floor: float
    scale: float
    exponent: float | None
    floor_interval: Interval | None
    reach: float

    def __call__(self, size: float) -> float:
        """Returns the error at `size` training images."""
        if self.exponent is None:
            return self.floor
        return float(self.floor + self.scale * size**-self.exponent)


def fit(sizes: Values, errors: Values, standard_errors: Values | None = None) -> PowerLaw:
    """Returns the power law through errors at sizes, by weighted least squares.

    Args:
        sizes: Numbers of training images, at least three different ones; to be believed, five
            over a factor of 30.
        errors: Mean test error at each.
        standard_errors: Of each, over seeds and subsets, above 0; None: all alike and unknown.

    Variable projection: for each exponent floor and scale are a least-squares problem with both
    at least 0. A line through logarithms would ignore the floor. Judge the law by
    `held_out_error`, never by how well it fits.

    Raises:
        ValueError: If there are fewer than three sizes, or a standard error is not above 0.
    """
    n, y, weights = _checked(sizes, errors, standard_errors)
    scaled = n / np.exp(np.log(n).mean())
    columns = np.stack([weights, weights], axis=1)

    def solve(exponent: float) -> tuple[Array, float]:
        columns[:, 1] = weights * scaled**-exponent
        solution, residual = optimize.nnls(columns, weights * y)
        return solution, float(residual)

    residuals = np.array([solve(value)[1] for value in _EXPONENTS])
    exponent, residual = _least(residuals, lambda value: solve(value)[1])
    floor, scale = solve(exponent)[0]
    falls = scale > TINY
    interval = None
    if falls:
        limit = _limit(residual**2, len(n), standard_errors is not None)
        interval = None if limit is None else _floor_interval(scaled, y, weights, floor, limit)
    known = interval is not None and interval[0] > 0
    return PowerLaw(
        floor=float(floor),
        scale=float(scale * np.exp(np.log(n).mean()) ** exponent) if falls else 0.0,
        exponent=exponent if falls else None,
        floor_interval=interval,
        reach=float("inf") if known else _REACH * float(n.max()),
    )


def fit_all(sizes: Values, errors: Array, standard_errors: Values) -> tuple[Array, Array, Array]:
    """Returns (floors, scales, exponents) of the laws through many curves at once.

    The exponent is the best of a fine grid, which is near enough for what fits of redrawn errors
    are for: intervals.

    Args:
        sizes: As `fit` takes them.
        errors: (curves, sizes).
        standard_errors: As `fit` takes them, of all curves.
    """
    n = np.asarray(sizes, np.float64)
    middle = np.exp(np.log(n).mean())
    exponents = np.geomspace(_EXPONENTS[0], _EXPONENTS[-1], _FINE)
    squares = np.asarray(standard_errors, np.float64) ** -2.0
    x = (n / middle) ** -exponents[:, None]
    total, first, second = squares.sum(), x @ squares, x**2 @ squares
    y, xy = (errors @ squares)[:, None], errors @ (x * squares).T
    # Least squares with both at least 0: where the free solution is not, one of them is 0.
    scale = (total * xy - first * y) / (total * second - first**2)
    floor = (y - scale * first) / total
    floor = np.where(scale < 0, np.maximum(0, y / total), floor)
    scale = np.where(floor < 0, np.maximum(0, xy / second), np.maximum(0, scale))
    floor = np.maximum(0, floor)
    misfit = floor**2 * total + 2 * floor * scale * first + scale**2 * second
    best = (misfit - 2 * floor * y - 2 * scale * xy).argmin(axis=1)
    rows = np.arange(len(errors))
    found = exponents[best]
    return floor[rows, best], scale[rows, best] * middle**found, found


def held_out_error(sizes: Values, errors: Values, standard_errors: Values | None = None) -> float:
    """Returns predicted minus measured error at the largest size, of a fit to all others."""
    n = np.asarray(sizes, np.float64)
    rest = n < n.max()
    left = None if standard_errors is None else np.asarray(standard_errors, np.float64)[rest]
    y = np.asarray(errors, np.float64)
    law = fit(n[rest], y[rest], left)
    return law(float(n.max())) - float(y[~rest].mean())


def _checked(
    sizes: Values, errors: Values, standard_errors: Values | None
) -> tuple[Array, Array, Array]:
    """Returns sizes, errors and the inverse of the standard errors."""
    n, y = np.asarray(sizes, np.float64), np.asarray(errors, np.float64)
    if len(np.unique(n)) < 3:
        raise ValueError(f"A power law needs three different sizes. Received: {n.tolist()}")
    deviations = np.ones(len(n)) if standard_errors is None else np.asarray(standard_errors)
    if not (deviations > 0).all():
        raise ValueError(f"Standard errors must be above 0. Received: {deviations.tolist()}")
    return n, y, 1 / deviations.astype(np.float64)


def _least(values: Array, function: Callable[[float], float]) -> tuple[float, float]:
    """Returns (exponent, value) where the function, `values` at `_EXPONENTS`, is least."""
    best = int(np.argmin(values))
    ends = _EXPONENTS[max(0, best - 1)], _EXPONENTS[min(len(_EXPONENTS) - 1, best + 1)]
    found = optimize.minimize_scalar(
        function, bounds=ends, method="bounded", options={"xatol": 1e-12, "maxiter": 500}
    )
    return float(found.x), float(found.fun)


def _limit(squares: float, sizes: int, errors_known: bool) -> float | None:
    """Returns the sum of squared residuals up to which a floor is still believable."""
    if errors_known:
        return squares + float(stats.chi2.ppf(0.95, 1))
    df = sizes - 3
    if df < 1 or squares < _EXACT**2:
        return None
    return squares * (1 + float(stats.t.ppf(0.975, df)) ** 2 / df)


def _floor_interval(n: Array, y: Array, weights: Array, floor: float, limit: float) -> Interval:
    """Returns the floors with which the best scale and exponent leave residuals up to `limit`."""

    def excess(value: float) -> float:
        rest = weights * (y - value)

        def residual(exponents: Array) -> Array:
            x = weights * n ** -exponents[:, None]
            scale = np.maximum(0, x @ rest / (x**2).sum(axis=1))
            return np.asarray(np.linalg.norm(rest - scale[:, None] * x, axis=1))

        least = _least(residual(_EXPONENTS), lambda one: float(residual(np.array([one]))[0]))
        return least[1] ** 2 - limit

    high = max(float(y.max()), floor) + TINY
    upper = optimize.brentq(excess, floor, high, xtol=_EXACT) if excess(high) > 0 else np.inf
    lower = 0.0
    if floor > 0 and excess(0.0) > 0:
        lower = float(optimize.brentq(excess, 0.0, floor, xtol=_EXACT))
    return lower, float(upper)
