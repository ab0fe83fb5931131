"""Layer by layer: shapes, receptive fields, costs, against what frameworks and papers say."""

import re
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from kerascnn import anatomy, costs, registry
from kerascnn.anatomy import Layer
from kerascnn.spec import RunSpec


def _named(found: list[Layer], name: str) -> Layer:
    return next(layer for layer in found if layer.name == name)


def _preset(family: str, preset: str) -> dict[str, Any]:
    return dict(registry.constant("kerascnn.models", family, "PRESETS")[preset])


@pytest.mark.parametrize(
    ("family", "preset", "layer", "field"),
    [
        # Araujo et al., Distill 2019, table 1: VGG-16 to the end of its last pooling, ResNet-50.
        ("vgg", "vgg16", "block5_pool", 212),
        ("resnet", "resnet50", None, 483),
    ],
)
def test_receptive_fields_that_were_published(
    family: str, preset: str, layer: str | None, field: int
) -> None:
    found = anatomy.of(family, (224, 224, 3), 1000, **_preset(family, preset))
    last = _named(found, layer) if layer else [each for each in found if each.field][-1]
    assert last.field == (field, field)


def test_a_receptive_field_is_where_the_gradient_is_not_zero() -> None:
    inputs = keras.Input((41, 41, 1))
    x = layers.Conv2D(1, (3, 5), strides=2, kernel_initializer="ones")(inputs)
    skip = layers.Conv2D(1, 1, kernel_initializer="ones")(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.AveragePooling2D(3, 1, name="pool")(x)
    x = layers.Add()([x, skip])
    x = layers.Conv2D(1, 3, dilation_rate=2, kernel_initializer="ones", name="last")(x)
    model = keras.Model(inputs, x)
    image = np.ones((1, 41, 41, 1), np.float32)
    centre = (model.output.shape[1] // 2, model.output.shape[2] // 2)
    reached = np.zeros((41, 41), bool)
    base = np.asarray(model(image))[0, *centre, 0]
    for row in range(41):
        for column in range(41):
            changed = image.copy()
            changed[0, row, column] += 1
            reached[row, column] = np.asarray(model(changed))[0, *centre, 0] != base
    extent = (int(reached.any(axis=1).sum()), int(reached.any(axis=0).sum()))
    assert _named(anatomy.layers(model), "last").field == extent


@pytest.mark.parametrize("family", registry.names("kerascnn.models"))
def test_totals_are_those_of_the_costs(family: str) -> None:
    shape = (64, 64, 3)
    found = anatomy.of(family, shape, 10)
    model = registry.load("kerascnn.models", family).build(shape, 10)
    known = costs.of(model, RunSpec(family=family, dataset="digits"))
    assert anatomy.totals(found) == {
        "parameters": known.parameters,
        "multiply_accumulates": known.multiply_accumulates,
    }
    assert [layer.name for layer in found][-2:] == ["logits", "probabilities"]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_arithmetic_gives_the_side(padding: str, stride: int) -> None:
    inputs = keras.Input((17, 20, 1))
    x = layers.Conv2D(1, 3, strides=stride, padding=padding, dilation_rate=1)(inputs)
    (layer,) = anatomy.layers(keras.Model(inputs, x))
    for side, text in zip(layer.output, layer.arithmetic.split("; "), strict=False):
        assert f"= {side}" in text
    if padding == "valid":
        parts = re.fullmatch(
            r"floor\(\((\d+) - (\d+)\) / (\d+)\) \+ 1 = (\d+); .*", layer.arithmetic
        )
        assert parts is not None
        size, reach, step, side = map(int, parts.groups())
        assert (size - reach) // step + 1 == side


def test_a_dense_layer_between_the_same_shapes() -> None:
    inputs = keras.Input((100, 100, 1))
    x = layers.Conv2D(1, 3, use_bias=False, padding="same")(inputs)
    (layer,) = anatomy.layers(keras.Model(inputs, x))
    # The note's own example: 9 weights a filter, 10,000 a dense neuron.
    assert layer.parameters == 9
    assert layer.dense_parameters == 10_000 * 10_000 + 10_000


def test_a_layer_called_twice_counts_its_parameters_once() -> None:
    shared = layers.Conv2D(4, 3, padding="same")
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, shared(shared(inputs)))
    first, second = anatomy.layers(model)
    assert (first.parameters, second.parameters) == (model.count_params(), 0)
    assert first.multiply_accumulates == second.multiply_accumulates > 0
    assert (first.field, second.field) == ((3, 3), (5, 5))


def test_networks_within_a_network_are_read_too() -> None:
    inner = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(2, 3, name="inner")])
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 3, name="outer")(inputs)
    found = anatomy.layers(keras.Model(inputs, layers.Flatten(name="flat")(inner(x))))
    assert [layer.name for layer in found] == ["outer", "inner", "flat"]
    assert [layer.field for layer in found] == [(3, 3), (5, 5), None]


def test_a_model_without_a_graph_is_refused() -> None:
    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ValueError, match="no graph of layers"):
        anatomy.layers(Own(name="own"))
