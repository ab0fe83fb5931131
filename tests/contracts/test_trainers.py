"""The contract of every trainer: our order, every image, and seeds that start over."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import datasets, registry, trainers
from kerascnn.datasets._arrays import Dataset
from kerascnn.models import cnn, linear, mlp
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, _augment, _order, _schedule
from tests import networks
from tests.networks import builder

SETTINGS: Mapping[str, Any] = {
    "family": "cnn",
    "dataset": "synthetic",
    "batch_size": 50,
    "epochs": 2,
    "train_size": 120,
    "augmentation": "shift+flip",
    "weight_decay": 1e-3,
}
# What a trainer must start over from, and what it may not share with the run before.
CHANGES: tuple[Mapping[str, Any], ...] = (
    {},
    {"learning_rate": 0.01},
    {"weight_decay": 0.5},
    {"optimizer": "sgd"},
    {"schedule": "cosine"},
    {"schedule": "cosine", "learning_rate": 0.01},
    {"schedule": "one_cycle"},
    {"label_smoothing": 0.2},
    {"augmentation": "shift+flip+rotation+crop+cutout"},
    {"balance": "weights"},
    {"balance": "sampling"},
    {"patience": 1},
    {"batch_size": 40, "schedule": "cosine"},
)
Result = tuple[list[Mapping[str, float]], np.ndarray, int]


def ways() -> list[str]:
    """Every trainer, in each of its forms if it has several, for two runs at once."""
    found = []
    for name in registry.names("kerascnn.trainers"):
        forms = registry.constant("kerascnn.trainers", name, "FORMS", ())
        found += [f"{name}:{form}:2" for form in forms] or [name]
    return found


@pytest.fixture(params=ways())
def train(request: pytest.FixtureRequest) -> Callable[..., None]:
    try:
        trainers.check_backend(request.param, keras.backend.backend())
    except ValueError as error:
        pytest.skip(str(error))
    return trainers.load(request.param)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.load("synthetic")


@pytest.fixture(scope="module")
def uneven(data: Dataset) -> Dataset:
    """Every class of train but the first, and an eighth of that one."""
    first = data.order[data.labels[data.order] == 0]
    few = set(first[: len(first) // 8])
    kept = [i for i in data.order if data.labels[i] or i in few]
    return dataclasses.replace(data, order=np.array(kept))


@pytest.fixture(scope="module")
def misleading(data: Dataset) -> Dataset:
    return networks.misleading(data)


def results(
    train: Callable[..., None], data: Dataset, specs: list[RunSpec], **settings: Any
) -> dict[int, Result]:
    histories: dict[int, list[Mapping[str, float]]] = {i: [] for i in range(len(specs))}
    found: dict[int, Result] = {}

    def on_epoch(i: int, epoch: int, metrics: Mapping[str, float]) -> None:
        histories[i].append(metrics)
        assert epoch == len(histories[i])

    def on_end(i: int, model: keras.Model, predict: Callable[..., np.ndarray], epoch: int) -> None:
        indices = data.parts["validation"]
        logits = predict(indices)
        probabilities = model.predict(data.pixels(indices), verbose=0)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected = shifted / shifted.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)
        found[i] = (histories[i], logits, epoch)

    settings = {"family": cnn, "normalization": "batch", "dropout": 0.3, **settings}
    train(builder(data, **settings), data, specs, on_epoch=on_epoch, on_end=on_end)
    return {i: found[i] for i in sorted(found)}  # Trained together, the shorter ends first.


def same(a: Result, b: Result) -> bool:
    return a[0] == b[0] and np.array_equal(a[1], b[1]) and a[2] == b[2]


def test_a_run_on_a_reused_program_equals_a_run_alone(
    train: Callable[..., None], data: Dataset
) -> None:
    """Dropout, batch normalisation and optimizer state: all of it starts over."""
    specs = [RunSpec(**SETTINGS, seed=seed) for seed in (1, 2, 1)]
    together = results(train, data, specs)
    alone = results(train, data, specs[1:2])
    assert same(together[1], alone[0])
    assert same(together[0], together[2])
    assert not same(together[0], together[1])


@pytest.mark.slow
def test_settings_may_differ_in_one_call(train: Callable[..., None], uneven: Dataset) -> None:
    """Whatever the run before was, it leaves nothing behind."""
    specs = [RunSpec(**{**SETTINGS, **change}, seed=1) for change in CHANGES]
    together = results(train, uneven, specs, family=mlp)
    for i, spec in enumerate(specs):
        assert same(together[i], results(train, uneven, [spec], family=mlp)[0]), CHANGES[i]
        assert i == 0 or not same(together[i], together[0]) or "patience" in CHANGES[i]


def test_epochs_metrics_and_their_names(train: Callable[..., None], data: Dataset) -> None:
    history, logits, epoch = results(train, data, [RunSpec(**SETTINGS)])[0]
    assert len(history) == epoch == 2
    names = {"accuracy/train", "loss/train", "accuracy/validation", "loss/validation"}
    assert all(set(metrics) == names for metrics in history)
    labels = data.labels[data.parts["validation"]]
    assert history[-1]["accuracy/validation"] == pytest.approx(
        (logits.argmax(axis=1) == labels).mean()
    )


def test_stop_epoch_ends_early_with_the_same_numbers(
    train: Callable[..., None], data: Dataset
) -> None:
    whole = results(train, data, [RunSpec(**SETTINGS)])[0]
    part = results(train, data, [RunSpec(**SETTINGS, stop_epoch=1)])[0]
    assert part[0] == whole[0][:1]


def test_stop_gives_a_run_up_and_goes_on(train: Callable[..., None], data: Dataset) -> None:
    ended = []

    def on_epoch(i: int, epoch: int, metrics: Mapping[str, float]) -> None:
        if i == 0:
            raise Stop

    train(
        builder(data, mlp),
        data,
        [RunSpec(**{**SETTINGS, "family": "mlp"}, seed=seed) for seed in range(2)],
        on_epoch=on_epoch,
        on_end=lambda i, model, predict, epoch: ended.append(i),
    )
    assert ended == [1]


def test_a_few_epochs_learn(train: Callable[..., None], data: Dataset) -> None:
    plain = {**SETTINGS, "augmentation": "none", "epochs": 6, "learning_rate": 0.01}
    history, *_ = results(train, data, [RunSpec(**plain)], dropout=0.0)[0]
    assert history[-1]["loss/train"] < history[0]["loss/train"] / 2


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_the_schedule_is_that_of_the_planned_epochs(
    train: Callable[..., None], data: Dataset, schedule: str
) -> None:
    settings = {**SETTINGS, "schedule": schedule, "epochs": 3}
    specs = [RunSpec(**settings), RunSpec(**settings, stop_epoch=2)]
    whole, part = results(train, data, specs, family=mlp).values()
    assert part[0] == whole[0][:2]


def test_patience_ends_with_the_epoch_of_the_least_validation_loss(
    train: Callable[..., None], misleading: Dataset
) -> None:
    """Stopped or not; the statistics of batch normalisation with the weights."""
    settings = {**SETTINGS, "learning_rate": 0.003, "epochs": 6}
    specs = [RunSpec(**settings, patience=patience) for patience in (0, 2, 6)]
    whole, stopped, waited = results(train, misleading, specs, family=mlp).values()
    losses = [metrics["loss/validation"] for metrics in whole[0]]
    least = losses.index(min(losses)) + 1
    assert least < 4, losses
    assert stopped[0] == whole[0][: least + 2]
    assert waited[0] == whole[0]
    assert (whole[2], stopped[2], waited[2]) == (6, least, least)
    then = results(train, misleading, [RunSpec(**settings, stop_epoch=least)], family=mlp)[0]
    np.testing.assert_array_equal(stopped[1], then[1])
    np.testing.assert_array_equal(waited[1], then[1])
    assert not np.array_equal(whole[1], then[1])


@pytest.mark.parametrize(
    "settings",
    [
        {"augmentation": "none"},
        {"augmentation": "shift+flip"},
        {"augmentation": "rotation+crop+cutout"},
        {"label_smoothing": 0.3},
        {"schedule": "cosine"},
        {"schedule": "one_cycle"},
        {"balance": "weights", "label_smoothing": 0.1},
        {"balance": "sampling", "schedule": "cosine"},
    ],
    ids=str,
)
def test_every_step_is_the_one_drawn_for_it(
    train: Callable[..., None], uneven: Dataset, settings: Mapping[str, Any]
) -> None:
    """Against softmax regression in NumPy: order, changes, loss, rate, the last smaller batch."""
    plain = {**SETTINGS, "family": "linear", "optimizer": "sgd", "weight_decay": 0.0}
    plain |= {"epochs": 3, "learning_rate": 0.1}
    spec = RunSpec(**{**plain, **settings})
    histories, validation = [], []

    def on_end(i: int, model: keras.Model, predict: Callable[..., np.ndarray], epoch: int) -> None:
        indices = uneven.parts["validation"]
        p = _softmax(predict(indices))
        validation.append(-np.log(p[np.arange(len(p)), uneven.labels[indices]]).mean())

    def on_epoch(i: int, epoch: int, metrics: Mapping[str, float]) -> None:
        histories.append(metrics)

    train(builder(uneven, linear), uneven, [spec], on_epoch=on_epoch, on_end=on_end)
    losses = [metrics["loss/train"] for metrics in histories]
    np.testing.assert_allclose(losses, _by_hand(uneven, spec), rtol=1e-4)
    np.testing.assert_allclose(histories[-1]["loss/validation"], validation, rtol=1e-5)


@pytest.mark.parametrize("patience", [0, 2])
def test_a_final_run_is_trained_on_all_but_test(
    train: Callable[..., None], data: Dataset, patience: int
) -> None:
    """Validation too, unless patience watches it; it is then not measured on what it learned."""
    settings = {**SETTINGS, "family": "linear", "optimizer": "sgd", "weight_decay": 0.0}
    spec = RunSpec(**{**settings, "train_size": 0, "patience": patience}, phase="final")
    histories: list[Mapping[str, float]] = []
    train(
        builder(data, linear),
        data,
        [spec],
        on_epoch=lambda i, epoch, metrics: histories.append(metrics),
        on_end=lambda i, model, predict, epoch: None,
    )
    losses = [metrics["loss/train"] for metrics in histories]
    np.testing.assert_allclose(losses, _by_hand(data, spec), rtol=1e-4)
    assert ("loss/validation" in histories[0]) == bool(patience)


def _by_hand(data: Dataset, spec: RunSpec) -> list[float]:
    weights, bias = builder(data, linear)(spec.seed).get_weights()
    parameters = np.vstack([weights, bias]).astype(np.float64)
    velocity, losses = np.zeros_like(parameters), []
    chosen = data.training(spec.train_size, besides=_order.besides_train(spec))
    labels, classes = data.labels[chosen], data.num_classes
    counts = np.bincount(labels, minlength=classes)
    weight = len(labels) / (classes * counts) if spec.balance == "weights" else np.ones(classes)
    rates = iter(_schedule.rates(spec, -(-len(chosen) // spec.batch_size)))
    for epoch in range(1, spec.epochs + 1):
        order = chosen[_order.order(spec, epoch, labels)]
        shape = data.input_shape[:2]
        changes = _augment.draw(spec.augmentation, spec.seed, epoch, len(chosen), shape)
        total = 0.0
        for start in range(0, len(order), spec.batch_size):
            batch = slice(start, start + spec.batch_size)
            label = data.labels[order[batch]]
            images = _augment.apply(data.pixels(order[batch]), changes[batch])
            x = np.hstack([images.reshape(len(images), -1), np.ones((len(images), 1))])
            p = _softmax(x @ parameters)
            target = np.full_like(p, spec.label_smoothing / classes)
            target[np.arange(len(p)), label] += 1 - spec.label_smoothing
            total -= (weight[label] * (target * np.log(p)).sum(axis=1)).sum()
            gradient = x.T @ (weight[label, None] * (p - target)) / len(p)
            velocity = 0.9 * velocity - next(rates) * gradient
            parameters += velocity
        losses.append(total / len(order))
    return losses


def _softmax(logits: np.ndarray) -> np.ndarray:
    z = np.exp(logits - logits.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)
