"""Gaussian blur, as of a lens out of focus."""

import numpy as np
from scipy import ndimage

# Standard deviation in pixels of an image of side 32 or less: CIFAR-10-C's.
STRENGTHS = (0.4, 0.6, 0.7, 0.8, 1.0)
_SIDE = 32


def corrupt(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Blurs each channel, edges continued; see the room's contract."""
    sigma = amount * max(1, min(image.shape[:2]) / _SIDE)
    return np.asarray(ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest"))
