"""Compiled programs, kept for the runs that come after."""

import collections
import importlib
import json
import math
from typing import Any

import keras

from kerascnn import weights
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers._arithmetic import Arithmetic
from kerascnn.trainers._network import Network, baked
from kerascnn.trainers._source import Source

# Programs kept, unless their variables are larger than this in all: bytes.
_MOST = 8
_BYTES = 256_000_000

_kept: "collections.OrderedDict[object, Any]" = collections.OrderedDict()
_sources: list[Source] = []


def source(data: Dataset) -> Source:
    """Returns the source of `data`; that of the data before is let go."""
    if not _sources or _sources[0].data is not data:
        _sources[:] = [Source(data, _backend().put)]
    return _sources[0]


def program(model: keras.Model, data: Dataset, spec: RunSpec, steps: int) -> Any:
    """Returns a program that starts over with the variables of a freshly built `model`.

    Args:
        model: The run's.
        data: The run's.
        spec: The run's.
        steps: Steps of an epoch.
    """
    key = _key(model, data, spec, steps)
    if (known := _kept.get(key)) is not None:
        _kept.move_to_end(key)
        known.network.start_over(model, spec)
        return known
    made = _backend().Program(Network(model, spec, steps), Arithmetic(data, spec))
    _kept[key] = made
    while len(_kept) > 1 and (len(_kept) > _MOST or sum(map(_size, _kept.values())) > _BYTES):
        _kept.popitem(last=False)
    return made


def kept() -> tuple[Any, ...]:
    """Returns the programs there are, the last used last."""
    return tuple(_kept.values())


def forget() -> None:
    """Lets all programs and data go."""
    _kept.clear()
    _sources.clear()


def _key(model: keras.Model, data: Dataset, spec: RunSpec, steps: int) -> object:
    """Returns what is part of a program: runs that are alike in it share one."""
    try:
        network: object = json.dumps(model.get_config(), sort_keys=True, default=repr)
    except NotImplementedError:  # A layer that cannot say what it is.
        network = object()
    drawn = (spec.batch_size, spec.augmentation, spec.balance == "weights")
    stored = (data.images.dtype.str, data.scale, data.offset, data.input_shape)
    code = (spec.family, spec.code)  # Layers of one name and config may do something else.
    start = weights.content(spec.weights)  # `Normalization` has its statistics as constants.
    return network, baked(spec, steps), drawn, stored, code, start


def _size(made: Any) -> int:
    variables = (*made.network.model.variables, *made.network.optimizer.keras.variables)
    numbers: int = sum(math.prod(variable.shape) for variable in variables)
    return 4 * numbers


def _backend() -> Any:
    return importlib.import_module(f"kerascnn.trainers._program_{keras.backend.backend()}")
