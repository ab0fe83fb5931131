"""The layers in a file of weights, whatever its layout: HDF5 as Keras 2 or 3 has it, an archive."""

import contextlib
import dataclasses
import io
import itertools
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# How a file's layers are found: by the layer's own name, by its class and number among those of
# the class, or by their order.
_BY = ("name", "class", "order")


@dataclasses.dataclass(frozen=True)
class Saved:
    """A layer in a file.

    Attributes:
        name: Its name there.
        values: What it holds, in order: "0", "1", ...; read when they are asked for.
    """

    name: str
    values: Mapping[str, Any]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of its weights."""
        return [tuple(each.shape) for each in self.values.values()]

    def read(self) -> "dict[str, np.ndarray]":
        """Returns its weights.

        Raises:
            ValueError: If the file is damaged.
        """
        try:
            return {key: each[()] for key, each in self.values.items()}
        except (OSError, ValueError) as error:
            raise ValueError(f"The weights of {self.name} cannot be read: {error}") from None


_NONE = Saved("", {})


class Contents:
    """What a file holds.

    Args:
        by: One of `_BY`.
        layers: Those with weights, by what they are found by.
        names: Of all layers, as far as the file says.

    Attributes:
        is_archive: Whether it is a Keras archive, which names its layers.
        names: As given.
    """

    def __init__(self, by: str, layers: Mapping[str, Saved], names: Sequence[str]) -> None:
        self._by, self._layers, self.names = by, layers, names
        self.is_archive = by == "name"

    def pairs(self, layers: Sequence[Any]) -> list[tuple[Any, Saved]]:
        """Returns each of a network's layers with that of the file; one of no weights if none is.

        Args:
            layers: All that have weights, in their order.
        """
        keys = self._keys(layers)
        return [(each, self._layers.get(k, _NONE)) for each, k in zip(layers, keys, strict=True)]

    def beyond(self, layers: Sequence[Any]) -> list[str]:
        """Returns the names of layers that have weights in the file and are none of `layers`."""
        keys = set(self._keys(layers))
        return [each.name for key, each in self._layers.items() if key not in keys]

    def _keys(self, layers: Sequence[Any]) -> list[str]:
        if self._by == "name":
            return [layer.name for layer in layers]
        if self._by == "order":
            return [str(i) for i in range(len(layers))]
        return list(_numbered(type(layer).__name__ for layer in layers))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """Yields what a file of weights holds.

    Raises:
        ValueError: If it is none, or damaged.
    """
    import h5py  # Keras needs it: it is there.

    with contextlib.ExitStack() as stack:
        try:
            if path.suffix == ".keras" or zipfile.is_zipfile(path):
                archive = stack.enter_context(zipfile.ZipFile(path))
                whole = io.BytesIO(archive.read("model.weights.h5"))
                file = stack.enter_context(h5py.File(whole, "r"))
                found = _archive(file, json.loads(archive.read("config.json")))
            else:
                file = stack.enter_context(h5py.File(path, "r"))
                found = _hdf5(file)
        except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path} cannot be read as a file of weights: {reason}") from None
        yield found


def _archive(file: Any, config: Mapping[str, Any]) -> Contents:
    """Reads a Keras archive, whose configuration has the layers' names and classes."""
    layers = config["config"]["layers"]
    names = [str(each["config"]["name"]) for each in layers]
    keys = _numbered(each["class_name"] for each in layers)
    found = {
        name: Saved(name, _variables(file, key)) for name, key in zip(names, keys, strict=True)
    }
    return Contents("name", {name: each for name, each in found.items() if each.values}, names)


def _hdf5(file: Any) -> Contents:
    file = file.get("model_weights", file)  # A whole model, in Keras 2's layout.
    if "layers" in file:
        found = [Saved(key, _variables(file, key)) for key in file["layers"]]
        return Contents("class", {each.name: each for each in found if each.values}, ())
    names = _attribute(file, "layer_names")
    weighted = []
    for name in names:
        group = file[name]
        values = [group[each] for each in _attribute(group, "weight_names")]
        if values:
            weighted.append(Saved(name, {str(i): each for i, each in enumerate(values)}))
    return Contents("order", {str(i): each for i, each in enumerate(weighted)}, names)


def _variables(file: Any, key: str) -> dict[str, Any]:
    """Returns a layer's own weights in Keras 3's layout; those of layers inside it are left out."""
    group = file.get(f"layers/{key}/vars", {})
    return {each: group[each] for each in sorted(group, key=int)}


def _attribute(group: Any, name: str) -> list[str]:
    """Returns a list of names, which Keras 2 cuts in pieces where it is long."""
    if name in group.attrs:
        pieces = [group.attrs[name]]
    elif f"{name}0" in group.attrs:
        numbered = (f"{name}{i}" for i in itertools.count())
        pieces = [group.attrs[n] for n in itertools.takewhile(group.attrs.__contains__, numbered)]
    else:
        raise ValueError(f"it has neither `layers` nor `{name}`.")
    return [n.decode() if isinstance(n, bytes) else str(n) for piece in pieces for n in piece]


def _numbered(classes: Iterable[str]) -> Iterator[str]:
    """Yields what Keras 3 calls layers of these classes: "conv2d", "dense", "conv2d_1"."""
    counts: Counter[str] = Counter()
    for name in classes:
        key = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
        key = re.sub("([a-z])([A-Z])", r"\1_\2", key).lower()
        yield f"{key}_{counts[key]}" if counts[key] else key
        counts[key] += 1
