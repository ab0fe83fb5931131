"""Values that are black or white, as of broken pixels: salt and pepper."""

import numpy as np

# Share of values: CIFAR-10-C's.
STRENGTHS = (0.01, 0.02, 0.03, 0.05, 0.07)


def corrupt(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Sets a share of values to 0 or 1, half the time each; see the room's contract."""
    hit = rng.random(image.shape) < amount
    return np.where(hit, rng.random(image.shape) < 0.5, image)
