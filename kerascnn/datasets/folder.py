"""A folder of class folders of images, or of `train` and `test`, each with the class folders.

Every image becomes a square of `image_size` pixels a side, without keeping its proportions; by
default the median side of all images, at most 64. EXIF rotation is applied. Images are read in
colour unless every one of them is grey. Transparent pixels are laid over white, 16-bit grey
becomes 8-bit, and of a moving picture the first frame is taken. Hidden files are passed over.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerascnn.datasets import _listing
from kerascnn.datasets._arrays import Images

TAKES = "folder"
_NAMED = 3


def identity(source: str) -> str:
    listing = _listing.scan(Path(source))
    digest = hashlib.sha256(repr((listing.class_names, listing.notes)).encode())
    for file in listing.files:
        digest.update(os.fsencode(f"{file.path}\0{file.size}\0{file.changed}\0"))
    return digest.hexdigest()


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Decodes every image once, in parallel, into `images.npy` of `scratch`.

    Raises:
        ValueError: If the folder does not hold at least 2 class folders with images, or an image
            cannot be read and `skip_bad` is not set.
    """
    from kerascnn.datasets import _decode  # Pillow: not to open what was decoded before.

    listing = _listing.scan(Path(source))
    paths = [os.path.join(source, file.path) for file in listing.files]
    decoded = _decode.decode(paths, scratch / "images.npy", image_size=image_size)
    bad = decoded.unreadable  # index -> reason
    if bad and not skip_bad:
        first = min(bad)
        raise ValueError(
            f"{len(bad):,} of {len(paths):,} images of {source} cannot be read (--skip-bad leaves "
            f"such images out), first {listing.files[first].path}: {bad[first]}"
        )
    kept = [file for index, file in enumerate(listing.files) if index not in bad]
    _check_left(source, listing, kept)
    lost = [listing.files[index].path for index in sorted(bad)]
    skipped = (f"Unreadable images left out: {len(bad):,} ({_some(lost)}).",) if bad else ()
    return Images(
        images=np.load(scratch / "images.npy", mmap_mode="r"),
        labels=np.array([file.label for file in kept], np.int64),
        is_test=np.array([file.is_test for file in kept]) if listing.has_test else None,
        class_names=listing.class_names,
        notes=(decoded.note, *listing.notes, *skipped),
        names=tuple(file.path.replace(os.sep, "/") for file in kept),
    )


def _check_left(source: str, listing: _listing.Listing, kept: Sequence[_listing.File]) -> None:
    """Raises ValueError if a class folder has lost all its images."""
    lost = {_folder(file.path) for file in listing.files} - {_folder(file.path) for file in kept}
    if lost:
        raise ValueError(
            f"Class folder {min(lost)!r} of {source} holds no readable image. "
            "Each needs at least one."
        )


def _folder(path: str) -> str:
    return os.path.dirname(path)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join([*names[:_NAMED], *([f"and {more:,} more"] if more > 0 else [])])
