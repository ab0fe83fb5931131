"""What passes through a network: against gradients by hand, planted units, and no number moved."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn import attempt, building, checkpoint, datasets, registry, signals, trainers, training
from kerascnn.checkpoint import Checkpoint
from kerascnn.loggers import gradients
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import event_files

SPEC = RunSpec(
    family="mlp",
    dataset="synthetic",
    fingerprint=datasets.load("synthetic").fingerprint,
    hyperparameters={"dropout": 0.5},
    epochs=3,
    train_size=100,
    batch_size=32,
    augmentation="shift",
)
BOTH = ("tensorboard", "gradients")


def run(folder: Path, *specs: RunSpec, **options: Any) -> list[RunRecord]:
    return training.run(specs, folder=str(folder), **{"loggers": BOTH, **options})


def numbers(record: RunRecord) -> tuple[Any, ...]:
    assert record.status == "finished", record.error
    return dict(record.metrics), dict(record.history)


def left(folder: Path, spec: RunSpec) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((attempt.run_dir(folder, spec) / gradients.FILE).read_text())
    return found


def ending(inputs: Any, x: Any, classes: int = 2) -> keras.Model:
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, layers.Activation("softmax", name="probabilities")(x))


def measured(model: keras.Model, images: np.ndarray, before: Any = ()) -> dict[str, float]:
    labels = np.arange(len(images), dtype=np.int32) % 2
    own = signals._values(model)
    return signals._Copy(model).measure(own, before, np.asarray(images, np.float32), labels, 1)


def test_the_gradient_of_a_linear_model_is_the_one_by_hand() -> None:
    """Two images of one pixel, weights 0: p = 1/2, so the gradient is x (p - y) / 2 and p - y."""
    inputs = keras.Input((1, 1, 1))
    model = ending(inputs, layers.Flatten(name="flat")(inputs))
    model.get_layer("logits").set_weights([np.zeros((1, 2)), np.zeros(2)])
    found = measured(model, np.array([3.0, 1.0]).reshape(2, 1, 1, 1))
    # Of class 0: 3 (1/2 - 1) / 2 + 1 (1/2) / 2 = -1/2; of class 1: 1/2; the biases' cancel.
    assert found == {"gradients/logits/norm": pytest.approx(np.sqrt(0.5))}


def test_an_update_is_relative_to_the_weights_an_epoch_ago() -> None:
    inputs = keras.Input((1, 1, 1))
    model = ending(inputs, layers.Flatten(name="flat")(inputs))
    model.get_layer("logits").set_weights([np.array([[3.0, 0.0]]), np.array([0.0, 4.0])])
    before = [np.array([[3.0, 0.0]]), np.array([0.0, 6.0])]
    found = measured(model, np.ones((2, 1, 1, 1)), before)
    assert found["gradients/logits/update"] == pytest.approx(2 / np.sqrt(45))


def test_one_step_of_sgd_moves_the_weights_by_the_rate_times_the_gradient(tmp_path: Path) -> None:
    spec = dataclasses.replace(
        SPEC,
        family="linear",
        hyperparameters={},
        optimizer="sgd",
        weight_decay=0.0,
        learning_rate=0.25,
        batch_size=100,
        augmentation="none",
        epochs=1,
    )
    (record,) = run(tmp_path, spec)
    assert record.status == "finished", record.error
    own = left(tmp_path, spec)["layers"]["logits"]
    data = datasets.load("synthetic")
    weights = building.Builder(spec, data)(spec.seed).get_weights()
    size = np.sqrt(sum(np.square(each).sum() for each in weights))
    assert own["update"] == [None, pytest.approx(0.25 * own["norm"][0] / size, rel=1e-4)]


@pytest.mark.parametrize("activation", ["relu", layers.ReLU(), "sigmoid", "tanh", "gelu"], ids=str)
def test_planted_units_are_counted(activation: Any) -> None:
    """Of four channels three are far below 0, whatever the image; two of their biases differ."""
    inputs = keras.Input((2, 2, 1))
    x = layers.Conv2D(4, 1, name="conv")(inputs)
    last = activation if isinstance(activation, layers.Layer) else layers.Activation(activation)
    model = ending(inputs, layers.Flatten(name="flat")(last(x)))
    model.get_layer("conv").set_weights([np.ones((1, 1, 1, 4)), np.array([-100, -100, -100, 0.1])])
    images = np.stack([np.zeros((2, 2, 1)), np.full((2, 2, 1), 0.5)])
    found = measured(model, images)
    units = {name: value for name, value in found.items() if name.startswith("units")}
    kinds = {"relu": "dead", "sigmoid": "saturated", "tanh": "saturated"}
    kind = kinds.get("relu" if activation is last else activation)
    assert units == ({} if kind is None else {f"units/{last.name}/{kind}": 0.75})


def test_a_unit_that_lives_for_one_image_at_one_place_is_not_dead() -> None:
    inputs = keras.Input((2, 2, 1))
    x = layers.Conv2D(2, 1, activation="relu", name="conv")(inputs)
    model = ending(inputs, layers.Flatten(name="flat")(x))
    model.get_layer("conv").set_weights([np.array([1.0, -1.0]).reshape(1, 1, 1, 2), np.zeros(2)])
    images = np.zeros((2, 2, 2, 1))
    images[1, 0, 1] = 1.0
    assert measured(model, images)["units/conv/dead"] == 0.5


@pytest.mark.parametrize(
    ("kind", "bias", "expected"),
    [("sigmoid", 5.2, 0.0), ("sigmoid", 5.4, 1.0), ("tanh", 2.6, 0.0), ("tanh", -2.7, 1.0)],
)
def test_saturated_is_beyond_99_hundredths_of_the_range(
    kind: str, bias: float, expected: float
) -> None:
    """sigmoid(5.293) = 0.995; tanh(2.647) = 0.99."""
    inputs = keras.Input((1, 1, 1))
    x = layers.Dense(1, activation=kind, name="hidden")(layers.Flatten(name="flat")(inputs))
    model = ending(inputs, x)
    model.get_layer("hidden").set_weights([np.zeros((1, 1)), np.array([bias])])
    assert measured(model, np.ones((2, 1, 1, 1)))["units/hidden/saturated"] == expected


def test_layers_that_are_called_twice_or_lie_in_a_model_are_counted() -> None:
    inputs = keras.Input((2, 2, 1))
    inner = keras.Sequential([keras.Input((2, 2, 1)), layers.Conv2D(1, 1, name="inside")])
    act = layers.ReLU(name="act")
    x = act(act(inner(inputs)))
    found = measured(ending(inputs, layers.Flatten(name="flat")(x)), np.ones((2, 2, 2, 1)))
    assert set(found) == {
        "gradients/inside/norm",
        "gradients/logits/norm",
        "units/act/dead",
    }


@pytest.fixture(params=[*registry.names("kerascnn.trainers"), "vectorized:grouped:2"])
def trainer(request: pytest.FixtureRequest) -> str:
    try:
        trainers.check_backend(request.param, keras.backend.backend())
    except ValueError as error:
        pytest.skip(str(error))
    return str(request.param)


@pytest.mark.slow
def test_no_number_of_the_training_changes(trainer: str, tmp_path: Path) -> None:
    """Dropout, statistics and all: to the last bit; in every trainer alike."""
    settings = {**SPEC.hyperparameters, "normalization": "batch", "pooling": "stride"}
    base = dataclasses.replace(SPEC, family="cnn", hyperparameters=settings, train_size=70)
    specs = [base.repeated(0, "search", repeat) for repeat in range(2)]
    alone = run(tmp_path / "a", *specs, trainer=trainer, loggers=())
    watched = run(tmp_path / "b", *specs, trainer=trainer)
    assert list(map(numbers, alone)) == list(map(numbers, watched))
    for spec in specs:
        found = left(tmp_path / "b", spec)
        assert found["epochs"] == [0, 1, 2, 3]
        values = [each for known in found["layers"].values() for each in known.values()]
        assert all(value is not None for each in values for value in each[1:])
        networks = [
            np.load(attempt.run_dir(tmp_path / each, spec) / "logits-train.npy") for each in "ab"
        ]
        np.testing.assert_array_equal(*networks)


@pytest.mark.slow
def test_each_run_is_measured_on_its_own_weights(trainer: str, tmp_path: Path) -> None:
    """A program serves several runs: none may be told another's."""
    specs = [SPEC.repeated(0, "search", repeat) for repeat in range(2)]
    run(tmp_path / "both", *specs, trainer=trainer)
    run(tmp_path / "one", specs[1], trainer="compiled")
    both, one = left(tmp_path / "both", specs[1]), left(tmp_path / "one", specs[1])
    assert both != left(tmp_path / "both", specs[0])
    for layer, known in one["layers"].items():
        for name, values in known.items():
            expected = np.array(values, float)
            np.testing.assert_allclose(
                np.array(both["layers"][layer][name], float), expected, rtol=1e-3, atol=1e-6
            )


