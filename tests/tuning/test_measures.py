"""Statistics against exact cases, and their coverage by simulation."""

import numpy as np
import pytest

from tuning import measures

A = [0.90, 0.92, 0.91, 0.93, 0.94]
# Correctness of five runs on four images.
RIGHT = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]], float)


def test_t_interval() -> None:
    low, high = measures.t_interval(A) or (0, 0)
    assert (high + low) / 2 == pytest.approx(0.92, abs=1e-12)
    assert (high - low) / 2 == pytest.approx(0.0196324316, abs=1e-9)


def test_sd_and_its_interval() -> None:
    assert measures.sd(A) == pytest.approx(0.0158113883, abs=1e-9)
    low, high = measures.sd_interval(A) or (0, 0)
    assert low / 0.0158113883 == pytest.approx(0.60, abs=0.005)
    assert high / 0.0158113883 == pytest.approx(2.87, abs=0.005)


def test_mean_squares() -> None:
    run, image, error = measures.mean_squares(RIGHT)
    assert run == pytest.approx(0, abs=1e-12)
    assert error == pytest.approx(7 / 30, abs=1e-12)
    assert (image - error) / 5 == pytest.approx(0.1, abs=1e-12)


def test_sd_floor() -> None:
    assert (measures.sd_floor(RIGHT) or 0) ** 2 == pytest.approx(0.04375, abs=1e-12)


def test_one_run_has_no_variance() -> None:
    one = np.ones((1, 10))
    assert measures.t_interval([0.9]) is None
    assert measures.sd([0.9]) is None
    assert measures.sd_interval([0.9]) is None
    assert measures.new_data_interval(one) is None
    assert measures.sd_floor(one) is None


def test_without_variation_there_is_no_interval() -> None:
    assert measures.t_interval([0.9, 0.9, 0.9]) is None
    assert measures.sd_interval([0.9, 0.9, 0.9]) is None
    assert measures.new_data_interval(np.ones((3, 4))) is None
    low, high = measures.new_data_interval(np.tile([1.0, 0, 1, 1], (3, 1))) or (0, 0)
    assert low < 0.75 < high


def test_the_seeds_part_is_the_least_the_new_data_interval_can_be() -> None:
    """Images on which runs agree less than by chance have no variance of their own."""
    scores = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 1]], float)
    assert measures.new_data_interval(scores) == pytest.approx(
        measures.t_interval(scores.mean(axis=1)), abs=1e-12
    )


def test_the_best_set_keeps_what_cannot_be_told_apart() -> None:
    groups = [
        [0.90, 0.91, 0.92, 0.91, 0.91],
        [0.93, 0.94, 0.93, 0.94, 0.93],
        [0.935, 0.94, 0.945, 0.93, 0.94],
        [0.80, 0.95, 0.93, 0.94, 0.90],
    ]
    assert measures.best_set(groups) == [False, True, True, True]
    errors = [[1 - value for value in group] for group in groups]
    assert measures.best_set(errors, maximize=False) == [False, True, True, True]


def test_the_best_set_needs_variation_and_runs() -> None:
    assert measures.best_set([[0.9, 0.9], [0.8, 0.8]]) == [True, True]
    assert measures.best_set([[0.9], [0.1]]) == [True, True]
    assert measures.best_set([[0.9, 0.91]]) == [True]


@pytest.mark.slow
@pytest.mark.parametrize(("runs", "images"), [(3, 300), (10, 300)])
def test_the_new_data_interval_covers_the_population(runs: int, images: int) -> None:
    """Nominal 95 %; 1,500 studies have a standard error of 0.6 %, so 92 to 98 % fails by chance
    less than once in 100,000 times."""
    rng = np.random.default_rng([runs, images])
    studies, hits = 1500, 0
    for _ in range(studies):
        chance = rng.beta(6, 2, images)
        scores = (rng.random((runs, images)) < chance).astype(float)
        low, high = measures.new_data_interval(scores) or (0, 0)
        hits += low <= 0.75 <= high
    assert 0.92 <= hits / studies <= 0.98
