"""Arrays of images: their standard types, scale, size, copies and digest."""

import hashlib

import numpy as np
import numpy.typing as npt

_BLOCK = 1024


def standard(images: np.ndarray, what: str) -> np.ndarray:
    """Returns images as uint8, or as float32 where they are not whole numbers from 0 to 255.

    True is 255, as white as white is.

    Raises:
        ValueError: If the pixels are not numbers, or not finite in float32.
    """
    kind = images.dtype.kind
    if kind == "b":
        return images.astype(np.uint8) * np.uint8(255)
    if kind not in "iuf":
        raise ValueError(f"{what} must be real numbers. Received: {images.dtype}")
    if kind in "iu" and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    with np.errstate(over="ignore"):  # Becomes infinite, and is refused as such.
        images = images.astype(np.float32)
    check_finite(images, what)
    return images


def check_finite(images: np.ndarray, what: str) -> None:
    """Raises ValueError, with the first image's index and the count, if pixels are not finite."""
    bad = 0
    first = -1
    for start in range(0, len(images), _BLOCK):
        block = ~np.isfinite(images[start : start + _BLOCK]).all(axis=tuple(range(1, images.ndim)))
        if block.any() and first < 0:
            first = start + int(block.argmax())
        bad += int(block.sum())
    if bad:
        raise ValueError(
            f"{what} must be finite. Received: NaN or infinite pixels in {bad} of {len(images)} "
            f"images, the first of them number {first}"
        )


def scale_of(images: np.ndarray, training: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Returns (scale, offset) so that `image * scale + offset` puts training pixels in [0, 1].

    uint8 is divided by 255. So are floats within 0 to 255, unless they are within [0, 1] already.
    Any other range is stretched from its minimum to its maximum over the training images alone;
    test pixels beyond these leave [0, 1].
    """
    if images.dtype == np.uint8:
        return 1 / 255, 0.0
    low, high = np.inf, -np.inf
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK][training[start : start + _BLOCK]]
        if block.size:
            low, high = min(low, float(block.min())), max(high, float(block.max()))
    if low >= 0 and high <= 255:
        return (1.0, 0.0) if high <= 1 else (1 / 255, 0.0)
    scale = 1 / (high - low) if high > low else 1.0
    return scale, -low * scale


def resize(images: np.ndarray, side: int) -> np.ndarray:
    """Returns images (n, side, side, channels) of the same type.

    Bilinear with antialiasing, each channel on its own; proportions are not kept.
    """
    if images.shape[1:3] == (side, side):
        return images
    from PIL import Image

    resized = np.empty((len(images), side, side, images.shape[3]), images.dtype)
    for image, target in zip(images, resized, strict=True):
        for channel in range(images.shape[3]):
            plane = Image.fromarray(np.ascontiguousarray(image[..., channel]))
            target[..., channel] = plane.resize((side, side), Image.Resampling.BILINEAR)
    return resized


def copies(images: np.ndarray) -> npt.NDArray[np.int64]:
    """Returns for each image the index of the first one with the same bytes: its own, mostly."""
    firsts: dict[bytes, int] = {}  # digest -> index
    groups = np.empty(len(images), np.int64)
    for index, image in enumerate(np.asarray(images)):
        digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        groups[index] = firsts.setdefault(digest, index)
    return groups


def digest_of(images: np.ndarray) -> str:
    """Returns the SHA-256 of type, shape and bytes, in hexadecimal."""
    digest = hashlib.sha256(f"{images.dtype.str} {images.shape}".encode())
    for start in range(0, len(images), _BLOCK):
        digest.update(np.ascontiguousarray(images[start : start + _BLOCK]).data)
    return digest.hexdigest()
