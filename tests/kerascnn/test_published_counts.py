"""Presets reproduce the published networks; and each family's own rules."""

import math
import sys
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import quiet, registry
from kerascnn.models import alexnet, cnn, efficientnet, lenet, mlp, resnet, resnet9, vgg

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
    "resnet1202": (19_421_274, (32, 32, 3), 10),
}
# Preset -> all parameters, and those that are trained without convolution bias, at 224x224x3 and
# 1000 classes. The first are keras.applications', the second torchvision's.
BOTTLENECK = {
    "resnet50": (25_636_712, 25_557_032),
    "resnet101": (44_707_176, 44_549_160),
    "resnet152": (60_419_944, 60_192_808),
}
# Preset -> all parameters, those of keras.applications, and the side of the images (1000 classes).
EFFICIENTNET = {
    "efficientnet_b0": (5_330_571, 224),
    "efficientnet_b1": (7_856_239, 240),
    "efficientnet_b2": (9_177_569, 260),
    "efficientnet_b3": (12_320_535, 300),
    "efficientnet_b4": (19_466_823, 380),
    "efficientnet_b5": (30_562_527, 456),
    "efficientnet_b6": (43_265_143, 528),
    "efficientnet_b7": (66_658_687, 600),
}


def trainable(model: keras.Model) -> int:
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def test_every_preset_is_checked_here() -> None:
    found = [
        preset
        for family in registry.names("kerascnn.models")
        for preset in registry.constant("kerascnn.models", family, "PRESETS", {})
    ]
    assert sorted(found) == sorted(
        ["lenet5", "alexnet", "resnet9", *VGG, *RESNET, *BOTTLENECK, *EFFICIENTNET]
    )


def test_lenet5() -> None:
    model = lenet.build((32, 32, 1), 10, **lenet.PRESETS["lenet5"])
    # C1 6 (25 + 1), C3 16 (6 25 + 1), C5 120 (16 25 + 1), F6 84 (120 + 1), output 10 (84 + 1).
    assert model.count_params() == 156 + 2416 + 48_120 + 10_164 + 850 == 61_706
    assert model.get_layer("block1_pool").output.shape == (None, 14, 14, 6)
    assert model.get_layer("block2_pool").output.shape == (None, 5, 5, 16)


def test_resnet9() -> None:
    model = resnet9.build((32, 32, 3), 10, **resnet9.PRESETS["resnet9"])
    # Kernels of 9 pixels: a convolution before each stage, two in each of the two blocks.
    kernels = 9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 2 * 128**2 + 2 * 512**2)
    normalizations = 2 * (64 + 3 * 128 + 256 + 3 * 512)
    # The code's own parameters, to which the logits' bias comes.
    assert kernels + normalizations + 512 * 10 == 6_573_120
    assert trainable(model) == 6_573_120 + 10
    assert model.get_layer("stage3_block_add").output.shape == (None, 4, 4, 512)
    assert trainable(resnet9.build((8, 8, 1), 10)) == 412_666


@pytest.mark.parametrize(("groups", "count"), [(2, 60_965_224), (1, 62_378_344)])
def test_alexnet(groups: int, count: int) -> None:
    model = alexnet.build((227, 227, 3), 1000, **{**alexnet.PRESETS["alexnet"], "groups": groups})
    # Kernels of 11, 5, 3, 3 and 3, then 6 6 256 features; two groups halve three kernels.
    convolutions = [
        11 * 11 * 3 * 96 + 96,
        5 * 5 * 96 * 256 // groups + 256,
        3 * 3 * 256 * 384 + 384,
        3 * 3 * 384 * 384 // groups + 384,
        3 * 3 * 384 * 256 // groups + 256,
    ]
    dense = 4096 * (9216 + 1) + 4096 * (4096 + 1) + 1000 * (4096 + 1)
    assert model.count_params() == sum(convolutions) + dense == count
    sides = [layer.output.shape[1] for layer in model.layers if layer.name.endswith("_pool")]
    assert (model.get_layer("conv1").output.shape[1], *sides) == (55, 27, 13, 6)
    assert not any(getattr(layer, "groups", 1) > 1 for layer in model.layers)


