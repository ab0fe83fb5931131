"""A turn about the middle, one way or the other; ours."""

import numpy as np
from PIL import Image

# Degrees.
STRENGTHS = (5.0, 10.0, 15.0, 22.5, 30.0)


def corrupt(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Turns each channel, bilinear, corners filled with 0; see the room's contract."""
    degrees = amount if rng.random() < 0.5 else -amount
    planes = [Image.fromarray(np.float32(image[..., c])) for c in range(image.shape[2])]
    turned = [plane.rotate(degrees, Image.Resampling.BILINEAR) for plane in planes]
    return np.stack([np.asarray(plane, np.float64) for plane in turned], axis=2)
