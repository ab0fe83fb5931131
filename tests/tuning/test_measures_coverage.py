"""How often intervals, best-sets and tests are right, over simulated studies.

All `slow`, about half a minute together on an idle core.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from tuning import bias_variance, differences, measures

pytestmark = pytest.mark.slow

STUDIES = 20_000
IMAGES = 100
Draw = Callable[[np.random.Generator, int], np.ndarray]


def covers(interval: measures.Interval | None, truth: float) -> bool:
    low, high = interval or (np.inf, -np.inf)
    return low <= truth <= high


@pytest.mark.parametrize("runs", [3, 5, 10])
def test_the_seeds_interval(runs: int) -> None:
    """95 +- .7 %: it is exact, and 20,000 studies have a standard error of .154 %, so that this
    fails by chance with odds of 6e-6."""
    values = np.random.default_rng([1, runs]).normal(size=(STUDIES, runs))
    rate = np.mean([covers(measures.t_interval(study), 0) for study in values])
    assert abs(rate - 0.95) <= 0.007


def normal(run: float, image: float, interaction: float) -> Draw:
    """Draws scores (runs, images) with mean 0 and these standard deviations."""

    def draw(rng: np.random.Generator, runs: int) -> np.ndarray:
        scores = rng.normal(0, interaction, (runs, IMAGES))
        scores += rng.normal(0, run, (runs, 1))
        scores += rng.normal(0, image, IMAGES)
        return scores

    return draw


def right_or_wrong(unlucky: float) -> Draw:
    """Draws correctness (runs, images) less its mean; runs lose up to `unlucky` of it."""

    def draw(rng: np.random.Generator, runs: int) -> np.ndarray:
        chance = rng.beta(6, 2, IMAGES) * rng.uniform(1 - unlucky, 1, (runs, 1))
        return (rng.random((runs, IMAGES)) < chance) - 0.75 * (1 - unlucky / 2)

    return draw


# The runs' share of the squared standard error, at 3 to 10 runs: 0.13 to 0.04 in the first, 0.52
# to 0.24 in the second, 0.94 to 0.82 in the third, 0.73 to 0.44 in the fourth.
DRAWS = {
    "images vary": normal(0, 0.3, 0.2),
    "both vary": normal(0.05, 0.3, 0.2),
    "runs vary": normal(0.2, 0.3, 0.2),
    "right or wrong": right_or_wrong(0.0),
    "right or wrong, unlucky runs": right_or_wrong(0.2),
}


@pytest.mark.parametrize("runs", [3, 5, 10])
@pytest.mark.parametrize("kind", DRAWS)
def test_the_new_data_interval(kind: str, runs: int) -> None:
    """Measured 94.5 to 96.2 %, with a standard error of .16 %; 93.5 and 96.5 % were allowed."""
    rng = np.random.default_rng([2, runs, len(kind)])
    draw = DRAWS[kind]
    rate = np.mean([covers(measures.new_data_interval(draw(rng, runs)), 0) for _ in range(STUDIES)])
    assert 0.935 <= rate <= 0.965


def test_at_two_runs_the_new_data_interval_is_wide() -> None:
    """Never narrower than the seeds', it is above 95 %, and says so; 5,000 studies have a standard
    error of .3 % at most."""
    rng = np.random.default_rng(3)
    rate = np.mean(
        [covers(measures.new_data_interval(DRAWS["both vary"](rng, 2)), 0) for _ in range(5000)]
    )
    assert 0.95 <= rate <= 0.985


@pytest.mark.parametrize("runs", [3, 10])
def test_equal_on_new_data_is_not_called_different(runs: int) -> None:
    """Two configurations that are as good on all images there are, and not on these 100.

    At most 6.5 % are told apart at 5 %, while Welch's test of the seeds errs more the more seeds
    there are, with ten over 15 %. 4,000 studies have a standard error of .35 % at 5 %; a test
    with 5 % passes 6.5 % by chance with odds of 1e-5.
    """
    rng = np.random.default_rng([4, runs])
    rejected = np.zeros(2)
    for _ in range(4000):
        difficulty = rng.beta(6, 2, IMAGES)
        a, b = (rng.random((2, runs, IMAGES)) < rng.beta(3, 1, (2, 1, IMAGES)) * difficulty) * 1.0
        seeds = differences.welch(a.mean(axis=1), b.mean(axis=1)).p
        both = differences.new_data(a, b).p
        rejected += [seeds is not None and seeds < 0.05, both is not None and both < 0.05]
    assert rejected[1] / 4000 <= 0.065
    assert runs == 3 or rejected[0] / 4000 >= 0.15


@pytest.mark.parametrize(
    ("means", "sds", "runs"),
    [
        ([0.0] * 10, [1.0] * 10, 5),  # A17: all equal.
        ([1.0, *[0.0] * 9], [1.0] * 10, 5),
        ([0.0] * 10, [1.0] * 10, 3),
        ([0.2, *[0.0] * 9], [3.0, *[0.3] * 9], 3),
        ([0.2, *[0.0] * 9], [0.3, *[3.0] * 9], 5),
    ],
)
def test_the_best_set_holds_the_best(means: list[float], sds: list[float], runs: int) -> None:
    """At least 95 %, of the first, which is (one of) the best. The truth is 95.8 % in the last case
    and 96 to 100 % in the others, so that the last fails by chance with odds of 5 %, once for
    all."""
    rng = np.random.default_rng([5, runs, int(10 * sds[0])])
    values = rng.normal(means, sds, (2000, runs, 10)).transpose(0, 2, 1)
    assert np.mean([measures.best_set(list(study))[0] for study in values]) >= 0.95


def test_the_best_set_where_it_holds_least() -> None:
    """The best varies least and is no better: 95.2 % measured over 4,000 studies, which have a
    standard error of .34 %; under 94 % has odds of 2e-4. Without rounding the degrees of freedom
    down it is 94.4 %."""
    rng = np.random.default_rng(7)
    values = rng.normal(0, [1.0, *[3.0] * 9], (4000, 5, 10)).transpose(0, 2, 1)
    assert np.mean([measures.best_set(list(study))[0] for study in values]) >= 0.94


def gaussian_truths(run: float, interaction: float) -> dict[str, tuple[float, float]]:
    """Returns (risk, variance) of a logit of mean N(1, 1.5^2) for label 1, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    sd = np.hypot(run, interaction)
    means = 1 + 1.5 * nodes
    logits = means[:, None] + sd * nodes
    chance, right = special.expit(logits), special.ndtr(means / sd)
    squares = chance**2 @ weights - (chance @ weights) ** 2
    loss = weights @ np.logaddexp(0, -logits) @ weights
    return {
        "kohavi_wolpert": (1 - weights @ right, weights @ (right * (1 - right))),
        "brier": (2 * weights @ (1 - chance) ** 2 @ weights, 2 * weights @ squares),
        "cross_entropy": (loss, loss - weights @ np.logaddexp(0, -means)),
    }


