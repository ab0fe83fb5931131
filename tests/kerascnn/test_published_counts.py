"""Presets reproduce the published networks; and each family's own rules."""

import math
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import registry
from kerascnn.models import cnn, lenet, mlp, resnet, vgg

IMAGENET = (224, 224, 3)

# Preset -> all parameters, at 224x224x3 and 1000 classes (Simonyan & Zisserman 2015, table 2).
VGG = {"vgg11": 132_863_336, "vgg13": 133_047_848, "vgg16": 138_357_544, "vgg19": 143_667_240}
# Preset -> trainable parameters, and the network's input and classes (He et al. 2016).
RESNET = {
    "resnet18": (11_689_512, IMAGENET, 1000),
    "resnet34": (21_797_672, IMAGENET, 1000),
    "resnet20": (269_722, (32, 32, 3), 10),
    "resnet32": (464_154, (32, 32, 3), 10),
    "resnet44": (658_586, (32, 32, 3), 10),
    "resnet56": (853_018, (32, 32, 3), 10),
    "resnet110": (1_727_962, (32, 32, 3), 10),
}


def trainable(model: keras.Model) -> int:
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def test_every_preset_is_checked_here() -> None:
    found = [
        preset
        for family in registry.names("kerascnn.models")
        for preset in registry.constant("kerascnn.models", family, "PRESETS", {})
    ]
    assert sorted(found) == sorted(["lenet5", *VGG, *RESNET])


def test_lenet5() -> None:
    model = lenet.build((32, 32, 1), 10, **lenet.PRESETS["lenet5"])
    # C1 6 (25 + 1), C3 16 (6 25 + 1), C5 120 (16 25 + 1), F6 84 (120 + 1), output 10 (84 + 1).
    assert model.count_params() == 156 + 2416 + 48_120 + 10_164 + 850 == 61_706
    assert model.get_layer("block1_pool").output.shape == (None, 14, 14, 6)
    assert model.get_layer("block2_pool").output.shape == (None, 5, 5, 16)


@pytest.mark.slow
@pytest.mark.parametrize("preset", VGG)
def test_vgg(preset: str) -> None:
    model = vgg.build(IMAGENET, 1000, **vgg.PRESETS[preset])
    assert model.count_params() == VGG[preset]
    assert model.get_layer("block5_pool").output.shape == (None, 7, 7, 512)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) + 3 == int(preset.removeprefix("vgg"))


