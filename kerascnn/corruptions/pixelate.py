"""Coarser pixels, as of an image enlarged from a small one."""

import numpy as np
from PIL import Image

# Side of the small image, as a share: CIFAR-10-C's.
STRENGTHS = (0.95, 0.9, 0.85, 0.75, 0.65)


def corrupt(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Averages boxes and enlarges them again, channel by channel; see the room's contract."""
    height, width, channels = image.shape
    small = max(1, int(width * amount)), max(1, int(height * amount))
    planes = [Image.fromarray(np.float32(image[..., channel])) for channel in range(channels)]
    box = Image.Resampling.BOX
    coarse = [plane.resize(small, box).resize((width, height), box) for plane in planes]
    return np.stack([np.asarray(plane, np.float64) for plane in coarse], axis=2)
