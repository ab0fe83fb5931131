"""A network that answers, compiled once: as an export of it would."""

import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Answer = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]

# Network -> what answers for it, as long as there is the network: its runs share it.
_known: "weakref.WeakKeyDictionary[keras.Model, Answer]" = weakref.WeakKeyDictionary()


def of(model: keras.Model) -> Answer:
    """Returns what maps uint8 images (n, height, width, channels) to probabilities, float32.

    It has the weights that the network has when it is called.

    Args:
        model: Images in [0, 1] to probabilities.
    """
    if model not in _known:
        _known[model] = (_in_jax if keras.backend.backend() == "jax" else _in_tensorflow)(model)
    return _known[model]


def _in_tensorflow(model: keras.Model) -> Answer:
    import tensorflow as tf

    # What is kept of a network must not keep the network.
    known: Callable[[], Any] = weakref.ref(model)

    def answer(images: Any) -> Any:
        return known()(tf.cast(images, tf.float32) * np.float32(1 / 255), training=False)

    # Any number of images: one trace. No `jit_compile`: see `trainers/fit.py`.
    shape = [tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.uint8)]
    compiled = tf.function(answer, input_signature=shape, autograph=False)
    return lambda images: np.asarray(compiled(tf.constant(images)), np.float32)


def _in_jax(model: keras.Model) -> Answer:
    import jax

    known: Callable[[], Any] = weakref.ref(model)

    def answer(trainable: Any, others: Any, images: Any) -> Any:
        pixels = images.astype(np.float32) * np.float32(1 / 255)
        return known().stateless_call(trainable, others, pixels, training=False)[0]

    compiled = jax.jit(answer)

    def now(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        model = known()
        variables = model.trainable_variables, model.non_trainable_variables
        values = ([each.value for each in own] for own in variables)
        return np.asarray(compiled(*values, images), np.float32)

    return now
