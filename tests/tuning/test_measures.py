"""Statistics of one configuration's runs against exact cases: A1, A2c, A9 to A12, A17, A19."""

import numpy as np
import pytest
from scipy import stats

from tests.monte_carlo import assert_mean
from tuning import measures

EXACT = 1e-9
A = [0.90, 0.92, 0.91, 0.93, 0.94]
# Correctness of five runs on four images (A2c).
RIGHT = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]], float)


def test_a12_t_interval() -> None:
    low, high = measures.t_interval(A) or (0, 0)
    assert (high + low) / 2 == pytest.approx(0.92, abs=1e-12)
    assert (high - low) / 2 == pytest.approx(0.0196324316, abs=1e-9)
    expected = stats.t.interval(0.9, 4, loc=np.mean(A), scale=stats.sem(A))
    assert measures.t_interval(A, 0.9) == pytest.approx(expected, abs=1e-12)


def test_a12_sd_and_its_interval() -> None:
    assert measures.sd(A) == pytest.approx(0.0158113883, abs=1e-9)
    low, high = measures.sd_interval(A) or (0, 0)
    assert low / 0.0158113883 == pytest.approx(0.60, abs=0.005)
    assert high / 0.0158113883 == pytest.approx(2.87, abs=0.005)


@pytest.mark.parametrize(
    ("n", "low", "high"), [(3, 0.52, 6.28), (5, 0.60, 2.87), (10, 0.69, 1.83), (30, 0.80, 1.34)]
)
def test_sd_interval_in_standard_deviations(n: int, low: float, high: float) -> None:
    values = stats.zscore(np.arange(n), ddof=1)
    assert measures.sd_interval(values) == pytest.approx((low, high), abs=0.005)
    expected = np.sqrt((n - 1) / stats.chi2.ppf([0.975, 0.025], n - 1))
    assert measures.sd_interval(values) == pytest.approx(expected, abs=EXACT)


def test_a2c_mean_squares_and_components() -> None:
    run, image, error = measures.mean_squares(RIGHT)
    assert run == pytest.approx(0, abs=1e-12)
    assert error == pytest.approx(7 / 30, abs=1e-12)
    assert (image - error) / 5 == pytest.approx(0.1, abs=1e-12)
    found = measures.components(RIGHT)
    assert found is not None
    assert found.run == pytest.approx(-7 / 120, abs=1e-12)  # Negative, and shown so.
    assert found.image == pytest.approx(0.1, abs=1e-12)
    assert found.interaction == pytest.approx(7 / 30, abs=1e-12)
    assert measures.sd(RIGHT.mean(axis=1)) == 0
    assert (measures.sd_floor(RIGHT) or 0) ** 2 == pytest.approx(0.04375, abs=1e-12)
    assert measures.run_effect(RIGHT) == pytest.approx(1, abs=1e-12)


def test_run_variance_is_jordans_equation_3() -> None:
    rng = np.random.default_rng(3)
    for scores in (RIGHT, rng.random((3, 7)), rng.normal(5, 2, (4, 50))):
        images = scores.shape[1]
        independent = scores.var(axis=0, ddof=1).sum() / images**2
        jordan = images / (images - 1) * (scores.mean(axis=1).var(ddof=1) - independent)
        found = measures.components(scores)
        assert found is not None
        assert found.run == pytest.approx(jordan, abs=EXACT)


def test_two_standard_errors() -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(0, 1, (4, 30)) + rng.normal(0, 1, (4, 1)) + rng.normal(0, 3, 30)
    seeds, new_data = measures.standard_errors(scores) or (0, 0)
    found = measures.components(scores)
    assert found is not None
    assert seeds == pytest.approx(stats.sem(scores.mean(axis=1)), abs=EXACT)
    variance = found.run / 4 + found.image / 30 + found.interaction / 120
    assert new_data == pytest.approx(np.sqrt(variance), abs=EXACT)
    seeds, new_data = measures.standard_errors(np.array([[1.0, 0], [0, 0]])) or (0, 1)
    assert new_data == seeds  # Images that vary less than by chance add nothing.


def test_a9_lucky_and_unlucky_runs() -> None:
    rng = np.random.default_rng(9)
    rows = []
    for _ in range(1000):
        chance = rng.choice([0.8, 0.9], (6, 1))
        right = (rng.random((6, 500)) < chance).astype(float)
        found = measures.components(right)
        assert found is not None
        floor = measures.sd_floor(right) or 0
        accuracy = right.mean(axis=1)
        moments = (accuracy.mean(), accuracy.var(ddof=1), found.run, found.interaction)
        rows.append((*moments, found.image, floor**2))
    expected = (0.85, 0.00275, 0.0025, 0.125, 0, 0.000255)
    for values, mean in zip(np.array(rows).T, expected, strict=True):
        assert_mean(values, mean)


def test_a10_independent_errors() -> None:
    """The size of the F test lies within .05 +- .025; it is .05 and 1,000 studies have a standard
    error of .007, so that a right test fails with odds of 3e-4, once for all."""
    rng = np.random.default_rng(10)
    chance = np.repeat([1, 0.5], [900, 100])
    rows = []
    for _ in range(1000):
        right = (rng.random((5, 1000)) < chance).astype(float)
        found, p = measures.components(right), measures.run_effect(right)
        assert found is not None
        assert p is not None
        accuracy = right.mean(axis=1)
        floor = measures.sd_floor(right) or 0
        rows.append((accuracy.mean(), accuracy.var(ddof=1), floor**2, found.run, p < 0.05))
    *moments, rejected = np.array(rows).T
    for values, mean in zip(moments, (0.95, 2.5e-5, 2.5e-5, 0), strict=True):
        assert_mean(values, mean)
    assert abs(rejected.mean() - 0.05) <= 0.025
    assert np.sqrt(0.95 * 0.05 / 1000) == pytest.approx(0.00689, abs=5e-6)  # Naive, for contrast.


