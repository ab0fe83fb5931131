"""The power law of data-size scaling: A20."""

import numpy as np
import pytest

from tuning import scaling

SIZES = np.array([500.0, 1000, 2000, 4000, 8000, 16000])
ERRORS = 0.05 + 2 * SIZES**-0.5


def test_a20_a_power_law_above_a_floor() -> None:
    law = scaling.fit(SIZES, ERRORS)
    assert (law.floor, law.scale, law.exponent) == pytest.approx((0.05, 2, 0.5), abs=1e-6)
    assert law(256_000) == pytest.approx(0.05395, abs=5e-6)
    assert law.floor_interval is None  # Without residual there is nothing to estimate it from.
    assert law.reach == 32_000
    assert scaling.held_out_error(SIZES, ERRORS) == pytest.approx(0, abs=1e-6)


def test_a_line_through_logarithms_is_no_substitute() -> None:
    slope, start = np.polyfit(np.log(SIZES), np.log(ERRORS), 1)
    assert slope == pytest.approx(-0.216, abs=5e-4)
    assert np.exp(start + slope * np.log(256_000)) == pytest.approx(0.0345, abs=5e-5)


def test_the_units_of_sizes_do_not_matter() -> None:
    law = scaling.fit(SIZES * 1e4, ERRORS)
    assert law.exponent == pytest.approx(0.5, abs=1e-6)
    assert law(1e4 * 256_000) == pytest.approx(0.05395, abs=5e-6)


def test_an_error_that_does_not_fall_has_no_exponent() -> None:
    for errors in (np.full(6, 0.3), np.linspace(0.1, 0.6, 6)):
        law = scaling.fit(SIZES, errors)
        assert (law.scale, law.exponent, law.floor_interval) == (0, None, None)
        assert law(1e6) == pytest.approx(errors.mean())


def test_a_floor_that_cannot_be_told_from_0_limits_the_reach() -> None:
    noise = np.random.default_rng(1).normal(0, 0.003, 6)
    low = scaling.fit(SIZES, 2 * SIZES**-0.3 + noise, np.full(6, 0.003))
    assert low.floor_interval is not None
    assert low.floor_interval[0] == 0
    assert low.reach == 32_000
    high = scaling.fit(SIZES, ERRORS + noise / 3, np.full(6, 0.001))
    assert high.floor_interval is not None
    assert high.floor_interval[0] > 0
    assert high.reach == np.inf


def test_certain_errors_count_more() -> None:
    errors = ERRORS.copy()
    errors[0] += 0.05
    weights = np.array([1.0, *[1e-4] * 5])
    assert scaling.fit(SIZES, errors, weights).floor == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("known", [True, False])
def test_the_floor_lies_in_its_interval(known: bool) -> None:
    """Nominal 95 %: of 100 fewer than 85 has odds of 5e-5; approximate, so 100 of 100 is fine."""
    rng = np.random.default_rng([20, known])
    hits = 0
    for _ in range(100):
        law = scaling.fit(
            SIZES, ERRORS + rng.normal(0, 0.001, 6), np.full(6, 0.001) if known else None
        )
        low, high = law.floor_interval or (1, 0)
        hits += low <= 0.05 <= high
    assert hits >= 85


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(
        ValueError, match=r"three different sizes\. Received: .500.0, 500.0, 900.0."
    ):
        scaling.fit([500, 500, 900], [0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match=r"must be above 0\. Received: .0, 1, 1."):
        scaling.fit([1, 2, 3], [0.1, 0.1, 0.1], [0, 1, 1])
