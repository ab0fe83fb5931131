"""What networks cost: by hand, and as published."""

from typing import Any

import keras
import pytest
from keras import layers

from kerascnn import building, costs, registry
from kerascnn.costs import Ceilings, Costs
from kerascnn.spec import RunSpec

SPEC = RunSpec(family="cnn", dataset="synthetic", batch_size=10)
IMAGE = (8, 6, 3)


def macs(*chain: Any, shape: tuple[int, ...] = IMAGE) -> int:
    inputs = x = keras.Input(shape)
    for layer in chain:
        x = layer(x)
    return costs.of(keras.Model(inputs, x), SPEC).multiply_accumulates


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(5, 3, padding="same"), 8 * 6 * 3 * 3 * 3 * 5),
        (layers.Conv2D(5, 3, padding="valid"), 6 * 4 * 3 * 3 * 3 * 5),
        (layers.Conv2D(5, 3, strides=2, padding="same"), 4 * 3 * 3 * 3 * 3 * 5),
        (layers.Conv2D(5, (3, 1), strides=2, padding="valid"), 3 * 3 * 3 * 1 * 3 * 5),
        (layers.Conv2D(5, 3, dilation_rate=2, padding="valid"), 4 * 2 * 3 * 3 * 3 * 5),
        (layers.Conv2D(6, 3, groups=3, padding="same"), 8 * 6 * 3 * 3 * 1 * 6),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), 8 * 6 * 3 * 3 * 3 * 2),
        (layers.DepthwiseConv2D(3, strides=2, padding="same"), 4 * 3 * 3 * 3 * 3),
        (layers.SeparableConv2D(5, 3, padding="same"), 8 * 6 * (3 * 3 * 3 + 3 * 5)),
        (layers.SeparableConv2D(5, 3, strides=2, padding="same"), 4 * 3 * (3 * 3 * 3 + 3 * 5)),
        (layers.Conv2DTranspose(5, 3, strides=2, padding="same"), 8 * 6 * 3 * 3 * 3 * 5),
        (layers.Dense(7), 8 * 6 * 3 * 7),
        (layers.BatchNormalization(), 0),
        (layers.MaxPooling2D(), 0),
        (layers.Activation("gelu"), 0),
        (layers.Dropout(0.5), 0),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_products_are_counted(layer: keras.Layer, expected: int) -> None:
    assert macs(layer) == expected


def test_a_dense_layer_of_a_vector() -> None:
    assert macs(layers.Flatten(), layers.Dense(7), layers.Dense(2)) == 144 * 7 + 7 * 2


def test_other_ranks_count_too() -> None:
    assert macs(layers.Conv1D(5, 3, padding="same"), shape=(8, 3)) == 8 * 3 * 3 * 5
    assert macs(layers.Conv3D(5, 2), shape=(4, 4, 4, 3)) == 27 * 8 * 3 * 5


def test_a_layer_called_twice_counts_twice() -> None:
    shared = layers.Conv2D(3, 3, padding="same")
    assert macs(shared, shared) == 2 * 8 * 6 * 27 * 3


def test_models_inside_models_count() -> None:
    inner = keras.Sequential([keras.Input(IMAGE), layers.Conv2D(4, 1), layers.Conv2D(2, 1)])
    assert macs(inner, layers.Conv2D(5, 1)) == 48 * (3 * 4 + 4 * 2 + 2 * 5)


def test_memory_is_weights_with_what_training_keeps_and_every_output() -> None:
    inputs = keras.Input((4, 4, 1))
    x = layers.Conv2D(2, 3, padding="same")(inputs)  # 20 weights, 32 outputs
    x = layers.BatchNormalization()(x)  # 4 trained, 4 not, 32 outputs
    x = layers.Flatten()(x)  # 32 outputs
    x = layers.Dense(3)(x)  # 99 weights, 3 outputs
    model = keras.Model(inputs, x)
    outputs = 16 + 32 + 32 + 32 + 3
    for optimizer, slots in (("adam", 2), ("adamw", 2), ("rmsprop", 1), ("sgd", 1)):
        spec = RunSpec(family="cnn", dataset="d", batch_size=10, optimizer=optimizer)
        found = costs.of(model, spec)
        assert found.parameters == 127
        assert found.memory == 4 * (127 + (1 + slots) * 123) + 1.25 * 10 * 4 * outputs


def test_outputs_in_bfloat16_take_half() -> None:
    def build(seed: int) -> keras.Model:
        return building.Builder(RunSpec(family="cnn", dataset="d", precision=precision), _Data)(0)

    found = {}
    for precision in ("float32", "bfloat16"):
        found[precision] = costs.measure(build, SPEC)
    assert found["bfloat16"].parameters == found["float32"].parameters
    assert found["bfloat16"].memory < found["float32"].memory


