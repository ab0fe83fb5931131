"""Gradients with respect to what goes into a network: the one place that knows backends."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
# (x, ...) -> scores (n,) and whatever else is asked for.
Scored = Callable[..., tuple[Any, Any]]


def compiled(function: Scored) -> Callable[..., tuple[Array, Array, Array]]:
    """Returns what computes scores, their gradient, and what else there is, of arrays.

    It is compiled once a shape.

    Args:
        function: Maps tensors x, ... to scores (n,), each of its own row of x, and another tensor.

    Returns:
        A function of the same arguments, as arrays, with scores (n,), the gradient of each with
        respect to its row of x, and that other tensor: float32.
    """
    run = _in_jax(function) if keras.backend.backend() == "jax" else _in_tensorflow(function)

    def call(*arrays: np.ndarray) -> tuple[Array, Array, Array]:
        found = run(*map(keras.ops.convert_to_tensor, arrays))
        scores, gradient, other = (keras.ops.convert_to_numpy(each) for each in found)
        return (
            np.asarray(scores, np.float32),
            np.asarray(gradient, np.float32),
            np.asarray(other, np.float32),
        )

    return call


def _in_tensorflow(function: Scored) -> Callable[..., Any]:
    import tensorflow as tf

    def run(x: Any, *rest: Any) -> tuple[Any, Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            scores, other = function(x, *rest)
            total = tf.reduce_sum(scores)
        gradient = tape.gradient(total, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return scores, gradient, other

    return tf.function(run, autograph=False)  # type: ignore[no-any-return]


def _in_jax(function: Scored) -> Callable[..., Any]:
    import jax

    def total(x: Any, *rest: Any) -> tuple[Any, Any]:
        scores, other = function(x, *rest)
        return scores.sum(), (scores, other)

    def run(x: Any, *rest: Any) -> tuple[Any, Any, Any]:
        gradient, (scores, other) = jax.grad(total, has_aux=True)(x, *rest)
        return scores, gradient, other

    return jax.jit(run)  # type: ignore[no-any-return]
