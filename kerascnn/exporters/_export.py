"""An export on disk: its card at once, its network when it is first used."""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import latency, quiet, registry
from kerascnn.record import write_file

# Images the network is given at once.
BATCH = 256
_ROOM = "kerascnn.exporters"

Probabilities = npt.NDArray[np.float32]


class Export:
    """One export, opened.

    Attributes:
        path: Its folder.
        card: What is known about it; see the room's contract.
    """

    def __init__(self, path: Path, card: Mapping[str, Any]) -> None:
        self.path = path
        self.card = card

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.card["class_names"])

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image."""
        return self.card["height"], self.card["width"], self.card["channels"]

    def predict(self, images: np.ndarray) -> Probabilities:
        """Returns probabilities, float32 (n, num_classes), each row's sum 1.

        Args:
            images: uint8, or float32 in [0, 1], (n, height, width, channels).

        Raises:
            ValueError: If the images are of another type or shape, or the export is damaged.
        """
        if images.shape[1:] != self.input_shape or images.dtype not in (np.uint8, np.float32):
            raise ValueError(
                f"`images` must be uint8 or float32 (n, {', '.join(map(str, self.input_shape))}). "
                f"Received: {images.dtype} {images.shape}"
            )
        out = np.empty((len(images), len(self.class_names)), np.float32)
        for start in range(0, len(images), BATCH):
            chosen = slice(start, start + BATCH)
            out[chosen] = self._network(np.ascontiguousarray(images[chosen]))
        return out

    def timed(self) -> dict[str, Any]:
        """Measures how long answers take, and keeps it in the card; see `latency.measure`.

        Raises:
            OSError: If the disk is full.
        """
        found = latency.measure(self.predict, self.input_shape)
        place = self.path / registry.constant(_ROOM, self.card["format"], "CARD")
        written = json.loads(place.read_bytes())  # A format may say more than it was given.
        write_file(place, json.dumps({**written, "latency": found}, indent=1).encode())
        return found

    @functools.cached_property
    def _network(self) -> Callable[[np.ndarray], Probabilities]:
        load = registry.load(_ROOM, self.card["format"]).load
        predict: Callable[[np.ndarray], Probabilities] = load(self.path)
        with quiet.silenced():  # The first use of a device has its own messages.
            found = predict(np.zeros((1, *self.input_shape), np.uint8)).shape
        if found != (1, len(self.class_names)):
            raise ValueError(
                f"{self.path} is damaged: its network gives {found[1:]} probabilities, "
                f"its card names {len(self.class_names)} classes."
            )
        return predict


def read(path: Path) -> Export:
    """Opens the export at `path`; see `kerascnn.exporters.read`."""
    if not path.exists():
        raise FileNotFoundError(f"There is no export at {path}.")
    places = dict.fromkeys(registry.constant(_ROOM, name, "CARD") for name in registry.names(_ROOM))
    found = [path / place for place in places if (path / place).is_file()]
    if not found:
        raise ValueError(f"{path} is not an export: it holds no {' or '.join(places)}.")
    return Export(path, _card(found[0]))


def _card(path: Path) -> dict[str, Any]:
    """Returns the card in a file, with what every use needs in it."""
    try:
        card: dict[str, Any] = json.loads(path.read_bytes())
        sizes = [card[name] for name in ("height", "width", "channels")]
        names = card["class_names"]
        sound = all(type(size) is int and size > 0 for size in sizes) and bool(names)
        sound = sound and all(isinstance(name, str) for name in (card["format"], *names))
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise ValueError(f"{path} is damaged: it does not describe an export.")
    registry.source_file(_ROOM, card["format"])
    return card
