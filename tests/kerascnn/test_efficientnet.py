"""EfficientNet at any size: the published scaling and rounding, and the family's own rules."""

import math

import keras
import numpy as np
import pytest

from kerascnn.models import efficientnet

# The published code's table, https://github.com/tensorflow/tpu, efficientnet_builder.py:
# preset -> width, depth, side of the images, dropout.
PUBLISHED = {
    "efficientnet_b0": (1.0, 1.0, 224, 0.2),
    "efficientnet_b1": (1.0, 1.1, 240, 0.2),
    "efficientnet_b2": (1.1, 1.2, 260, 0.3),
    "efficientnet_b3": (1.2, 1.4, 300, 0.3),
    "efficientnet_b4": (1.4, 1.8, 380, 0.4),
    "efficientnet_b5": (1.6, 2.2, 456, 0.4),
    "efficientnet_b6": (1.8, 2.6, 528, 0.5),
    "efficientnet_b7": (2.0, 3.1, 600, 0.5),
}
# All that occur in table 1.
CHANNELS = (16, 24, 32, 40, 80, 112, 192, 320, 1280)
COEFFICIENTS = np.linspace(0.05, 8, 1591).round(3).tolist()  # 0.05, 0.055, ..., 8.


def published_filters(filters: float, width: float) -> int:
    """`round_filters` of the published code, with its divisor of 8 and no minimum depth."""
    filters *= width
    new_filters = max(8, int(filters + 8 / 2) // 8 * 8)
    if new_filters < 0.9 * filters:
        new_filters += 8
    return int(new_filters)


@pytest.mark.parametrize("preset", PUBLISHED)
def test_presets_have_the_published_coefficients(preset: str) -> None:
    width, depth, _, dropout = PUBLISHED[preset]
    values = efficientnet.PRESETS[preset]
    assert (values["width"], values["depth"], values["dropout"]) == (width, depth, dropout)
    assert (values["stem"], values["preprocessing"]) == ("imagenet", "imagenet")


def test_compound_scaling() -> None:
    """Figures from the paper, section 4: alpha 1.2, beta 1.1, gamma 1.15."""
    assert (efficientnet.width_of(0), efficientnet.depth_of(0)) == (1, 1)
    assert (efficientnet.width_of(2), efficientnet.depth_of(2)) == pytest.approx((1.21, 1.44))
    found = [efficientnet.resolution_of(phi) for phi in (-40, -1, 0, 1, 2)]
    assert found == [1, 195, 224, 258, 296]


def test_a_step_of_compound_scaling_doubles_the_work() -> None:
    """Section 3.3: work grows as depth, width squared and resolution squared, 1.92 for 2."""
    for phi in (-3.0, 0.0, 0.5, 4.0):
        depth, width, side = (
            of(phi + 1) / of(phi)
            for of in (efficientnet.depth_of, efficientnet.width_of, efficientnet.resolution_of)
        )
        assert depth * width**2 * side**2 == pytest.approx(1.2 * 1.1**2 * 1.15**2, rel=0.02)


@pytest.mark.parametrize(("phi", "preset"), [(0, "b0"), (0.5, "b1"), (1, "b2"), (2, "b3")])
def test_the_published_sizes_lie_on_the_compound_scaling(phi: float, preset: str) -> None:
    """To the tenth that the published code rounds coefficients to, and 2 % of the side."""
    width, depth, side, _ = PUBLISHED[f"efficientnet_{preset}"]
    assert efficientnet.width_of(phi) == pytest.approx(width, abs=0.05)
    assert efficientnet.depth_of(phi) == pytest.approx(depth, abs=0.05)
    assert efficientnet.resolution_of(phi) == pytest.approx(side, rel=0.02)


@pytest.mark.parametrize("channels", CHANNELS)
def test_channels_are_rounded_as_published_at_any_width(channels: int) -> None:
    before = 0
    for width in COEFFICIENTS:
        found = efficientnet.channels_of(channels, width)
        assert found == published_filters(channels, width), width
        assert found % 8 == 0
        assert found >= max(8, before)
        assert 0.9 * channels * width <= found <= channels * width + 8
        before = found


def test_blocks_are_rounded_up_at_any_depth() -> None:
    for depth in COEFFICIENTS:
        for blocks in (1, 2, 3, 4):
            found = efficientnet.blocks_of(blocks, depth)
            assert found == math.ceil(depth * blocks)
            assert depth * blocks <= found < depth * blocks + 1


@pytest.mark.parametrize(
    ("width", "depth", "top", "blocks"),
    [(0.05, 0.05, 64, 7), (0.3, 1.3, 384, 24), (1.05, 0.4, 1344, 10)],
)
def test_builds_for_small_images_at_any_size(
    width: float, depth: float, top: int, blocks: int
) -> None:
    model = efficientnet.build((8, 8, 1), 10, width=width, depth=depth)
    assert model.get_layer("top_conv").filters == top
    assert sum(layer.name.endswith("_depthwise") for layer in model.layers) == blocks
    # The stem and two stages of stride 1; four stages of stride 2, the last sides rounded up.
    sides = [model.get_layer(f"stage{i}_block1_project").output.shape[1] for i in range(1, 8)]
    assert sides == [8, 4, 2, 1, 1, 1, 1]


def test_leaves_branches_out_more_and_more() -> None:
    model = efficientnet.build((8, 8, 1), 10, depth=0.5, stochastic_depth=0.4)
    added = {layer.name: layer for layer in model.layers if layer.name.endswith("_drop")}
    # Ten blocks: 1, 1, 1, 2, 2, 2, 1; at a quarter of the width, stages 1 to 3 have 8, 8, 16.
    assert {name: pytest.approx(layer.rate) for name, layer in added.items()} == {
        "stage1_block1_drop": 0.0,
        "stage4_block2_drop": 0.16,
        "stage5_block2_drop": 0.24,
        "stage6_block2_drop": 0.32,
    }
    keras.utils.set_random_seed(0)
    x = np.ones((64, 2, 2, 16), np.float32)
    y = np.asarray(added["stage6_block2_drop"](x, training=True))
    kept = y.reshape(64, -1) > 0
    assert np.array_equal(kept.all(axis=1), kept.any(axis=1))  # A whole image or nothing of it.
    assert 0 < kept.all(axis=1).sum() < 64


def test_without_a_squeeze() -> None:
    model = efficientnet.build((8, 8, 1), 10, squeeze=0.0)
    assert not [layer.name for layer in model.layers if "_squeeze" in layer.name]
    other = efficientnet.build((8, 8, 1), 10, squeeze=0.1)
    assert model.count_params() < other.count_params()
