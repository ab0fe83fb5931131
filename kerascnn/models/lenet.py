"""LeNet-5: two convolutions with pooling, then three dense layers.

LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE 86, 1998, https://doi.org/10.1109/5.726791, figure 2.

Departures from the paper, which has 60,000 trainable parameters where the preset has 61,706:
C3 sees every map of S2 (the paper connects some, table I); S2 and S4 average without trainable
coefficient, bias and squashing; the output is dense with a softmax, in place of Euclidean radial
basis functions. C5 is written as a dense layer, which it is on the paper's 32x32 images. The
squashing is tanh(a), not 1.7159 tanh(2a/3); initial weights are Glorot's. Poolings round up. The
default `padding` keeps the sides, so that 8x8 images survive; the preset takes the paper's.
"""

from typing import Any

import keras
from keras import layers

from kerascnn.models import _layers

# Preset -> hyperparameters.
PRESETS: dict[str, dict[str, Any]] = {
    "lenet5": {
        "filters": 6,
        "kernel_size": 5,
        "padding": "valid",
        "pooling": "average",
        "activation": "tanh",
        "dense": 120,
    },
}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: int = 6,
    kernel_size: int = 5,
    padding: str = "same",
    pooling: str = "average",
    activation: str = "tanh",
    dense: int = 120,
) -> keras.Model:
    """Builds a LeNet.

    The defaults are the paper's but for `padding`: 21,386 parameters on 8x8x1 images of 10
    classes, 107,786 on 28x28x1.

    Args:
        input_shape: (height, width, channels) of one image; the paper's is (32, 32, 1).
        num_classes: Width of the output.
        filters: Maps of C1, at least 1; C3 has 8/3 of it, rounded down. 6 and 16 in the paper.
        kernel_size: Side of both convolutions, in pixels, 1 to 15; 5 in the paper.
        padding: "same" keeps the sides, "valid" takes `kernel_size - 1` pixels from each at both
            convolutions, as the paper does.
        pooling: After each convolution, over 2x2: "average" (S2 and S4 in the paper), "max"
            (Scherer et al. 2010), "stride" for a convolution of stride 2 with its own activation
            (Springenberg et al. 2015), or "none".
        activation: After each convolution and dense layer: "tanh" (the paper), "sigmoid", "elu"
            (Clevert et al. 2016), "gelu" (Hendrycks & Gimpel 2016), "leaky_relu" (Maas et al.
            2013), "relu" (Glorot et al. 2011) or "silu" (Ramachandran et al. 2017, as swish).
            It decides the initial weights too: Glorot & Bengio 2010 for "sigmoid" and "tanh",
            He et al. 2015 for the others.
        dense: Units of C5, at least 2; F6 has 7/10 of it, rounded down. 120 and 84 in the paper.

    Raises:
        ValueError: If a hyperparameter is out of its range, or a "valid" convolution is larger
            than the image where it stands.
    """
    _layers.check_range("filters", filters, 1)
    _layers.check_range("kernel_size", kernel_size, 1, 15)
    _layers.check_choice("padding", padding, _layers.PADDINGS)
    _layers.check_choice("pooling", pooling, _layers.POOLINGS)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    _layers.check_range("dense", dense, 2)
    alike: dict[str, Any] = {
        "kernel_size": kernel_size,
        "padding": padding,
        "activation": activation,
    }
    x = inputs = keras.Input(input_shape, name="image")
    for block, width in enumerate((filters, filters * 8 // 3), start=1):
        x = _layers.convolve(x, f"block{block}_conv1", width, **alike)
        x = _layers.pool(x, f"block{block}_pool", pooling, **alike)
    x = layers.Flatten(name="flatten")(x)
    for i, units in enumerate((dense, dense * 7 // 10), start=1):
        x = _layers.dense(x, f"dense{i}", units, activation=activation)
    return _layers.classifier(inputs, x, num_classes, name="lenet")
