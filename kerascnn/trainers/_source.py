"""Images and labels for compiled calls: on the device as stored, or streamed to it in pieces."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import memory
from kerascnn.datasets._arrays import Dataset

# Data up to this share of the memory stay on the device; several workers keep a copy each.
_RESIDENT = 1 / 32
# Bytes of images in one piece where they are streamed.
_PIECE = 64_000_000

Put = Callable[[np.ndarray], Any]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Piece:
    """Images on the device and the order in which they are taken.

    Attributes:
        images: uint8 or float32 (m, height, width, channels), as stored.
        labels: int32 (m,).
        order: int32 (k,), positions among the m.
        extras: Arrays (k, ...) by name, of the images in their order: how each is changed.
        count: How many of the k are taken, from the first on; beyond is padding.
    """

    images: Any
    labels: Any
    order: Any
    extras: Mapping[str, Any]
    count: int


class Source:
    """The images of a data set, for compiled calls.

    Args:
        data: The data.
        put: Puts an array on the device.
    """

    def __init__(self, data: Dataset, put: Put) -> None:
        room = memory.total() * _RESIDENT
        self.data = data
        self._put = put
        self._resident = None
        if data.images.nbytes <= room:
            self._resident = put(np.asarray(data.images)), put(data.labels)
        image_bytes = data.images.nbytes // len(data.images)
        self._most = max(1, min(_PIECE, int(room)) // image_bytes)

    def pieces(
        self,
        order: npt.NDArray[np.int64],
        extras: Mapping[str, np.ndarray],
        multiple: int,
        *,
        beside: int = 1,
    ) -> Iterator[Piece]:
        """Yields pieces that hold the images at `order`, one after another.

        Args:
            order: Indices into the data (n,).
            extras: Arrays (n, ...) by name.
            multiple: What the number of images of every piece but the last is a multiple of.
            beside: How many orders are gone through at once: pieces are that much smaller.
        """
        if self._resident is not None:
            images, labels = self._resident
            extras = {name: self._put(each) for name, each in extras.items()}
            order_there = self._put(order.astype(np.int32))
            yield Piece(
                images=images, labels=labels, order=order_there, extras=extras, count=len(order)
            )
            return
        size = max(1, self._most // beside // multiple) * multiple
        with ThreadPoolExecutor(1) as reader:  # Reads a piece while the one before is trained on.
            starts = range(0, len(order), size)
            ahead = reader.submit(self._read, order, extras, 0, size)
            for start in starts:
                piece = ahead.result()
                if start + size < len(order):
                    ahead = reader.submit(self._read, order, extras, start + size, size)
                yield piece

    def _read(
        self, order: npt.NDArray[np.int64], extras: Mapping[str, np.ndarray], start: int, size: int
    ) -> Piece:
        """Reads a piece from the memory map, padded to `size`: one shape, one program."""
        chosen = order[start : start + size]
        padded = np.resize(chosen, size)
        return Piece(
            images=self._put(self.data.images[padded]),
            labels=self._put(self.data.labels[padded]),
            order=self._put(np.arange(size, dtype=np.int32)),
            extras={
                name: self._put(np.resize(each[start : start + size], (size, *each.shape[1:])))
                for name, each in extras.items()
            },
            count=len(chosen),
        )
