"""A plain convolutional network: blocks of convolutions and a pooling, then one dense layer.

The common scheme rather than one paper's network. LeCun, Bottou, Bengio & Haffner, "Gradient-Based
Learning Applied to Document Recognition", Proceedings of the IEEE 86, 1998,
https://doi.org/10.1109/5.726791, gave the alternation of convolution and pooling;
Springenberg, Dosovitskiy, Brox & Riedmiller, "Striving for Simplicity: The All Convolutional
Net", ICLR 2015 workshop, https://arxiv.org/abs/1412.6806, the strided convolution in a pooling's
place.

Departures: poolings round up, whatever `padding` says, so that small images survive them; the
features are flattened, where the second paper averages them.
"""

from typing import Any

import keras
from keras import layers

from kerascnn.models import _layers


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: int = 16,
    growth: float = 2.0,
    depth: int = 2,
    convolutions: int = 1,
    kernel_size: int = 3,
    stride: int = 1,
    padding: str = "same",
    pooling: str = "max",
    activation: str = "relu",
    normalization: str = "none",
    dense: int = 64,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a plain convolutional network.

    The defaults are two blocks of one 3x3 convolution and a max pooling, with 16 and 32 filters,
    then 64 dense units: 13,706 parameters on 8x8x1 images of 10 classes.

    Args:
        input_shape: (height, width, channels) of one image.
        num_classes: Width of the output.
        filters: Channels of block 1, at least 1.
        growth: Factor of the channels from block to block, 0.25 to 4; 2 is usual where the sides
            halve (Simonyan & Zisserman 2015, table 1). The product is rounded, to at least 1.
        depth: Blocks, 1 to 16.
        convolutions: Convolutions per block, 1 to 8 (Simonyan & Zisserman 2015 use up to 4).
        kernel_size: Side of the convolutions, in pixels, 1 to 15.
        stride: Step of the first convolution of each block, in pixels, 1 to 8; 2 halves the
            sides before any pooling.
        padding: "same" keeps the sides, "valid" takes `kernel_size - 1` pixels from each at every
            convolution (LeCun et al. 1998, figure 2).
        pooling: At the end of each block: "max" (Scherer et al. 2010) or "average" (LeCun et al.
            1998) over 2x2, "stride" for a convolution of stride 2 with its own activation
            (Springenberg et al. 2015, All-CNN-C), or "none".
        activation: After each convolution and the dense layer: "elu" (Clevert et al. 2016),
            "gelu" (Hendrycks & Gimpel 2016), "leaky_relu" (Maas et al. 2013), "relu" (Glorot et
            al. 2011), "sigmoid", "silu" (Ramachandran et al. 2017, as swish) or "tanh" (LeCun et
            al. 1998). It decides the initial weights too: He et al. 2015, or Glorot & Bengio
            2010 for "sigmoid" and "tanh".
        normalization: After each convolution, over its channels: "batch" (Ioffe & Szegedy 2015),
            "layer" (Ba et al. 2016, each pixel by itself as in Liu et al. 2022) or "none".
        dense: Units of the layer before the logits; 0: no such layer.
        dropout: Rate after the dense layer, or on the features where there is none, 0 to 0.9
            (Srivastava et al. 2014).

    Raises:
        ValueError: If a hyperparameter is out of its range, or a "valid" convolution is larger
            than the image where it stands.
    """
    _layers.check_range("filters", filters, 1)
    _layers.check_range("growth", growth, 0.25, 4)
    _layers.check_range("depth", depth, 1, 16)
    _layers.check_range("convolutions", convolutions, 1, 8)
    _layers.check_range("kernel_size", kernel_size, 1, 15)
    _layers.check_range("stride", stride, 1, 8)
    _layers.check_choice("padding", padding, _layers.PADDINGS)
    _layers.check_choice("pooling", pooling, _layers.POOLINGS)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    _layers.check_choice("normalization", normalization, _layers.NORMALIZATIONS)
    _layers.check_range("dense", dense, 0)
    _layers.check_range("dropout", dropout, 0, 0.9)
    alike: dict[str, Any] = {
        "kernel_size": kernel_size,
        "padding": padding,
        "activation": activation,
        "normalization": normalization,
    }
    x = inputs = keras.Input(input_shape, name="image")
    for block in range(1, depth + 1):
        width = max(1, round(filters * growth ** (block - 1)))
        for i in range(1, convolutions + 1):
            step = stride if i == 1 else 1
            x = _layers.convolve(x, f"block{block}_conv{i}", width, stride=step, **alike)
        x = _layers.pool(x, f"block{block}_pool", pooling, **alike)
    x = layers.Flatten(name="flatten")(x)
    if dense:
        x = _layers.dense(x, "dense1", dense, activation=activation, dropout=dropout)
    else:
        x = layers.Dropout(dropout, name="flatten_dropout")(x)
    return _layers.classifier(inputs, x, num_classes, name="cnn")
