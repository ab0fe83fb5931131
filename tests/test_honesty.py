"""The honesty benchmark, run small."""

import numpy as np
import pytest

from benchmarks import honesty
from tests.monte_carlo import assert_mean

SETTING = honesty.Setting(studies=2500, seed=1)


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    return honesty.simulate(SETTING)


def test_each_rule_is_as_optimistic_as_theory_says(found: dict[str, np.ndarray]) -> None:
    theory = honesty.expected(SETTING)
    assert theory[honesty.ONE] == pytest.approx(2.16, abs=0.005)
    assert theory[honesty.MEAN.format(seeds=3)] == pytest.approx(1.25, abs=0.005)
    for rule, expected in theory.items():
        assert_mean(found[rule], expected)


def test_fresh_seeds_are_right_and_best_epochs_are_not(found: dict[str, np.ndarray]) -> None:
    assert_mean(found[honesty.FRESH.format(seeds=3, fresh=5)], 0)
    best_epochs = found[honesty.KERAS_TUNER]
    assert (best_epochs > found[honesty.MEAN.format(seeds=3)]).mean() > 0.99


def test_one_epoch_leaves_nothing_to_choose() -> None:
    """With one epoch a run's best is its last, and the rule is that of the best mean."""
    found = honesty.simulate(honesty.Setting(studies=50, epochs=1))
    assert (found[honesty.KERAS_TUNER] == found[honesty.MEAN.format(seeds=3)]).all()


def test_the_last_epoch_varies_by_1(found: dict[str, np.ndarray]) -> None:
    scores = honesty.draw(np.random.default_rng(2), 500, SETTING)[..., -1].ravel()
    assert_mean(scores**2, 1)
    assert {values.shape for values in found.values()} == {(2500,)}


def test_the_table_shows_n_and_spread(found: dict[str, np.ndarray]) -> None:
    lines = honesty.table(SETTING, found).splitlines()
    assert "n = 2,500 studies" in lines[0]
    assert lines[1].split()[-2:] == ["theory", "sd"]
    assert len(lines) == 2 + len(found)
    one = found[honesty.ONE]
    assert f"{one.mean():.3f}" in lines[2]
    assert lines[2].split()[-1] == f"{one.std(ddof=1):.3f}"
