"""Calibration: A18."""

import numpy as np
import pytest
from scipy import stats

from tests.monte_carlo import assert_mean
from tuning import calibration

EXACT = 1e-9


def answers(*groups: tuple[float, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns (confidence, right) of groups (confidence, answers, right ones)."""
    confidence = np.repeat([c for c, _, _ in groups], [n for _, n, _ in groups])
    right = np.concatenate([np.arange(n) < hits for _, n, hits in groups]).astype(float)
    return confidence, right


def test_a18_by_hand() -> None:
    assert calibration.calibration_error(*answers((0.8, 10, 7))) == pytest.approx(0.1, abs=EXACT)
    two = answers((0.65, 20, 12), (0.95, 20, 18))
    assert calibration.calibration_error(*two) == pytest.approx(0.05, abs=EXACT)


@pytest.mark.parametrize(("images", "expected"), [(100, 0.03177607), (1000, 0.01008812)])
def test_a18_the_calibrated_do_not_show_0(images: int, expected: float) -> None:
    right = np.arange(images + 1)
    exact = stats.binom.pmf(right, images, 0.8) @ np.abs(right / images - 0.8)
    assert exact == pytest.approx(expected, abs=5e-9)  # Eight digits are given.
    confidence, rng = np.full(images, 0.8), np.random.default_rng([18, images])
    plain, squared = [], []
    for _ in range(2000):
        right = (rng.random(images) < 0.8).astype(float)
        plain.append(calibration.calibration_error(confidence, right))
        squared.append(calibration.squared_calibration_error(confidence, right))
    assert_mean(plain, expected)
    assert_mean(squared, 0)
    assert min(squared) < 0  # Shown as it is.


def test_the_value_by_chance_is_that_of_calibrated_answers() -> None:
    confidence = np.full(100, 0.8)
    found = [
        calibration.calibration_error_by_chance(confidence, seed=s, draws=5) for s in range(400)
    ]
    assert_mean(found, 0.03177607)
    assert found[3] == calibration.calibration_error_by_chance(confidence, seed=3, draws=5)


def test_the_debiased_square_finds_what_is_there() -> None:
    """Confidences 0.1 above the truth: 0.01, in equal bins of any number."""
    rng, found = np.random.default_rng(19), []
    confidence = rng.beta(8, 1.5, 500) * 0.9 + 0.1
    for _ in range(1000):
        right = (rng.random(500) < confidence - 0.1).astype(float)
        found.append(calibration.squared_calibration_error(confidence, right))
    assert_mean(found, 0.01)


def test_ends_and_empty_bins() -> None:
    assert calibration.calibration_error(*answers((0.0, 2, 0), (1.0, 3, 3))) == 0
    assert calibration.calibration_error(*answers((1.0, 4, 3)), bins=1) == pytest.approx(0.25)
    # A bin is open below: 0.5 belongs to the lower of two.
    assert calibration.calibration_error(
        *answers((0.5, 2, 2), (0.4, 2, 0)), bins=2
    ) == pytest.approx(0.05)


def test_few_images() -> None:
    assert calibration.squared_calibration_error(*answers((0.8, 1, 1))) is None
    found = calibration.squared_calibration_error(*answers((0.8, 3, 3)))
    assert found == pytest.approx(0.04, abs=EXACT)
