"""A grey square in front of a part of the image; ours, after DeVries and Taylor's cutout.

"Improved Regularization of Convolutional Neural Networks with Cutout", 2017,
arxiv.org/abs/1708.04552, whose square is a quarter of the area at most and may lie across an edge:
this one lies within.
"""

import numpy as np

# Side of the square, as a share of the shorter side.
STRENGTHS = (0.15, 0.25, 0.35, 0.45, 0.55)


def corrupt(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Covers a square, anywhere in the image, with middle grey; see the room's contract."""
    height, width, _ = image.shape
    side = max(1, round(amount * min(height, width)))
    top, left = (int(rng.random() * (room - side + 1)) for room in (height, width))
    covered = image.copy()
    covered[top : top + side, left : left + side] = 0.5
    return covered
