"""A multilayer perceptron: dense layers on the pixels, blind to where a pixel is.

Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323,
1986, https://doi.org/10.1038/323533a0

Departures: softmax and cross-entropy instead of squared errors; activations, normalization and
dropout that came later. `depth=0` is softmax regression.
"""

import keras
from keras import layers

from kerascnn.models import _layers


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depth: int = 2,
    dense: int = 128,
    activation: str = "relu",
    normalization: str = "none",
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a multilayer perceptron.

    The defaults are two hidden layers of 128 rectified units: 26,122 parameters on 8x8x1 images
    of 10 classes, 118,282 on 28x28x1.

    Args:
        input_shape: (height, width, channels) of one image.
        num_classes: Width of the output.
        depth: Hidden layers, 0 to 32.
        dense: Units of each hidden layer, at least 1.
        activation: After each hidden layer: "elu" (Clevert et al. 2016), "gelu" (Hendrycks &
            Gimpel 2016), "leaky_relu" (Maas et al. 2013), "relu" (Glorot et al. 2011), "sigmoid"
            (the paper), "silu" (Ramachandran et al. 2017, as swish) or "tanh" (LeCun et al.
            1998). It decides the initial weights too: He et al. 2015, or Glorot & Bengio 2010
            for "sigmoid" and "tanh".
        normalization: Before each activation: "batch" (Ioffe & Szegedy 2015), "layer" (Ba et al.
            2016) or "none".
        dropout: Rate after each hidden layer, 0 to 0.9 (Srivastava et al. 2014).

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """
    _layers.check_range("depth", depth, 0, 32)
    _layers.check_range("dense", dense, 1)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    _layers.check_choice("normalization", normalization, _layers.NORMALIZATIONS)
    _layers.check_range("dropout", dropout, 0, 0.9)
    inputs = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(inputs)
    for i in range(1, depth + 1):
        x = _layers.dense(
            x,
            f"dense{i}",
            dense,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
        )
    return _layers.classifier(inputs, x, num_classes, name="mlp")
