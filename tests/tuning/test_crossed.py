"""Bias and variance of crossed runs: A2, A6, A7, A8, and what runs that share something hide."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special

from tests.monte_carlo import assert_mean
from tuning import bias_variance, crossed, variance_sources

EXACT = 1e-9
PARTS = ("risk", "bias", "variance", "data", "seed", "interaction")


def drawn(
    seed: int, subsets: int = 4, seeds: int = 3, images: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, images)
    data = rng.normal(0, 1.5, (subsets, 1, images, 3))
    logits = data + rng.normal(0, 1, (1, seeds, images, 3))
    return logits + rng.normal(0, 1, (subsets, seeds, images, 3)) + np.eye(3)[labels], labels


def taken(loss: str, logits: np.ndarray, labels: np.ndarray) -> crossed.Crossed:
    found = crossed.LOSSES[loss](logits, labels)
    assert found is not None
    return found


@pytest.mark.parametrize("loss", crossed.LOSSES)
@pytest.mark.parametrize("shape", [(4, 3), (2, 2), (3, 5), (6, 6)])
def test_the_parts_are_the_risk(loss: str, shape: tuple[int, int]) -> None:
    logits, labels = drawn(1, *shape)
    found = taken(loss, logits, labels)
    np.testing.assert_allclose(found.risk, found.bias + found.variance, atol=1e-12)
    parts = found.data + found.seed + found.interaction
    np.testing.assert_allclose(found.variance, parts, atol=1e-12)
    runs = logits.reshape(-1, *logits.shape[2:])
    whole = {
        "zero_one": lambda: bias_variance.kohavi_wolpert(runs.argmax(axis=2), labels),
        "brier": lambda: bias_variance.brier(special.softmax(runs, axis=2), labels),
        "cross_entropy": lambda: bias_variance.cross_entropy(runs, labels),
    }[loss]()
    assert whole is not None
    np.testing.assert_allclose(found.risk, whole.risk, atol=1e-12)


@pytest.mark.parametrize("loss", ["zero_one", "brier"])
def test_squares_are_those_of_pairs_that_share_neither(loss: str) -> None:
    logits, labels = drawn(2)
    found = taken(loss, logits, labels)
    outputs, factor = special.softmax(logits, axis=-1), 1.0
    if loss == "zero_one":
        outputs, factor = np.eye(3)[logits.argmax(axis=-1)], 0.5
    cells = list(itertools.product(range(4), range(3)))
    distances: dict[str, list[float]] = {"neither": [], "subset": [], "seed": []}
    for (s, r), (u, v) in itertools.combinations(cells, 2):
        kind = "neither" if s != u and r != v else "subset" if s == u else "seed"
        half = ((outputs[s, r] - outputs[u, v]) ** 2).sum(axis=-1).mean() / 2
        distances[kind].append(factor * half)
    neither, subset, seed = (float(np.mean(each)) for each in distances.values())
    expected = (neither, neither - subset, neither - seed, subset + seed - neither)
    got = [getattr(found, name).mean() for name in PARTS[2:]]
    assert got == pytest.approx(expected, abs=EXACT)
    sources = variance_sources.crossed(outputs)
    assert sources is not None
    assert factor * sources.total == pytest.approx(neither, abs=EXACT)
    assert factor * sources.data == pytest.approx(got[1], abs=EXACT)


def test_a8_a2_votes_by_hand() -> None:
    """All runs on one subset vote 0, on the other 1: pairs that share neither all differ."""
    votes = np.array([[[0], [0], [0]], [[1], [1], [1]]])
    found = taken("zero_one", np.eye(2)[votes], np.array([0]))
    got = [float(getattr(found, name)[0]) for name in PARTS]
    assert got == pytest.approx([0.5, 0, 0.5, 0.5, 0, 0], abs=EXACT)


def test_all_pairs_would_understate_4_x_3_by_18_and_27_percent() -> None:
    rows = []
    for seed in range(400):
        rng = np.random.default_rng([3, seed])
        values = rng.normal(0, 1, (4, 1, 9, 2)), rng.normal(0, 1, (1, 3, 9, 2))
        for only in values:
            outputs = np.broadcast_to(only, (4, 3, 9, 2)).reshape(12, 9, 2)
            rows.append(outputs.var(axis=0, ddof=1).sum(axis=-1).mean() / 2)
    data, seed = np.array(rows).reshape(-1, 2).T
    assert_mean(data, 1 - 2 / 11)
    assert_mean(seed, 1 - 3 / 11)


def _softplus(mean: float, sd: float) -> float:
    """Returns E log(1 + exp(-u)) for u ~ N(mean, sd^2): A6's quadrature."""
    if not sd:
        return float(np.logaddexp(0, -mean))

    def weighted(u: float) -> float:
        density = math.exp(-(((u - mean) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))
        return float(np.logaddexp(0, -u)) * density

    return float(integrate.quad(weighted, mean - 12 * sd, mean + 12 * sd)[0])


def test_planted_effects_on_logits_are_recovered_by_the_cross_entropy() -> None:
    """Additive effects of subset (sd 1.6) and seed (1.2): together A6's sd of 2."""
    a, b, label = 1.6, 1.2, 1.0
    risk = _softplus(label, 2.0)
    assert risk == pytest.approx(0.64249537, abs=1e-7)
    total = risk - _softplus(label, 0)
    assert total == pytest.approx(0.32923368, abs=1e-7)
    # Within a subset only the seed varies: E over subsets of (loss - loss of the centre).
    within_subset, within_seed = risk - _softplus(label, a), risk - _softplus(label, b)
    rng = np.random.default_rng(4)
    subset, seed = rng.normal(0, a, (4, 1, 20_000)), rng.normal(0, b, (1, 3, 20_000))
    logits = np.stack([np.zeros((4, 3, 20_000)), label + subset + seed], axis=-1)
    found = crossed.by_image(crossed.cross_entropy, logits, np.ones(20_000, int))
    assert found is not None
    # 3.4 % too low at groups of three (A6), and the parts up to 8 %.
    assert found.variance.mean() == pytest.approx(total * (1 - 0.0342), rel=0.02)
    assert 0.92 < found.data.mean() / (total - within_subset) < 1.01
    assert 0.92 < found.seed.mean() / (total - within_seed) < 1.01


def test_a7_certain_opposite_runs_stay_finite() -> None:
    """Seeds change nothing, subsets everything: the variance is the data's, 99.3 and jackknifed."""
    sides = np.array([200.0, -200.0])[:, None, None, None]
    logits = np.broadcast_to(sides / 2 * np.array([1, -1]), (2, 2, 1, 2))
    found = taken("cross_entropy", logits, np.array([0]))
    plug_in = 100 - math.log(2)
    assert found.variance == pytest.approx([2 * plug_in], abs=1e-8)
    assert found.data == pytest.approx([2 * plug_in], abs=1e-8)
    assert found.seed == pytest.approx([0], abs=1e-8)


def test_the_cross_entropy_does_not_depend_on_the_numbering() -> None:
    logits, labels = drawn(5, 4, 3)
    shuffled = logits[[2, 0, 3, 1]][:, [1, 2, 0]]
    for first, second in zip(
        *(vars(taken("cross_entropy", each, labels)).values() for each in (logits, shuffled)),
        strict=True,
    ):
        np.testing.assert_allclose(first, second, atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 5), (6, 6), (9, 4)])
