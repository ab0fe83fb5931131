"""The contract of a model family, held over every file of the room."""

import inspect
import json
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import registry
from kerascnn.models import _layers

FAMILIES = registry.names("kerascnn.models")
SHAPES = ((8, 8, 1), (28, 28, 1), (32, 32, 3))
NUM_CLASSES = 10


def family_module(family: str) -> ModuleType:
    return registry.load("kerascnn.models", family)


def defaults(family: str) -> dict[str, Any]:
    return registry.keywords("kerascnn.models", family, "build")


def seeded(family: str, seed: int, shape: tuple[int, int, int] = (8, 8, 1)) -> keras.Model:
    random.seed(seed)
    return family_module(family).build(shape, NUM_CLASSES)


def images(count: int, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape), dtype=np.float32)


def values_of(config: Any, name: str) -> list[Any]:
    """Returns every value under a key called `name`, however deep in a configuration."""
    if isinstance(config, dict):
        own = [config[name]] if name in config else []
        return own + [v for inner in config.values() for v in values_of(inner, name)]
    if isinstance(config, list | tuple):
        return [v for inner in config for v in values_of(inner, name)]
    return []


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_maps_images_to_probabilities(family: str, shape: tuple[int, int, int]) -> None:
    model = seeded(family, 0, shape)
    probabilities = np.asarray(model(images(3, shape)))
    assert model.input_shape == (None, *shape)
    assert probabilities.shape == (3, NUM_CLASSES)
    assert probabilities.dtype == np.float32
    assert np.isfinite(probabilities).all()
    assert np.all(probabilities >= 0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_ends_in_float32_logits_and_probabilities(family: str) -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = seeded(family, 0)
    finally:
        keras.config.set_dtype_policy("float32")
    logits, probabilities = model.layers[-2:]
    assert isinstance(logits, keras.layers.Dense)
    assert isinstance(probabilities, keras.layers.Activation)
    assert (logits.name, probabilities.name) == ("logits", "probabilities")
    assert logits.activation is keras.activations.linear
    assert probabilities.activation is keras.activations.softmax
    assert logits.dtype_policy.name == probabilities.dtype_policy.name == "float32"
    assert logits.units == NUM_CLASSES


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_arguments_give_the_same_graph(family: str) -> None:
    """A layer that Keras names gets another number the second time."""
    first, second = seeded(family, 0), seeded(family, 1)
    assert first.get_config() == second.get_config()
    assert [o.name for o in first.operations] == [o.name for o in second.operations]
    assert [v.path for v in first.variables] == [v.path for v in second.variables]


@pytest.mark.parametrize("family", FAMILIES)
def test_only_pythons_random_state_decides_the_weights(family: str) -> None:
    np.random.seed(0)
    first = seeded(family, 3).get_weights()
    np.random.seed(1)
    same, other = seeded(family, 3).get_weights(), seeded(family, 4).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    kernels = [(a, b) for a, b in zip(first, other, strict=True) if a.ndim > 1]
    assert kernels
    assert not any(np.array_equal(a, b) for a, b in kernels)


@pytest.mark.parametrize("family", FAMILIES)
def test_loads_without_this_package(family: str, tmp_path: Path) -> None:
    model = seeded(family, 0)
    config = model.get_config()
    assert all(module.split(".")[0] == "keras" for module in values_of(config, "module") if module)
    assert "Lambda" not in values_of(config, "class_name")
    assert set(values_of(config, "seed")) <= {None}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = images(4, (8, 8, 1))
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_docstring_covers_the_hyperparameters(family: str) -> None:
    module = family_module(family)
    text = inspect.getdoc(module.build) or ""
    for name in defaults(family):
        assert f"\n    {name}: " in text, name
    assert "defaults" in text
    assert "Departures" in (module.__doc__ or "")
    assert "https://" in (module.__doc__ or "")


@pytest.mark.parametrize("family", FAMILIES)
def test_hyperparameters_are_plain_values(family: str) -> None:
    for name, value in defaults(family).items():
        assert type(value) in (int, float, str, bool), name


@pytest.mark.parametrize("family", FAMILIES)
def test_presets_are_literals_that_name_hyperparameters(family: str) -> None:
    presets = registry.constant("kerascnn.models", family, "PRESETS", {})
    assert presets == getattr(family_module(family), "PRESETS", {})
    for preset, values in presets.items():
        assert set(values) <= set(defaults(family)), preset
        for name, value in values.items():
            assert type(value) is type(defaults(family)[name]), (preset, name)
    assert json.loads(json.dumps(presets)) == presets


@pytest.mark.parametrize("family", FAMILIES)
def test_refuses_values_out_of_range_in_one_line(family: str) -> None:
    """Every number has a lower bound, every word a list, and a flag is no number."""
    for name, default in defaults(family).items():
        kind = int if isinstance(default, bool) else type(default)  # bool(-3) is just True.
        bad = "no such thing" if kind is str else kind(-3)
        expected = (
            rf"`.*{name}.*` must .*Received: {bad}$|^No '{bad}' in {name}\. Expected one of: "
        )
        with pytest.raises(ValueError, match=expected) as e:
            family_module(family).build((8, 8, 1), NUM_CLASSES, **{name: bad})
        assert "\n" not in str(e.value)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_few_steps_lower_the_loss(family: str, shape: tuple[int, int, int]) -> None:
    model = seeded(family, 0, shape)
    labels = np.arange(20) % NUM_CLASSES
    x = images(20, shape) * 0.2
    x[np.arange(20), labels % 8, labels // 2] += 0.8  # A bright pixel that only its class has.
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", run_eagerly=True)
    losses = [float(model.train_on_batch(x, labels)) for _ in range(6)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("sides", [(1, 1), (1, 3), (2, 1), (3, 3), (4, 4)])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_pooling_rounds_up_and_leaves_out_what_is_beyond(
    sides: tuple[int, int], pooling: str
) -> None:
    """In large batches too, compiled: there XLA on a CPU padded an image of side 1 wrongly."""
    images = np.random.default_rng(0).random((512, *sides, 32), np.float32)
    inputs = keras.Input((*sides, 32))
    found = keras.Model(inputs, _layers.pool(inputs, "pool", pooling)).predict(
        images, batch_size=512, verbose=0
    )
    reduce = np.max if pooling == "max" else np.mean
    rows, columns = (range(0, side, 2) for side in sides)
    expected = [
        [reduce(images[:, row : row + 2, column : column + 2], axis=(1, 2)) for column in columns]
        for row in rows
    ]
    np.testing.assert_allclose(found, np.transpose(expected, (2, 0, 1, 3)), atol=1e-6)
