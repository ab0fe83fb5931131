"""Bias and variance against hand-made votes, enumeration and quadrature: A1 to A7."""

import itertools

import numpy as np
import pytest
from scipy import special

from tests.monte_carlo import assert_mean
from tuning import bias_variance, measures

EXACT = 1e-9
# Votes of five runs on four images whose label is 0.
HAND = np.array([[0, 0, 0, 0, 0], [0, 0, 0, 1, 2], [1, 1, 1, 0, 2], [1, 1, 2, 2, 0]]).T
ZEROS = np.zeros(4, int)


def means(parts: bias_variance.Parts | None) -> tuple[float, float, float, float]:
    assert parts is not None
    return tuple(float(getattr(parts, n).mean()) for n in ("risk", "noise", "bias", "variance"))


def test_a1_a_constant_predictor_has_no_variance() -> None:
    logits = np.zeros((5, 1000, 10))
    logits[:, :, 3] = 5
    labels = np.arange(1000) % 10
    votes = logits.argmax(axis=2)
    plug_in = bias_variance.domingos(votes, labels)
    assert plug_in is not None
    assert (plug_in.error, plug_in.bias) == pytest.approx((0.9, 0.9), abs=EXACT)
    assert (plug_in.unbiased, plug_in.biased, plug_in.variance) == (0, 0, 0)
    got = means(bias_variance.kohavi_wolpert(votes, labels))
    assert got == pytest.approx((0.9, 0, 0.9, 0), abs=EXACT)
    got = means(bias_variance.brier(special.softmax(logits, axis=2), labels))
    assert got == pytest.approx((1.6892834, 0, 1.6892834, 0), abs=5e-8)  # Eight digits are given.
    got = means(bias_variance.cross_entropy(logits, labels))
    assert got == pytest.approx((4.5588739, 0, 4.5588739, 0), abs=5e-8)
    assert got[3] == pytest.approx(0, abs=EXACT)
    right = (votes == labels).astype(float)
    assert measures.sd(right.mean(axis=1)) == 0
    assert measures.run_effect(right) is None
    estimates = bias_variance.estimates(bias_variance.kohavi_wolpert, votes, labels)
    assert estimates is not None
    assert estimates["variance"].interval is None


def test_a2_votes_by_hand() -> None:
    plug_in = bias_variance.domingos(HAND, ZEROS)
    assert plug_in == bias_variance.Domingos(
        runs=5,
        error=pytest.approx(0.5, abs=EXACT),
        noise=pytest.approx(0, abs=EXACT),
        bias=pytest.approx(0.5, abs=EXACT),
        variance=pytest.approx(0.35, abs=EXACT),
        unbiased=pytest.approx(0.1, abs=EXACT),
        biased=pytest.approx(0.1, abs=EXACT),
    )
    got = means(bias_variance.kohavi_wolpert(HAND, ZEROS))
    assert got == pytest.approx((0.5, 0, 0.225, 0.275), abs=EXACT)
    assert got[3] * 4 / 5 == pytest.approx(0.22, abs=EXACT)  # The plug-in.
    assert 1 - (measures.agreement(HAND) or 0) == pytest.approx(0.55, abs=EXACT)


def test_a2b_tied_majorities_count_in_equal_parts() -> None:
    plug_in = bias_variance.domingos(np.array([[0], [0], [1], [1]]), np.array([0]))
    assert plug_in is not None
    got = (plug_in.bias, plug_in.unbiased, plug_in.biased, plug_in.error)
    assert got == pytest.approx((0.5, 0.25, 0.25, 0.5), abs=EXACT)


@pytest.mark.parametrize(
    ("runs", "bias", "variance", "biased"),
    [(3, 0.376, 0.2, 0.088), (5, 0.37024, 0.2416, 0.10592), (11, 0.3825762, 0.2757606, 0.1291684)],
)
def test_a3_bernoulli_votes(runs: int, bias: float, variance: float, biased: float) -> None:
    rng = np.random.default_rng([3, runs])
    wrong = np.repeat([0.2, 0.6], 200)
    labels = np.zeros(400, int)
    kohavi, plug_ins = [], []
    for _ in range(400):
        votes = (rng.random((runs, 400)) < wrong).astype(int)
        kohavi.append(means(bias_variance.kohavi_wolpert(votes, labels)))
        plug_in = bias_variance.domingos(votes, labels)
        assert plug_in is not None
        plug_ins.append((plug_in.error, plug_in.bias, plug_in.variance, plug_in.biased))
    risks, _, biases, variances = np.array(kohavi).T
    assert_mean(risks, 0.4)
    assert_mean(biases, 0.2)
    assert_mean(variances, 0.2)
    for values, expected in zip(np.array(plug_ins).T, (0.4, bias, variance, biased), strict=True):
        assert_mean(values, expected)


