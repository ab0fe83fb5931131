"""More light, at the same hue and saturation."""

import numpy as np

# What is added to the value of HSV, the largest channel: CIFAR-10-C's.
STRENGTHS = (0.05, 0.1, 0.15, 0.2, 0.3)


def corrupt(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Raises the largest channel, and the others in proportion; see the room's contract."""
    value = image.max(axis=2, keepdims=True)
    raised = np.minimum(value + amount, 1)
    # Black has no hue: it becomes grey.
    return np.asarray(np.where(value > 0, image * (raised / np.maximum(value, 1e-9)), raised))