def test_groups_share_nothing_and_hold_every_run_equally_often(shape: tuple[int, int]) -> None:
    groups = crossed._sharing_nothing(*shape)
    for group in groups:
        assert len({s for s, _ in group}) == len({r for _, r in group}) == min(shape)
    counts = np.zeros(shape, int)
    for cell in itertools.chain.from_iterable(groups):
        counts[cell] += 1
    assert counts.min() == counts.max() > 0
    assert len(groups) == (24 if set(shape) == {3, 4} else len(groups)) <= 120


def test_intervals_leave_out_one_subset_and_one_seed_at_a_time() -> None:
    logits, labels = drawn(6)
    found = crossed.estimates(crossed.brier, logits, labels)
    assert found is not None
    for name in PARTS:
        images = getattr(taken("brier", logits, labels), name)
        without = {
            axis: [
                getattr(taken("brier", np.delete(logits, i, axis=axis), labels), name).mean()
                for i in range(logits.shape[axis])
            ]
            for axis in (0, 1)
        }
        errors = [
            math.sqrt((n - 1) / n * sum((v - np.mean(values)) ** 2 for v in values))
            for values in without.values()
            for n in (len(values),)
        ]
        got = found[name]
        assert got.value == pytest.approx(images.mean(), abs=EXACT)
        assert [got.error_subsets, got.error_seeds] == pytest.approx(errors, abs=EXACT)
        assert got.error_images == pytest.approx(images.std(ddof=1) / math.sqrt(20), abs=EXACT)
        assert got.interval is not None
        middle, half = np.mean(got.interval), np.ptp(got.interval) / 2
        assert (middle, half) == pytest.approx((got.value, got.half), abs=EXACT)
        assert half >= special.stdtrit(2, 0.975) * errors[1] - EXACT
        assert half > 1.96 * math.hypot(*errors, got.error_images or 0)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels = drawn(7)
    whole = crossed.estimates(crossed.cross_entropy, logits, labels)
    monkeypatch.setattr(crossed, "_CHUNK", 7)
    parts = crossed.estimates(crossed.cross_entropy, logits, labels)
    assert whole is not None
    assert parts is not None
    for name in PARTS:
        assert parts[name].value == pytest.approx(whole[name].value, abs=EXACT)


def test_few_runs_have_no_interval_and_single_ones_no_estimate() -> None:
    logits, labels = drawn(8, 2, 2)
    found = crossed.estimates(crossed.zero_one, logits, labels)
    assert found is not None
    assert {estimate.interval for estimate in found.values()} == {None}
    assert {estimate.half for estimate in found.values()} == {None}
    for few in (logits[:1], logits[:, :1]):
        for decompose in crossed.LOSSES.values():
            assert crossed.estimates(decompose, few, labels) is None


def test_what_does_not_vary_has_no_interval() -> None:
    logits = np.zeros((3, 3, 4, 2)) + np.array([1.0, 0.0])
    found = crossed.estimates(crossed.zero_one, logits, np.zeros(4, int))
    assert found is not None
    assert all(e.value == 0 and e.interval is None for e in found.values())


@pytest.mark.slow
def test_the_estimates_are_unbiased_and_the_intervals_cover() -> None:
    """96 to 100 % here; the docstring says where it is less."""
    logits, labels = drawn(9, 400, 400, 6)
    truth = {name: getattr(taken("brier", logits, labels), name).mean() for name in PARTS}
    rng = np.random.default_rng(10)
    values: dict[str, list[float]] = {name: [] for name in PARTS}
    covered: dict[str, list[bool]] = {name: [] for name in PARTS}
    for _ in range(400):
        rows, columns = rng.choice(400, 4, replace=False), rng.choice(400, 3, replace=False)
        found = crossed.estimates(crossed.brier, logits[np.ix_(rows, columns)], labels)
        assert found is not None
        for name, estimate in found.items():
            values[name].append(estimate.value)
            covered[name].append(abs(estimate.value - truth[name]) <= (estimate.half or 0))
    for name in PARTS:
        assert_mean(values[name], truth[name])
        assert np.mean(covered[name]) > 0.9, name
