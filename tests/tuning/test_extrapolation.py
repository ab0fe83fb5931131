"""What a law says of more data: planted laws are found, and what cannot be said is not."""

import numpy as np
import pytest

from tuning import extrapolation, scaling

SIZES = np.array([250.0, 800, 2500, 8000, 25_000])
LAW = 0.05 + 2 * SIZES**-0.5
EXACT = np.full(5, 1e-4)
DF = np.full(5, 8.0)


def test_of_exact_errors_twice_the_data_is_what_the_law_says() -> None:
    found = extrapolation.extrapolate(SIZES, LAW, EXACT, DF)
    assert found.reason == ""
    assert found.law is not None
    assert found.doubled is not None
    assert found.held_out is not None
    assert (found.law.floor, found.law.exponent) == pytest.approx((0.05, 0.5), abs=2e-3)
    assert found.doubled.size == 50_000
    assert found.doubled.now == pytest.approx(LAW[-1], abs=1e-5)
    assert found.doubled.then == pytest.approx(0.05 + 2 * 50_000**-0.5, abs=1e-5)
    assert found.doubled.gain == pytest.approx(found.doubled.now - found.doubled.then)
    assert found.held_out.holds
    assert found.held_out.predicted == pytest.approx(LAW[-1], abs=1e-5)
    assert found.knows_floor


@pytest.mark.slow
def test_intervals_cover_what_was_planted() -> None:
    """60 curves would be 57; fewer than 51 are one in 200 at a coverage of 95 %."""
    se = 0.03 * LAW
    truth = 0.05 + 2 * 50_000**-0.5
    floors = thens = said = 0
    for seed in range(60):
        errors = LAW + se * np.random.default_rng(seed).normal(size=5)
        found = extrapolation.extrapolate(SIZES, errors, se, np.full(5, 1e6), seed=seed)
        assert found.floor_interval is not None
        floors += found.floor_interval[0] <= 0.05 <= found.floor_interval[1]
        if found.doubled is not None:
            said += 1
            thens += found.doubled.then_interval[0] <= truth <= found.doubled.then_interval[1]
    assert said >= 45
    assert floors >= 51
    assert thens >= 0.85 * said


def test_few_degrees_of_freedom_and_other_images_widen_what_is_said() -> None:
    errors, se = LAW, 0.01 * LAW
    sure = extrapolation.extrapolate(SIZES, errors, se, np.full(5, 1e6))
    few = extrapolation.extrapolate(SIZES, errors, se, np.full(5, 2.0))
    others = extrapolation.extrapolate(SIZES, errors, se, np.full(5, 1e6), np.full((5, 5), 1e-4))
    assert sure.doubled is not None
    assert few.doubled is not None
    assert others.doubled is not None
    width = np.ptp(sure.doubled.then_interval)
    assert np.ptp(few.doubled.then_interval) > 1.5 * width
    # Images that are easier at every size alike: an sd of 0.01 more, and no more gain from data.
    assert np.ptp(others.doubled.then_interval) > 0.03
    assert np.ptp(others.doubled.gain_interval) < 2 * np.ptp(sure.doubled.gain_interval)


@pytest.mark.parametrize(
    ("sizes", "errors", "reason"),
    [
        (SIZES[:4], LAW[:4], "it takes 5 sizes over a factor of 30, there are 4 over a factor of"),
        (SIZES[:2], LAW[:2], "there are 2 over a factor of 3.2"),
        (SIZES[:0], LAW[:0], "there are 0"),
        (SIZES / SIZES.min() * 10 ** np.arange(0, -1, -0.2), LAW, "5 over a factor of 15.8"),
        (SIZES, np.full(5, 0.3), "the error does not fall"),
        (SIZES, [0.5, 0.4, 0.3, 0.2, 0.4], r"predicts 0\.\d+ at 25,000 images, where 0.4000 was"),
    ],
)
def test_what_cannot_be_said_is_not(sizes: np.ndarray, errors: np.ndarray, reason: str) -> None:
    count = len(sizes)
    found = extrapolation.extrapolate(sizes, errors, np.full(count, 1e-3), np.full(count, 8.0))
    assert found.doubled is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found.reason)


def test_runs_too_few_to_tell_say_so() -> None:
    found = extrapolation.extrapolate(SIZES, LAW, 0.5 * LAW, np.full(5, 2.0))
    assert found.doubled is None
    assert "agrees with these runs" in found.reason
    unknown = np.array([1e-3, np.nan, 1e-3, 1e-3, 1e-3])
    found = extrapolation.extrapolate(SIZES, LAW, unknown, DF)
    assert found.law is not None
    assert found.doubled is None
    assert "not at 800 images" in found.reason


def test_many_fits_at_once_are_the_fits_one_by_one() -> None:
    rng = np.random.default_rng(3)
    se = 0.02 * LAW
    errors = np.vstack([LAW + 3 * se * rng.normal(size=(30, 5)), np.linspace(0.1, 0.5, 5)])
    floors, scales, exponents = scaling.fit_all(SIZES, errors, se)
    for row, *law in zip(errors, floors, scales, exponents, strict=True):
        one = scaling.fit(SIZES, row, se)
        theirs = [one(size) for size in (*SIZES, 50_000)]
        ours = [law[0] + law[1] * size ** -law[2] for size in (*SIZES, 50_000)]
        assert ours == pytest.approx(theirs, rel=0.02)