def test_a3_by_enumeration() -> None:
    """The expectations of the plug-in at three runs, over all eight outcomes."""
    expected = np.zeros(3)
    for wrong in (0.2, 0.6):
        for votes in itertools.product((0, 1), repeat=3):
            chance = wrong ** sum(votes) * (1 - wrong) ** (3 - sum(votes)) / 2
            found = bias_variance.domingos(np.array(votes)[:, None], np.array([0]))
            assert found is not None
            expected += chance * np.array([found.bias, found.variance, found.biased])
    assert expected == pytest.approx([0.376, 0.2, 0.088], abs=EXACT)


@pytest.mark.parametrize(("runs", "variance", "bias"), [(2, 1 / 48, 7 / 48), (5, 1 / 30, 2 / 15)])
def test_a4_beta_probabilities(runs: int, variance: float, bias: float) -> None:
    """2,000 images are as many replicates; the plug-ins are what too few runs would report."""
    rng = np.random.default_rng([4, runs])
    chance = rng.beta(6, 2, (runs, 2000))
    probabilities = np.stack([1 - chance, chance], axis=2)
    parts = bias_variance.brier(probabilities, np.ones(2000, int))
    assert parts is not None
    assert_mean(parts.risk, 1 / 6)
    assert_mean(parts.variance, 1 / 24)
    assert_mean(parts.bias, 1 / 8)
    plug_in = probabilities.var(axis=0).sum(axis=1)
    assert plug_in == pytest.approx(parts.variance * (1 - 1 / runs), abs=EXACT)
    assert_mean(plug_in, variance)
    assert_mean(parts.bias + parts.variance / runs, bias)


@pytest.mark.parametrize("runs", [2, 5])
def test_a5_known_label_noise(runs: int) -> None:
    rng = np.random.default_rng([5, runs])
    chance = rng.beta(6, 2, (runs, 2000))
    truth = np.tile([0.1, 0.9], (2000, 1))
    parts = bias_variance.brier(np.stack([1 - chance, chance], axis=2), truth)
    assert parts is not None
    assert_mean(parts.risk, 4 / 15)
    assert_mean(parts.bias, 0.045)
    assert parts.noise == pytest.approx(np.full(2000, 0.18), abs=EXACT)
    assert_mean(parts.bias + parts.noise, 0.225)


def test_a5_noise_of_domingos_and_kohavi_wolpert() -> None:
    """.6 x .1 + 0 + .2 = .26 = .9 x .2 + .1 x .8, for four right votes of five."""
    votes, truth = np.array([[0], [1], [1], [1], [1]]), np.array([[0.1, 0.9]])
    found = bias_variance.domingos(votes, truth)
    assert found is not None
    got = (found.error, found.noise, found.bias, found.unbiased, found.biased)
    assert got == pytest.approx((0.26, 0.06, 0, 0.2, 0), abs=EXACT)
    risk, noise, bias, variance = means(bias_variance.kohavi_wolpert(votes, truth))
    assert (risk, noise) == pytest.approx((0.26, 0.09), abs=EXACT)
    assert bias == pytest.approx(0.01 - 0.8 * 0.2 / 4, abs=EXACT)  # Their correction.
    assert variance == pytest.approx(0.2, abs=EXACT)


def test_domingos_noise_over_three_classes() -> None:
    """The coefficient of the noise is P(right) - P(wrong) P(the vote is the label | both wrong)."""
    rng = np.random.default_rng(6)
    votes, truth = rng.integers(0, 3, (7, 50)), rng.dirichlet(np.ones(3), 50)
    noise = []
    for image in range(50):
        share, best = np.bincount(votes[:, image], minlength=3) / 7, truth[image].argmax()
        others = np.arange(3) != best
        labels = truth[image][others] / truth[image][others].sum()
        noise.append((share[best] - share[others] @ labels) * (1 - truth[image][best]))
    found = bias_variance.domingos(votes, truth)
    assert found is not None
    assert found.noise == pytest.approx(np.mean(noise), abs=EXACT)
    terms = found.noise + found.bias + found.unbiased - found.biased
    assert found.error == pytest.approx(terms, abs=EXACT)


