"""Pieces shared by several families: checks of their settings, layers in the usual order, head."""

from collections.abc import Iterable
from typing import Any

import keras
from keras import layers

from kerascnn import quiet, registry

# Mean red, green and blue of ImageNet's pixels, 0 to 255, as in keras.applications.
IMAGENET_MEANS = (123.68, 116.779, 103.939)

# Activation -> initial weights of the layer before it. He et al., "Delving Deep into Rectifiers",
# ICCV 2015, for those that pass one side of 0; Glorot & Bengio, "Understanding the difficulty of
# training deep feedforward neural networks", AISTATS 2010, for those that saturate on both.
INITIALIZERS = {
    "elu": "he_normal",
    "gelu": "he_normal",
    "leaky_relu": "he_normal",
    "relu": "he_normal",
    "sigmoid": "glorot_uniform",
    "silu": "he_normal",
    "tanh": "glorot_uniform",
}
NORMALIZATIONS = ("batch", "layer", "none")
PADDINGS = ("same", "valid")
PREPROCESSINGS = ("imagenet", "none")
POOLINGS = ("average", "max", "none", "stride")


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Raises ValueError unless `value` is one of `known`."""
    if value not in known:
        raise ValueError(registry.unknown(name, str(value), known))


def check_range(name: str, value: float, low: float, high: float | None = None) -> None:
    """Raises ValueError unless `low <= value <= high`; without `high`, unless `low <= value`."""
    if high is None and not low <= value:
        raise ValueError(f"`{name} >= {low}` must hold. Received: {value!r}")
    if high is not None and not low <= value <= high:
        raise ValueError(f"`{low} <= {name} <= {high}` must hold. Received: {value!r}")


def check_flag(name: str, value: bool) -> None:
    """Raises ValueError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be true or false. Received: {value!r}")


def preprocess(x: Any, preprocessing: str) -> Any:
    """Returns images less ImageNet's mean colour, in steps of 255, for "imagenet"; "none": as is.

    Raises:
        ValueError: If `preprocessing` is neither, or the images are not in colour.
    """
    check_choice("preprocessing", preprocessing, PREPROCESSINGS)
    if preprocessing == "none":
        return x
    if x.shape[-1] != 3:
        raise ValueError(
            f"`preprocessing='imagenet'` is of images with 3 channels. Received: {x.shape[-1]}"
        )
    offset = [-mean for mean in IMAGENET_MEANS]
    return layers.Rescaling(255.0, offset, name="preprocess_scale")(x)


def convolve(
    x: Any,
    name: str,
    filters: int,
    *,
    kernel_size: int = 3,
    stride: int = 1,
    padding: str = "same",
    activation: str = "relu",
    normalization: str = "none",
) -> Any:
    """Applies a convolution, the normalization and the activation.

    Raises:
        ValueError: If `padding` is "valid" and the image is smaller than the kernel here.
    """
    height, width = x.shape[1:3]
    if padding == "valid" and min(height, width) < kernel_size:
        raise ValueError(
            f"`kernel_size={kernel_size}` does not fit at {name}, where the image is "
            f"{height}x{width}. Expected at most {min(height, width)}, or padding='same'."
        )
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding=padding,
        use_bias=normalization == "none",  # A normalization has its own.
        kernel_initializer=INITIALIZERS[activation],
        name=name,
    )(x)
    x = normalize(x, f"{name}_norm", normalization)
    return layers.Activation(activation, name=f"{name}_act")(x)


def dense(
    x: Any,
    name: str,
    units: int,
    *,
    activation: str = "relu",
    normalization: str = "none",
    dropout: float = 0.0,
) -> Any:
    """Applies a dense layer, the normalization, the activation and dropout."""
    x = layers.Dense(
        units,
        use_bias=normalization == "none",
        kernel_initializer=INITIALIZERS[activation],
        name=name,
    )(x)
    x = normalize(x, f"{name}_norm", normalization)
    x = layers.Activation(activation, name=f"{name}_act")(x)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x)


def normalize(x: Any, name: str, normalization: str, *, epsilon: float = 1.001e-5) -> Any:
    """Applies "batch" or "layer" normalization over the channels, or "none".

    Args:
        x: Features (batch, ..., channels).
        name: Of the layer.
        normalization: One of `NORMALIZATIONS`.
        epsilon: Added to the variance by "batch"; the default is that of keras.applications'
            ResNet.
    """
    if normalization == "none":
        return x
    if normalization == "layer":
        return layers.LayerNormalization(name=name)(x)
    # Keras' momentum of 0.99 forgets the initial statistics after some 500 steps; a run on few
    # images has fewer, and would be scored with statistics that it does not have.
    return layers.BatchNormalization(momentum=0.9, epsilon=epsilon, name=name)(x)


def pool(x: Any, name: str, pooling: str, **convolution: Any) -> Any:
    """Halves height and width, rounding up so that no side reaches 0; "none" keeps them.

    Args:
        x: Features (batch, height, width, channels).
        name: Of the layer.
        pooling: "max" or "average" over 2x2, "stride" for a convolution of stride 2, or "none".
        convolution: What `convolve` takes, for "stride"; `padding` is "same" whatever is given.
    """
    if pooling == "none":
        return x
    if pooling == "stride":
        return convolve(x, name, x.shape[-1], **{**convolution, "stride": 2, "padding": "same"})
    kind = layers.MaxPooling2D if pooling == "max" else layers.AveragePooling2D
    # Never wider than the image: XLA on a CPU (jaxlib 0.10.2) averages an image of side 1 in a
    # padded window of 2 wrongly in large batches, to up to four times its value.
    window = [min(2, side) for side in x.shape[1:3]]
    return kind(window, strides=2, padding="same", name=name)(x)


def classifier(inputs: Any, x: Any, num_classes: int, *, name: str) -> keras.Model:
    """Closes the network `name` with float32 `logits` and `probabilities`.

    Args:
        inputs: The images the network takes.
        x: Features (batch, n).
        num_classes: Width of the output.
        name: The network's.
    """
    x = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    x = layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    quiet.allow_deep_networks()
    return keras.Model(inputs, x, name=name)
