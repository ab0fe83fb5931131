"""The first layer's filters: what patterns of pixels it answers to.

Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NeurIPS 2012, figure 3. Later layers see features rather than pixels: their filters, a picture each
channel, say little by themselves.
"""

from typing import Any

import numpy as np

from kerascnn.explainers import _network

OF = "network"
SHOWN = "weights"


def check(model: Any, *, layer: str = "") -> None:
    """Refuses a network without convolutions, and a layer that is none."""
    _convolution(model, layer)


def explain(
    model: Any, images: np.ndarray, classes: np.ndarray, *, layer: str = ""
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the kernel of a convolution, (filters, height, width, channels).

    Args:
        model, images, classes: See the room's contract; only the network counts.
        layer: The convolution; "": the first.
    """
    found = _convolution(model, layer)
    kernel = np.asarray(found.get_weights()[0], np.float32)
    # A depthwise kernel is (height, width, channels, filters of each): each sees one channel.
    if type(found).__name__ == "DepthwiseConv2D":
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    filters = np.moveaxis(kernel, -1, 0)
    norms = np.sqrt((filters.astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
    return {found.name: filters}, {"layer": found.name, "norms": norms.tolist()}


def _convolution(model: Any, name: str) -> Any:
    known = _network.convolutions(model)
    if not name:
        return known[0]
    found = _network.find(model, name)
    kernel = found.get_weights()[0].ndim if found.get_weights() else 0
    if kernel != 4:
        names = ", ".join(layer.name for layer in known)
        raise ValueError(f"The layer {name!r} has no filters. Expected one of: {names}.")
    return found
