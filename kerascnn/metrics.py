"""Metrics of one run, computed from its stored logits, so that any can be asked for later."""

from typing import TYPE_CHECKING, Any

from kerascnn import registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Logits = npt.NDArray[np.floating[Any]]
    Labels = npt.NDArray[np.integer[Any]]

# Metric -> whether more is better.
DIRECTIONS = {
    "accuracy": True,
    "balanced_accuracy": True,
    "f1_macro": True,
    "top5": True,
    "loss": False,
    "brier": False,
}
# Those that are means over images: see `per_image`.
OVER_IMAGES = ("accuracy", "top5", "loss", "brier")
# Those of which an image scores 0 or 1.
RIGHT_OR_WRONG = ("accuracy", "top5")
# Prefix of a metric's name -> the part of the data it was measured on.
PREFIXES = {
    "train_": "train",
    "val_": "validation",
    "confirmation_": "confirmation",
    "test_": "test",
}


def names() -> tuple[str, ...]:
    """Returns every name a metric can be asked for by: "val_accuracy", "test_loss", ..."""
    return tuple(prefix + name for prefix in PREFIXES for name in DIRECTIONS)


def split_name(name: str) -> tuple[str, str]:
    """Returns (part, metric) of a full name: "val_accuracy" -> ("validation", "accuracy").

    Raises:
        ValueError: If there is no such metric.
    """
    for prefix, part in PREFIXES.items():
        if name.startswith(prefix) and name.removeprefix(prefix) in DIRECTIONS:
            return part, name.removeprefix(prefix)
    raise ValueError(registry.unknown("metrics", name, names()))


def prefix_of(part: str) -> str:
    """Returns the prefix of metrics measured on `part`."""
    return {part: prefix for prefix, part in PREFIXES.items()}[part]


def maximize(name: str) -> bool:
    """Returns whether more is better for a full name such as "val_accuracy"."""
    return DIRECTIONS[split_name(name)[1]]


def per_image(logits: "Logits", labels: "Labels", name: str) -> "npt.NDArray[np.float64] | None":
    """Returns a metric image by image, float64 (n,), if it is a mean over images; else None.

    Args:
        logits: float (n, classes), finite.
        labels: int (n,), below classes.
        name: A metric without its prefix: "accuracy", "loss", ...

    `loss` is the cross-entropy in nats; `brier` the squared distance between the probabilities
    and the one-hot label, 0 to 2; `top5` whether the label is among the five largest logits.
    """
    import numpy as np
    from scipy.special import log_softmax

    z = np.asarray(logits, np.float64)
    rows = np.arange(len(labels))
    if name == "accuracy":
        return np.asarray(z.argmax(axis=1) == labels, np.float64)
    if name == "top5":
        best = np.argsort(-z, axis=1, kind="stable")[:, :5]
        return np.asarray((best == np.asarray(labels)[:, None]).any(axis=1), np.float64)
    if name == "loss":
        return np.asarray(-log_softmax(z, axis=1)[rows, labels])
    if name == "brier":
        distances = np.exp(log_softmax(z, axis=1))
        distances[rows, labels] -= 1
        return np.asarray((distances**2).sum(axis=1))
    return None


def measure(logits: "Logits", labels: "Labels", part: str) -> dict[str, float]:
    """Returns every metric of one run on one part, by full name, in float64.

    Args:
        logits: float (n, classes), finite.
        labels: int (n,), below classes.
        part: One of the parts; it gives the names their prefix.

    Besides the means of `per_image`: `f1_macro` is the mean over classes of the F1 score, 0 where
    a class is neither present nor predicted; `balanced_accuracy` the mean over the present
    classes of the share recognised.
    """
    import numpy as np

    confusion = np.zeros((logits.shape[1], logits.shape[1]))
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    hits, present, guessed = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    over_classes = {
        "balanced_accuracy": (hits[present > 0] / present[present > 0]).mean(),
        "f1_macro": (2 * hits / np.maximum(present + guessed, 1)).mean(),
    }
    images = {name: per_image(logits, labels, name) for name in DIRECTIONS}
    means = {name: values.mean() for name, values in images.items() if values is not None}
    prefix = prefix_of(part)
    return {prefix + name: float(value) for name, value in {**means, **over_classes}.items()}
