"""EfficientNet: inverted residual blocks with squeeze and excitation, scaled to any size.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
https://arxiv.org/abs/1905.11946, table 1; in the form of its published code and of
keras.applications, whose weights the presets take.

Departures: images are taken from 0 to 1, where keras.applications divides by 255 inside; batch
normalization forgets faster (momentum 0.9 for 0.99); the final logits start from Glorot's weights;
no AutoAugment. The defaults are a quarter of B0's width with one block a stage and a stem of
stride 1, so that small images survive; the presets are B0 to B7.
"""

import math
from typing import Any

import keras
from keras import layers

from kerascnn.models import _layers

# Stages 2 to 8 of table 1: factor of the expansion, channels, blocks, stride, side of the kernel.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
# Stages 1 and 9.
STEM_CHANNELS = 32
TOP_CHANNELS = 1280

STEMS = ("imagenet", "small")
# What the published code adds to the variances; the other families have ResNet's.
EPSILON = 1e-3

# The order of colours in which keras.applications' weights were trained.
PRETRAINED = "rgb"

# Preset -> hyperparameters. The coefficients are the published code's; `width_of` and `depth_of`
# give others between them. Images of 224, 240, 260, 300, 380, 456, 528 and 600 pixels.
PRESETS: dict[str, dict[str, Any]] = {
    "efficientnet_b0": {
        "width": 1.0,
        "depth": 1.0,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.2,
    },
    "efficientnet_b1": {
        "width": 1.0,
        "depth": 1.1,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.2,
    },
    "efficientnet_b2": {
        "width": 1.1,
        "depth": 1.2,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.3,
    },
    "efficientnet_b3": {
        "width": 1.2,
        "depth": 1.4,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.3,
    },
    "efficientnet_b4": {
        "width": 1.4,
        "depth": 1.8,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.4,
    },
    "efficientnet_b5": {
        "width": 1.6,
        "depth": 2.2,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.4,
    },
    "efficientnet_b6": {
        "width": 1.8,
        "depth": 2.6,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.5,
    },
    "efficientnet_b7": {
        "width": 2.0,
        "depth": 3.1,
        "stem": "imagenet",
        "preprocessing": "imagenet",
        "dropout": 0.5,
    },
}


def width_of(phi: float) -> float:
    """Returns the paper's coefficient of the width at compound coefficient `phi`, 0 for B0."""
    return math.pow(1.1, phi)


def depth_of(phi: float) -> float:
    """Returns the paper's coefficient of the depth at compound coefficient `phi`, 0 for B0."""
    return math.pow(1.2, phi)


def resolution_of(phi: float) -> int:
    """Returns the side in pixels of the images that suit `phi`; 224 for B0, at least 1.

    Sections 3.3 and 4: 1.2, 1.1 and 1.15 are the best bases whose product, width and resolution
    squared, is about 2, so that each step of `phi` doubles the work.
    """
    return max(1, round(224 * math.pow(1.15, phi)))


