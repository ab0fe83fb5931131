"""A network's steps and logits as JAX functions."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from kerascnn.trainers._arithmetic import Arithmetic
from kerascnn.trainers._network import Network
from kerascnn.trainers._source import Piece

# Trainable variables, other variables, those of the optimizer.
State = tuple[list[Any], list[Any], list[Any]]
# Images, labels, order and extras of a piece, and the weights of the classes.
Given = tuple[Any, Any, Any, Mapping[str, Any], Any]


def put(array: np.ndarray) -> Any:
    """Puts an array on the device."""
    return jnp.asarray(array)


class Program:
    """Compiled calls on one network: compiled once, whatever runs start over on it.

    The last and smaller batch is a program of its own, since shapes are part of a program.

    Args:
        network: What is trained.
        arithmetic: What a step computes.

    Attributes:
        network: As given.
        arithmetic: As given.
        traces: How often a call was traced.
        block: Images per step where no gradient is needed.
    """

    block = 256

    def __init__(self, network: Network, arithmetic: Arithmetic) -> None:
        self.network = network
        self.traces = 0
        self.arithmetic = arithmetic
        # Whether the steps of a call are a loop inside one program: on a CPU XLA gives what is
        # inside a loop its slower convolutions.
        self._loops = jax.default_backend() != "cpu"
        self._step = jax.jit(self._trace_step, donate_argnums=0, static_argnames="size")
        self._loop = jax.jit(self._trace_loop, donate_argnums=0, static_argnames="size")
        self._block = jax.jit(self._trace_block)

    def steps(
        self, piece: Piece, weights: npt.NDArray[np.float32] | None, first: int, last: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Trains steps `first` to `last` of a piece.

        Returns:
            The loss of every step, float32 (steps,), and how many images it got right, int32.
        """
        size = self.arithmetic.batch_size
        given = (piece.images, piece.labels, piece.order, dict(piece.extras), weights)
        whole, rest = divmod(piece.count, size)
        end = min(last, whole)
        state = self.state()
        found = []
        if self._loops and first < end:
            state, *measured = self._loop(state, given, first, end, size=size)
            found += list(zip(*(each[first:end] for each in measured), strict=True))
        starts = [(start * size, size) for start in range(first, end) if not self._loops]
        for start, taken in starts + [(whole * size, rest)] * (last > whole):
            state, *measured = self._step(state, given, start, size=taken)
            found.append(measured)
        self.keep(state)
        losses, hits = zip(*jax.device_get(found), strict=True)
        return np.array(losses, np.float32), np.array(hits, np.int32)

    def logits(self, piece: Piece, first: int, last: int) -> npt.NDArray[np.float32]:
        """Returns the logits of blocks `first` to `last` of a piece, float32 (n, classes)."""
        trainable, others, _ = self.state()
        found = [
            self._block(trainable, others, piece.images, piece.order, i * self.block)
            for i in range(first, last)
        ]
        taken = min(last * self.block, piece.count) - first * self.block
        return np.concatenate(jax.device_get(found), axis=-2)[..., :taken, :]

    def advance(
        self, state: State, images: Any, labels: Any, weights: Any
    ) -> tuple[State, Any, Any]:
        """Computes one step of one run: its state, loss and how many images it got right."""
        trainable, others, slots = state
        differentiated = jax.value_and_grad(self.loss, has_aux=True)
        (loss, (found, others)), gradients = differentiated(
            trainable, others, images, labels, weights
        )
        trainable, slots = self.network.optimizer.keras.stateless_apply(slots, gradients, trainable)
        return (trainable, others, slots), loss, self.arithmetic.right(labels, found)

    def loss(
        self, trainable: list[Any], others: list[Any], images: Any, labels: Any, weights: Any
    ) -> tuple[Any, tuple[Any, list[Any]]]:
        """Returns the loss of a batch, and with it its logits and the other variables' values."""
        found, others, penalties = self.network.logits.stateless_call(
            trainable, others, images, training=True, return_losses=True
        )
        return self.arithmetic.loss(labels, found, weights, penalties), (found, others)

    def infer(self, trainable: list[Any], others: list[Any], images: Any) -> Any:
        """Returns the logits of images, float32 (n, classes)."""
        found, _ = self.network.logits.stateless_call(trainable, others, images, training=False)
        return keras.ops.cast(found, "float32")

    def batch(
        self, images: Any, labels: Any, order: Any, extras: Mapping[str, Any], start: Any, size: int
    ) -> tuple[Any, Any]:
        """Returns the images and labels of the step that begins at `start`."""

        def cut(array: Any) -> Any:
            return jax.lax.dynamic_slice_in_dim(array, start, size)

        chosen = cut(order)
        x = self.arithmetic.images(images[chosen], {name: cut(extras[name]) for name in extras})
        return x, labels[chosen]

    def state(self) -> State:
        """Returns the values of all variables."""
        trainable, others, slots = (
            [variable.value for variable in each] for each in self._variables()
        )
        return trainable, others, slots

    def keep(self, state: State) -> None:
        """Gives all variables their values."""
        for variables, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def _variables(self) -> State:
        logits, optimizer = self.network.logits, self.network.optimizer.keras
        return logits.trainable_variables, logits.non_trainable_variables, optimizer.variables

    def _trace_step(
        self, state: State, given: Given, start: Any, *, size: int
    ) -> tuple[State, Any, Any]:
        self.traces += 1
        images, labels, order, extras, weights = given
        x, y = self.batch(images, labels, order, extras, start, size)
        return self.advance(state, x, y, weights)

    def _trace_loop(
        self, state: State, given: Given, first: Any, last: Any, *, size: int
    ) -> tuple[State, Any, Any]:
        self.traces += 1
        images, labels, order, extras, weights = given

        def step(i: Any, carried: Any) -> Any:
            state, losses, hits = carried
            x, y = self.batch(images, labels, order, extras, i * size, size)
            state, loss, right = self.advance(state, x, y, weights)
            return state, losses.at[i].set(loss), hits.at[i].set(right)

        # As long as an epoch: a length that follows `last` would be another program each time.
        shape = (order.shape[-1] // size, *order.shape[:-1])
        measured = (jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.int32))
        result: tuple[State, Any, Any] = jax.lax.fori_loop(first, last, step, (state, *measured))
        return result

    def _trace_block(
        self, trainable: list[Any], others: list[Any], images: Any, order: Any, start: Any
    ) -> Any:
        self.traces += 1
        # Past the end images repeat: one shape, one program.
        chosen = order[jnp.minimum(start + jnp.arange(self.block), len(order) - 1)]
        x = self.arithmetic.images(images[chosen], {})
        return self.infer(trainable, others, x)
