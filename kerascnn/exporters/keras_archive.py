"""Keras archive: a folder with `model.keras`, the network, and `model.json`, its card.

`keras.saving.load_model` opens `model.keras` without this package, under any backend; it maps
float32 images in [0, 1] to probabilities.
"""

import importlib.util
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import quiet, record

CARD = "model.json"
USE = """
import keras
import numpy as np

model = keras.saving.load_model("model.keras", compile=False)
images = np.zeros((1, $height, $width, $channels), np.uint8)  # 0 to 255
print(model.predict(images / np.float32(255)))
"""
_NETWORK = "model.keras"


def export(model: Any, path: Path, card: Mapping[str, Any]) -> None:
    """Writes the folder `path`; see the room's contract."""
    path.mkdir()
    model.save(path / _NETWORK)
    record.write_file(path / CARD, json.dumps(card, indent=1).encode())


def load(path: Path) -> Callable[[np.ndarray], npt.NDArray[np.float32]]:
    """Re-opens an export with Keras alone; see the room's contract."""
    model = open_network(path / _NETWORK)

    def predict(images: np.ndarray) -> npt.NDArray[np.float32]:
        if images.dtype == np.uint8:
            images = images.astype(np.float32) * np.float32(1 / 255)
        return np.asarray(model.predict_on_batch(images), np.float32)

    return predict


def open_network(path: Path) -> Any:
    """Returns the `keras.Model` in a `.keras` file, under KERAS_BACKEND or what is installed.

    Raises:
        ValueError: If the file is missing or damaged.
    """
    has_tensorflow = importlib.util.find_spec("tensorflow") is not None
    os.environ.setdefault("KERAS_BACKEND", "tensorflow" if has_tensorflow else "jax")
    keras = quiet.import_keras()
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        raise ValueError(f"{path} is {'damaged' if path.exists() else 'missing'}.") from None
