"""LiteRT: a folder with `model.tflite`, for phones and boards, and `model.json`, its card.

Two signatures, each with the one argument `images`, (batch, height, width, channels), which share
their weights:

    serving_default    uint8, 0 to 255
    serve_float        float32, in [0, 1]

Both return `probabilities`, float32 (batch, num_classes). A batch may have any size: a signature's
runner resizes the input. Weights and arithmetic are float32, whatever the run's precision; nothing
is quantized. Class names are in the card alone.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import host, quiet, record
from kerascnn.exporters import _needs, _tracing

CARD = "model.json"
BACKEND = "tensorflow"
# TensorFlow converts; its own interpreter is on its way out and points to this one.
NEEDS = ("ai_edge_litert",)
USE = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter

runner = Interpreter("model.tflite").get_signature_runner("serving_default")
images = np.zeros((1, $height, $width, $channels), np.uint8)  # 0 to 255
print(runner(images=images)["probabilities"])
"""
_NETWORK = "model.tflite"
_SIGNATURES = {"uint8": "serving_default", "float32": "serve_float"}


def export(model: Any, path: Path, card: Mapping[str, Any]) -> None:
    """Writes the folder `path`; see the room's contract.

    Raises:
        RuntimeError: If Keras runs on another backend, or the network needs more than LiteRT has.
        OSError: If it cannot be written.
    """
    _tracing.check_backend("A LiteRT file")
    plain = _tracing.in_float32(model)
    found = _tracing.signatures(lambda images: {"probabilities": plain(images, training=False)})
    path.mkdir()
    with tempfile.TemporaryDirectory(prefix=".traced-", dir=path) as aside:
        _tracing.write(plain, Path(aside) / "saved_model", found)
        converted = _converted(Path(aside) / "saved_model")
    record.write_file(path / _NETWORK, converted)
    record.write_file(path / CARD, json.dumps(card, indent=1).encode())


def load(path: Path) -> Callable[[np.ndarray], npt.NDArray[np.float32]]:
    """Re-opens an export with LiteRT's interpreter alone; see the room's contract."""
    _needs.check_opened(path, "a LiteRT file", "ai_edge_litert")
    runners = _open(path / _NETWORK)

    def predict(images: np.ndarray) -> npt.NDArray[np.float32]:
        answer = runners[images.dtype.name](images=images)
        return np.asarray(answer["probabilities"], np.float32)

    return predict


def _converted(saved: Path) -> bytes:
    """Returns the SavedModel at `saved` as LiteRT has it."""
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    failed: Exception | None = None
    with quiet.silenced():
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved), signature_keys=list(_SIGNATURES.values())
        )
        try:
            converted: bytes = converter.convert()
        except ConverterError as error:
            failed = error  # Raised outside, where one line is all that is said.
    if failed is not None:
        raise RuntimeError(f"LiteRT has no such network: {_tracing.first_line(failed)}")
    return converted


def _open(path: Path) -> Mapping[str, Any]:
    """Returns type of images -> what answers them.

    Raises:
        ValueError: If the file is missing or damaged.
    """
    with quiet.silenced():
        from ai_edge_litert.interpreter import Interpreter
    with quiet.silenced():
        try:
            interpreter = Interpreter(str(path), num_threads=host.threads())
            return {
                kind: interpreter.get_signature_runner(name) for kind, name in _SIGNATURES.items()
            }
        except (ValueError, RuntimeError) as error:
            failed = error  # Raised outside, where one line is all that is said.
    why = _tracing.first_line(failed)
    raise ValueError(f"{path} is {f'damaged: {why}' if path.exists() else 'missing.'}")
