"""Two configurations against exact cases and SciPy: A12, A13."""

import numpy as np
import pytest
from scipy import stats

from tuning import differences, measures

EXACT = 1e-9
A = [0.90, 0.92, 0.91, 0.93, 0.94]
B = [0.89, 0.90, 0.92, 0.90, 0.91]
UNTESTED = (None, None, None, None)


def test_a12_welch() -> None:
    found = differences.welch(A, B)
    assert found.value == pytest.approx(0.016, abs=EXACT)
    assert found.t == pytest.approx(1.8353258710, abs=EXACT)
    assert found.df == pytest.approx(7.274559194, abs=EXACT)
    assert found.p == pytest.approx(0.1074908788, abs=EXACT)
    assert found.interval == pytest.approx((-0.0044576386, 0.0364576386), abs=EXACT)


def test_a12_paired() -> None:
    found = differences.paired(A, B)
    assert found.t == pytest.approx(2.1380899353, abs=EXACT)
    assert found.p == pytest.approx(0.0993006832, abs=EXACT)


def test_a12_probability_better() -> None:
    assert differences.probability_better(A, B) == pytest.approx(0.80, abs=EXACT)
    assert differences.probability_better(B, A) == pytest.approx(0.20, abs=EXACT)


def test_a13_generalization_gap() -> None:
    found = differences.generalization_gap([0.99, 0.98, 1.0], [0.90, 0.88, 0.92])
    assert found.value == pytest.approx(0.09, abs=EXACT)
    low, high = found.interval or (0, 0)
    assert (high - low) / 2 == pytest.approx(0.0248413771, abs=EXACT)


def test_both_are_scipys() -> None:
    rng = np.random.default_rng(1)
    for n in (2, 5, 30):
        a, b = rng.normal(1, 1, n), rng.normal(0, 3, n)
        for found, theirs in (
            (differences.welch(a, b, 0.9), stats.ttest_ind(a, b, equal_var=False)),
            (differences.paired(a, b, 0.9), stats.ttest_rel(a, b)),
        ):
            expected = (theirs.statistic, theirs.df, theirs.pvalue)
            assert (found.t, found.df, found.p) == pytest.approx(expected, abs=EXACT)
            assert found.interval == pytest.approx(
                tuple(theirs.confidence_interval(0.9)), abs=EXACT
            )


def test_probability_better_counts_pairs() -> None:
    a, b = [1.0, 2, 2, 5], [2.0, 3, 1]
    pairs = [(x > y) + (x == y) / 2 for x in a for y in b]
    assert differences.probability_better(a, b) == pytest.approx(np.mean(pairs), abs=EXACT)
    assert differences.probability_better([0.9, 0.9], [0.9]) == 0.5
    assert differences.probability_better([1], [0]) == 1


def test_without_variation_there_is_a_difference_and_no_test() -> None:
    """SciPy answers p = 0 and t = infinity to the first, NaN to the second."""
    for found in (
        differences.welch([0.9, 0.9], [0.8, 0.8]),
        differences.paired([0.9, 0.8, 0.7], [0.8, 0.7, 0.6]),
        differences.welch([0.9], [0.8, 0.8]),
        differences.paired([0.9], [0.8]),
        differences.new_data(np.full((2, 3), 0.9), np.full((2, 3), 0.8)),
    ):
        assert found.value == pytest.approx(0.1, abs=EXACT)
        assert (found.t, found.df, found.p, found.interval) == UNTESTED


def test_one_may_be_constant() -> None:
    """SciPy warns of lost precision, but the test is defined."""
    found = differences.welch([0.9, 0.9, 0.9], [0.8, 0.85, 0.84])
    assert found.df == pytest.approx(2, abs=EXACT)
    assert found.t == pytest.approx(0.07 / stats.sem([0.8, 0.85, 0.84]), abs=EXACT)


def test_pairs_have_as_many_of_each() -> None:
    with pytest.raises(ValueError, match=r"as many runs of each\. Received: 2 and 1"):
        differences.paired([0.9, 0.8], [0.7])


def test_new_data_needs_the_same_images() -> None:
    with pytest.raises(ValueError, match=r"the same images\. Received: 3 and 4"):
        differences.new_data(np.ones((2, 3)), np.ones((2, 4)))


def test_new_data_difference_by_hand() -> None:
    """The formula, written out; images matter here, so that it is wider than Welch's."""
    rng = np.random.default_rng(2)
    images, difficulty = 40, rng.normal(0, 1, 40)
    a = difficulty + rng.normal(0, 0.3, (3, images)) + rng.normal(0, 1, images)
    b = difficulty + rng.normal(0, 0.3, (5, images))
    found = differences.new_data(a, b)
    seeds = differences.welch(a.mean(axis=1), b.mean(axis=1))
    assert found.value == pytest.approx(a.mean() - b.mean(), abs=EXACT)
    total = (a.mean(axis=0) - b.mean(axis=0)).var(ddof=1) / images
    for scores in (a, b):
        total += stats.sem(scores.mean(axis=1)) ** 2
        total -= measures.mean_squares(scores)[2] / scores.size
    assert found.t == pytest.approx(found.value / np.sqrt(total), abs=EXACT)
    low, high = found.interval or (0, 0)
    inner = seeds.interval or (0, 0)
    assert low < inner[0] < inner[1] < high


def test_new_data_difference_is_never_narrower_than_welchs() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        a, b = rng.normal(0, 1, (2, 2, 15)) + rng.normal(0, 0.5, (2, 2, 1))
        low, high = differences.new_data(a, b).interval or (0, 0)
        inner = differences.welch(a.mean(axis=1), b.mean(axis=1)).interval or (0, 0)
        assert low <= inner[0] + 1e-12
        assert inner[1] - 1e-12 <= high


def test_without_seed_variation_images_still_tell() -> None:
    """Runs that all agree on every image: only the images are uncertain."""
    a, b = np.tile([1.0, 1, 1, 0, 1, 1], (3, 1)), np.tile([1.0, 0, 0, 0, 1, 1], (3, 1))
    found = differences.new_data(a, b)
    expected = stats.ttest_rel(a[0], b[0])
    assert (found.t, found.df) == pytest.approx((expected.statistic, 5), abs=EXACT)


@pytest.mark.parametrize(
    ("interval", "margin", "verdict"),
    [
        ((0.01, 0.03), 0.0, "better"),
        ((-0.03, -0.01), 0.0, "worse"),
        ((-0.01, 0.01), 0.0, "undecided"),
        ((-0.01, 0.01), 0.02, "equivalent"),
        ((0.001, 0.01), 0.02, "equivalent"),
        ((0.01, 0.03), 0.02, "better"),
        (None, 0.02, "undecided"),
    ],
)
def test_verdict(interval: measures.Interval | None, margin: float, verdict: str) -> None:
    assert differences.verdict(interval, margin) == verdict
