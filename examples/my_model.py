"""A family of one's own: depthwise separable convolutions.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications", 2017, https://arxiv.org/abs/1704.04861, section 3.1; without its stem and strides.

    python run.py search examples/my_model.py digits
"""

import keras
from keras import layers

# What `search` tries, in the words of `--vary`.
SPACE = {"width": "8:32:8", "depth": "1:3"}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: int = 16,
    depth: int = 2,
) -> keras.Model:
    """Builds the network.

    Args:
        input_shape: (height, width, channels) of one image.
        num_classes: Number of classes.
        width: Channels of every block, at least 1.
        depth: Blocks, at least 1, each with a pooling.
    """
    x = inputs = keras.Input(input_shape, name="image")
    for block in range(1, depth + 1):
        x = layers.SeparableConv2D(width, 3, padding="same", name=f"block{block}_conv")(x)
        x = layers.BatchNormalization(name=f"block{block}_norm")(x)
        x = layers.Activation("relu", name=f"block{block}_relu")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    x = layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, x, name="separable")