def test_a6_gaussian_logit_by_quadrature() -> None:
    """Gauss-Hermite over two runs: the jackknife is twice the plug-in, exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    u = 1 + 2 * nodes
    pairs = np.stack([np.repeat(u, 120), np.tile(u, 120)])
    chance = np.outer(weights, weights).ravel()
    parts = bias_variance.cross_entropy(
        np.stack([np.zeros_like(pairs), pairs], axis=2), np.ones(pairs.shape[1], int)
    )
    assert parts is not None
    assert chance @ parts.risk == pytest.approx(0.64249537, abs=5e-9)
    assert chance @ parts.variance == pytest.approx(0.30138732, abs=5e-9)
    assert special.log1p(np.exp(-1)) == pytest.approx(0.31326169, abs=5e-9)  # The true bias.


@pytest.mark.parametrize(
    ("runs", "plug_in", "jackknife"),
    [
        (2, 0.15069366, 0.30138732),
        (3, 0.20645350, 0.31797317),
        (5, 0.25361035, 0.32549539),
        (10, 0.29065809, 0.32838124),
    ],
)
def test_a6_gaussian_logit(runs: int, plug_in: float, jackknife: float) -> None:
    """100,000 images are as many replicates."""
    rng = np.random.default_rng([6, runs])
    u = rng.normal(1, 2, (runs, 100_000))
    logits = np.stack([np.zeros_like(u), u], axis=2)
    parts = bias_variance.cross_entropy(logits, np.ones(100_000, int))
    assert parts is not None
    assert_mean(parts.risk, 0.64249537)
    assert_mean(parts.variance, jackknife)
    assert_mean(parts.bias, 0.64249537 - jackknife)
    logs = special.log_softmax(logits, axis=2)
    assert_mean(bias_variance.geometric_variance(logs), plug_in)


def test_a7_identities_of_the_cross_entropy() -> None:
    rng = np.random.default_rng(7)
    logits, labels = rng.normal(0, 3, (6, 40, 5)), rng.integers(0, 5, 40)
    logs = special.log_softmax(logits, axis=2)
    center = special.log_softmax(logits.mean(axis=0), axis=1)
    divergence = (np.exp(center) * (center - logs)).sum(axis=2).mean()
    risk = -logs[:, np.arange(40), labels].mean()
    plug_in = bias_variance.geometric_variance(logs)
    assert risk == pytest.approx(-center[np.arange(40), labels].mean() + divergence, abs=1e-12)
    assert plug_in.mean() == pytest.approx(divergence, abs=1e-12)
    spread = special.logsumexp(logits, axis=2).mean(axis=0)
    spread -= special.logsumexp(logits.mean(axis=0), axis=1)
    assert plug_in == pytest.approx(spread, abs=1e-12)
    parts = bias_variance.cross_entropy(logits, labels)
    assert parts is not None
    assert parts.risk.mean() == pytest.approx(risk, abs=1e-12)
    left_out = [bias_variance.geometric_variance(np.delete(logs, t, axis=0)) for t in range(6)]
    jackknife = 6 * plug_in - 5 * np.mean(left_out, axis=0)
    assert parts.variance == pytest.approx(jackknife, abs=1e-12)


@pytest.mark.parametrize(
    ("logits", "variance"),
    [
        ([[200, 0], [0, 200]], 100 - np.log(2)),  # One logit of +-200: 99.30685282.
        ([[200, -200], [-200, 200]], 200 - np.log(2)),
    ],
)
def test_a7_opposite_certain_runs(logits: list[list[float]], variance: float) -> None:
    z = np.array(logits, np.float32)[:, None]
    logs = special.log_softmax(z.astype(float), axis=2)
    assert bias_variance.geometric_variance(logs) == pytest.approx([variance], abs=EXACT)
    parts = bias_variance.cross_entropy(z, np.array([0]))
    assert parts is not None
    assert np.isfinite([parts.risk, parts.bias, parts.variance]).all()


def test_kohavi_wolpert_is_half_of_brier_on_one_hot_votes() -> None:
    rng = np.random.default_rng(8)
    votes, labels = rng.integers(0, 4, (5, 30)), rng.integers(0, 6, 30)
    kohavi = bias_variance.kohavi_wolpert(votes, labels)
    brier = bias_variance.brier(np.eye(6)[votes], labels)
    assert kohavi is not None
    assert brier is not None
    for name in ("risk", "noise", "bias", "variance"):
        assert getattr(kohavi, name) == pytest.approx(getattr(brier, name) / 2, abs=EXACT)
    corrected = (np.eye(6)[labels] - np.eye(6)[votes].mean(axis=0)) ** 2
    share = np.eye(6)[votes].mean(axis=0)
    corrected = (corrected - share * (1 - share) / 4).sum(axis=1) / 2
    assert kohavi.bias == pytest.approx(corrected, abs=EXACT)


def test_the_loss_is_the_sum_of_its_parts_for_every_kind() -> None:
    rng = np.random.default_rng(9)
    logits, truth = rng.normal(size=(4, 20, 3)), rng.dirichlet(np.ones(3), 20)
    logs = special.log_softmax(logits, axis=2)
    for parts, risk in (
        (bias_variance.kohavi_wolpert(logits.argmax(axis=2), truth), None),
        (bias_variance.brier(np.exp(logs), truth), None),
        (bias_variance.cross_entropy(logits, truth), -(truth * logs).sum(axis=2).mean(axis=0)),
    ):
        assert parts is not None
        assert parts.risk == pytest.approx(parts.noise + parts.bias + parts.variance, abs=EXACT)
        assert (parts.noise > 0).all()
        assert risk is None or parts.risk == pytest.approx(risk, abs=EXACT)


def test_one_run_has_no_variance() -> None:
    votes, labels = np.array([[0, 1]]), np.array([0, 0])
    logits = np.zeros((1, 2, 2))
    assert bias_variance.kohavi_wolpert(votes, labels) is None
    assert bias_variance.domingos(votes, labels) is None
    assert bias_variance.brier(logits, labels) is None
    assert bias_variance.cross_entropy(logits, labels) is None
    assert bias_variance.estimates(bias_variance.kohavi_wolpert, votes, labels) is None


def test_two_runs_or_one_image_have_no_interval() -> None:
    two = bias_variance.estimates(bias_variance.kohavi_wolpert, HAND[:2], ZEROS)
    one = bias_variance.estimates(bias_variance.kohavi_wolpert, HAND[:, 1:2], ZEROS[:1])
    assert two is not None
    assert one is not None
    assert (two["variance"].error_runs, two["variance"].interval) == (None, None)
    assert (one["variance"].error_images, one["variance"].interval) == (None, None)


def test_a_negative_bias_is_shown() -> None:
    """Runs on both sides of the known truth: their mean has no bias, and less than runs allow."""
    runs, truth = np.array([[[0.2, 0.8]], [[0.8, 0.2]]]), np.array([[0.5, 0.5]])
    got = means(bias_variance.brier(runs, truth))
    assert got == pytest.approx((0.68, 0.5, -0.18, 0.36), abs=EXACT)
    votes = np.array([[0], [1]])
    got = means(bias_variance.kohavi_wolpert(votes, truth))
    assert got == pytest.approx((0.5, 0.25, -0.25, 0.5), abs=EXACT)


def test_classes_that_nothing_has_change_nothing() -> None:
    """Labels and votes of classes 0 and 5 of ten."""
    votes, labels = np.array([[0, 5], [5, 5], [5, 0]]), np.array([5, 5])
    few = bias_variance.kohavi_wolpert((votes > 0).astype(int), (labels > 0).astype(int))
    assert means(bias_variance.kohavi_wolpert(votes, labels)) == pytest.approx(means(few))
    assert means(bias_variance.kohavi_wolpert(votes, np.eye(10)[labels])) == pytest.approx(
        means(few)
    )
    assert measures.agreement(votes) == measures.agreement((votes > 0).astype(int))


def test_the_share_of_the_largest() -> None:
    values = np.full(200, 1.0)
    values[7] = 101
    assert bias_variance.top_share(values) == pytest.approx(102 / 300)
    assert bias_variance.top_share(values, 0.001) == pytest.approx(101 / 300)
    assert bias_variance.top_share(np.zeros(3)) is None