def test_event_files_have_the_same_numbers(tmp_path: Path) -> None:
    run(tmp_path, SPEC)
    found = left(tmp_path, SPEC)
    drawn = event_files.scalars(attempt.run_dir(tmp_path, SPEC))
    for layer, known in found["layers"].items():
        for name, values in known.items():
            kind = "gradients" if name in ("norm", "update") else "units"
            expected = {e: v for e, v in zip(found["epochs"], values, strict=True) if v is not None}
            assert drawn[f"{kind}/{layer}/{name}"] == pytest.approx(expected)


def test_a_run_that_is_continued_has_seen_the_same(tmp_path: Path) -> None:
    run(tmp_path / "whole", SPEC)
    run(tmp_path / "parts", dataclasses.replace(SPEC, stop_epoch=2))
    (record,) = run(tmp_path / "parts", SPEC)
    assert record.host["continued"] == (2, 0)
    assert left(tmp_path / "parts", SPEC) == left(tmp_path / "whole", SPEC)
    folders = [attempt.run_dir(tmp_path / each, SPEC) for each in ("parts", "whole")]
    a, b = (event_files.scalars(folder) for folder in folders)
    assert a == b


@pytest.mark.slow
def test_a_run_that_was_killed_between_two_steps_has_seen_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "whole", SPEC)
    write = checkpoint.write

    def dying(path: Path, found: Checkpoint, **options: Any) -> None:
        write(path, found, **options)
        if found.epoch == 1 and len(found.losses):
            assert len(found.before) == len(found.model)
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", SPEC, checkpoint_every=1e-9)
    monkeypatch.undo()
    (record,) = run(tmp_path / "parts", SPEC)
    assert record.host["continued"][0] == 1
    assert record.host["continued"][1] > 0
    assert left(tmp_path / "parts", SPEC) == left(tmp_path / "whole", SPEC)


