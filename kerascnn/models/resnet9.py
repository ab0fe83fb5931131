"""ResNet-9: four convolutions and two residual blocks, to learn CIFAR-10 quickly.

David C. Page, "How to Train Your ResNet", Myrtle.ai 2018 and 2019,
https://myrtle.ai/learn/how-to-train-your-resnet/, as in `dawn.py` of
https://github.com/davidcpage/cifar10-fast.

Departures from the code: images come from 0 to 1, without its mean and deviation of each channel;
initial weights are He's, not those of PyTorch's layers; poolings round up, so that 8x8 images
survive three. The logits have a bias, and features are scaled before them, where the code, which
has no bias, scales after them: the same numbers, but for the bias.
"""

from typing import Any

import keras
from keras import layers

from kerascnn.models import _layers

# Preset -> hyperparameters.
PRESETS: dict[str, dict[str, Any]] = {"resnet9": {"filters": 64}}

# Stage -> whether a residual block ends it.
_STAGES = {1: True, 2: False, 3: True}


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: int = 16,
    scale: float = 0.125,
    activation: str = "relu",
) -> keras.Model:
    """Builds a ResNet-9.

    The defaults have a quarter of the code's channels: 412,666 trainable parameters on 8x8x1
    images of 10 classes.

    Args:
        input_shape: (height, width, channels) of one image; the code's is (32, 32, 3).
        num_classes: Width of the output.
        filters: Channels of the first convolution, at least 1; each of three stages doubles them.
            64 in the code.
        scale: What features are multiplied by before the logits, 0.01 to 10; 0.125 in the code.
        activation: "relu" (the code), "elu" (Clevert et al. 2016), "gelu" (Hendrycks & Gimpel
            2016), "leaky_relu" (Maas et al. 2013), "sigmoid", "silu" (Ramachandran et al. 2017,
            as swish) or "tanh" (LeCun et al. 1998). It decides the initial weights too: He et
            al. 2015, or Glorot & Bengio 2010 for "sigmoid" and "tanh".

    Raises:
        ValueError: If a hyperparameter is out of its range.
    """
    _layers.check_range("filters", filters, 1)
    _layers.check_range("scale", scale, 0.01, 10)
    _layers.check_choice("activation", activation, _layers.INITIALIZERS)
    alike: dict[str, Any] = {"activation": activation, "normalization": "batch"}
    inputs = keras.Input(input_shape, name="image")
    x = _layers.convolve(inputs, "stem_conv", filters, **alike)
    for stage, residual in _STAGES.items():
        name, width = f"stage{stage}", filters * 2**stage
        x = _layers.convolve(x, f"{name}_conv", width, **alike)
        x = _layers.pool(x, f"{name}_pool", "max")
        if residual:
            y = _layers.convolve(x, f"{name}_block_conv1", width, **alike)
            y = _layers.convolve(y, f"{name}_block_conv2", width, **alike)
            x = layers.Add(name=f"{name}_block_add")([x, y])
    x = layers.GlobalMaxPooling2D(name="pool")(x)
    x = layers.Rescaling(scale, name="scale")(x)
    return _layers.classifier(inputs, x, num_classes, name="resnet9")
