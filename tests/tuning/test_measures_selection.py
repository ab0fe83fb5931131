"""Best-of-n, optimism, shrinkage: A14 to A16."""

import numpy as np
import pytest

from tests.monte_carlo import assert_mean
from tuning import selection

EXACT = 1e-9
V = [3.0, 1, 5, 2, 4]


def test_a14_the_best_of_n() -> None:
    assert selection.expected_best(V, 2) == pytest.approx(4.0, abs=EXACT)
    assert selection.expected_best(V, 1) == pytest.approx(3, abs=EXACT)
    assert selection.expected_best(V, 5) == pytest.approx(5, abs=EXACT)
    assert selection.expected_best(V, 2, replacement=True) == pytest.approx(3.8, abs=EXACT)
    assert selection.expected_best(V, 1, replacement=True) == pytest.approx(3, abs=EXACT)
    assert selection.expected_best(V, 5, replacement=True) == pytest.approx(4.584, abs=EXACT)


def test_a14_of_uniform_values() -> None:
    """Both are linear in the ordered values, so their expectations are those of the expected
    ordered values, i / 13."""
    ordered = np.arange(1, 13) / 13
    assert selection.expected_best(ordered, 8) == pytest.approx(8 / 9, abs=EXACT)
    too_low = selection.expected_best(ordered, 8, replacement=True)
    assert too_low == pytest.approx(0.85472156, abs=5e-9)  # Eight digits are given.


def test_chosen_by_one_and_reported_by_another() -> None:
    """Fresh scores of what the search liked: its favourite is not the best."""
    liked, fresh = [1.0, 2, 3], [5.0, 9, 7]
    assert selection.expected_best(fresh, 3, by=liked) == pytest.approx(7, abs=EXACT)
    assert selection.expected_best(fresh, 2, by=liked) == pytest.approx((9 + 7 + 7) / 3, abs=EXACT)


def test_equals_are_chosen_with_equal_odds() -> None:
    assert selection.expected_best([5, 9, 7], 3, by=[1, 2, 2]) == pytest.approx(8, abs=EXACT)
    assert selection.expected_best([2.0] * 4, 3) == pytest.approx(2, abs=EXACT)
    assert selection.expected_best([5, 9, 7], 2, by=[0, 0, 0], replacement=True) == 7


@pytest.mark.parametrize("n", [0, 4])
def test_n_is_among_the_configurations(n: int) -> None:
    with pytest.raises(ValueError, match=f"1 <= n <= 3 must hold. Received: n={n}"):
        selection.expected_best([1, 2, 3], n)


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, 0), (2, 0.5641895835), (3, 0.8462843753), (10, 1.538753), (50, 2.249074), (100, 2.5076)],
)
def test_a15_expected_maximum(n: int, expected: float) -> None:
    """Exact for 1 to 3 (1 / sqrt(pi) and 1.5 times it); else as many digits as are given."""
    digits = len(str(expected).partition(".")[2])
    assert selection.expected_maximum(n) == pytest.approx(expected, abs=0.5 * 10**-digits + EXACT)


def test_a15_optimism() -> None:
    assert selection.optimism(10, 0.01) == pytest.approx(0.01538753, abs=5e-9)
    assert selection.optimism(20, 1, 1) == pytest.approx(1.320504, abs=5e-7)
    assert selection.optimism(20, 0) == 0
    rng = np.random.default_rng(15)
    true = rng.normal(size=(10_000, 20))
    seen = true + rng.normal(size=true.shape)
    best = seen.argmax(axis=1)[:, None]
    assert_mean(np.take_along_axis(seen - true, best, axis=1)[:, 0], selection.optimism(20, 1, 1))
    with pytest.raises(ValueError, match=r"n must be at least 1\. Received: n=0"):
        selection.expected_maximum(0)


def test_a16_shrinkage() -> None:
    found = selection.shrink([0.90, 0.91, 0.92, 0.95], [0.01] * 4)
    assert found.spread**2 == pytest.approx(11 / 3 * 1e-4, abs=EXACT)
    assert found.center == pytest.approx(0.92, abs=EXACT)
    expected = [0.90428571, 0.91214286, 0.92, 0.94357143]
    assert found.means == pytest.approx(expected, abs=5e-9)  # Eight digits are given.
    assert found.sds == pytest.approx([0.00886405] * 4, abs=5e-9)


def test_noise_alone_shrinks_to_the_center_and_certainty_does_not() -> None:
    found = selection.shrink([0.90, 0.91, 0.92], [0.1] * 3)
    assert found.spread == 0
    assert found.means == pytest.approx([0.91] * 3, abs=EXACT)
    found = selection.shrink([0.5, 0.7, 0.9], [1e-6, 0.1, 1e-6])
    assert found.means[[0, 2]] == pytest.approx([0.5, 0.9], abs=EXACT)
    alone = selection.shrink([0.5], [0.1])
    assert (alone.center, alone.spread, alone.means[0]) == (0.5, 0, 0.5)
    with pytest.raises(ValueError, match=r"must be above 0. Received: \[0.1, 0.0\]"):
        selection.shrink([0.5, 0.6], [0.1, 0.0])
