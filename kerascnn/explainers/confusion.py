"""The confusion matrix: which classes are taken for which.

Named so by Miller & Nicely, "An Analysis of Perceptual Confusions Among Some English Consonants",
Journal of the Acoustical Society of America 27, 1955, https://doi.org/10.1121/1.1907526.
"""

from typing import Any

import numpy as np

from kerascnn.explainers import _network

OF = "part"
SHOWN = "counts"


def explain(
    model: Any, images: np.ndarray, classes: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns how many images of each class (rows) got each answer (columns), int64."""
    network = _network.logits(model)
    answers = _network.predict(network, images).argmax(axis=1)
    count = network.output_shape[-1]
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (classes, answers), 1)
    sizes = table.sum(axis=1)
    numbers = {
        "counts": table.tolist(),
        "accuracy": float(np.trace(table) / max(1, table.sum())),
        "recall": [int(table[i, i]) / int(n) if n else None for i, n in enumerate(sizes)],
    }
    return {"counts": table}, numbers
