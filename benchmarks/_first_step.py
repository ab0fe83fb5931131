"""What a worker does until its first training step has ended: importable, as workers need it."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kerascnn import building, datasets, quiet, registry
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset

SPEC = RunSpec(family="cnn", dataset="digits", train_size=64, batch_size=64, epochs=2)


def train(filters: int, trainer: str) -> None:
    """Builds and compiles a `cnn` and trains one epoch of one step on digits, with validation.

    Args:
        filters: Of the network: another number is another network, with nothing to reuse.
        trainer: An entry of `kerascnn/trainers`.
    """
    keras = quiet.import_keras()
    keras.backend.clear_session()
    data = _load()
    spec = SPEC.configure({"filters": filters})

    def stop(i: int, epoch: int, metrics: Mapping[str, float]) -> None:
        raise Stop

    entry = registry.load("kerascnn.trainers", trainer)
    entry.train(
        building.Builder(spec, data), data, [spec], on_epoch=stop, on_end=lambda *ended: None
    )


@functools.cache
def _load() -> "Dataset":
    return datasets.load(SPEC.dataset)
