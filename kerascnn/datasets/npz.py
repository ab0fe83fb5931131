"""An `.npz` file in Keras' own layout: x_train, y_train, x_test and y_test.

Images are (n, height, width) or (n, height, width, channels); boolean, integer or floating point.
Integers within 0 to 255 are kept as uint8, other numbers as float32. Labels are (n,) or (n, 1),
whole numbers from 0 up or strings, or one-hot rows (n, classes). Nothing is ever unpickled.
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn.datasets import _labels, _pixels
from kerascnn.datasets._arrays import Images

TAKES = ".npz"
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError)


def identity(source: str) -> str:
    status = Path(source).stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Returns the training images, then the test images.

    Raises:
        ValueError: If the file is damaged, or an array is missing or cannot be used.
    """
    arrays = _open(source)
    _check_shapes(source, arrays)
    images = _pixels.standard(
        np.concatenate([arrays["x_train"], arrays["x_test"]]), f"x_train and x_test of {source}"
    )
    labels, notes = zip(
        *(_labels.flat(arrays[name], f"`{name}` of {source}") for name in ("y_train", "y_test")),
        strict=True,
    )
    if (labels[0].dtype.kind in "US") != (labels[1].dtype.kind in "US"):
        raise ValueError(
            f"y_train and y_test of {source} must both be numbers or both strings. "
            f"Received: {arrays['y_train'].dtype}, {arrays['y_test'].dtype}"
        )
    return Images(
        images=images if images.ndim == 4 else images[..., np.newaxis],
        labels=np.concatenate(labels),
        is_test=np.arange(len(images)) >= len(arrays["x_train"]),
        notes=tuple(dict.fromkeys(note for note in notes if note)),
    )


def _open(source: str) -> dict[str, np.ndarray]:
    # Opened here: NumPy leaves a damaged file open.
    with open(source, "rb") as stream:
        try:
            file = np.load(stream, allow_pickle=False)
        except (*_DAMAGES, ValueError):
            raise ValueError(f"{source} is not an .npz file, or is damaged.") from None
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError(f"{source} is not an .npz file: it holds a single array.")
        missing = [name for name in _ARRAYS if name not in file.files]
        if missing:
            raise ValueError(
                f"{source} must hold {', '.join(_ARRAYS)}. Missing: {', '.join(missing)}. "
                f"Received: {', '.join(file.files) or 'no arrays'}"
            )
        return {name: _array(source, file, name) for name in _ARRAYS}


def _array(source: str, file: Mapping[str, Any], name: str) -> np.ndarray:
    try:
        return np.asarray(file[name])
    except (*_DAMAGES, ValueError) as error:
        if "pickle" in str(error):
            reason = "holds Python objects, which are never unpickled; save plain arrays"
        else:
            reason = "is damaged"
        raise ValueError(f"`{name}` of {source} {reason}.") from None


def _check_shapes(source: str, arrays: Mapping[str, np.ndarray]) -> None:
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim not in (3, 4) or 0 in x.shape:
            raise ValueError(
                f"`x_{part}` of {source} must be (n, height, width) or (n, height, width, "
                f"channels), none of them 0. Received: {x.shape}"
            )
        if not y.ndim or len(x) != len(y):
            raise ValueError(
                f"`x_{part}` and `y_{part}` of {source} must have one length. "
                f"Received: {x.shape}, {y.shape}"
            )
    train, test = arrays["x_train"], arrays["x_test"]
    if train.shape[1:] != test.shape[1:] or train.dtype.kind != test.dtype.kind:
        raise ValueError(
            f"x_train and x_test of {source} must be alike. "
            f"Received: {train.shape} {train.dtype}, {test.shape} {test.dtype}"
        )
    if train.ndim == 4 and train.shape[1] in (1, 3) and train.shape[3] > 4:
        raise ValueError(
            f"The images of {source} must be (n, height, width, channels), the channels last. "
            f"Received: {train.shape}"
        )