@pytest.mark.parametrize("run", [0.0, 0.3])
@pytest.mark.parametrize("runs", [3, 5, 10])
def test_intervals_of_bias_and_variance(runs: int, run: float) -> None:
    """Approximate; at least 90 % where runs differ image by image by 1 and as wholes by `run`.
    Measured 96 to 100 %; 250 studies have a standard error of 1.9 % at 90 %."""
    rng = np.random.default_rng([6, runs, int(10 * run)])
    truths, hits = gaussian_truths(run, 1), np.zeros((3, 3))
    for _ in range(250):
        u = rng.normal(1, 1.5, 200) + rng.normal(0, run, (runs, 1)) + rng.normal(0, 1, (runs, 200))
        logits = np.stack([np.zeros_like(u), u], axis=2)
        predictions: dict[str, Any] = {
            "kohavi_wolpert": (u > 0).astype(int),
            "brier": special.softmax(logits, axis=2),
            "cross_entropy": logits,
        }
        for k, (name, given) in enumerate(predictions.items()):
            decompose = getattr(bias_variance, name)
            found = bias_variance.estimates(decompose, given, np.ones(200, int))
            assert found is not None
            risk, variance = truths[name]
            for part, truth in enumerate((risk, risk - variance, variance)):
                name_of = ("risk", "bias", "variance")[part]
                hits[k, part] += covers(found[name_of].interval, truth)
    assert (hits / 250 >= 0.9).all()
