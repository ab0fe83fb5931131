"""Networks as TensorFlow traces them, for the formats that are made of that."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn import quiet

BACKEND = "tensorflow"
# Signature -> (its function, the type of its images).
Signatures = Mapping[str, tuple[Callable[..., Any], Any]]


def check_backend(what: str) -> None:
    """Raises RuntimeError if Keras runs on another backend than TensorFlow."""
    keras = quiet.import_keras()
    if keras.backend.backend() != BACKEND:
        raise RuntimeError(
            f"{what} is written under KERAS_BACKEND={BACKEND}. Received: {keras.backend.backend()}"
        )


def signatures(function: Callable[..., Any]) -> Signatures:
    """Returns the two ways in: `serving_default` takes uint8, `serve_float` float32 in [0, 1].

    Args:
        function: Takes float32 images in [0, 1].
    """
    import tensorflow as tf

    def serve_float(images: Any) -> Any:
        return function(images)

    def serving_default(images: Any) -> Any:
        return function(tf.cast(images, tf.float32) * np.float32(1 / 255))

    return {
        "serving_default": (serving_default, tf.uint8),
        "serve_float": (serve_float, tf.float32),
    }


def write(model: Any, path: Path, found: Signatures) -> None:
    """Writes a SavedModel with these signatures, each with the one argument `images`.

    Raises:
        OSError: If it cannot be written.
    """
    keras = quiet.import_keras()
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, kind) in found.items():
        archive.add_endpoint(name, function, [images_of(model, kind)])
    failed: Exception | None = None
    with quiet.silenced(), inlined():
        try:
            archive.write_out(str(path), verbose=False)
        except tf.errors.OpError as error:
            failed = error  # Raised outside, where one line is all that is said.
    if failed is not None:
        raise OSError(f"{path} cannot be written: {first_line(failed)}")


def images_of(model: Any, kind: Any) -> Any:
    """Returns the `tf.TensorSpec` of a batch of a network's images, of whatever size."""
    import tensorflow as tf

    return tf.TensorSpec((None, *model.input_shape[1:]), kind, name="images")


@contextmanager
def inlined() -> Iterator[None]:
    """Traces functions inside functions in place.

    On a CPU Keras puts a grouped convolution into a function compiled by XLA, to train it; that
    mark would stay in the export, and what has no XLA refuses it:
    https://github.com/tensorflow/serving/issues/2214.
    """
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def in_float32(model: Any) -> Any:
    """Returns the network with float32 throughout, for formats that know nothing else.

    Its weights are float32 whatever the precision it was trained in.
    """
    keras = quiet.import_keras()
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model
    plain = model.to_json().replace('"mixed_bfloat16"', '"float32"')
    again = keras.models.model_from_json(plain)
    again.set_weights(model.get_weights())
    return again


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says, without the node of a graph it is about."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\{\{.*?\}\} ", "", line)