def test_a_run_that_was_not_watched_before_is_from_here_on(tmp_path: Path) -> None:
    run(tmp_path / "whole", SPEC)
    run(tmp_path / "parts", dataclasses.replace(SPEC, stop_epoch=2), loggers=("tensorboard",))
    run(tmp_path / "parts", SPEC)
    parts, whole = left(tmp_path / "parts", SPEC), left(tmp_path / "whole", SPEC)
    assert parts["epochs"] == [0, 3]
    for layer, known in whole["layers"].items():
        for name, values in known.items():
            assert parts["layers"][layer][name] == [values[0], values[3]]


def ratio(family: str, **settings: Any) -> float:
    """The norm of the first layer's gradient over the last one's, before training."""
    data = datasets.load("synthetic")
    spec = dataclasses.replace(SPEC, family=family, hyperparameters=settings)
    probe = signals.Probe(building.Builder(spec, data), data)
    found = probe.measure(spec, probe.fresh(spec.seed), ())
    norms = [value for name, value in found.items() if name.endswith("/norm")]
    return norms[0] / norms[-1]


def test_the_gradient_vanishes_with_sigmoids_and_is_kept_by_relu_and_shortcuts() -> None:
    """Nine convolutions in a row: each sigmoid passes on a fourth at most."""
    deep = {"depth": 3, "convolutions": 3, "filters": 8}
    plain = ratio("cnn", **deep, activation="sigmoid")
    assert plain < 1e-5
    assert ratio("cnn", **deep) > 1e-2
    assert ratio("resnet", depth=14, filters=8, activation="sigmoid") > 10 * plain
    assert ratio("resnet", depth=14, filters=8) > 1e-2
