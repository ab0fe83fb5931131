"""What one step computes, in `keras.ops`: the same under every backend that compiles it."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import _augment, _loss


class Arithmetic:
    """Images as stored to what a network takes, and logits to what is trained on.

    Args:
        data: Says how pixels are scaled.
        spec: Of the runs.

    Attributes:
        batch_size: Images of a step.
    """

    def __init__(self, data: Dataset, spec: RunSpec) -> None:
        self.batch_size = spec.batch_size
        self._scale, self._offset = np.float32(data.scale), np.float32(data.offset)
        self._loss = _loss.loss(spec)

    def images(self, stored: Any, changes: Mapping[str, Any]) -> Any:
        """Returns images in [0, 1], changed: float32 (n, height, width, channels)."""
        images = keras.ops.cast(stored, "float32") * self._scale
        if self._offset:
            images = images + self._offset
        return _augment.apply(images, _augment.Changes(**changes), keras.ops)

    def loss(self, labels: Any, logits: Any, weights: Any, penalties: Sequence[Any]) -> Any:
        """Returns the loss of a batch, a float32 scalar: as Keras' own `fit` puts it together.

        Args:
            labels: int32 (n,).
            logits: (n, classes).
            weights: What an image counts by its class, (classes,); None: the same.
            penalties: What layers add, such as regularization.
        """
        counts = None if weights is None else keras.ops.take(weights, labels)
        loss = self._loss(labels, logits, sample_weight=counts)
        for penalty in penalties:
            loss = loss + keras.ops.sum(keras.ops.cast(penalty, loss.dtype))
        return loss

    def right(self, labels: Any, logits: Any) -> Any:
        """Returns how many of a batch have the largest logit at their label, an int32 scalar."""
        hits = keras.ops.cast(keras.ops.argmax(logits, axis=-1), labels.dtype) == labels
        return keras.ops.sum(keras.ops.cast(hits, "int32"))
