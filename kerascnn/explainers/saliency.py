"""Saliency: how much the class' logit changes with each pixel.

Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks: Visualising Image Classification
Models and Saliency Maps", ICLR 2014 workshop, https://arxiv.org/abs/1312.6034, section 3.1: the
largest magnitude of the gradient over the channels.
"""

from typing import Any

import numpy as np

from kerascnn.explainers import _gradients, _network

OF = "images"
SHOWN = "maps"


def explain(
    model: Any, images: np.ndarray, classes: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns one map an image, at least 0; see the room's contract."""
    network = _network.logits(model)

    def score(x: Any, picks: Any) -> tuple[Any, Any]:
        found = _network.picked(network(x, training=False), picks)
        return found, found

    _, gradients, _ = _gradients.compiled(score)(images, np.asarray(classes, np.int32))
    return {"maps": np.abs(gradients).max(axis=-1)}, {}
