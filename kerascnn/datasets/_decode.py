"""Image files to one array on disk, decoded in threads: Pillow releases the lock as it decodes."""

import collections
import contextlib
import dataclasses
import functools
import io
import os
import struct
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LARGEST_SIDE = 64
_CHUNK = 32
# Below this side opening a file takes longer than decoding it, and threads only wait for each
# other (Pillow 13, 2 cores: 0.16 ms an image with 1 thread and 0.24 with 2 at side 32; equal at
# 64; 2.4 and 1.3 ms at 1,000).
_SMALL = 64
# What Pillow is known to raise for damaged files, besides its own.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    ArithmeticError,
    struct.error,
    Image.DecompressionBombError,
)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Header = tuple[int, int, bool]  # width, height, whether it is grey


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoded:
    """Attributes:
    unreadable: Index of a path -> why it could not be read.
    note: The size of the images, a sentence.
    """

    unreadable: Mapping[int, str]
    note: str


def decode(paths: Sequence[str], target: Path, *, image_size: int) -> Decoded:
    """Writes the readable images to `target`, uint8 (n, side, side, 1 or 3), in their order.

    Args:
        paths: The image files.
        target: An `.npy` file to write, a block at a time: memory does not grow with the images.
        image_size: The side in pixels; 0: the median of all widths and heights, at most 64.
    """
    with _progress() as progress:
        headers = list(_followed(progress, "Reading sizes", os.cpu_count() or 1, _header, paths))
        known = [header for header in headers if not isinstance(header, str)]
        median = _median_side(known)
        side = image_size or min(LARGEST_SIDE, median)
        channels = 1 if all(grey for _, _, grey in known) else 3
        threads = 1 if median < _SMALL else os.cpu_count() or 1
        read = functools.partial(pixels, side=side, channels=channels)
        images = _followed(progress, "Decoding images", threads, read, paths)
        with contextlib.closing(images):  # Else a full disk would leave the threads at work.
            unreadable = _write(images, target, (len(paths), side, side, channels))
    return Decoded(unreadable=unreadable, note=_size_note(known, side, image_size))


def _write(
    images: Iterable[np.ndarray | str], target: Path, shape: tuple[int, int, int, int]
) -> dict[int, str]:
    """Writes the images one after the other, and returns index -> reason of the unreadable."""
    unreadable: dict[int, str] = {}
    with open(target, "wb") as file:
        file.write(_npy_header(shape))
        for index, image in enumerate(images):
            if isinstance(image, str):
                unreadable[index] = image
            else:
                file.write(image.data)
        file.seek(0)
        file.write(_npy_header((shape[0] - len(unreadable), *shape[1:])))
        file.flush()
        os.fsync(file.fileno())
    return unreadable


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _followed(
    progress: Progress,
    title: str,
    threads: int,
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
) -> Generator[_Result, None, None]:
    """Maps in threads, in order, with few results waiting; the progress bar follows."""
    task = progress.add_task(title, total=len(items))
    chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
    waiting: collections.deque[Future[list[_Result]]] = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_each, function, chunk))
                if len(waiting) > 4 * threads:
                    results = waiting.popleft().result()
                    yield from results
                    progress.advance(task, len(results))
            while waiting:
                results = waiting.popleft().result()
                yield from results
                progress.advance(task, len(results))
        finally:
            pool.shutdown(cancel_futures=True)


def _each(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    return [function(item) for item in items]


def _header(path: str) -> _Header | str:
    try:
        with Image.open(path) as image:
            return image.width, image.height, image.mode in _GREY
    except _UNREADABLE as error:
        return _reason(error)


def pixels(path: str, side: int, channels: int) -> np.ndarray | str:
    """Returns uint8 (side, side) or, in colour, (side, side, 3); or why it cannot be read.

    Steps that a small image does not need are passed over: for 32 x 32 pixels, each takes as long
    as the decoding itself.
    """
    try:
        with Image.open(path) as image:
            if min(image.size) >= 4 * side:
                # A JPEG much larger than needed is decoded at a half, a quarter or an eighth.
                image.draft("RGB", (2 * side, 2 * side))
            if image.format != "JPEG" or "exif" in image.info or "xmp" in image.info:
                ImageOps.exif_transpose(image, in_place=True)
            plain = _opaque(image)
            mode = "L" if channels == 1 else "RGB"
            if plain.mode != mode:
                plain = plain.convert(mode)
            if plain.size != (side, side):
                plain = plain.resize((side, side), Image.Resampling.BILINEAR)
            # Half the time of `np.asarray`.
            pixels = np.frombuffer(plain.tobytes(), np.uint8)
            return pixels.reshape((side, side) if channels == 1 else (side, side, 3))
    except _UNREADABLE as error:
        return _reason(error)


_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("32-bit floating-point pixels")
    if image.mode.startswith("I"):
        levels = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA"))
    return image


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image."
    return (str(error).splitlines() or [type(error).__name__])[0]


def _median_side(known: Sequence[_Header]) -> int:
    sides = [side for width, height, _ in known for side in (width, height)]
    return round(float(np.median(sides))) if sides else 1


def _size_note(known: Sequence[_Header], side: int, image_size: int) -> str:
    other = sum((width, height) != (side, side) for width, height, _ in known)
    if not other:
        return f"Images are {side} x {side} pixels."
    rule = "as asked" if image_size else f"the median side, at most {LARGEST_SIDE}"
    return (
        f"Images are resized to {side} x {side} pixels ({rule}); "
        f"{other:,} of {len(known):,} had another size."
    )


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Returns the start of an `.npy` file of uint8; NumPy makes it as long for any n."""
    file = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, fields)
    return file.getvalue()
