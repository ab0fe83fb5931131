"""ResNet: stages of residual blocks, then the average over the image.

He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
https://arxiv.org/abs/1512.03385: table 1 for ImageNet, section 4.2 for CIFAR-10.

Departures from the paper: a convolution of stride 2 pads even sides at the right and bottom only,
as Keras does; the zeros around the ImageNet stem are layers of their own, as in
keras.applications, and the maximum after them sees them whatever the activation. The final
logits start from Glorot's weights. The presets with bottleneck blocks have a bias in every
convolution, as in keras.applications, whose weights they take; the normalization after it makes
it redundant. Those weights were trained on ImageNet with images in blue, green, red, from 0 to
255 less each channel's mean, where ours are red, green, blue, from 0 to 1:
`preprocessing="imagenet"`, which comes with such weights, is the difference but for the order of
colours, which is turned in the weights.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerascnn.models import _layers

# Depth -> kind of block, and how many in each stage (table 1). Other depths are section 4.2's.
TABLE_1 = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
STEMS = ("imagenet", "small")
SHORTCUTS = ("identity", "projection", "none")

# The order of colours in which keras.applications' weights were trained.
PRETRAINED = "bgr"

# Preset -> hyperparameters.
PRESETS: dict[str, dict[str, Any]] = {
    "resnet18": {"depth": 18, "filters": 64, "stem": "imagenet", "shortcut": "projection"},
    "resnet34": {"depth": 34, "filters": 64, "stem": "imagenet", "shortcut": "projection"},
    "resnet50": {
        "depth": 50,
        "filters": 64,
        "stem": "imagenet",
        "shortcut": "projection",
        "use_bias": True,
    },
    "resnet101": {
        "depth": 101,
        "filters": 64,
        "stem": "imagenet",
        "shortcut": "projection",
        "use_bias": True,
    },
    "resnet152": {
        "depth": 152,
        "filters": 64,
        "stem": "imagenet",
        "shortcut": "projection",
        "use_bias": True,
    },
    "resnet20": {"depth": 20, "filters": 16, "stem": "small", "shortcut": "identity"},
    "resnet32": {"depth": 32, "filters": 16, "stem": "small", "shortcut": "identity"},
    "resnet44": {"depth": 44, "filters": 16, "stem": "small", "shortcut": "identity"},
    "resnet56": {"depth": 56, "filters": 16, "stem": "small", "shortcut": "identity"},
    "resnet110": {"depth": 110, "filters": 16, "stem": "small", "shortcut": "identity"},
    "resnet1202": {"depth": 1202, "filters": 16, "stem": "small", "shortcut": "identity"},
}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int = 8,
    filters: int = 16,
    stem: str = "small",
    shortcut: str = "identity",
    use_bias: bool = False,
    activation: str = "relu",
    preprocessing: str = "none",
) -> keras.Model:
    """Builds a ResNet.

    The defaults are the smallest network of section 4.2, one block in each of three stages with
    16, 32 and 64 filters: 75,002 trainable parameters on 8x8x1 images of 10 classes.

    Args:
        input_shape: (height, width, channels) of one image; the paper's are (224, 224, 3) and
            (32, 32, 3).
        num_classes: Width of the output.
        depth: Weight layers as the paper counts them. 18, 34, 50, 101 and 152 have four stages
            (table 1), from 50 on of bottleneck blocks; any other 8, 14, 20, ..., 6n + 2 has
            three of n blocks (section 4.2), up to 1202.
        filters: Channels of stage 1, at least 1; every later stage doubles them, and bottleneck
            blocks put out four times as many. 64 in table 1, 16 in section 4.2.
        stem: "small", one 3x3 convolution (section 4.2), or "imagenet", a 7x7 convolution of
            stride 2 and a 3x3 max pooling of stride 2 (table 1).
        shortcut: Where a block changes the shape: "identity", every second pixel and zeros for
            the new channels (option A, section 4.2), or "projection", a 1x1 convolution (option
            B, section 3.3). "none": no shortcut anywhere, the paper's plain network of the same
            depth (section 3.3).
        use_bias: Whether convolutions have a bias: not in the paper, where a normalization
            follows them (Ioffe & Szegedy 2015, section 3.2); they do in keras.applications.
        activation: "relu" (the paper), "elu" (Clevert et al. 2016), "gelu" (Hendrycks & Gimpel
            2016), "leaky_relu" (Maas et al. 2013), "sigmoid", "silu" (Ramachandran et al. 2017,
            as swish) or "tanh" (LeCun et al. 1998). It decides the initial weights too: He et
            al. 2015 (section 3.4), or Glorot & Bengio 2010 for "sigmoid" and "tanh".
        preprocessing: "none", or "imagenet": pixels from 0 to 255 less ImageNet's mean colour.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """
    kind, stages = _stages(depth)
    _layers.check_range("filters", filters, 1)
    _layers.check_choice("stem", stem, STEMS)
    _layers.check_choice("shortcut", shortcut, SHORTCUTS)
    _layers.check_flag("use_bias", use_bias)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    alike: dict[str, Any] = {"activation": activation, "use_bias": use_bias}
    inputs = keras.Input(input_shape, name="image")
    x = _stem(_layers.preprocess(inputs, preprocessing), filters, stem, **alike)
    for stage, blocks in enumerate(stages, start=1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}_block{block}"
            width = filters * 2 ** (stage - 1)
            x = BLOCKS[kind](x, name, width, stride=stride, shortcut=shortcut, **alike)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return _layers.classifier(inputs, x, num_classes, name="resnet")


