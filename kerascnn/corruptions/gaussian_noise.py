"""Gaussian noise on every value, as of a sensor in low light."""

import numpy as np

# Standard deviation, of a range of 1: CIFAR-10-C's.
STRENGTHS = (0.04, 0.06, 0.08, 0.09, 0.10)


def corrupt(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Adds noise; see the room's contract."""
    return np.asarray(image + rng.normal(0, 1, image.shape) * amount)
