"""The most confident mistakes: images on which the network is surest of a wrong answer.

Such images are what Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in
Dataset Labels", JAIR 70, 2021, https://arxiv.org/abs/1911.00068, find wrong labels among.
"""

from typing import Any

import numpy as np
from scipy import special

from kerascnn.explainers import _network

OF = "part"
SHOWN = "images"


def explain(
    model: Any, images: np.ndarray, classes: np.ndarray, *, most: int = 24
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the images of wrong answers, the most probable answer first.

    Args:
        model, images, classes: See the room's contract.
        most: Images at most.
    """
    logits = _network.predict(_network.logits(model), images).astype(np.float64)
    probabilities = special.softmax(logits, axis=1)
    answers = logits.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != classes)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    numbers = {
        "count": len(wrong),
        "of": len(images),
        "indices": order.tolist(),
        "labels": np.asarray(classes)[order].tolist(),
        "answers": answers[order].tolist(),
        "probabilities": confidence[order].tolist(),
        "label_probabilities": probabilities[order, np.asarray(classes)[order]].tolist(),
    }
    return {"mistakes": images[order]}, numbers
