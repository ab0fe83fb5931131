"""What more data would do to an error, or why that cannot be said: a power law, held to account.

The law is that of `scaling`. Its intervals, and those of what it predicts, come from refitting it
to redrawn errors: each size's mean moved by Student's t times its standard error (a bootstrap of a
few runs is too narrow), and all sizes together by what other images would change.
"""

import dataclasses

import numpy as np

from tuning import scaling
from tuning.measures import Array, Interval, Values
from tuning.scaling import PowerLaw

# A law is believed from so many sizes on, over such a factor.
SIZES = 5
FACTOR = 30
# Sizes at which the law is told.
_PLACES = 33
# How often errors are drawn anew.
_DRAWS = 2000
_ENDS = (2.5, 97.5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What the law of the smaller sizes says of the largest.

    Attributes:
        predicted: The error it predicts.
        seen: The error there is.
        difference_interval: 95 % interval of the first less the second.
    """

    predicted: float
    seen: float
    difference_interval: Interval

    @property
    def holds(self) -> bool:
        """Whether noise may be all that lies between the two."""
        low, high = self.difference_interval
        return low <= 0 <= high


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doubled:
    """What twice the largest size would bring, by the law.

    Attributes:
        size: Twice the largest size.
        now: The law's error at the largest.
        then: Its error at twice that.
        then_interval: Its 95 % interval.
        gain: The first less the second.
        gain_interval: Its 95 % interval.
    """

    size: int
    now: float
    then: float
    then_interval: Interval
    gain: float
    gain_interval: Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """What the law says at one size.

    Attributes:
        size: Training images.
        error: The law's.
        interval: Its 95 % interval.
    """

    size: float
    error: float
    interval: Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extrapolation:
    """The law of a learning curve, and what it is good for.

    Attributes:
        law: Of all sizes; None if there are fewer than three.
        floor_interval, scale_interval, exponent_interval: 95 % intervals; None without a law, or
            without standard errors; of the exponent also where the error does not fall.
        held_out: None if fewer than three smaller sizes are left.
        doubled: None if it cannot be said.
        places: The law from the smallest size to the largest and, where that can be said, to twice
            the largest; none without standard errors.
        reason: Why it cannot; "" if it can.
    """

    law: PowerLaw | None = None
    floor_interval: Interval | None = None
    scale_interval: Interval | None = None
    exponent_interval: Interval | None = None
    held_out: HeldOut | None = None
    doubled: Doubled | None = None
    places: tuple[Place, ...] = ()
    reason: str = ""

    @property
    def knows_floor(self) -> bool:
        """Whether floor and exponent can be told apart: if not, nothing is said beyond twice."""
        return self.floor_interval is not None and self.floor_interval[0] > 0


def extrapolate(
    sizes: Values,
    errors: Values,
    standard_errors: Values,
    dfs: Values,
    covariance: Array | None = None,
    *,
    seed: int = 0,
) -> Extrapolation:
    """Returns the law of a learning curve with what it says of twice the largest size.

    Args:
        sizes: Numbers of training images, rising.
        errors: Mean error at each.
        standard_errors: Of each, for other training sets and seeds; above 0, or NaN if unknown.
        dfs: Their degrees of freedom.
        covariance: Of the errors (sizes, sizes), for other test images; None: of these images.
        seed: Of the redrawn errors.
    """
    n, y = np.asarray(sizes, np.float64), np.asarray(errors, np.float64)
    se, df = np.asarray(standard_errors, np.float64), np.asarray(dfs, np.float64)
    if len(n) < 3:
        return Extrapolation(reason=_too_few(n))
    if np.isnan(se).any():
        some = ", ".join(f"{size:,.0f}" for size in n[np.isnan(se)])
        return Extrapolation(
            law=scaling.fit(n, y),
            reason="how far the mean is off is known where 2 training sets with 2 seeds finished, "
            f"of at most half of the images or above such a size: not at {some} images",
        )
    law = scaling.fit(n, y, se)
    redrawn = _redrawn(y, se, df, covariance, seed)
    floors, scales, exponents = scaling.fit_all(n, redrawn, se)
    held_out = _held_out(n, y, se, redrawn)
    doubled = _doubled(int(n[-1]), law, floors, scales, exponents)
    reason = _reason(n, law, held_out, doubled)
    return Extrapolation(
        law=law,
        floor_interval=_interval(floors),
        scale_interval=_interval(scales),
        exponent_interval=_interval(exponents) if law.exponent is not None else None,
        held_out=held_out,
        doubled=None if reason else doubled,
        places=_places(n[0], n[-1] * (1 if reason else 2), law, floors, scales, exponents),
        reason=reason,
    )


def _redrawn(y: Array, se: Array, df: Array, covariance: Array | None, seed: int) -> Array:
    """Returns errors as they might have come out, (draws, sizes)."""
    rng = np.random.default_rng(seed)
    found = y + se * rng.standard_t(df, (_DRAWS, len(y)))
    if covariance is not None:
        found = found + rng.multivariate_normal(np.zeros(len(y)), covariance, _DRAWS)
    return np.asarray(found)


def _held_out(n: Array, y: Array, se: Array, redrawn: Array) -> HeldOut | None:
    if len(n) < 4:
        return None
    law = scaling.fit(n[:-1], y[:-1], se[:-1])
    floors, scales, exponents = scaling.fit_all(n[:-1], redrawn[:, :-1], se[:-1])
    predicted = floors + scales * n[-1] ** -exponents
    return HeldOut(
        predicted=law(float(n[-1])),
        seen=float(y[-1]),
        difference_interval=_interval(predicted - redrawn[:, -1]),
    )


def _doubled(
    largest: int, law: PowerLaw, floors: Array, scales: Array, exponents: Array
) -> Doubled:
    now, then = (floors + scales * float(size) ** -exponents for size in (largest, 2 * largest))
    return Doubled(
        size=2 * largest,
        now=law(largest),
        then=law(2 * largest),
        then_interval=_interval(then),
        gain=law(largest) - law(2 * largest),
        gain_interval=_interval(now - then),
    )


def _places(
    first: float, last: float, law: PowerLaw, floors: Array, scales: Array, exponents: Array
) -> tuple[Place, ...]:
    return tuple(
        Place(
            size=size,
            error=law(size),
            interval=_interval(floors + scales * size**-exponents),
        )
        for size in map(float, np.geomspace(first, last, _PLACES))
    )


def _reason(n: Array, law: PowerLaw, held_out: HeldOut | None, doubled: Doubled) -> str:
    """Returns why nothing can be said of more data; "" if something can."""
    if len(n) < SIZES or n[-1] < FACTOR * n[0]:
        return _too_few(n)
    if law.exponent is None:
        return "the error does not fall as training sets grow"
    if held_out is not None and not held_out.holds:
        return (
            f"the law of the smaller sizes predicts {held_out.predicted:.4f} at "
            f"{n[-1]:,.0f} images, where {held_out.seen:.4f} was seen"
        )
    low, high = doubled.then_interval
    if high - low > 2 * doubled.now:  # Which is to say nothing.
        return (
            f"anything from {low:.4f} to {high:.4f} at {doubled.size:,} images agrees with these "
            "runs; more training sets and seeds would tell more"
        )
    return ""


def _too_few(n: Array) -> str:
    span = f" over a factor of {n[-1] / n[0]:.3g}" if len(n) else ""
    return f"it takes {SIZES} sizes over a factor of {FACTOR}, there are {len(n)}{span}"


def _interval(values: Array) -> Interval:
    low, high = np.percentile(values, _ENDS)
    return float(low), float(high)
