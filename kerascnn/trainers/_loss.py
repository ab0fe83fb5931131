"""The loss that is trained on: softmax cross-entropy of the logits, smoothed or weighted."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kerascnn import metrics
from kerascnn.spec import RunSpec


def loss(spec: RunSpec) -> keras.losses.Loss:
    """Returns the loss of whole-number labels and logits, its mean over a batch.

    No loss is computed from probabilities: the backends clip them differently.
    """
    if not spec.label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _Smoothed(spec.label_smoothing)


def class_weights(
    spec: RunSpec, labels: npt.NDArray[np.int32], num_classes: int
) -> npt.NDArray[np.float32] | None:
    """Returns what an image's loss counts by its class; None: all the same.

    Args:
        spec: The run's.
        labels: Of the images it is trained on.
        num_classes: Of the data.

    Returns:
        float32 (num_classes,): n / (classes * n_class), of the classes that have images.
    """
    if spec.balance != "weights":
        return None
    counts = np.bincount(labels, minlength=num_classes)
    classes = np.count_nonzero(counts)
    return np.asarray(len(labels) / (classes * counts.clip(1)), np.float32)


def validation(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int32]) -> dict[str, float]:
    """Returns what trainers report of the validation images after an epoch."""
    names = ("loss", "accuracy")
    scores = [np.asarray(metrics.per_image(logits, labels, name), np.float64) for name in names]
    return {
        f"{name}/validation": float(each.mean()) for name, each in zip(names, scores, strict=True)
    }


class _Smoothed(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy with labels of which a share is spread evenly over all classes.

    Keras smooths one-hot labels only.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        self._smoothing = smoothing

    def call(self, labels: Any, logits: Any) -> Any:
        """Returns the loss of each image, float32 (n,)."""
        log = keras.ops.log_softmax(keras.ops.cast(logits, "float32"))
        labels = keras.ops.cast(keras.ops.reshape(labels, (-1, 1)), "int32")
        picked = keras.ops.take_along_axis(log, labels, axis=-1)[:, 0]
        spread = keras.ops.mean(log, axis=-1)
        return -(1 - self._smoothing) * picked - self._smoothing * spread
