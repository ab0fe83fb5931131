"""Convolutions as products of matrices, for networks whose kernels differ from run to run.

A convolution of several runs at once, each with its own kernel, is a grouped convolution, whose
gradient is slow in places. What a kernel sees, laid out as rows, times the kernel is the same
number by a product of matrices, and of several runs a batch of products.
"""

from typing import Any

import jax.numpy as jnp
import keras
from jax import lax
from keras import layers


class _Convolution(layers.Conv2D):  # type: ignore[misc]
    """Keras' own layer with the same variables, that multiplies patches."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Returns what Keras' own does, (n, height, width, filters)."""
        kernel = keras.ops.convert_to_tensor(kernel, dtype=inputs.dtype)
        seen = _patches(inputs, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        return seen @ jnp.reshape(kernel, (-1, kernel.shape[-1]))


def multiplying(model: keras.Model) -> keras.Model:
    """Returns a copy of `model` whose convolutions multiply patches.

    Its variables are those of `model` in the same order, with other values. Grouped and depthwise
    convolutions, and those with channels first, stay as they are.
    """
    found = keras.models.clone_model(model, clone_function=_replaced, recursive=True)
    for ours, theirs in zip(found.layers, model.layers, strict=True):
        if isinstance(ours, layers.Normalization):  # Its statistics are constants of a program.
            ours.set_weights(theirs.get_weights())
            ours.finalize_state()
    return found


def _replaced(layer: keras.Layer) -> keras.Layer:
    kind = type(layer)
    if kind is layers.Conv2D and layer.groups == 1 and layer.data_format == "channels_last":
        kind = _Convolution
    return kind.from_config(layer.get_config())


def _patches(images: Any, size: tuple[int, int], strides: Any, dilation: Any, padding: str) -> Any:
    """Returns what a kernel of `size` sees at each place: (n, rows, columns, size * channels).

    Cut out by slices: a convolution with an identity for a kernel, as in
    `jax.lax.conv_general_dilated_patches`, has a depthwise convolution for its gradient.
    """
    count, *sides, channels = images.shape
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    pads = lax.padtype_to_pads(sides, reach, strides, padding.upper())
    images = jnp.pad(images, ((0, 0), *pads, (0, 0)))
    ends = [
        (side + sum(pad) - far) // stride * stride + 1
        for side, pad, far, stride in zip(sides, pads, reach, strides, strict=True)
    ]
    seen = [
        lax.slice(
            images,
            (0, row * dilation[0], column * dilation[1], 0),
            (count, row * dilation[0] + ends[0], column * dilation[1] + ends[1], channels),
            (1, *strides, 1),
        )
        for row in range(size[0])
        for column in range(size[1])
    ]
    return jnp.concatenate(seen, axis=-1)
