"""AlexNet: five convolutions, three of them followed by a pooling, then two dense layers.

Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012,
https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks,
figure 2.

Departures from the paper: no local response normalization (section 3.3; it has no parameters, and
Simonyan & Zisserman 2015 found no gain from it); initial weights are He's and initial biases 0
(section 5: normal with deviation 0.01, biases 1 in some layers). The paper says 224x224 images,
but its 55x55 maps need 227x227. The defaults are narrower, use batch normalization and no dropout,
and replace the first convolution so that small images survive; the preset is the paper's.
"""

from typing import Any

import keras
from keras import layers

from kerascnn.models import _layers

# Convolutions 2 to 5 (section 3.5): channels over those of convolution 1, as numerator and
# denominator; side of the kernel; whether the paper splits it; whether a pooling follows.
CONVOLUTIONS = (
    (8, 3, 5, True, True),
    (4, 1, 3, False, False),
    (4, 1, 3, True, False),
    (8, 3, 3, True, True),
)
STEMS = ("imagenet", "small")
# Below this side, the "imagenet" stem leaves the last pooling less than its 3x3.
SMALLEST = 67

# Preset -> hyperparameters.
PRESETS: dict[str, dict[str, Any]] = {
    "alexnet": {
        "filters": 96,
        "groups": 2,
        "stem": "imagenet",
        "normalization": "none",
        "dense": 4096,
        "dropout": 0.5,
    },
}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: int = 24,
    groups: int = 2,
    stem: str = "small",
    activation: str = "relu",
    normalization: str = "batch",
    dense: int = 128,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds an AlexNet.

    The defaults have a quarter of the paper's channels, batch normalization and 128 dense units:
    170,642 trainable parameters on 8x8x1 images of 10 classes.

    Args:
        input_shape: (height, width, channels) of one image; the paper's is (227, 227, 3).
        num_classes: Width of the output.
        filters: Channels of convolution 1, even and at least 2; convolutions 2 and 5 have 8/3 of
            it, each half rounded down, 3 and 4 four times as many. 96 in the paper.
        groups: 2: convolutions 2, 4 and 5 see one half of the channels each way (the paper, on
            two GPUs); 1: all of them.
        stem: "small", a 3x3 convolution of stride 1 and poolings that round up, for images below
            64 pixels, or "imagenet", an 11x11 convolution of stride 4 and poolings that round
            down (the paper), for images of 67 pixels and up.
        activation: After each convolution and dense layer: "relu" (the paper), "elu" (Clevert et
            al. 2016), "gelu" (Hendrycks & Gimpel 2016), "leaky_relu" (Maas et al. 2013),
            "sigmoid", "silu" (Ramachandran et al. 2017, as swish) or "tanh" (LeCun et al. 1998).
            It decides the initial weights too: He et al. 2015, or Glorot & Bengio 2010 for
            "sigmoid" and "tanh".
        normalization: After each convolution, over its channels: "none" (the preset), "batch"
            (Ioffe & Szegedy 2015) or "layer" (Ba et al. 2016, each pixel by itself as in Liu et
            al. 2022, and each half where there are two).
        dense: Units of each of the two dense layers, at least 1; 4096 in the paper.
        dropout: Rate after each of the two dense layers, 0 to 0.9; 0.5 in the paper (section
            4.2).

    Raises:
        ValueError: If a hyperparameter is out of its range, or the image is too small for the
            stem.
    """
    if filters < 2 or filters % 2:
        raise ValueError(f"`filters` must be even and at least 2. Received: {filters!r}")
    _layers.check_range("groups", groups, 1, 2)
    _layers.check_choice("stem", stem, STEMS)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    _layers.check_choice("normalization", normalization, _layers.NORMALIZATIONS)
    _layers.check_range("dense", dense, 1)
    _layers.check_range("dropout", dropout, 0, 0.9)
    alike: dict[str, Any] = {"activation": activation, "normalization": normalization}
    inputs = keras.Input(input_shape, name="image")
    x = _stem(inputs, filters, stem, **alike)
    for i, (times, over, side, split, pooled) in enumerate(CONVOLUTIONS, start=2):
        width = 2 * (filters // 2 * times // over)
        parts = groups if split else 1
        x = _convolve(x, f"conv{i}", width, groups=parts, kernel_size=side, **alike)
        x = _pool(x, f"conv{i}_pool", stem) if pooled else x
    x = layers.Flatten(name="flatten")(x)
    for i in (1, 2):
        x = _layers.dense(x, f"dense{i}", dense, activation=activation, dropout=dropout)
    return _layers.classifier(inputs, x, num_classes, name="alexnet")


def _stem(x: Any, filters: int, stem: str, **alike: Any) -> Any:
    height, width = x.shape[1:3]
    if stem == "small":
        x = _layers.convolve(x, "conv1", filters, **alike)
    elif min(height, width) < SMALLEST:
        raise ValueError(
            f"`stem='imagenet'` needs images of at least {SMALLEST}x{SMALLEST}, stem='small' "
            f"takes any. Received: {height}x{width}"
        )
    else:
        x = _layers.convolve(
            x, "conv1", filters, kernel_size=11, stride=4, padding="valid", **alike
        )
    return _pool(x, "conv1_pool", stem)


def _convolve(x: Any, name: str, filters: int, *, groups: int, **settings: Any) -> Any:
    """Applies one convolution, or one on each half of the channels.

    As two layers, because Keras compiles its own `groups` with XLA on a CPU, and such a network
    cannot be served everywhere (https://github.com/tensorflow/serving/issues/2214).
    """
    if groups == 1:
        return _layers.convolve(x, name, filters, **settings)
    half = x.shape[-1] // 2
    halves = []
    for i, crop in enumerate(((0, half), (half, 0)), start=1):
        part = f"{name}_half{i}"
        # Told that channels come first, the layer crops the last two axes: width and channels.
        y = layers.Cropping2D(((0, 0), crop), data_format="channels_first", name=f"{part}_crop")(x)
        halves.append(_layers.convolve(y, part, filters // 2, **settings))
    return layers.Concatenate(name=f"{name}_concat")(halves)


def _pool(x: Any, name: str, stem: str) -> Any:
    """Takes the largest of 3x3 pixels at every second one (section 3.4)."""
    padding = "same" if stem == "small" else "valid"
    return layers.MaxPooling2D(3, strides=2, padding=padding, name=name)(x)
