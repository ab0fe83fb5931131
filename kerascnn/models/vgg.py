"""VGG: five blocks of 3x3 convolutions, each with a pooling, then two dense layers.

Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015, https://arxiv.org/abs/1409.1556, table 1.

Departures from the paper: poolings round up, so that 8x8 images survive five; initial weights
are He's (section 3.1 starts deep networks from shallow ones). The defaults are narrower and use
batch normalization and no dropout; the presets are the paper's columns A, B, D and E. Columns C,
with 1x1 convolutions, and A-LRN are left out. vgg16 and vgg19 take keras.applications' weights;
those were trained on ImageNet with images in blue, green, red, from 0 to 255 less each channel's
mean, where ours are red, green, blue, from 0 to 1: `preprocessing="imagenet"`, which comes with
such weights, is the difference but for the order of colours, which is turned in the weights.
"""

from typing import Any

import keras
from keras import layers

from kerascnn.models import _layers

# Convolutions per block, by weight layers: columns A, B, D, E of table 1.
BLOCKS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}

# The order of colours in which keras.applications' weights were trained.
PRETRAINED = "bgr"

# Preset -> hyperparameters.
PRESETS: dict[str, dict[str, Any]] = {
    "vgg11": {"depth": 11, "filters": 64, "normalization": "none", "dense": 4096, "dropout": 0.5},
    "vgg13": {"depth": 13, "filters": 64, "normalization": "none", "dense": 4096, "dropout": 0.5},
    "vgg16": {"depth": 16, "filters": 64, "normalization": "none", "dense": 4096, "dropout": 0.5},
    "vgg19": {"depth": 19, "filters": 64, "normalization": "none", "dense": 4096, "dropout": 0.5},
}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int = 11,
    filters: int = 16,
    pooling: str = "max",
    activation: str = "relu",
    normalization: str = "batch",
    dense: int = 128,
    dropout: float = 0.0,
    preprocessing: str = "none",
) -> keras.Model:
    """Builds a VGG.

    The defaults are column A with a quarter of its channels, batch normalization and 128 dense
    units: 611,834 trainable parameters on 8x8x1 images of 10 classes.

    Args:
        input_shape: (height, width, channels) of one image; the paper's is (224, 224, 3).
        num_classes: Width of the output.
        depth: Weight layers as the paper counts them: 11, 13, 16 or 19 (table 1).
        filters: Channels of block 1, at least 1; blocks 2, 3 and 4 double them, block 5 keeps
            block 4's. 64 in the paper.
        pooling: At the end of each block: "max" over 2x2 (the paper), "average" (LeCun et al.
            1998), "stride" for a convolution of stride 2 with its own activation (Springenberg
            et al. 2015), or "none".
        activation: After each convolution and dense layer: "relu" (the paper), "elu" (Clevert et
            al. 2016), "gelu" (Hendrycks & Gimpel 2016), "leaky_relu" (Maas et al. 2013),
            "sigmoid", "silu" (Ramachandran et al. 2017, as swish) or "tanh" (LeCun et al. 1998).
            It decides the initial weights too: He et al. 2015, or Glorot & Bengio 2010 for
            "sigmoid" and "tanh".
        normalization: After each convolution, over its channels: "none" (the paper), "batch"
            (Ioffe & Szegedy 2015) or "layer" (Ba et al. 2016, each pixel by itself as in Liu et
            al. 2022).
        dense: Units of each of the two dense layers, at least 1; 4096 in the paper.
        dropout: Rate after each of the two dense layers, 0 to 0.9; 0.5 in the paper (section
            3.1).
        preprocessing: "none", or "imagenet": pixels from 0 to 255 less ImageNet's mean colour.

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """
    if depth not in BLOCKS:
        raise ValueError(f"`depth` must be one of {sorted(BLOCKS)}. Received: {depth!r}")
    _layers.check_range("filters", filters, 1)
    _layers.check_choice("pooling", pooling, _layers.POOLINGS)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    _layers.check_choice("normalization", normalization, _layers.NORMALIZATIONS)
    _layers.check_range("dense", dense, 1)
    _layers.check_range("dropout", dropout, 0, 0.9)
    alike: dict[str, Any] = {"activation": activation, "normalization": normalization}
    inputs = keras.Input(input_shape, name="image")
    x = _layers.preprocess(inputs, preprocessing)
    for block, convolutions in enumerate(BLOCKS[depth], start=1):
        width = filters * 2 ** min(block - 1, 3)
        for i in range(1, convolutions + 1):
            x = _layers.convolve(x, f"block{block}_conv{i}", width, **alike)
        x = _layers.pool(x, f"block{block}_pool", pooling, **alike)
    x = layers.Flatten(name="flatten")(x)
    for i in (1, 2):
        x = _layers.dense(x, f"dense{i}", dense, activation=activation, dropout=dropout)
    return _layers.classifier(inputs, x, num_classes, name="vgg")
