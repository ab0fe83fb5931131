"""What is decided for a run in advance: its rates, its losses' weights, where it ends."""

import math

import keras
import numpy as np
import pytest

from kerascnn import datasets
from kerascnn.models import linear
from kerascnn.spec import RunSpec
from kerascnn.trainers import _loss, _schedule, fit
from kerascnn.trainers._patience import Patience

SPEC = RunSpec(family="cnn", dataset="digits", learning_rate=0.1, epochs=4)


def test_a_constant_rate_is_one() -> None:
    assert _schedule.rates(SPEC, 5).tolist() == [0.1] * 20


def test_cosine_falls_to_0_over_the_planned_epochs() -> None:
    spec = SPEC.configure({"schedule": "cosine"})
    rates = _schedule.rates(spec, 5)
    assert rates.shape == (20,)
    assert rates.dtype == np.float64
    np.testing.assert_allclose(rates[[0, 5, 10, 15]], [0.1, 0.0853553, 0.05, 0.0146447], rtol=1e-5)
    assert 0 < rates[-1] < 0.001
    assert np.all(np.diff(rates) < 0)


def test_one_cycle_is_that_of_pytorch() -> None:
    """torch.optim.lr_scheduler.OneCycleLR(max_lr=0.1, total_steps=20), worked out by hand.

    The top is step 0.3 * 20 - 1 = 5, the end step 19, the middle of the fall step 12.
    """
    rates = _schedule.rates(SPEC.configure({"schedule": "one_cycle"}), 5)
    first, last = 0.1 / 25, 0.1 / 25 / 1e4
    np.testing.assert_allclose(rates[[0, 5, 12, 19]], [first, 0.1, (0.1 + last) / 2, last])
    rising = 0.1 + (first - 0.1) / 2 * (1 + math.cos(math.pi * 2 / 5))
    assert rates[2] == pytest.approx(rising)
    assert np.all(np.diff(rates[:6]) > 0)
    assert np.all(np.diff(rates[5:]) < 0)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_runs_have_rates(schedule: str, steps: int) -> None:
    rates = _schedule.rates(SPEC.configure({"schedule": schedule, "epochs": 1}), steps)
    assert rates.shape == (steps,)
    assert np.all((rates > 0) & (rates <= 0.1))


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_a_schedule_is_of_the_planned_epochs(schedule: str) -> None:
    spec = SPEC.configure({"schedule": schedule})
    stopped = RunSpec.from_json({**spec.to_json(), "stop_epoch": 2})
    assert np.array_equal(_schedule.rates(stopped, 5), _schedule.rates(spec, 5))


def end_of(patience: int, losses: list[float]) -> tuple[int, int, list[int]]:
    """Returns where a run stops, whose weights it ends with, and which were kept."""
    rule, kept = Patience(patience), []
    for epoch, loss in enumerate(losses, start=1):
        if rule.take(epoch, loss):
            kept.append(epoch)
        if rule.over:
            break
    return epoch, rule.epoch, kept


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("patience", "losses", "expected"),
    [
        (0, [1, 3, 2], (3, 3, [])),
        (1, [3, 2, 2, 1], (3, 2, [1, 2])),
        (2, [3, 2, 2, 1, 5], (5, 4, [1, 2, 4])),
        (2, [1, 2, 3, 0], (3, 1, [1])),
        (9, [1, 2, 3, 0.5], (4, 4, [1, 4])),
        (9, [2, 1, 3], (3, 2, [1, 2])),
        (9, [1, 1, 1], (3, 1, [1])),
        (2, [NAN, 5, NAN, INF], (4, 2, [2])),
        (2, [NAN, INF, 1], (2, 2, [])),
        (3, [-INF, 1, 2], (3, 2, [2])),
    ],
)
def test_patience_keeps_the_first_of_the_least(
    patience: int, losses: list[float], expected: tuple[int, int, list[int]]
) -> None:
    assert end_of(patience, losses) == expected


def test_class_weights_are_1_on_average_and_equal_in_sum() -> None:
    labels = np.array([0] * 6 + [1] * 2 + [3] * 4, np.int32)
    spec = SPEC.configure({"balance": "weights"})
    weights = _loss.class_weights(spec, labels, 4)
    assert weights is not None
    assert weights.dtype == np.float32
    assert weights[labels].mean() == pytest.approx(1)
    sums = np.bincount(labels, weights[labels])
    np.testing.assert_allclose(sums[[0, 1, 3]], 4)
    for balance in ("none", "sampling"):
        assert _loss.class_weights(SPEC.configure({"balance": balance}), labels, 4) is None


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_smoothed_cross_entropy(smoothing: float) -> None:
    """By hand, and where exponentials overflow."""
    logits = np.array([[1.0, 2.0, 0.0], [1000.0, 0.0, -1000.0]], np.float32)
    labels = np.array([1, 0], np.int32)
    z = np.exp(logits[0].astype(np.float64))
    log = np.array([np.log(z / z.sum()), [0, -1000, -2000]])
    target = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
    expected = -(target * log).sum(axis=1)
    spec = SPEC.configure({"label_smoothing": smoothing})
    loss = _loss.loss(spec)
    np.testing.assert_allclose(float(loss(labels, logits)), expected.mean(), rtol=1e-5)
    weights = np.array([0.5, 3.0], np.float32)
    found = keras.ops.convert_to_numpy(loss(labels, logits, sample_weight=weights))
    np.testing.assert_allclose(found, (weights * expected).mean(), rtol=1e-5)


def test_fit_takes_callbacks_of_keras() -> None:
    data = datasets.load("synthetic")
    seen: list[tuple[int, float]] = []
    fit.train(
        lambda seed: linear.build(data.input_shape, data.num_classes),
        data,
        [RunSpec(family="linear", dataset="synthetic", epochs=2, train_size=100)],
        on_epoch=lambda i, epoch, metrics: None,
        on_end=lambda i, model, predict, epoch: None,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: seen.append((epoch, logs["loss"]))
            )
        ],
    )
    assert [epoch for epoch, _ in seen] == [0, 1]
    assert seen[1][1] < seen[0][1]