def _stages(depth: int) -> tuple[str, tuple[int, ...]]:
    """Returns the kind of block of a depth, and how many each stage has."""
    if depth in TABLE_1:
        return TABLE_1[depth]
    blocks, rest = divmod(depth - 2, 6)
    if rest or not 8 <= depth <= 1202:
        raise ValueError(
            f"`depth` must be 18, 34, 101 or 6n + 2 from 8 to 1202. Received: {depth!r}"
        )
    return "basic", (blocks, blocks, blocks)


def _stem(x: Any, filters: int, stem: str, *, activation: str, use_bias: bool) -> Any:
    alike: dict[str, Any] = {"activation": activation, "use_bias": use_bias}
    if stem == "small":
        x = _convolve(x, "stem_conv", filters, **alike)
        return layers.Activation(activation, name="stem_act")(x)
    x = layers.ZeroPadding2D(3, name="stem_conv_pad")(x)
    alike |= {"kernel_size": 7, "stride": 2, "padding": "valid"}
    x = _convolve(x, "stem_conv", filters, **alike)
    x = layers.Activation(activation, name="stem_act")(x)
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)


def _basic(x: Any, name: str, filters: int, *, stride: int, shortcut: str, **alike: Any) -> Any:
    """Two 3x3 convolutions beside the shortcut (figure 5, left)."""
    y = _activated(x, f"{name}_conv1", filters, stride=stride, **alike)
    y = _convolve(y, f"{name}_conv2", filters, **alike)
    x = _shortcut(x, f"{name}_shortcut", filters, stride=stride, shortcut=shortcut, **alike)
    return _sum(x, y, name, alike["activation"])


def _bottleneck(
    x: Any, name: str, filters: int, *, stride: int, shortcut: str, **alike: Any
) -> Any:
    """A 1x1, a 3x3 and a 1x1 convolution beside the shortcut (figure 5, right).

    The first has the stride, as in the paper and keras.applications.
    """
    wide = 4 * filters
    y = _activated(x, f"{name}_conv1", filters, kernel_size=1, stride=stride, **alike)
    y = _activated(y, f"{name}_conv2", filters, **alike)
    y = _convolve(y, f"{name}_conv3", wide, kernel_size=1, **alike)
    x = _shortcut(x, f"{name}_shortcut", wide, stride=stride, shortcut=shortcut, **alike)
    return _sum(x, y, name, alike["activation"])


# Kind of block -> what adds one to the network.
BLOCKS: dict[str, Callable[..., Any]] = {"basic": _basic, "bottleneck": _bottleneck}


def _shortcut(x: Any, name: str, filters: int, *, stride: int, shortcut: str, **alike: Any) -> Any:
    """Returns `x` in the shape of the block's output; None where there is to be no shortcut."""
    if shortcut == "none":
        return None
    extra = filters - x.shape[-1]
    if stride == 1 and not extra:
        return x
    if shortcut == "projection":
        return _convolve(x, name, filters, kernel_size=1, stride=stride, **alike)
    if stride > 1:
        # The average of one pixel: a slice would be an operation without a name of ours.
        x = layers.AveragePooling2D(1, strides=stride, name=f"{name}_subsample")(x)
    # Told that channels come first, the layer pads the last two axes: width and channels.
    padding = ((0, 0), (0, extra))
    return layers.ZeroPadding2D(padding, data_format="channels_first", name=f"{name}_pad")(x)


def _sum(x: Any, y: Any, name: str, activation: str) -> Any:
    if x is not None:
        y = layers.Add(name=f"{name}_add")([x, y])
    return layers.Activation(activation, name=f"{name}_act")(y)


def _activated(x: Any, name: str, filters: int, **settings: Any) -> Any:
    """Applies a convolution, its batch normalization and the activation."""
    x = _convolve(x, name, filters, **settings)
    return layers.Activation(settings["activation"], name=f"{name}_act")(x)


def _convolve(
    x: Any,
    name: str,
    filters: int,
    *,
    activation: str,
    use_bias: bool,
    kernel_size: int = 3,
    stride: int = 1,
    padding: str = "same",
) -> Any:
    """Applies a convolution and its batch normalization (section 3.4)."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer=_layers.INITIALIZERS[activation],
        name=name,
    )(x)
    return _layers.normalize(x, f"{name}_norm", "batch")
