"""Which images a run sees and when, drawn from (seed, epoch) alone: the same in every trainer.

Neither Keras' own shuffling nor its augmentation layers can be reproduced by another trainer or
backend: the one is a stateful operation of the input pipeline, the other of the graph.
"""

import numpy as np
import numpy.typing as npt

from kerascnn.spec import RunSpec

# What is drawn for an epoch, each from a stream of its own, so that asking for one never moves
# another. The position is part of the stream: new ones go to the end.
_STREAMS = ("order", "shift+flip", "sampling", "rotation", "crop", "cutout")


def stream(name: str, seed: int, epoch: int) -> np.random.Generator:
    """Returns the generator of what `_STREAMS` names, for epoch `epoch` (1, 2, ...) of a run."""
    return np.random.default_rng([seed, epoch, _STREAMS.index(name)])


def besides_train(spec: RunSpec) -> tuple[str, ...]:
    """Returns the parts of the data that a run is trained on besides train.

    A final run, which the test set scores, has no other use for the rest; but where `patience`
    watches the validation loss, these images go on deciding and are not trained on.
    """
    if spec.phase != "final":
        return ()
    return ("confirmation",) if spec.patience else ("validation", "confirmation")


def order(spec: RunSpec, epoch: int, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Returns the images of an epoch in their order, as positions among the run's.

    Args:
        spec: The run's.
        epoch: 1, 2, ...
        labels: Of the images the run is trained on, int32 (n,).

    Returns:
        int64 (n,): each of them once or, with `balance="sampling"`, the classes equally often.
    """
    shuffled = permutation(spec.seed, epoch, len(labels))
    if spec.balance != "sampling":
        return shuffled
    return sample(spec.seed, epoch, labels)[shuffled]


def permutation(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """Returns the order of epoch `epoch` (1, 2, ...): a permutation of range(count)."""
    return stream("order", seed, epoch).permutation(count)


def sample(seed: int, epoch: int, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Draws n positions, class by class, as many of every class as of any other, to within one.

    A class is gone through as often as need be, each pass in an order of its own; so no image
    comes twice more than another of its class.
    """
    rng = stream("sampling", seed, epoch)
    classes = np.unique(labels)
    counts = np.full(len(classes), len(labels) // len(classes))
    counts[rng.permutation(len(classes))[: len(labels) % len(classes)]] += 1
    drawn = []
    for label, count in zip(classes, counts, strict=True):
        members = np.flatnonzero(labels == label)
        passes = [rng.permutation(members) for _ in range(-(-count // len(members)))]
        drawn.append(np.concatenate(passes)[:count])
    return np.concatenate(drawn)
