"""How images are changed before a network sees them: drawn from (seed, epoch), done in NumPy."""

import dataclasses

import numpy as np
import numpy.typing as npt

from kerascnn.trainers import _order

Floats = npt.NDArray[np.float64]
Images = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]

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

    shifts: Whole | None = None
    flips: npt.NDArray[np.bool_] | None = None
    angles: Floats | None = None
    crops: Floats | None = None
    holes: Whole | None = None

    def __getitem__(self, chosen: slice) -> "Changes":
        """Returns the changes of some of the images."""
        fields = {name: each[chosen] for name, each in vars(self).items() if each is not None}
        return Changes(**fields)


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
    return Changes(**drawn)  # type: ignore[arg-type]


def apply(images: Images, changes: Changes) -> Images:
    """Returns images (n, height, width, channels) as `changes` says, those of n images."""
    if changes.shifts is not None or changes.flips is not None:
        images = move(images, changes.shifts, changes.flips)
    if changes.angles is not None or changes.crops is not None:
        images = resample(images, changes.angles, changes.crops)
    if changes.holes is not None:
        images = cut(images, changes.holes)
    return images


def move(images: Images, shifts: Whole | None, flips: npt.NDArray[np.bool_] | None) -> Images:
    """Returns images flipped left to right, then shifted. What a shift uncovers is 0."""
    count, height, width, _ = images.shape
    shifts = np.zeros((count, 2), np.int64) if shifts is None else shifts
    rows = np.arange(height)[None, :] - shifts[:, :1]
    columns = np.arange(width)[None, :] - shifts[:, 1:]
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
    if flips is not None:
        columns = np.where(flips[:, None], width - 1 - columns, columns)
    picked = images[
        np.arange(count)[:, None, None],
        rows.clip(0, height - 1)[:, :, None],
        columns.clip(0, width - 1)[:, None, :],
    ]
    return np.asarray(picked * inside[..., None], np.float32)


def resample(images: Images, angles: Floats | None, crops: Floats | None) -> Images:
    """Returns images turned about their centre, then cropped and resized back, in one go.

    A pixel is a square of side 1 and an image all of its pixels: within it values are bilinear
    between the pixels' centres, and as at the nearest centre along the edge; outside it is 0.
    """
    count, height, width, _ = images.shape
    y = np.broadcast_to(np.arange(height)[None, :, None] + 0.5, (count, height, width))
    x = np.broadcast_to(np.arange(width)[None, None, :] + 0.5, (count, height, width))
    if crops is not None:
        share, top, left = crops.T[:, :, None, None]
        y, x = y * share + top * height, x * share + left * width
    if angles is not None:
        cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
        y, x = y - height / 2, x - width / 2
        y, x = x * sin + y * cos + height / 2, x * cos - y * sin + width / 2
    inside = (y >= 0) & (y <= height) & (x >= 0) & (x <= width)
    row, below, down = _neighbours(y, height)
    column, beside, right = _neighbours(x, width)
    start = (np.arange(count) * height * width)[:, None, None]
    corners = [
        start + rows * width + columns for rows in (row, below) for columns in (column, beside)
    ]
    out = np.empty_like(images)
    for channel in range(images.shape[3]):  # One by one: several times faster than at once.
        plane = images[..., channel].ravel()
        a, b, c, d = (plane.take(corner) for corner in corners)
        upper, lower = a + (b - a) * right, c + (d - c) * right
        out[..., channel] = (upper + (lower - upper) * down) * inside
    return out


def cut(images: Images, holes: Whole) -> Images:
    """Returns images with a square of half the shorter side set to 0 about each of `holes`.

    An even square's centre is the pixel below and right of its middle. What of it lies beyond
    the edge is lost.
    """
    _, height, width, _ = images.shape
    side = max(1, min(height, width) // 2)
    rows = np.arange(height)[None, :] - (holes[:, :1] - side // 2)
    columns = np.arange(width)[None, :] - (holes[:, 1:] - side // 2)
    hole = _within(rows, side)[:, :, None] & _within(columns, side)[:, None, :]
    return np.asarray(images * ~hole[..., None], np.float32)


def _neighbours(positions: Floats, size: int) -> tuple[Whole, Whole, Images]:
    """Returns the pixels before and after each position, and its share of the one after."""
    centres = (positions - 0.5).clip(0, size - 1)
    before = centres.astype(np.int64)
    return before, np.minimum(before + 1, size - 1), (centres - before).astype(np.float32)


def _within(positions: Whole, size: int) -> npt.NDArray[np.bool_]:
    return np.asarray((positions >= 0) & (positions < size), np.bool_)
