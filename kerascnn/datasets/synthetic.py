"""Random images whose class is their brightest quadrant: learnable offline in seconds.

600 grey images of 8 x 8 pixels, 150 of each of 4 classes, the same in every process.
"""

from pathlib import Path

import numpy as np

from kerascnn.datasets._arrays import Images

CLASS_NAMES = ("top left", "top right", "bottom left", "bottom right")
_COUNT = 600
_SIDE = 8


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Returns images uint8 (600, 8, 8, 1): noise of 0 to 127, and 128 more in one quadrant."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 128, (_COUNT, _SIDE, _SIDE, 1), dtype=np.uint8)
    labels = rng.permutation(np.arange(_COUNT) % 4)
    half = _SIDE // 2
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * half : (row + 1) * half, column * half : (column + 1) * half] += 128
    return Images(images=images, labels=labels, class_names=CLASS_NAMES)
