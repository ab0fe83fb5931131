"""TensorFlow SavedModel: what TensorFlow and TensorFlow Serving open without this package.

Two signatures, each with the one argument `images`, (batch, height, width, channels):

    serving_default    uint8, 0 to 255
    serve_float        float32, in [0, 1]

Both return `probabilities`, float32 (batch, num_classes), and `label`, string (batch,), the name
of the most probable class. The card lies in `assets.extra/`, which TensorFlow leaves alone.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import quiet, record
from kerascnn.exporters import _needs, _tracing

CARD = "assets.extra/model.json"
BACKEND = "tensorflow"
USE = """
import tensorflow as tf

model = tf.saved_model.load(".")
images = tf.zeros((1, $height, $width, $channels), tf.uint8)  # 0 to 255
answer = model.signatures["serving_default"](images=images)
print(answer["label"], answer["probabilities"])
"""


def export(model: Any, path: Path, card: Mapping[str, Any]) -> None:
    """Writes the folder `path`; see the room's contract.

    Raises:
        RuntimeError: If Keras runs on another backend: JAX would need XLA to be served.
        OSError: If it cannot be written.
    """
    _tracing.check_backend("A SavedModel")
    with _by_group():
        _tracing.write(model, path, _tracing.signatures(_labelled(model, card["class_names"])))
    record.write_file(path / CARD, json.dumps(card, indent=1).encode())


def load(path: Path) -> Callable[[np.ndarray], npt.NDArray[np.float32]]:
    """Re-opens an export with TensorFlow alone; see the room's contract."""
    _needs.check_opened(path, "a SavedModel", "tensorflow")
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
        except (OSError, ValueError, LookupError, AttributeError, tf.errors.OpError) as error:
            failed = error  # Raised outside, where one line is all that is said.
    if failed is not None:
        raise ValueError(f"{path} is damaged: {_tracing.first_line(failed)}")

    # Signatures do not keep the variables alive: `opened` does.
    def predict(images: np.ndarray, opened: Any = opened) -> npt.NDArray[np.float32]:
        answer = signatures[images.dtype.name](images=tf.constant(images))
        return np.asarray(answer["probabilities"], np.float32)

    return predict


def _labelled(model: Any, class_names: list[str]) -> Callable[..., Any]:
    """Returns what gives of images the probabilities and the most probable label."""
    import tensorflow as tf

    names = tf.constant(list(class_names))

    def labelled(images: Any) -> dict[str, Any]:
        probabilities = model(images, training=False)
        return {
            "probabilities": probabilities,
            "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
        }

    return labelled


@contextmanager
def _by_group() -> Iterator[None]:
    """Traces grouped convolutions group by group.

    Otherwise whether they are served depends on the processor: where TensorFlow's own kernels are
    used instead of oneDNN's, it fuses the bias into the convolution and then finds that it cannot
    do that in groups.
    """
    import tensorflow as tf

    whole = tf.nn.convolution

    def by_group(images: Any, kernel: Any, *rest: Any, **options: Any) -> Any:
        groups = images.shape[-1] // kernel.shape[-2]
        if groups == 1:
            return whole(images, kernel, *rest, **options)
        parts = zip(tf.split(images, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([whole(*part, *rest, **options) for part in parts], -1)

    tf.nn.convolution = by_group
    try:
        yield
    finally:
        tf.nn.convolution = whole
