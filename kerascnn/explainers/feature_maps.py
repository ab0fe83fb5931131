"""Feature maps by depth: what each layer makes of an image, from edges to what tells classes apart.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
https://arxiv.org/abs/1311.2901; shown directly, as in Yosinski, Clune, Nguyen, Fuchs & Lipson,
"Understanding Neural Networks Through Deep Visualization", ICML 2015 workshop,
https://arxiv.org/abs/1506.06579.
"""

from typing import Any

import numpy as np

from kerascnn.explainers import _network

OF = "images"
SHOWN = "features"


def check(model: Any, *, layer: str = "") -> None:
    """Refuses a network without convolutions, and a layer without feature maps."""
    _chosen(model, layer, 1)


def explain(
    model: Any, images: np.ndarray, classes: np.ndarray, *, layer: str = "", most: int = 6
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the feature maps of images, layer -> (n, height, width, channels).

    Args:
        model, images, classes: See the room's contract; the classes do not count.
        layer: The layer; "": those after an activation, from the first to the last.
        most: Layers at most, evenly over the depth.
    """
    found = _chosen(model, layer, most)
    arrays = {each.name: _network.predict(_network.upto(model, each), images) for each in found}
    numbers = {
        "layers": list(arrays),
        # Channels that answer to none of the images: of a rectified layer, dead ones.
        "silent": [int((~maps.any(axis=(0, 1, 2))).sum()) for maps in arrays.values()],
        "channels": [maps.shape[-1] for maps in arrays.values()],
    }
    return arrays, numbers


def _chosen(model: Any, name: str, most: int) -> list[Any]:
    if name:
        _network.convolutions(model)
        return [_network.with_places(model, name)]
    known = _network.features(model)
    places = np.linspace(0, len(known) - 1, min(most, len(known))).round().astype(int)
    return [known[place] for place in dict.fromkeys(places)]
