"""Occlusion: how far the class' logit falls where a patch of the image is covered.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
https://arxiv.org/abs/1311.2901, section 4.2.

Departures: the logit in the place of the probability, which hardly moves while it is near 1; the
patch has the image's mean colour, since the paper's grey is a shape of its own on black; a pixel
gets the mean over the patches that cover it.
"""

from typing import Any

import numpy as np

from kerascnn.explainers import _network

OF = "images"
SHOWN = "maps"


def explain(
    model: Any,
    images: np.ndarray,
    classes: np.ndarray,
    *,
    window: int = 0,
    stride: int = 0,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns one map an image: above 0 where covering lowers the class' logit.

    Args:
        model, images, classes: See the room's contract.
        window: Side of the patch in pixels; 0: a quarter of the image's shorter side.
        stride: Pixels from patch to patch; 0: a quarter of the patch, rounded up;
                at most the patch.
    """
    height, width = images.shape[1:3]
    window = min(window or max(1, round(min(height, width) / 4)), height, width)
    stride = min(stride or -(-window // 4), window)  # Every pixel is covered.
    corners = [
        (y, x) for y in _starts(height, window, stride) for x in _starts(width, window, stride)
    ]
    network = _network.logits(model)
    whole = _network.predict(network, images)
    maps = np.zeros(images.shape[:3], np.float64)
    covers = np.zeros((height, width))
    for y, x in corners:
        covers[y : y + window, x : x + window] += 1
    for i, (image, pick) in enumerate(zip(images, classes, strict=True)):
        covered = np.repeat(image[None], len(corners), axis=0)
        for each, (y, x) in zip(covered, corners, strict=True):
            each[y : y + window, x : x + window] = image.mean(axis=(0, 1))
        falls = whole[i, pick] - _network.predict(network, covered)[:, pick].astype(np.float64)
        for fall, (y, x) in zip(falls, corners, strict=True):
            maps[i, y : y + window, x : x + window] += fall
    numbers = {"window": window, "stride": stride, "patches": len(corners)}
    return {"maps": (maps / covers).astype(np.float32)}, numbers


def _starts(side: int, window: int, stride: int) -> list[int]:
    """Returns where patches begin, so that the last ends with the image."""
    return sorted({*range(0, side - window, stride), side - window})
