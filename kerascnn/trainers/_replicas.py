"""Steps of several runs as one program, under JAX."""

import copy
import functools
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerascnn import memory
from kerascnn.trainers import _patches
from kerascnn.trainers._program_jax import Program, State
from kerascnn.trainers._source import Piece

# Share of the device's memory that a group of runs is reckoned with. What its programs need
# besides (work space, the gradient on its way back through the layers) goes into the rest.
_SHARE = 0.5

# Program -> form -> its replicas: they are as old as the program.
_made: "weakref.WeakKeyDictionary[Program, dict[str, Replicas]]" = weakref.WeakKeyDictionary()


class Replicas(Program):
    """Compiled calls on the states of several runs, as `jax.vmap` makes them of one run's.

    States, orders, changes, losses and logits have the run as an axis of their own: the first, of
    what steps return the second.

    Args:
        program: Of one run.
        form: "grouped": kernels side by side, which are grouped convolutions. "patches": see
            `_patches.py`.
    """

    def __init__(self, program: Program, form: str) -> None:
        network = copy.copy(program.network)
        if form == "patches":
            network.logits = _patches.multiplying(network.logits)
        super().__init__(network, program.arithmetic)
        self._states: State | None = None
        self._slot = jax.jit(lambda states, i: jax.tree.map(lambda each: each[i], states))

    def start_over(self, states: Sequence[State]) -> None:
        """Takes the states of some runs."""
        self.keep(jax.tree.map(lambda *each: jnp.asarray(np.stack(each)), *states))

    def forget(self) -> None:
        """Lets the states go."""
        self._states = None

    def run(self, i: int) -> State:
        """Returns a copy of one run's state."""
        found: State = self._slot(self.state(), i)
        return found

    def state(self) -> State:
        """Returns the states of all runs."""
        assert self._states is not None, "`start_over` comes first."
        return self._states

    def keep(self, state: State) -> None:
        """Takes the states of all runs."""
        self._states = state

    def advance(
        self, state: State, images: Any, labels: Any, weights: Any
    ) -> tuple[State, Any, Any]:
        """Computes one step of every run."""
        found: tuple[State, Any, Any] = jax.vmap(super().advance)(state, images, labels, weights)
        return found

    def infer(self, trainable: list[Any], others: list[Any], images: Any) -> Any:
        """Returns every run's logits of the same images, float32 (runs, n, classes)."""
        return jax.vmap(super().infer, in_axes=(0, 0, None))(trainable, others, images)

    def batch(
        self, images: Any, labels: Any, order: Any, extras: Mapping[str, Any], start: Any, size: int
    ) -> tuple[Any, Any]:
        """Returns the images and labels of every run's step that begins at `start`."""
        own = 0 if labels.ndim > 1 else None  # Resident images lie there once, for all runs.
        one = functools.partial(super().batch, start=start, size=size)
        found: tuple[Any, Any] = jax.vmap(one, in_axes=(own, own, 0, 0))(
            images, labels, order, extras
        )
        return found


def of(program: Program, form: str) -> Replicas:
    """Returns the replicas of a program: compiled once, like the program itself."""
    known = _made.setdefault(program, {})
    if form not in known:
        known[form] = Replicas(program, form)
    return known[form]


def together(pieces: Sequence[Piece]) -> Piece:
    """Returns one piece of the pieces of several runs: images that all share stay shared."""
    first = pieces[0]
    shared = all(piece.images is first.images for piece in pieces)
    return Piece(
        images=first.images if shared else jnp.stack([piece.images for piece in pieces]),
        labels=first.labels if shared else jnp.stack([piece.labels for piece in pieces]),
        order=jnp.stack([piece.order for piece in pieces]),
        extras={name: jnp.stack([piece.extras[name] for piece in pieces]) for name in first.extras},
        count=first.count,
    )


def fitting(replicas: Replicas, weights: Any, shape: tuple[int, int, int]) -> int:
    """Returns how many runs the device has memory for, at least 1.

    A run takes its variables and optimizer slots twice (a step's result is made beside what it is
    made from), its gradients, the weights that `patience` keeps, and what JAX keeps of a batch
    until the gradient comes back for it: uncompiled, which is more than XLA will keep.

    Args:
        replicas: Of the runs.
        weights: Of the classes; see `Epochs`.
        shape: Of an image.
    """
    plain = Program(replicas.network, replicas.arithmetic)
    logits, optimizer = plain.network.logits, plain.network.optimizer.keras
    trainable, others = logits.trainable_variables, logits.non_trainable_variables
    values = [
        [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in each] for each in (trainable, others)
    ]
    size = replicas.arithmetic.batch_size
    images = jax.ShapeDtypeStruct((size, *shape), jnp.float32)
    labels = jax.ShapeDtypeStruct((size,), jnp.int32)

    def kept_of(values: Any, images: Any, labels: Any) -> Any:
        trainable, others = values
        return jax.vjp(lambda t: plain.loss(t, others, images, labels, weights)[0], trainable)[1]

    kept = jax.eval_shape(kept_of, values, images, labels)
    weight, rest, slots = (_bytes(each) for each in (*values, optimizer.variables))
    one = 2 * (weight + rest + slots) + weight + (weight + rest) + _bytes(kept) + _bytes(images)
    return max(1, int(capacity() * _SHARE // one))


def capacity() -> int:
    """Returns the memory in bytes of the device that runs are trained on."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return int(stats.get("bytes_limit", memory.total()))


def _bytes(arrays: Any) -> int:
    return sum(
        int(np.prod(each.shape)) * jnp.dtype(each.dtype).itemsize
        for each in jax.tree.leaves(arrays)
    )