class _Data:
    input_shape = (8, 8, 1)
    num_classes = 10


# Preset -> its image, multiply-accumulates as published. ResNets: He et al. 2016, table 1 (1.8e9,
# 3.8e9; torchvision's 4.1e9 has the stride of a block in its 3x3 convolution); of CIFAR's
# ResNet-20, 40.55e6. VGG-16: 15.47e9. EfficientNet-B0: Tan & Le 2019, table 2: 0.39e9. AlexNet:
# 0.72e9 with its two groups. And half a unit of the last digit that is given; AlexNet's is ours.
PUBLISHED = [
    ("resnet", "resnet18", 224, 1000, 1.8e9, 0.05e9),
    ("resnet", "resnet50", 224, 1000, 3.86e9, 0.005e9),
    ("resnet", "resnet20", 32, 10, 40.55e6, 0.005e6),
    ("vgg", "vgg16", 224, 1000, 15.47e9, 0.005e9),
    ("efficientnet", "efficientnet_b0", 224, 1000, 0.39e9, 0.005e9),
    ("alexnet", "alexnet", 227, 1000, 0.72e9, 0.01e9),
]


@pytest.mark.parametrize(("family", "preset", "side", "classes", "expected", "half"), PUBLISHED)
def test_published_networks_cost_what_was_published(
    family: str, preset: str, side: int, classes: int, expected: float, half: float
) -> None:
    module = registry.load("kerascnn.models", family)
    values = module.PRESETS[preset]
    found = costs.measure(lambda seed: module.build((side, side, 3), classes, **values), SPEC)
    assert found.multiply_accumulates == pytest.approx(expected, abs=half)


@pytest.mark.parametrize("family", registry.names("kerascnn.models"))
def test_a_network_that_is_not_allocated_costs_the_same(family: str) -> None:
    build = building.Builder(RunSpec(family=family, dataset="d"), _Data)
    keras.utils.clear_session(free_memory=False)
    measured = costs.measure(build, SPEC)
    model = build(0)
    assert measured == costs.of(model, SPEC)
    assert measured.parameters == model.count_params()
    assert measured.multiply_accumulates > 0
    # And leaves no trace: names count from where they would.
    keras.utils.clear_session(free_memory=False)
    fresh = build(0)
    assert [layer.name for layer in fresh.layers] == [layer.name for layer in model.layers]


def test_what_is_too_large_is_never_allocated() -> None:
    """4 TB of weights."""

    def build(seed: int) -> keras.Model:
        inputs = keras.Input((1000,))
        x = layers.Dropout(0.5)(layers.Dense(10**9)(inputs))
        return keras.Model(inputs, x)

    found = costs.measure(build, SPEC)
    assert found.multiply_accumulates == 10**12
    assert found.memory > 16e12
    with keras.StatelessScope():  # Initialises what still waits for it.
        pass


def test_a_family_that_needs_values_is_built() -> None:
    def build(seed: int) -> keras.Model:
        inputs = keras.Input((4,))
        layer = layers.Dense(3)
        outputs = layer(inputs)
        layer.set_weights([each * 0 for each in layer.get_weights()])
        keras.Variable([1.0])
        return keras.Model(inputs, outputs)

    assert costs.measure(build, SPEC).parameters == 15


CHEAP = Costs(parameters=1000, multiply_accumulates=2000, memory=10**9)


@pytest.mark.parametrize(
    ("ceilings", "reason"),
    [
        (Ceilings(), ""),
        (Ceilings(parameters=1000, multiply_accumulates=2000, memory=2 * 10**9), ""),
        (Ceilings(parameters=999), "It has 1,000 parameters, over the 999 of --max-params."),
        (
            Ceilings(multiply_accumulates=1999),
            "It has 2,000 multiply-accumulates an image, over the 1,999 of --max-macs.",
        ),
        (
            Ceilings(memory=10**9, workers=3),
            "Training a batch takes about 1.0 GB, and each of 3 workers has 1.0 GB here",
        ),
        (Ceilings(memory=10**9), "one worker has 1.0 GB here, framework included"),
    ],
)
def test_what_costs_too_much_is_told_why(ceilings: Ceilings, reason: str) -> None:
    found = ceilings.reason(CHEAP)
    assert reason in found
    assert bool(found) == bool(reason)


def test_memory_is_not_asked_of_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    assert Ceilings(memory=1).reason(CHEAP) == ""
