"""Softmax regression on the pixels: the baseline every network must beat.

Cox, "The Regression Analysis of Binary Sequences", Journal of the Royal Statistical Society,
Series B 20, 1958, https://doi.org/10.1111/j.2517-6161.1958.tb00292.x, in its form for several
classes.

Departures: fitted by gradient descent for a number of epochs rather than to convergence, and
with a redundant set of weights for the last class.
"""

import keras
from keras import layers

from kerascnn.models import _layers


def build(input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Builds softmax regression; it has no hyperparameters, so the defaults are all there is.

    Args:
        input_shape: (height, width, channels) of one image.
        num_classes: Width of the output.
    """
    inputs = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(inputs)
    return _layers.classifier(inputs, x, num_classes, name="linear")