@pytest.mark.parametrize("preset", ["vgg16", "vgg19"])
def test_vgg_takes_the_weights_of_keras_applications(preset: str) -> None:
    reference = getattr(keras.applications, preset.upper())(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    ours = vgg.build((32, 32, 3), 10, **{**vgg.PRESETS[preset], "dense": 8})
    shapes = [w.shape for w in reference.get_weights()]
    assert [w.shape for w in ours.get_weights()[: len(shapes)]] == shapes


@pytest.mark.parametrize("preset", RESNET)
def test_resnet(preset: str) -> None:
    count, shape, num_classes = RESNET[preset]
    model = resnet.build(shape, num_classes, **resnet.PRESETS[preset])
    assert trainable(model) == count
    weighted = (keras.layers.Conv2D, keras.layers.Dense)
    on_the_path = [
        layer
        for layer in model.layers
        if isinstance(layer, weighted) and not layer.name.endswith("_shortcut")
    ]
    assert len(on_the_path) == int(preset.removeprefix("resnet"))
    before_pool = model.get_layer("pool").input.shape
    assert before_pool == ((None, 7, 7, 512) if shape == IMAGENET else (None, 8, 8, 64))


def test_the_identity_shortcut_takes_every_second_pixel_and_adds_zeros() -> None:
    model = resnet.build((5, 7, 3), 4, filters=2)
    name = "stage2_block1_shortcut"
    before = model.get_layer("stage1_block1_act").output
    after = model.get_layer(f"{name}_pad").output
    x = np.random.default_rng(0).random((2, 5, 7, 3), dtype=np.float32)
    small, padded = (np.asarray(y) for y in keras.Model(model.input, [before, after])(x))
    assert padded.shape == (2, 3, 4, 4)
    np.testing.assert_array_equal(padded[..., :2], small[:, ::2, ::2])
    np.testing.assert_array_equal(padded[..., 2:], 0)


def test_shortcuts_change_nothing_else() -> None:
    """Where the shape changes, a projection adds a 1x1 convolution and its normalization."""
    zeros, projected = (
        trainable(resnet.build((8, 8, 1), 10, shortcut=s)) for s in ("identity", "projection")
    )
    assert projected - zeros == (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)


def test_cnn_counts() -> None:
    # 16 (9 + 1), 32 (16 9 + 1), 64 (2 2 32 + 1), 10 (64 + 1).
    assert cnn.build((8, 8, 1), 10).count_params() == 160 + 4640 + 8256 + 650 == 13_706
    assert mlp.build((8, 8, 1), 10).count_params() == 128 * 65 + 128 * 129 + 10 * 129 == 26_122
    assert mlp.build((8, 8, 1), 10, depth=0).count_params() == 10 * 65


@pytest.mark.parametrize(
    ("hyperparameters", "sides"),
    [
        ({}, [8, 4, 4, 2]),
        ({"pooling": "average"}, [8, 4, 4, 2]),
        ({"pooling": "stride"}, [8, 4, 4, 2]),
        ({"pooling": "none"}, [8, 8]),
        ({"stride": 2}, [4, 2, 1, 1]),
        ({"padding": "valid"}, [6, 3, 1, 1]),
        ({"padding": "valid", "pooling": "none", "kernel_size": 4}, [5, 2]),
        ({"convolutions": 2, "depth": 1}, [8, 8, 4]),
        ({"pooling": "stride", "normalization": "layer", "depth": 1}, [8, 4]),
    ],
    ids=str,
)
def test_cnn_sides(hyperparameters: dict[str, Any], sides: list[int]) -> None:
    model = cnn.build((8, 8, 1), 10, **hyperparameters)
    steps = ("_conv1", "_conv2", "_pool")
    found = [layer.output.shape[1] for layer in model.layers if layer.name.endswith(steps)]
    assert found == sides


def test_cnn_filters_grow() -> None:
    model = cnn.build((8, 8, 1), 10, filters=5, growth=1.5, depth=4)
    assert [model.get_layer(f"block{b}_conv1").filters for b in range(1, 5)] == [5, 8, 11, 17]
    assert (
        cnn.build((8, 8, 1), 10, filters=1, growth=0.25, depth=3).get_layer("block3_conv1").filters
        == 1
    )


def test_cnn_without_a_dense_layer() -> None:
    model = cnn.build((8, 8, 1), 10, dense=0, dropout=0.5)
    assert [layer.name for layer in model.layers[-3:]] == [
        "flatten_dropout",
        "logits",
        "probabilities",
    ]


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_a_normalized_layer_has_no_bias_of_its_own(normalization: str) -> None:
    for model in (
        cnn.build((8, 8, 1), 10, pooling="stride", normalization=normalization),
        mlp.build((8, 8, 1), 10, normalization=normalization),
    ):
        normalized = [layer.name.removesuffix("_norm") for layer in model.layers]
        normalized = [
            n for n in normalized if f"{n}_norm" in {layer.name for layer in model.layers}
        ]
        assert normalized
        assert not any(model.get_layer(name).use_bias for name in normalized)


@pytest.mark.parametrize("module", [cnn, lenet])
def test_a_kernel_too_large_is_named(module: Any) -> None:
    expected = r"^`kernel_size=5` does not fit at block2_conv1, where the image is 2x2\. .*same'\.$"
    with pytest.raises(ValueError, match=expected):
        module.build((8, 8, 1), 10, kernel_size=5, padding="valid")


@pytest.mark.parametrize(
    ("module", "hyperparameters", "expected"),
    [
        (cnn, {"dropout": 1.5}, r"`0 <= dropout <= 0.9` must hold. Received: 1.5"),
        (cnn, {"growth": math.nan}, r"`0.25 <= growth <= 4` must hold. Received: nan"),
        (cnn, {"filters": 0}, r"`filters >= 1` must hold. Received: 0"),
        (cnn, {"pooling": "maxx"}, r"No 'maxx' in pooling. .* Did you mean 'max'\?"),
        (vgg, {"depth": 12}, r"`depth` must be one of \[11, 13, 16, 19\]. Received: 12"),
        (resnet, {"depth": 2}, r"`depth` must be 18, 34 or 6n \+ 2 .* Received: 2$"),
        (resnet, {"depth": 21}, r"`depth` must be 18, 34 or 6n \+ 2 .* Received: 21$"),
        (resnet, {"depth": 50}, r"`depth` must .* but not 50 or 152. Received: 50$"),
        (resnet, {"stem": "large"}, r"No 'large' in stem. Expected one of: imagenet, small."),
    ],
)
def test_says_what_is_out_of_range(
    module: Any, hyperparameters: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        module.build((8, 8, 1), 10, **hyperparameters)
