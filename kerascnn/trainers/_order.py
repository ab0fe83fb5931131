"""What a run sees and when, drawn from (seed, epoch) alone: the same in every trainer.

Neither Keras' own shuffling nor its augmentation layers can be reproduced by another trainer or
backend: the one is a stateful operation of the input pipeline, the other of the graph.
"""

import numpy as np
import numpy.typing as npt

# Streams of one (seed, epoch), so that asking for one never moves the other.
_ORDER, _AUGMENTATION = 0, 1


def permutation(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """Returns the order of epoch `epoch` (1, 2, ...): a permutation of range(count)."""
    return np.random.default_rng([seed, epoch, _ORDER]).permutation(count)


def moves(
    kind: str, seed: int, epoch: int, count: int, side: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Draws how each of `count` images is moved in an epoch, by its position in the order.

    Args:
        kind: One of `checks.AUGMENTATIONS`.
        seed: The run's.
        epoch: 1, 2, ...
        count: Number of images.
        side: The shorter side in pixels; shifts reach an eighth of it, at least 1 pixel.

    Returns:
        (down, right) in pixels, int64 (count, 2), and whether to flip, bool (count,).
    """
    rng = np.random.default_rng([seed, epoch, _AUGMENTATION])
    reach = max(1, side // 8)
    shifts = rng.integers(-reach, reach + 1, (count, 2))
    flips = rng.random(count) < 0.5
    chosen = kind.split("+")
    return (
        shifts if "shift" in chosen else np.zeros_like(shifts),
        flips if "flip" in chosen else np.zeros_like(flips),
    )


def move(
    images: npt.NDArray[np.float32],
    shifts: npt.NDArray[np.int64],
    flips: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    """Returns images (n, height, width, channels) flipped left to right, then shifted.

    What a shift uncovers is 0.
    """
    count, height, width, _ = images.shape
    rows = np.arange(height)[None, :] - shifts[:, :1]
    columns = np.arange(width)[None, :] - shifts[:, 1:]
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
    columns = np.where(flips[:, None], width - 1 - columns, columns)
    picked = images[
        np.arange(count)[:, None, None],
        rows.clip(0, height - 1)[:, :, None],
        columns.clip(0, width - 1)[:, None, :],
    ]
    return np.asarray(picked * inside[..., None], np.float32)


def _within(positions: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.bool_]:
    return np.asarray((positions >= 0) & (positions < size), np.bool_)
