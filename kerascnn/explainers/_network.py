"""What explainers ask of a network: its layers by name, and what comes out of them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from kerascnn import registry

Array = npt.NDArray[np.float32]

# Images a network is given at once.
_BLOCK = 256
_POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
_ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)


def find(model: Any, name: str) -> Any:
    """Returns the layer of that name.

    Raises:
        ValueError: If there is none. The message lists those there are.
    """
    known = {layer.name: layer for layer in model.layers if not _is_input(layer)}
    if name not in known:
        raise ValueError(registry.unknown(f"the layers of {model.name}", name, known))
    return known[name]


def convolutions(model: Any) -> list[Any]:
    """Returns the convolutions, those first that are computed first.

    Raises:
        ValueError: If there are none.
    """
    found = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    if not found:
        there = dict.fromkeys(_kind(layer) for layer in model.layers if not _is_input(layer))
        raise ValueError(
            f"{model.name} has no convolutions, and so no filters and no feature maps. "
            f"It has: {', '.join(there)}."
        )
    return found


def has_places(layer: Any) -> bool:
    """Returns whether what comes out is (height, width, channels)."""
    return len(layer.output.shape) == 4


def with_places(model: Any, name: str) -> Any:
    """Returns the layer of that name, whose output must have places.

    Raises:
        ValueError: If there is none, or it gives no feature maps.
    """
    layer = find(model, name)
    if not has_places(layer):
        known = [each.name for each in model.layers if has_places(each) and not _is_input(each)]
        shape = "x".join(map(str, layer.output.shape[1:]))
        raise ValueError(
            f"The layer {name!r} gives no feature maps: its output is {shape}. "
            f"Expected one of: {', '.join(known) or 'there are none'}."
        )
    return layer


def features(model: Any) -> list[Any]:
    """Returns the layers at which a convolution's feature maps are ready: after an activation.

    Raises:
        ValueError: If there is no convolution.
    """
    known = convolutions(model)
    start = model.layers.index(known[0])
    ready = [layer for layer in model.layers[start:] if has_places(layer) and _activates(layer)]
    return ready or known


def last_features(model: Any) -> Any:
    """Returns the last layer with feature maps of more than one place, poolings aside.

    Raises:
        ValueError: If there is no such layer.
    """
    known = convolutions(model)
    for layer in reversed(model.layers[model.layers.index(known[0]) :]):
        if not has_places(layer) or isinstance(layer, _POOLINGS):
            continue
        if max(layer.output.shape[1:3]) > 1:
            return layer
    raise ValueError(f"The feature maps of {model.name} are of one place each: there is no map.")


def logits(model: Any) -> Any:
    """Returns the network up to its logits; its variables are the model's."""
    return upto(model, find(model, "logits"))


def upto(model: Any, layer: Any) -> Any:
    """Returns the network up to a layer; its variables are the model's."""
    return keras.Model(model.inputs[0], layer.output)


def nudged(model: Any, layer: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Returns (nudge, images) -> (logits, output of the layer), with the nudge added to the output.

    The gradient with respect to a nudge of zeros is that with respect to the layer's output, also
    where other branches pass the layer by.
    """
    whole = logits(model)
    known = getattr(whole, "_functional", None) or whole

    def call(nudge: Any, images: Any) -> tuple[Any, Any]:
        seen: list[Any] = []

        def watched(operation: Any) -> Any:
            if operation is not layer:
                return operation

            def nudging(*given: Any, **more: Any) -> Any:
                seen.append(operation(*given, **more))
                return seen[-1] + keras.ops.cast(nudge, seen[-1].dtype)

            return nudging

        found = known._run_through_graph([images], operation_fn=watched)
        return found[0] if isinstance(found, list) else found, seen[-1]

    return call


def predict(model: Any, images: Array) -> Array:
    """Returns what a network gives for images, float32, a block at a time."""
    found = [
        keras.ops.convert_to_numpy(model(images[start : start + _BLOCK], training=False))
        for start in range(0, len(images), _BLOCK)
    ]
    return np.concatenate(found).astype(np.float32)


def picked(logits: Any, classes: Any) -> Any:
    """Returns of logits (n, classes) those of a class each, (n,)."""
    return keras.ops.take_along_axis(logits, classes[:, None], axis=1)[:, 0]


def _activates(layer: Any) -> bool:
    if isinstance(layer, _ACTIVATIONS):
        return True
    own = getattr(layer, "activation", None)
    return isinstance(layer, layers.Conv2D) and own is not keras.activations.linear


def _is_input(layer: Any) -> bool:
    return isinstance(layer, layers.InputLayer)


def _kind(layer: Any) -> str:
    return type(layer).__name__
