"""Image files that a user names, as networks take them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Shape = tuple[int, int, int]

# Images decoded before the network sees them.
_CHUNK = 256


def check_channels(channels: int, network: str) -> None:
    """Raises ValueError if a network takes what no image file holds."""
    if channels not in (1, 3):
        raise ValueError(f"Image files are grey or colour. {network} takes {channels} channels.")


def files(images: Sequence[str]) -> list[str]:
    """Returns the files named, and those in the folders named, hidden ones passed over.

    Raises:
        ValueError, OSError: If there is no such file, or a folder holds no images.
    """
    return list(_files(images))


def read(files: Sequence[str], shape: Shape) -> "Iterator[tuple[Sequence[str], np.ndarray]]":
    """Yields (files, their images, uint8 (n, height, width, channels)), some at a time.

    Args:
        files: Image files of any common format.
        shape: (height, width, channels) of an image.

    Raises:
        ValueError: If some cannot be read. The first is named, after all were tried.
    """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    unreadable: dict[str, str] = {}  # file -> reason
    with ThreadPoolExecutor() as pool:  # Pillow releases the lock as it decodes.
        for start in range(0, len(files), _CHUNK):
            chunk = files[start : start + _CHUNK]
            images = list(pool.map(lambda file: _pixels(file, shape), chunk))
            unreadable |= {f: i for f, i in zip(chunk, images, strict=True) if isinstance(i, str)}
            if not unreadable:  # Otherwise nothing is done; the rest is only counted.
                yield chunk, np.stack(images)
    if unreadable:
        file, reason = next(iter(unreadable.items()))
        raise ValueError(
            f"{file} cannot be read: {reason.rstrip('.')}.{_more(len(unreadable), len(files))}"
        )


def _files(images: Sequence[str]) -> Iterator[str]:
    from kerascnn.datasets._listing import SUFFIXES

    missing = [image for image in images if not os.path.exists(image)]
    if missing:
        raise FileNotFoundError(
            f"There is no file {missing[0]!r}.{_more(len(missing), len(images))}"
        )
    for image in images:
        if not os.path.isdir(image):
            yield image
            continue
        inside = sorted(
            path
            for path in Path(image).rglob("*")
            if path.name.lower().endswith(SUFFIXES)
            and path.is_file()
            and not any(word.startswith(".") for word in path.relative_to(image).parts)
        )
        if not inside:
            raise ValueError(
                f"{image} holds no images. Expected files that end in: {', '.join(SUFFIXES)}"
            )
        yield from map(str, inside)


def _pixels(file: str, shape: Shape) -> "np.ndarray | str":
    import numpy as np
    from PIL import Image

    from kerascnn.datasets import _decode

    height, width, channels = shape
    side = max(height, width)
    image = _decode.pixels(file, side=side, channels=channels)
    if isinstance(image, str):
        return image
    if height != width:  # Only arrays train such a network, and these were never resized.
        plane = Image.fromarray(image)
        image = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))
    return image.reshape(height, width, channels)


def _more(count: int, total: int) -> str:
    return f" So it is with {count:,} of {total:,}." if count > 1 else ""
