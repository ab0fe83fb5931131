"""How images are changed before a network sees them: drawn from (seed, epoch) in NumPy.

They are changed where the trainer has them: in NumPy, or on a backend's tensors inside a compiled
call. Both are this one text: `ops` is `numpy` or `keras.ops`, whose functions used here agree.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn.trainers import _order

# Of NumPy, or a backend's tensor; the first axis of tensors may be unknown while tracing.
Array = Any

# What is drawn in 64 bits -> what a compiled call takes: JAX has no more than 32.
_COMPILED = {"int64": "int32", "float64": "float32"}

_ANGLE = np.deg2rad(15.0)
_LEAST_AREA = 0.64


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Changes:
    """How each of n images is changed, by its position in an epoch's order; None: not so.

    They are done in the order of the attributes, rotation and crop in one go.

    Attributes:
        shifts: (down, right) in pixels, int64 (n, 2).
        flips: Whether left and right are swapped, before the shift: bool (n,).
        angles: Radians, counter-clockwise: float64 (n,).
        crops: The region that becomes the image, in shares of its height and width: the
            region's own share (one, for both sides), top and left. float64 (n, 3).
        holes: (row, column) of the centre of the square that is set to 0: int64 (n, 2).
    """

    shifts: Array | None = None
    flips: Array | None = None
    angles: Array | None = None
    crops: Array | None = None
    holes: Array | None = None

    def __getitem__(self, chosen: slice) -> "Changes":
        """Returns the changes of some of the images."""
        fields = {name: each[chosen] for name, each in vars(self).items() if each is not None}
        return Changes(**fields)

    def arrays(self) -> dict[str, Array]:
        """Returns what is drawn, by name, as a compiled call takes it: in at most 32 bits.

        Inside the call `Changes(**arrays)` are the changes again.
        """
        drawn = {name: each for name, each in vars(self).items() if each is not None}
        return {
            name: each.astype(_COMPILED.get(each.dtype.name, each.dtype))
            for name, each in drawn.items()
        }


def draw(kind: str, seed: int, epoch: int, count: int, shape: tuple[int, int]) -> Changes:
    """Draws how each of `count` images is changed in an epoch.

    Args:
        kind: A `RunSpec.augmentation`.
        seed: The run's.
        epoch: 1, 2, ...
        count: Number of images.
        shape: (height, width) of an image in pixels. Shifts reach an eighth of the shorter, at
            least 1 pixel.
    """
    drawn: dict[str, npt.NDArray[np.generic]] = {}
    chosen = kind.split("+")
    if "shift" in chosen or "flip" in chosen:
        rng = _order.stream("shift+flip", seed, epoch)
        reach = max(1, min(shape) // 8)
        # One stream: the shifts are drawn for the flips' sake too.
        shifts = rng.integers(-reach, reach + 1, (count, 2))
        flips = rng.random(count) < 0.5
        drawn |= {"shifts": shifts} if "shift" in chosen else {}
        drawn |= {"flips": flips} if "flip" in chosen else {}
    if "rotation" in chosen:
        drawn["angles"] = _order.stream("rotation", seed, epoch).uniform(-_ANGLE, _ANGLE, count)
    if "crop" in chosen:
        rng = _order.stream("crop", seed, epoch)
        share = np.sqrt(rng.uniform(_LEAST_AREA, 1.0, (count, 1)))
        drawn["crops"] = np.hstack([share, rng.random((count, 2)) * (1.0 - share)])
    if "cutout" in chosen:
        drawn["holes"] = _order.stream("cutout", seed, epoch).integers(0, shape, (count, 2))
    return Changes(**drawn)


def apply(images: Array, changes: Changes, ops: Any = np) -> Array:
    """Returns images as `changes` says, those of n images.

    Args:
        images: float32 (n, height, width, channels).
        changes: NumPy arrays or, with `keras.ops`, tensors of the types of `Changes.arrays`.
        ops: `numpy` or `keras.ops`. The two differ by less than 1e-5 in a pixel, but where one
            that is turned looks to within rounding at the very edge of the image.
    """
    if changes.shifts is not None or changes.flips is not None:
        images = move(images, changes.shifts, changes.flips, ops)
    if changes.angles is not None or changes.crops is not None:
        images = resample(images, changes.angles, changes.crops, ops)
    if changes.holes is not None:
        images = cut(images, changes.holes, ops)
    return images


def move(images: Array, shifts: Array | None, flips: Array | None, ops: Any = np) -> Array:
    """Returns images flipped left to right, then shifted. What a shift uncovers is 0."""
    count, height, width, channels = ops.shape(images)
    rows, columns = _range(height, ops)[None, :], _range(width, ops)[None, :]
    if shifts is not None:
        rows, columns = rows - shifts[:, :1], columns - shifts[:, 1:]
    within, beside = _within(rows, height), _within(columns, width)
    if flips is not None:
        columns = ops.where(flips[:, None], width - 1 - columns, columns)
    # One 0 behind all pixels is what is seen beyond an edge: no mask, and half the time in NumPy.
    beyond = count * height * width
    rows = ops.where(within, (_range(count, ops)[:, None] * height + rows) * width, beyond)
    columns = ops.where(beside, columns, beyond)
    pixels = ops.reshape(images, (-1, channels))
    pixels = ops.concatenate([pixels, ops.zeros((1, channels), "float32")], axis=0)
    positions = ops.minimum(rows[:, :, None] + columns[:, None, :], beyond)
    return ops.take(pixels, positions, axis=0)


def resample(images: Array, angles: Array | None, crops: Array | None, ops: Any = np) -> Array:
    """Returns images turned about their centre, then cropped and resized back, in one go.

    A pixel is a square of side 1 and an image all of its pixels: within it values are bilinear
    between the pixels' centres, and as at the nearest centre along the edge; outside it is 0.
    """
    count, height, width, channels = ops.shape(images)
    dtype = next(each.dtype for each in (angles, crops) if each is not None)
    y = ops.arange(height, dtype=dtype)[None, :, None] + 0.5
    x = ops.arange(width, dtype=dtype)[None, None, :] + 0.5
    if crops is not None:
        y = y * crops[:, 0, None, None] + crops[:, 1, None, None] * height
        x = x * crops[:, 0, None, None] + crops[:, 2, None, None] * width
    if angles is not None:
        cos, sin = ops.cos(angles)[:, None, None], ops.sin(angles)[:, None, None]
        y, x = y - height / 2, x - width / 2
        y, x = x * sin + y * cos + height / 2, x * cos - y * sin + width / 2
    inside = _cast((y >= 0) & (y <= height) & (x >= 0) & (x <= width), "float32", ops)
    row, below, down = _neighbours(y, height, ops)
    column, beside, right = _neighbours(x, width, ops)
    start = (_range(count, ops) * (height * width))[:, None, None]
    corners = [
        start + rows * width + columns for rows in (row, below) for columns in (column, beside)
    ]
    right, down, inside = right[..., None], down[..., None], inside[..., None]
    # Whole pixels at once, but in NumPy, where one channel after the other is faster.
    step = 1 if ops is np else channels
    out = []
    for channel in range(0, channels, step):
        pixels = ops.reshape(images[..., channel : channel + step], (-1, step))
        a, b, c, d = (ops.take(pixels, corner, axis=0) for corner in corners)
        upper, lower = a + (b - a) * right, c + (d - c) * right
        out.append((upper + (lower - upper) * down) * inside)
    return ops.concatenate(out, axis=-1)


def cut(images: Array, holes: Array, ops: Any = np) -> Array:
    """Returns images with a square of half the shorter side set to 0 about each of `holes`.

    An even square's centre is the pixel below and right of its middle. What of it lies beyond
    the edge is lost.
    """
    _, height, width, _ = images.shape
    side = max(1, min(height, width) // 2)
    rows = _range(height, ops)[None, :] - (holes[:, :1] - side // 2)
    columns = _range(width, ops)[None, :] - (holes[:, 1:] - side // 2)
    hole = _within(rows, side)[:, :, None] & _within(columns, side)[:, None, :]
    return images * _cast(~hole, "float32", ops)[..., None]


def _neighbours(positions: Array, size: int, ops: Any) -> tuple[Array, Array, Array]:
    """Returns the pixels before and after each position, and its share of the one after."""
    centres = ops.clip(positions - 0.5, 0, size - 1)
    before = ops.floor(centres)
    share = _cast(centres - before, "float32", ops)
    before = _cast(before, _whole(ops), ops)
    return before, ops.minimum(before + 1, size - 1), share


def _within(positions: Array, size: int) -> Array:
    return (positions >= 0) & (positions < size)


def _range(count: Any, ops: Any) -> Array:
    return ops.arange(count, dtype=_whole(ops))


def _whole(ops: Any) -> str:
    """The type of positions: NumPy takes by int64 faster, and JAX has int32 alone."""
    return "int64" if ops is np else "int32"


def _cast(values: Array, dtype: str, ops: Any) -> Array:
    return values.astype(dtype) if ops is np else ops.cast(values, dtype)
