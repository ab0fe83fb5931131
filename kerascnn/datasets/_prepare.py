"""What an entry read, checked and written as the files that every later `load` maps."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn.datasets import _labels, _pixels
from kerascnn.datasets._arrays import Images, read_names

# The largest class may be this many times the smallest before it is worth a sentence.
_UNBALANCED = 1.5
NAMES = "names.json"
# Most of 0 to 255 unused: probably 17 grey levels, or 0 and 1, stored as whole numbers.
_DARK = 32


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Stored:
    """One folder of the cache, opened.

    Attributes:
        images: A read-only memory map.
        labels: int32 (n,), class indices.
        copies: int64 (n,), for each image the index of the first one with the same pixels.
        is_test: bool (n,), the official test images; None if there is no official test set.
        names: The images' paths in the dataset; empty if they are not files.
        meta: class_names, scale, offset, notes, and pixels: the digest of the images.
    """

    images: np.ndarray
    labels: npt.NDArray[np.int32]
    copies: npt.NDArray[np.int64]
    is_test: npt.NDArray[np.bool_] | None
    names: tuple[str, ...]
    meta: dict[str, Any]


def write(data: Images, folder: Path, *, image_size: int, what: str) -> None:
    """Checks what was read and writes it to `folder`, `meta.json` last.

    Args:
        data: The images, which may be a memory map of `images.npy` in `folder`.
        folder: Where to write.
        image_size: Side to resize images to that have another; 0: keep them.
        what: What the data are called in an error.

    Raises:
        ValueError: If the data do not keep the contract of the room.
    """
    images = _checked(data, what)
    labels, class_names, notes = _labels.classes(data.labels, data.class_names, f"Labels of {what}")
    training = np.ones(len(labels), bool) if data.is_test is None else ~data.is_test
    _check_test_classes(labels, training, class_names, what)
    if image_size:
        images = _pixels.resize(images, image_size)
    scale, offset = _pixels.scale_of(images, training)
    meta = {
        "class_names": list(class_names),
        "scale": scale,
        "offset": offset,
        "notes": [
            *data.notes,
            *notes,
            *_scaled(images, scale, offset),
            *_unbalanced(labels, class_names),
        ],
        "pixels": _pixels.digest_of(images),
    }
    _save(folder / "labels.npy", labels)
    _save(folder / "copies.npy", _pixels.copies(images))
    if data.is_test is not None:
        _save(folder / "is_test.npy", data.is_test)
    if not _is_map_of(images, folder / "images.npy"):
        _save(folder / "images.npy", images)
    (folder / NAMES).write_text(json.dumps(data.names), encoding="utf-8")
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def open_folder(folder: Path) -> Stored | None:
    """Returns what `write` wrote, or None if it is missing or damaged."""
    test = folder / "is_test.npy"
    try:
        return Stored(
            meta=json.loads((folder / "meta.json").read_text(encoding="utf-8")),
            images=np.load(folder / "images.npy", mmap_mode="r"),
            labels=np.load(folder / "labels.npy"),
            copies=np.load(folder / "copies.npy"),
            is_test=np.load(test) if test.exists() else None,
            names=read_names(folder / NAMES),
        )
    except (FileNotFoundError, ValueError, EOFError):
        return None


def _checked(data: Images, what: str) -> np.ndarray:
    images, labels, is_test = data.images, data.labels, data.is_test
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"Images of {what} must be (n, height, width, channels), none of them 0. "
            f"Received: {images.shape}"
        )
    if images.dtype not in (np.uint8, np.float32):
        raise ValueError(f"Images of {what} must be uint8 or float32. Received: {images.dtype}")
    if images.dtype == np.float32:
        _pixels.check_finite(images, f"Pixels of {what}")
    if len(labels) != len(images):
        raise ValueError(
            f"{what} must have a label for each image. "
            f"Received: {len(images)} images, {len(labels)} labels"
        )
    if data.names and len(data.names) != len(images):
        raise ValueError(
            f"{what} must have a name for each image, or none at all. "
            f"Received: {len(images)} images, {len(data.names)} names"
        )
    if odd := [name for name in data.names if not isinstance(name, str)]:
        raise ValueError(f"`names` of {what} must be strings. Received: {odd[0]!r}")
    if is_test is not None and (is_test.shape != (len(images),) or is_test.dtype != bool):
        raise ValueError(
            f"`is_test` of {what} must be bool ({len(images)},). "
            f"Received: {is_test.dtype} {is_test.shape}"
        )
    return images


def _check_test_classes(
    labels: npt.NDArray[np.int32],
    training: npt.NDArray[np.bool_],
    class_names: tuple[str, ...],
    what: str,
) -> None:
    extra = np.setdiff1d(labels[~training], labels[training])
    if len(extra):
        raise ValueError(
            f"Test images of {what} are of classes that no training image is of: "
            f"{', '.join(class_names[index] for index in extra)}."
        )


def _scaled(images: np.ndarray, scale: float, offset: float) -> tuple[str, ...]:
    if (scale, offset) not in ((1.0, 0.0), (1 / 255, 0.0)):
        low, high = -offset / scale, (1 - offset) / scale
        return (f"Pixels from {low:g} to {high:g} are scaled to 0 to 1.",)
    if images.dtype != np.uint8 or images.max() >= _DARK:
        return ()
    return (
        f"The brightest pixel is {images.max()} of 255: if that is white, "
        "store the images as floating point in [0, 1] instead.",
    )


def _unbalanced(labels: npt.NDArray[np.int32], class_names: tuple[str, ...]) -> tuple[str, ...]:
    counts = np.bincount(labels)
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[most] <= _UNBALANCED * counts[least]:
        return ()
    return (
        f"The classes are unbalanced: from {counts[least]:,} images ({class_names[least]}) "
        f"to {counts[most]:,} ({class_names[most]}).",
    )


def _is_map_of(images: np.ndarray, path: Path) -> bool:
    name = getattr(images, "filename", None)
    return name is not None and path.exists() and os.path.samefile(name, path)


def _save(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