def channels_of(channels: int, width: float) -> int:
    """Returns B0's `channels` times `width` as the published code rounds it.

    To the nearest multiple of 8, at least 8, but never down by more than a tenth.
    """
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def blocks_of(blocks: int, depth: float) -> int:
    """Returns a stage's blocks: B0's `blocks` times `depth`, rounded up."""
    return math.ceil(depth * blocks)


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: float = 0.25,
    depth: float = 0.25,
    stem: str = "small",
    preprocessing: str = "none",
    squeeze: float = 0.25,
    activation: str = "silu",
    dropout: float = 0.0,
    stochastic_depth: float = 0.2,
) -> keras.Model:
    """Builds an EfficientNet.

    The defaults have a quarter of B0's channels and one block in each of the seven stages:
    126,678 trainable parameters on 8x8x1 images of 10 classes.

    Args:
        input_shape: (height, width, channels) of one image; B0's is (224, 224, 3).
        num_classes: Width of the output.
        width: Factor of B0's channels, 0.05 to 8, rounded to multiples of 8; 1 to 2 in the
            paper. `width_of` gives it by compound coefficient.
        depth: Factor of B0's blocks in each stage, 0.05 to 8, rounded up; 1 to 3.1 in the paper.
            `depth_of` gives it by compound coefficient.
        stem: "small", a first convolution of stride 1, for images below 64 pixels, or
            "imagenet", of stride 2 (the paper).
        preprocessing: "none", or "imagenet", a normalization of each channel, as inside
            keras.applications, whose mean 0 and variance 1 change nothing until weights bring
            others. Weights of keras.applications' own, trained on ImageNet, were trained with a
            further division by the roots of 0.229, 0.224 and 0.225; `starts` puts it into the
            variance.
        squeeze: Channels of the squeeze over those a block takes in, 0 to 1; 0: no squeeze and
            excitation (Hu et al. 2018). 0.25 in the paper.
        activation: After each convolution but a block's last: "silu" (the paper, as swish),
            "elu" (Clevert et al. 2016), "gelu" (Hendrycks & Gimpel 2016), "leaky_relu" (Maas et
            al. 2013), "relu" (Glorot et al. 2011), "sigmoid" or "tanh" (LeCun et al. 1998).
            Initial weights are the published code's whatever it is.
        dropout: Rate before the logits, 0 to 0.9; 0.2 to 0.5 in the paper.
        stochastic_depth: Rate at which the branch of the last block is left out of an image, 0
            to 0.9; earlier blocks less, in proportion (Huang et al. 2016). 0.2 in the paper.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """
    _layers.check_range("width", width, 0.05, 8)
    _layers.check_range("depth", depth, 0.05, 8)
    _layers.check_choice("stem", stem, STEMS)
    _layers.check_choice("preprocessing", preprocessing, _layers.PREPROCESSINGS)
    _layers.check_range("squeeze", squeeze, 0, 1)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    _layers.check_range("dropout", dropout, 0, 0.9)
    _layers.check_range("stochastic_depth", stochastic_depth, 0, 0.9)
    x = inputs = keras.Input(input_shape, name="image")
    if preprocessing == "imagenet":
        x = layers.Normalization(axis=-1, name="preprocess_norm")(x)
    step = {"kernel_size": 3, "stride": 2 if stem == "imagenet" else 1}
    x = _convolve(x, "stem_conv", channels_of(STEM_CHANNELS, width), activation, **step)
    blocks = _blocks(width, depth)
    for done, (name, block) in enumerate(blocks.items()):
        rate = stochastic_depth * done / len(blocks)
        x = _block(x, name, *block, squeeze=squeeze, activation=activation, rate=rate)
    x = _convolve(x, "top_conv", channels_of(TOP_CHANNELS, width), activation)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="pool_dropout")(x)
    return _layers.classifier(inputs, x, num_classes, name="efficientnet")


def _blocks(width: float, depth: float) -> dict[str, tuple[int, int, int, int]]:
    """Returns name -> expansion, channels, stride and kernel of every block."""
    blocks = {}
    for stage, (expansion, channels, repeats, stride, side) in enumerate(STAGES, start=1):
        for block in range(1, blocks_of(repeats, depth) + 1):
            step = stride if block == 1 else 1
            name = f"stage{stage}_block{block}"
            blocks[name] = (expansion, channels_of(channels, width), step, side)
    return blocks


def _block(
    x: Any,
    name: str,
    expansion: int,
    filters: int,
    stride: int,
    kernel_size: int,
    *,
    squeeze: float,
    activation: str,
    rate: float,
) -> Any:
    """Widens, convolves each channel, excites and narrows, beside the identity where it fits."""
    before = x
    squeezed = max(1, int(x.shape[-1] * squeeze)) if squeeze else 0
    if expansion > 1:
        x = _convolve(x, f"{name}_expand", x.shape[-1] * expansion, activation)
    x = layers.DepthwiseConv2D(
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=_fan_out(),
        name=f"{name}_depthwise",
    )(x)
    x = _layers.normalize(x, f"{name}_depthwise_norm", "batch", epsilon=EPSILON)
    x = layers.Activation(activation, name=f"{name}_depthwise_act")(x)
    x = _excite(x, name, squeezed, activation) if squeezed else x
    x = _convolve(x, f"{name}_project", filters, "linear")
    if stride > 1 or before.shape[-1] != filters:
        return x
    x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return layers.Add(name=f"{name}_add")([x, before])


def _excite(x: Any, name: str, squeezed: int, activation: str) -> Any:
    """Scales every channel by what a small network makes of the averages of all."""
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    for part, filters, function in (
        ("reduce", squeezed, activation),
        ("excite", x.shape[-1], "sigmoid"),
    ):
        y = layers.Conv2D(
            filters,
            1,
            activation=function,
            kernel_initializer=_fan_out(),
            name=f"{name}_{part}",
        )(y)
    return layers.Multiply(name=f"{name}_scale")([x, y])


def _convolve(
    x: Any, name: str, filters: int, activation: str, *, kernel_size: int = 1, stride: int = 1
) -> Any:
    """Applies a convolution, its batch normalization and activation."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_fan_out(),
        name=name,
    )(x)
    x = _layers.normalize(x, f"{name}_norm", "batch", epsilon=EPSILON)
    return x if activation == "linear" else layers.Activation(activation, name=f"{name}_act")(x)


def _fan_out() -> keras.initializers.Initializer:
    """Returns the published code's initial weights, a new one for each layer."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")