def test_alexnet_halves_do_not_see_each_other() -> None:
    model = alexnet.build((8, 8, 1), 10, filters=6, normalization="none")
    before = model.get_layer("conv1_pool").output
    halves = keras.Model(before, [model.get_layer(f"conv2_half{i}").output for i in (1, 2)])
    x = np.random.default_rng(0).random((1, 4, 4, 6), dtype=np.float32)
    changed = x + np.float32([0, 0, 0, 1, 1, 1])
    (first, second), (same, other) = ([np.asarray(y) for y in halves(z)] for z in (x, changed))
    np.testing.assert_array_equal(same, first)
    assert not np.array_equal(other, second)
    joined = model.get_layer("conv2_concat").output.shape
    assert joined == (None, 4, 4, 16)


def test_alexnet_says_what_its_stem_needs() -> None:
    assert alexnet.build((67, 67, 3), 10, stem="imagenet").output_shape == (None, 10)
    expected = r"^`stem='imagenet'` needs .* least 67x67, .* takes any\. Received: 80x66$"
    with pytest.raises(ValueError, match=expected):
        alexnet.build((80, 66, 3), 10, stem="imagenet")


@pytest.mark.slow
@pytest.mark.parametrize("preset", EFFICIENTNET)
def test_efficientnet(preset: str) -> None:
    count, side = EFFICIENTNET[preset]
    model = efficientnet.build((side, side, 3), 1000, **efficientnet.PRESETS[preset])
    assert model.count_params() == count
    assert model.get_layer("pool").input.shape[1] == math.ceil(side / 32)


@pytest.mark.slow
@pytest.mark.parametrize("preset", VGG)
def test_vgg(preset: str) -> None:
    model = vgg.build(IMAGENET, 1000, **vgg.PRESETS[preset])
    assert model.count_params() == VGG[preset]
    assert model.get_layer("block5_pool").output.shape == (None, 7, 7, 512)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) + 3 == int(preset.removeprefix("vgg"))


@pytest.mark.parametrize(
    "preset",
    [pytest.param(p, marks=pytest.mark.slow) if p == "resnet1202" else p for p in RESNET],
)
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


def test_keras_may_walk_the_deepest_resnet_again() -> None:
    """To load it, say, in a process that has built none: 600 blocks of 7 layers in a row."""
    sys.setrecursionlimit(1000)
    quiet.import_keras()
    assert sys.getrecursionlimit() > 2 * (4 + 600 * 7 + 3)


@pytest.mark.slow
@pytest.mark.parametrize("preset", BOTTLENECK)
def test_resnet_with_bottlenecks(preset: str) -> None:
    with_bias, without_bias = BOTTLENECK[preset]
    model = resnet.build(IMAGENET, 1000, **resnet.PRESETS[preset])
    assert model.count_params() == with_bias
    assert model.get_layer("pool").input.shape == (None, 7, 7, 2048)
    plain = {**resnet.PRESETS[preset], "use_bias": False}
    assert trainable(resnet.build(IMAGENET, 1000, **plain)) == without_bias


def test_bottlenecks_build_with_every_stem_and_shortcut() -> None:
    for stem in resnet.STEMS:
        for shortcut in resnet.SHORTCUTS:
            model = resnet.build((8, 8, 1), 4, depth=50, filters=2, stem=stem, shortcut=shortcut)
            assert model.get_layer("pool").output.shape == (None, 2 * 8 * 4)


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


def test_the_plain_network_is_the_residual_one_without_its_shortcuts() -> None:
    residual = resnet.build((32, 32, 3), 10, depth=20)
    plain = resnet.build((32, 32, 3), 10, depth=20, shortcut="none")
    assert trainable(plain) == trainable(residual)
    weighted = [layer.name for layer in residual.layers if layer.weights]
    assert [layer.name for layer in plain.layers if layer.weights] == weighted
    assert not any(isinstance(layer, keras.layers.Add) for layer in plain.layers)


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
        (alexnet, {"filters": 7}, r"`filters` must be even and at least 2. Received: 7$"),
        (alexnet, {"groups": 3}, r"`1 <= groups <= 2` must hold. Received: 3"),
        (efficientnet, {"width": 0.0}, r"`0.05 <= width <= 8` must hold. Received: 0.0"),
        (resnet, {"depth": 2}, r"`depth` must be 18, 34, 101 or 6n \+ 2 .* Received: 2$"),
        (resnet, {"depth": 21}, r"`depth` must be 18, 34, 101 or 6n \+ 2 .* Received: 21$"),
        (resnet, {"use_bias": "yes"}, r"`use_bias` must be true or false. Received: 'yes'$"),
        (resnet, {"stem": "large"}, r"No 'large' in stem. Expected one of: imagenet, small."),
    ],
)
def test_says_what_is_out_of_range(
    module: Any, hyperparameters: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        module.build((8, 8, 1), 10, **hyperparameters)
