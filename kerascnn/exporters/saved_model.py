"""TensorFlow SavedModel: what TensorFlow and TensorFlow Serving open without this package.

Two signatures, each with the one argument `images`, (batch, height, width, channels):

    serving_default    uint8, 0 to 255
    serve_float        float32, in [0, 1]

Both return `probabilities`, float32 (batch, num_classes), and `label`, string (batch,), the name
of the most probable class. The card lies in `assets.extra/`, which TensorFlow leaves alone.
"""

import importlib.util
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import quiet, record

CARD = "assets.extra/model.json"
BACKEND = "tensorflow"


def export(model: Any, path: Path, card: Mapping[str, Any]) -> None:
    """Writes the folder `path`; see the room's contract.

    Raises:
        RuntimeError: If Keras runs on another backend: JAX would need XLA to be served.
        OSError: If it cannot be written.
    """
    keras = quiet.import_keras()
    import tensorflow as tf

    if keras.backend.backend() != BACKEND:
        raise RuntimeError(
            f"A SavedModel is written under KERAS_BACKEND={BACKEND}. "
            f"Received: {keras.backend.backend()}"
        )
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, kind) in _endpoints(model, card["class_names"]).items():
        images = tf.TensorSpec((None, *model.input_shape[1:]), kind, name="images")
        archive.add_endpoint(name, function, [images])
    failed: Exception | None = None
    with quiet.silenced(), _servable_anywhere():
        try:
            archive.write_out(str(path), verbose=False)
        except tf.errors.OpError as error:
            failed = error  # Raised outside, where one line is all that is said.
    if failed is not None:
        raise OSError(f"{path} cannot be written: {_first_line(failed)}")
    record.write_file(path / CARD, json.dumps(card, indent=1).encode())


def load(path: Path) -> Callable[[np.ndarray], npt.NDArray[np.float32]]:
    """Re-opens an export with TensorFlow alone; see the room's contract."""
    if importlib.util.find_spec("tensorflow") is None:
        raise ValueError(
            f"{path} is a SavedModel, and tensorflow, which opens it, is not installed. "
            "Try: python -m pip install tensorflow"
        )
    with quiet.silenced():
        import tensorflow as tf
    failed: Exception | None = None
    with quiet.silenced():
        try:
            opened = tf.saved_model.load(str(path))
            signatures = {
                "uint8": opened.signatures["serving_default"],
                "float32": opened.signatures["serve_float"],
            }
        except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
            failed = error  # Raised outside, where one line is all that is said.
    if failed is not None:
        raise ValueError(f"{path} is damaged: {_first_line(failed)}")

    # Signatures do not keep the variables alive: `opened` does.
    def predict(images: np.ndarray, opened: Any = opened) -> npt.NDArray[np.float32]:
        answer = signatures[images.dtype.name](images=tf.constant(images))
        return np.asarray(answer["probabilities"], np.float32)

    return predict


def _endpoints(model: Any, class_names: list[str]) -> dict[str, tuple[Callable[..., Any], Any]]:
    """Returns signature -> (its function, the type of its images)."""
    import tensorflow as tf

    names = tf.constant(list(class_names))

    def serve_float(images: Any) -> dict[str, Any]:
        probabilities = model(images, training=False)
        return {
            "probabilities": probabilities,
            "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
        }

    def serving_default(images: Any) -> dict[str, Any]:
        return serve_float(tf.cast(images, tf.float32) * np.float32(1 / 255))

    return {
        "serving_default": (serving_default, tf.uint8),
        "serve_float": (serve_float, tf.float32),
    }


@contextmanager
def _servable_anywhere() -> Iterator[None]:
    """Traces functions inside functions in place, and grouped convolutions group by group.

    On a CPU Keras puts a grouped convolution into a function compiled by XLA, to train it; that
    mark would stay in the export, and servers without XLA refuse it:
    https://github.com/tensorflow/serving/issues/2214. Without the mark it depends on the
    processor: where TensorFlow's own kernels are used instead of oneDNN's, it fuses the bias into
    the convolution and then finds that it cannot do that in groups.
    """
    import tensorflow as tf

    whole, before = tf.nn.convolution, tf.config.functions_run_eagerly()

    def by_group(images: Any, kernel: Any, *rest: Any, **options: Any) -> Any:
        groups = images.shape[-1] // kernel.shape[-2]
        if groups == 1:
            return whole(images, kernel, *rest, **options)
        parts = zip(tf.split(images, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([whole(*part, *rest, **options) for part in parts], -1)

    tf.nn.convolution = by_group
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.nn.convolution = whole
        tf.config.run_functions_eagerly(before)


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\{\{.*?\}\} ", "", line)  # Which node of the graph says it.
