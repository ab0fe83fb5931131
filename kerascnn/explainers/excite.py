"""Inputs that excite a unit: found by gradient ascent from noise.

Erhan, Bengio, Courville & Vincent, "Visualizing Higher-Layer Features of a Deep Network",
technical report 1341, Universite de Montreal, 2009: the input of a given norm that a unit answers
to most. For logits this is the class model of Simonyan, Vedaldi & Zisserman, ICLR 2014 workshop,
https://arxiv.org/abs/1312.6034, section 2.

Departures: the norm is that of the difference from mid-grey; the gradient is blurred, less and less
until half of the steps are made, so that coarse shapes come before fine ones (Øygard, "Visualizing
GoogLeNet Classes", 2015). What is found may lie outside of [0, 1] in places, and is one of many
local maxima: another seed finds another.
"""

from typing import Any

import keras
import numpy as np
from scipy import ndimage

from kerascnn.explainers import _gradients, _network

OF = "images"
SHOWN = "images"

# Of the way around the sphere of inputs, in a step.
_RATE = 0.2
_GREY = 0.5


def check(model: Any, *, layer: str = "", unit: int = -1) -> None:
    """Refuses a layer and a unit that are not there."""
    _chosen(model, layer, unit, 1)


def explain(
    model: Any,
    images: np.ndarray,
    classes: np.ndarray,
    *,
    layer: str = "",
    unit: int = -1,
    seed: int = 0,
    steps: int = 128,
    contrast: float = 0.2,
    blur: float = 0.0625,
    most: int = 16,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns one input a unit, (units, height, width, channels), in [0, 1] or a little beyond.

    A unit of a layer with feature maps is a channel, its answer the mean over all places.

    Args:
        model, images, classes: See the room's contract; the images are what the answers are
            compared with.
        layer: Whose units; "": the logits, a unit a class.
        unit: Which; -1: the first `most`.
        seed: Of the noise.
        steps: Of the ascent.
        contrast: Root mean square of the difference from mid-grey.
        blur: Standard deviation of the first blur, as a share of the image's longer side.
        most: Units at most.
    """
    found, units = _chosen(model, layer, unit, most)
    network = _network.upto(model, found)

    def score(x: Any, picks: Any) -> tuple[Any, Any]:
        answers = keras.ops.cast(network(x, training=False), "float32")
        places = tuple(range(1, len(answers.shape) - 1))
        scores = _network.picked(keras.ops.mean(answers, axis=places), picks)
        return scores, scores

    gradient = _gradients.compiled(score)
    start = _noise(images.shape[1:], units, seed, contrast)
    picks = np.array(units, np.int32)
    started, _, _ = gradient(_input(start), picks)
    sigma = blur * max(images.shape[1:3])
    best = _ascend(gradient, start, picks, steps, sigma)
    reached, _, _ = gradient(_input(best), picks)
    numbers = {
        "layer": found.name,
        "units": units,
        "started": started.tolist(),
        "reached": reached.tolist(),
        "images": _answers(network, images)[:, units].max(axis=0).tolist(),
    }
    return {found.name: _input(best)}, numbers


def _ascend(gradient: Any, start: np.ndarray, picks: Any, steps: int, sigma: float) -> np.ndarray:
    """Climbs on the sphere that `start` lies on."""
    at, norm = start, _norm(start)
    for step in range(steps):
        _, slope, _ = gradient(_input(at), picks)
        width = sigma * max(0.0, 1 - 2 * step / steps)
        slope = ndimage.gaussian_filter(slope.astype(np.float64), (0, width, width, 0))
        length = _norm(slope)
        at = at + _RATE * norm * slope / np.where(length > 0, length, 1)
        at *= norm / _norm(at)
    return at


def _chosen(model: Any, name: str, unit: int, most: int) -> tuple[Any, list[int]]:
    layer = _network.find(model, name or "logits")
    count = layer.output.shape[-1]
    if unit == -1:
        return layer, list(range(min(most, count)))
    if not 0 <= unit < count:
        raise ValueError(
            f"The layer {layer.name!r} has units 0 to {count - 1}. Received: unit {unit}"
        )
    return layer, [unit]


def _noise(shape: tuple[int, ...], units: list[int], seed: int, contrast: float) -> np.ndarray:
    """Returns noise of the contrast, each unit's drawn by its number."""
    drawn = [np.random.default_rng([seed, unit]).standard_normal(shape) for unit in units]
    noise = np.stack(drawn)
    noise *= contrast * np.sqrt(noise[0].size) / _norm(noise)
    return noise


def _norm(arrays: np.ndarray) -> np.ndarray:
    norms: np.ndarray = np.sqrt((arrays**2).sum(axis=(1, 2, 3), keepdims=True))
    return norms


def _input(difference: np.ndarray) -> np.ndarray:
    return (_GREY + difference).astype(np.float32)


def _answers(network: Any, images: np.ndarray) -> np.ndarray:
    found = _network.predict(network, images)
    means: np.ndarray = found.mean(axis=tuple(range(1, found.ndim - 1)))
    return means
