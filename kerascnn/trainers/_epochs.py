"""The epochs of a run: which images it sees, in what order, and how each is changed."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerascnn.checks import subset_parts
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import _augment, _loss, _order


class Drawn(NamedTuple):
    """One epoch: indices into the data in their order, and how each image is changed."""

    order: npt.NDArray[np.int64]
    changes: _augment.Changes


class Epochs:
    """What a run is trained on, epoch by epoch: the same in every trainer.

    Args:
        data: The run's.
        spec: The run's.

    Attributes:
        batch_size: Images of a step.
        count: Images of an epoch.
        steps: Steps of an epoch, the last and smaller batch included.
        weights: What an image's loss counts by its class, float32 (num_classes,); None: the same.
        validates: Whether validation is measured: it is not where it is trained on.
    """

    def __init__(self, data: Dataset, spec: RunSpec) -> None:
        besides = _order.besides_train(spec)
        self._spec = spec
        self._shape = data.input_shape[:2]
        self._indices = data.training(spec.train_size, *subset_parts(spec.subset), besides=besides)
        self._labels = data.labels[self._indices]
        self.batch_size = spec.batch_size
        self.count = len(self._indices)
        self.steps = -(-self.count // spec.batch_size)
        self.weights = _loss.class_weights(spec, self._labels, data.num_classes)
        self.validates = "validation" not in besides

    def draw(self, epoch: int) -> Drawn:
        """Returns epoch `epoch` (1, 2, ...), drawn from the run's seed and its number alone."""
        spec = self._spec
        order = self._indices[_order.order(spec, epoch, self._labels)]
        changes = _augment.draw(spec.augmentation, spec.seed, epoch, self.count, self._shape)
        return Drawn(order, changes)

    def means(
        self, losses: npt.NDArray[np.float32], hits: npt.NDArray[np.int32]
    ) -> dict[str, float]:
        """Returns what trainers report of an epoch's training.

        Args:
            losses: Of every step, (steps,).
            hits: Images that every step got right, (steps,).
        """
        size = self._spec.batch_size
        sizes = np.full(self.steps, size)
        sizes[-1] = self.count - size * (self.steps - 1)
        mean = float(np.average(losses.astype(np.float64), weights=sizes))
        return {"loss/train": mean, "accuracy/train": int(hits.sum()) / self.count}
