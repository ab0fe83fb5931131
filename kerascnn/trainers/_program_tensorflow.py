"""A network's steps and logits as TensorFlow functions."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kerascnn.trainers._arithmetic import Arithmetic
from kerascnn.trainers._network import Network
from kerascnn.trainers._source import Piece


def put(array: np.ndarray) -> Any:
    """Puts an array on the device."""
    return tf.constant(array)


class Program:
    """Compiled calls on one network: traced once, whatever runs start over on it.

    Args:
        network: What is trained.
        arithmetic: What a step computes.

    Attributes:
        network: As given.
        traces: How often a call was traced.
        block: Images per step where no gradient is needed.
    """

    block = 256

    def __init__(self, network: Network, arithmetic: Arithmetic) -> None:
        self.network = network
        self.traces = 0
        self._arithmetic = arithmetic
        self._steps = _Function(self._trace_steps)
        self._logits = _Function(self._trace_logits)

    def steps(
        self, piece: Piece, weights: npt.NDArray[np.float32] | None, first: int, last: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Trains steps `first` to `last` of a piece.

        Returns:
            The loss of every step, float32 (steps,), and how many images it got right, int32.
        """
        losses, hits = self._steps(
            piece.images,
            piece.labels,
            piece.order,
            dict(piece.extras),
            None if weights is None else tf.constant(weights),
            *_scalars(piece.count, first, last),
        )
        return losses.numpy(), hits.numpy()

    def logits(self, piece: Piece, first: int, last: int) -> npt.NDArray[np.float32]:
        """Returns the logits of blocks `first` to `last` of a piece, float32 (n, classes)."""
        numbers = _scalars(piece.count, first, last)
        found: npt.NDArray[np.float32] = self._logits(piece.images, piece.order, *numbers).numpy()
        return found

    def _trace_steps(
        self,
        images: Any,
        labels: Any,
        order: Any,
        extras: dict[str, Any],
        weights: Any,
        count: Any,
        first: Any,
        last: Any,
    ) -> tuple[Any, Any]:
        self.traces += 1
        size = self._arithmetic.batch_size

        def step(i: Any, losses: Any, hits: Any) -> tuple[Any, Any, Any]:
            batch = slice(i * size, tf.minimum((i + 1) * size, count))
            chosen = order[batch]
            x = self._arithmetic.images(
                tf.gather(images, chosen), {name: each[batch] for name, each in extras.items()}
            )
            loss, right = self._step(x, tf.gather(labels, chosen), weights)
            return i + 1, losses.write(i - first, loss), hits.write(i - first, right)

        arrays = [tf.TensorArray(kind, last - first) for kind in (tf.float32, tf.int32)]
        _, losses, hits = tf.while_loop(
            lambda i, *_: i < last, step, [first, *arrays], parallel_iterations=1
        )
        return losses.stack(), hits.stack()

    def _step(self, images: Any, labels: Any, weights: Any) -> tuple[Any, Any]:
        logits = self.network.logits
        variables = logits.trainable_variables
        with tf.GradientTape() as tape:
            found = logits(images, training=True)
            loss = self._arithmetic.loss(labels, found, weights, logits.losses)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.network.optimizer.update(gradients, variables)
        return loss, self._arithmetic.right(labels, found)

    def _trace_logits(self, images: Any, order: Any, count: Any, first: Any, last: Any) -> Any:
        self.traces += 1

        def block(i: Any, found: Any) -> tuple[Any, Any]:
            chosen = order[i * self.block : tf.minimum((i + 1) * self.block, count)]
            x = self._arithmetic.images(tf.gather(images, chosen), {})
            logits = keras.ops.cast(self.network.logits(x, training=False), "float32")
            return i + 1, found.write(i - first, logits)

        array = tf.TensorArray(tf.float32, last - first, infer_shape=False)
        _, found = tf.while_loop(
            lambda i, *_: i < last, block, [first, array], parallel_iterations=1
        )
        return found.concat()


class _Function:
    """A TensorFlow function that is traced once, for any number of images."""

    def __init__(self, function: Any) -> None:
        # No `jit_compile`: see `fit.py`.
        self._function = tf.function(function, autograph=False)
        self._traced = False

    def __call__(self, *arguments: Any) -> Any:
        if not self._traced:
            self._function.get_concrete_function(*tf.nest.map_structure(_any_length, arguments))
            self._traced = True
        return self._function(*arguments)


def _any_length(tensor: Any) -> Any:
    if tensor is None:
        return None
    shape = [None, *tensor.shape[1:]] if tensor.shape.rank else []
    return tf.TensorSpec(shape, tensor.dtype)


def _scalars(*numbers: int) -> list[Any]:
    return [tf.constant(number, tf.int32) for number in numbers]
