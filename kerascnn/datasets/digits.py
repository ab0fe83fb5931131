"""Handwritten digits: 1,797 real grey images of 8 x 8 pixels, 10 classes, embedded.

The test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, as scikit-learn ships it.
Its 17 grey levels, 0 to 16, are spread over 0 to 255 and rounded.
"""

from pathlib import Path

import numpy as np

from kerascnn.datasets._arrays import Images


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Returns images uint8 (1797, 8, 8, 1) and labels 0 to 9."""
    from sklearn.datasets import load_digits  # It is slow to import.

    levels, labels = load_digits(return_X_y=True)
    pixels = np.rint(levels * (255 / 16)).astype(np.uint8)
    return Images(images=pixels.reshape(-1, 8, 8, 1), labels=labels)
