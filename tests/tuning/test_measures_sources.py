"""Data against seed, and samples of one pool: A7, A8, A21, A22."""

import numpy as np
import pytest
from scipy import special

from tests.monte_carlo import assert_mean
from tuning import bias_variance, variance_sources

EXACT = 1e-9
TABLE = np.array([[1.0, 3], [5, 9]])


def test_a8_by_hand() -> None:
    nested, crossed = variance_sources.nested(TABLE), variance_sources.crossed(TABLE)
    assert nested is not None
    assert crossed is not None
    assert (nested.seed, nested.data, nested.total) == pytest.approx((5, 10, 15), abs=EXACT)
    assert nested.interaction is None
    got = (crossed.interaction, crossed.data, crossed.seed, crossed.total)
    assert got == pytest.approx((1, 12, 4, 17), abs=EXACT)


def test_a8_gaussian() -> None:
    """And what the plug-ins of Neal et al. would say: seed 6, data 5.25."""
    rng = np.random.default_rng(8)
    rows = []
    for _ in range(4000):
        values = rng.normal(0, 2, (4, 1)) + rng.normal(0, 3, (4, 3))
        found = variance_sources.nested(values)
        assert found is not None
        within, between = values.var(axis=1).mean(), values.mean(axis=1).var()
        assert within == pytest.approx(found.seed * 2 / 3, abs=EXACT)
        assert between == pytest.approx((found.data + found.seed / 3) * 3 / 4, abs=EXACT)
        rows.append((found.seed, found.data, within, between))
    for values, mean in zip(np.array(rows).T, (9, 4, 6, 5.25), strict=True):
        assert_mean(values, mean)


def test_crossed_sources_are_unbiased() -> None:
    rng = np.random.default_rng(9)
    rows = []
    for _ in range(4000):
        values = rng.normal(0, 2, (4, 1)) + rng.normal(0, 1, (1, 3)) + rng.normal(0, 3, (4, 3))
        found = variance_sources.crossed(values)
        assert found is not None
        rows.append((found.data, found.seed, found.interaction))
    sources = np.array(rows, float).T
    assert (sources[:2].min(axis=1) < 0).all()  # Shown as they are.
    for values, mean in zip(sources, (4, 1, 9), strict=True):
        assert_mean(values, mean)


def test_probabilities_are_summed_over_classes_and_averaged_over_images() -> None:
    rng = np.random.default_rng(10)
    table = rng.random((3, 4, 5, 2))
    for source in (variance_sources.nested, variance_sources.crossed):
        whole = source(table)
        cells = [source(table[:, :, image, klass]) for image in range(5) for klass in range(2)]
        assert whole is not None
        assert whole.data == pytest.approx(sum(c.data for c in cells if c) / 5, abs=EXACT)
        assert whole.seed == pytest.approx(sum(c.seed for c in cells if c) / 5, abs=EXACT)


def test_seeds_of_one_subset_are_the_variance_of_brier() -> None:
    rng = np.random.default_rng(11)
    table, labels = rng.dirichlet(np.ones(3), (2, 4, 6)), np.zeros(6, int)
    found = variance_sources.nested(table)
    parts = [bias_variance.brier(runs, labels) for runs in table]
    assert found is not None
    own = np.mean([part.variance.mean() for part in parts if part is not None])
    assert found.seed == pytest.approx(own, abs=EXACT)


def test_a7_cross_entropy_sources_add_up() -> None:
    rng = np.random.default_rng(12)
    logits = rng.normal(0, 3, (4, 3, 20, 5)) + rng.normal(0, 2, (4, 1, 20, 5))
    found = variance_sources.cross_entropy_sources(logits)
    logs = special.log_softmax(logits, axis=3).reshape(12, 20, 5)
    assert found is not None
    assert found.total == pytest.approx(bias_variance.geometric_variance(logs).mean(), abs=1e-12)
    assert min(found.data, found.seed) > 0


def test_one_subset_or_one_seed_tells_nothing() -> None:
    for table in (TABLE[:1], TABLE[:, :1]):
        assert variance_sources.nested(table) is None
        assert variance_sources.crossed(table) is None
        assert variance_sources.cross_entropy_sources(table[:, :, None, None]) is None


@pytest.mark.parametrize(
    ("draw", "size", "variance"),
    [("disjoint", 20, 0.05), ("overlapping", 40, 0.0083333), ("bootstrap", 60, 0.0163889)],
)
def test_a21_samples_of_one_pool(draw: str, size: int, variance: float) -> None:
    """The mean of values of variance 1: what three samples of a pool of 60 differ by."""
    shown = variance_sources.shown_share(draw, size, 60) / size
    assert shown == pytest.approx(variance, abs=5e-8)  # Seven digits are given.
    rng = np.random.default_rng([21, size])
    differences = []
    for _ in range(2000):
        pool = rng.normal(size=60)
        whole = rng.permutation(pool).reshape(3, 20)
        samples = {
            "disjoint": lambda whole=whole: whole,
            "overlapping": lambda pool=pool: [rng.choice(pool, 40, False) for _ in range(3)],
            "bootstrap": lambda pool=pool: rng.choice(pool, (3, 60)),
        }[draw]()
        differences.append(np.mean(samples, axis=1).var(ddof=1))
    assert_mean(differences, variance)


def test_samples_are_named_and_fit_the_pool() -> None:
    with pytest.raises(ValueError, match=r"bootstrap"):
        variance_sources.shown_share("bootstraps", 1, 2)
    with pytest.raises(ValueError, match=r"0 < size <= pool must hold\. Received: size=3, pool=2"):
        variance_sources.shown_share("disjoint", 3, 2)


def test_a22_nadeau_and_bengio() -> None:
    assert variance_sources.resampled_factor(10, 1 / 9) == pytest.approx(0.1 + 1 / 9, abs=EXACT)
    assert variance_sources.resampled_factor(10, 1 / 9) == pytest.approx(0.2111111, abs=5e-8)
