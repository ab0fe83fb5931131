"""Grad-CAM: where the last feature maps speak for the class.

Selvaraju, Cogswell, Das, Vedantam, Parikh & Batra, "Grad-CAM: Visual Explanations from Deep
Networks via Gradient-based Localization", ICCV 2017, https://arxiv.org/abs/1610.02391: the feature
maps, weighed by the mean gradient of each, where their sum is above 0.

The layer is by default the last with more than one place, poolings aside: a map is no sharper than
that layer, and on small images it may be one of very few places.
"""

from typing import Any

import numpy as np
from PIL import Image

from kerascnn.explainers import _gradients, _network

OF = "images"
SHOWN = "maps"


def check(model: Any, *, layer: str = "") -> None:
    """Refuses a network without convolutions, and a layer without feature maps."""
    _chosen(model, layer)


def explain(
    model: Any, images: np.ndarray, classes: np.ndarray, *, layer: str = ""
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns one map an image, at least 0, enlarged to the image's size bilinearly.

    Args:
        model, images, classes: See the room's contract.
        layer: Whose feature maps; "": the last.
    """
    chosen = _chosen(model, layer)
    network = _network.nudged(model, chosen)

    def score(nudge: Any, x: Any, picks: Any) -> tuple[Any, Any]:
        logits, features = network(nudge, x)
        return _network.picked(logits, picks), features

    nudge = np.zeros((len(images), *chosen.output.shape[1:]), np.float32)
    given = nudge, images, np.asarray(classes, np.int32)
    _, gradients, features = _gradients.compiled(score)(*given)
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    small = np.maximum((weights * features).sum(axis=-1), 0)
    height, width = images.shape[1:3]
    maps = [
        Image.fromarray(each).resize((width, height), Image.Resampling.BILINEAR) for each in small
    ]
    numbers = {
        "layer": chosen.name,
        "places": list(small.shape[1:]),
        # No feature speaks for the class: it was told by what speaks against others.
        "empty": (~small.any(axis=(1, 2))).tolist(),
    }
    return {"maps": np.stack([np.asarray(each, np.float32) for each in maps])}, numbers


def _chosen(model: Any, name: str) -> Any:
    if not name:
        return _network.last_features(model)
    _network.convolutions(model)
    return _network.with_places(model, name)
