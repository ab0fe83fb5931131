"""Integrated gradients: each pixel's share in the class' logit, from a black image to this one.

Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", ICML 2017,
https://arxiv.org/abs/1703.01365. The shares add up to the difference between the two logits, which
is checked: `gaps` are what is left over, since the integral is a sum.

Departures: the midpoint rule in the place of the right end of each step, whose error falls faster.
"""

from typing import Any

import numpy as np

from kerascnn.explainers import _gradients, _network

OF = "images"
SHOWN = "maps"


def explain(
    model: Any,
    images: np.ndarray,
    classes: np.ndarray,
    *,
    steps: int = 64,
    baseline: float = 0.0,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns one map an image, of either sign: the shares of its pixels, over the channels.

    Args:
        model, images, classes: See the room's contract.
        steps: Gradients along the way; the paper takes 20 to 300.
        baseline: Every pixel of the image that shows nothing.
    """
    network = _network.logits(model)

    def score(x: Any, picks: Any) -> tuple[Any, Any]:
        found = _network.picked(network(x, training=False), picks)
        return found, found

    gradient = _gradients.compiled(score)
    away = images.astype(np.float64) - baseline
    portions = ((np.arange(steps) + 0.5) / steps)[:, None, None, None]
    shares = np.empty(images.shape, np.float64)
    for i, pick in enumerate(classes):  # One shape for all: one compilation.
        way = (baseline + portions * away[i]).astype(np.float32)
        _, found, _ = gradient(way, np.full(steps, pick, np.int32))
        shares[i] = away[i] * found.astype(np.float64).mean(axis=0)
    empty = np.full((1, *images.shape[1:]), baseline, np.float32)
    rows = np.arange(len(images))
    differences = _network.predict(network, images)[rows, classes].astype(np.float64)
    differences -= _network.predict(network, empty)[0, classes]
    sums = shares.sum(axis=(1, 2, 3))
    numbers = {
        "sums": sums.tolist(),
        "differences": differences.tolist(),
        "gaps": np.abs(sums - differences).tolist(),
    }
    return {"maps": shares.sum(axis=-1).astype(np.float32)}, numbers