def test_a11_calibrated_binary() -> None:
    """Error = churn = 1/3, and the variance of accuracy on given images is half of it / images."""
    rng = np.random.default_rng(11)
    rows = []
    for _ in range(1000):
        truth = rng.random(500)
        labels = rng.random(500) < truth
        votes = (rng.random((5, 500)) < truth).astype(int)
        accuracy = (votes == labels).mean(axis=1)
        churn = 1 - (measures.agreement(votes) or 0)
        rows.append((1 - accuracy.mean(), churn, 500 * accuracy.var(ddof=1)))
    for values, mean in zip(np.array(rows).T, (1 / 3, 1 / 3, 1 / 6), strict=True):
        assert_mean(values, mean)


def test_a19_consistency_under_shifts() -> None:
    votes = np.array([[1, 1, 1, 1], [1, 1, 2, 2]]).T
    assert measures.agreement(votes) == pytest.approx(2 / 3, abs=EXACT)
    rng = np.random.default_rng(19)
    assert_mean([measures.agreement(rng.integers(0, 10, (4, 200))) for _ in range(500)], 0.1)
    assert measures.agreement(np.array([[1, 2]])) is None
    assert measures.agreement(np.full((3, 5), 7)) == 1


def test_one_run_has_no_variance() -> None:
    one = np.ones((1, 10))
    assert measures.t_interval([0.9]) is None
    assert measures.sd([0.9]) is None
    assert measures.sd_interval([0.9]) is None
    assert measures.new_data_interval(one) is None
    assert measures.sd_floor(one) is None
    assert measures.components(one) is None
    assert measures.standard_errors(one) is None
    assert measures.run_effect(one) is None


def test_without_variation_there_is_no_interval() -> None:
    assert measures.t_interval([0.9, 0.9, 0.9]) is None
    assert measures.sd_interval([0.9, 0.9, 0.9]) is None
    assert measures.new_data_interval(np.ones((3, 4))) is None
    assert measures.run_effect(np.ones((3, 4))) is None
    low, high = measures.new_data_interval(np.tile([1.0, 0, 1, 1], (3, 1))) or (0, 0)
    assert low < 0.75 < high


def test_the_seeds_part_is_the_least_the_new_data_interval_can_be() -> None:
    """Images on which runs agree less than by chance have no variance of their own."""
    scores = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 1]], float)
    assert measures.new_data_interval(scores) == pytest.approx(
        measures.t_interval(scores.mean(axis=1)), abs=1e-12
    )


def test_the_new_data_interval_is_never_narrower_than_the_seeds() -> None:
    rng = np.random.default_rng(12)
    for runs in (2, 3, 5):
        for _ in range(50):
            scores = rng.normal(0, 1, (runs, 20)) + rng.normal(0, 1, (runs, 1))
            low, high = measures.new_data_interval(scores) or (0, 0)
            inner = measures.t_interval(scores.mean(axis=1)) or (0, 0)
            assert low <= inner[0] + 1e-12
            assert inner[1] - 1e-12 <= high


def test_a17_the_best_set_keeps_what_cannot_be_told_apart() -> None:
    groups = [
        [0.90, 0.91, 0.92, 0.91, 0.91],
        [0.93, 0.94, 0.93, 0.94, 0.93],
        [0.935, 0.94, 0.945, 0.93, 0.94],
        [0.80, 0.95, 0.93, 0.94, 0.90],
    ]
    assert measures.best_set(groups) == [False, True, True, True]
    errors = [[1 - value for value in group] for group in groups]
    assert measures.best_set(errors, maximize=False) == [False, True, True, True]


def test_beats_is_scipys_one_sided_welch_test() -> None:
    rng = np.random.default_rng(17)
    for _ in range(20):
        a, b = rng.normal(0.5, 1, 4), rng.normal(0, 2, 7)
        p = stats.ttest_ind(a, b, equal_var=False, alternative="greater").pvalue
        assert measures.beats(a, b, p * 1.0001) == (a.mean() > b.mean())
        assert not measures.beats(a, b, p * 0.9999)


def test_the_best_set_rounds_degrees_of_freedom_down() -> None:
    """Welch's test rejects at 4.2 degrees of freedom what it does not at 4."""
    even, odd = [0.916, 0.920, 0.917, 0.926, 0.911], [0.929, 0.819, 0.879, 0.848, 0.905]
    assert measures.beats(np.array(even), np.array(odd), 0.05)
    assert measures.best_set([even, odd]) == [True, True]


def test_the_best_set_needs_variation_and_runs() -> None:
    assert measures.best_set([[0.9, 0.9], [0.8, 0.8]]) == [True, True]
    assert measures.best_set([[0.9], [0.1]]) == [True, True]
    assert measures.best_set([[0.9, 0.91]]) == [True]
    assert measures.best_set([[0.9, 0.91, 0.9], [0.1], [0.2, 0.2, 0.2]]) == [True, True, False]
