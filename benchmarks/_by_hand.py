"""An epoch as one compiled call, written by hand for one network: what trainers are held against.

Resident arrays as stored, every step of an epoch, the last and smaller batch, running means of
loss and accuracy, and validation, in one `tf.function`; with JAX in one `jax.jit`, but on a CPU
in one a step, which is faster there. It knows no augmentation, schedule, weights or patience, and
within an epoch no Ctrl-C and no progress.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, _order

_PREDICT_SIZE = 256

# The order of an epoch -> its metrics
Epoch = Callable[[npt.NDArray[np.int32]], Sequence[float]]


def train(
    build: Callable[[int], keras.Model],
    data: Dataset,
    specs: Sequence[RunSpec],
    *,
    on_epoch: Callable[[int, int, dict[str, float]], None],
    on_end: Callable[..., None],
) -> None:
    """Trains `specs` as trainers do, so far as a benchmark needs it: `on_end` is never called."""
    del on_end
    model = build(specs[0].seed)
    network = keras.Model(model.inputs[0], model.get_layer("logits").output)
    rate = specs[0].learning_rate
    optimizer = {"adam": keras.optimizers.Adam}[specs[0].optimizer](learning_rate=rate)
    optimizer.build(network.trainable_variables)
    fresh = [np.array(keras.ops.convert_to_numpy(each)) for each in optimizer.variables]
    indices = data.training(specs[0].train_size)
    make = {"tensorflow": _tensorflow, "jax": _jax}[keras.backend.backend()]
    begin, epoch = make(network, optimizer, data, indices, specs[0].batch_size)
    for i, spec in enumerate(specs):
        if i:
            for ours, theirs in zip(model.variables, build(spec.seed).variables, strict=True):
                ours.assign(theirs)
            for variable, value in zip(optimizer.variables, fresh, strict=True):
                variable.assign(value)
        begin()
        try:
            for number in range(1, spec.epochs + 1):
                order = _order.order(spec, number, data.labels[indices])
                found = epoch(order.astype(np.int32))
                on_epoch(i, number, dict(zip(_METRICS, found, strict=True)))
        except Stop:
            continue


_METRICS = ("loss/train", "accuracy/train", "loss/validation", "accuracy/validation")


def _arrays(data: Dataset, indices: npt.NDArray[np.int64]) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(data.images[indices]), data.labels[indices]


def _tensorflow(
    network: keras.Model, optimizer: Any, data: Dataset, indices: npt.NDArray[np.int64], size: int
) -> tuple[Callable[[], None], Epoch]:
    import tensorflow as tf

    images, labels = (tf.constant(each) for each in _arrays(data, indices))
    held = [tf.constant(each) for each in _arrays(data, data.parts["validation"])]
    count, held_count = len(indices), len(held[1])
    variables = [variable.value for variable in network.trainable_variables]

    def scored(pixels: Any, answers: Any, training: bool) -> tuple[Any, Any, Any]:
        scaled = tf.cast(pixels, tf.float32) * data.scale + data.offset
        logits = network(scaled, training=training)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(answers, logits)
        right = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), answers)
        return losses, tf.reduce_sum(losses), tf.reduce_sum(tf.cast(right, tf.float32))

    def step(chosen: Any, total: Any) -> Any:
        answers = tf.gather(labels, chosen)
        with tf.GradientTape() as tape:
            losses, loss, right = scored(tf.gather(images, chosen), answers, True)
            mean = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(mean, variables), network.trainable_variables)
        return total + tf.stack([loss, right])

    def validated(start: int, total: Any, length: int) -> Any:
        part = [each[start : start + length] for each in held]
        _, loss, right = scored(*part, False)
        return total + tf.stack([loss, right])

    @tf.function
    def epoch(order: Any) -> Any:
        total = tf.zeros(2)
        for i in tf.range(count // size):
            chosen = tf.ensure_shape(order[i * size : (i + 1) * size], (size,))
            total = step(chosen, total)
        if count % size:
            total = step(order[count - count % size :], total)
        held_total = tf.zeros(2)
        for i in tf.range(held_count // _PREDICT_SIZE):
            held_total = validated(i * _PREDICT_SIZE, held_total, _PREDICT_SIZE)
        if rest := held_count % _PREDICT_SIZE:
            held_total = validated(held_count - rest, held_total, rest)
        return tf.concat([total / count, held_total / held_count], axis=0)

    # The network's own variables are trained: there is nothing to begin with.
    return lambda: None, lambda order: epoch(tf.constant(order)).numpy().tolist()


def _jax(
    network: keras.Model, optimizer: Any, data: Dataset, indices: npt.NDArray[np.int64], size: int
) -> tuple[Callable[[], None], Epoch]:
    import jax
    from jax import numpy as jnp

    images, labels = (jnp.asarray(each) for each in _arrays(data, indices))
    held = [jnp.asarray(each) for each in _arrays(data, data.parts["validation"])]
    count, held_count = len(indices), len(held[1])

    def scored(weights: Any, others: Any, pixels: Any, answers: Any, training: bool) -> Any:
        scaled = pixels.astype("float32") * data.scale + data.offset
        logits, others = network.stateless_call(weights, others, scaled, training=training)
        log = jax.nn.log_softmax(logits)
        losses = -jnp.take_along_axis(log, answers[:, None], axis=1)[:, 0]
        sums = jnp.stack([losses.sum(), (logits.argmax(axis=1) == answers).sum()])
        return losses.mean(), (others, sums)

    def step(state: Any, chosen: Any) -> Any:
        (weights, others, slots), total = state
        gradient = jax.grad(scored, has_aux=True)
        found, (others, sums) = gradient(weights, others, images[chosen], labels[chosen], True)
        weights, slots = optimizer.stateless_apply(slots, found, weights)
        return (weights, others, slots), total + sums

    def validated(state: Any, part: Any) -> Any:
        (weights, others, slots), total = state
        sums = scored(weights, others, *part, False)[1][1]
        return (weights, others, slots), total + sums

    # XLA's convolutions are many times slower on a CPU inside a loop of its own.
    on_cpu = jax.default_backend() == "cpu"
    calls = [jax.jit(call, donate_argnums=0) if on_cpu else call for call in (step, validated)]

    def through(call: Any, state: Any, arrays: Any, length: int) -> Any:
        """Takes `arrays` by `length`; the last call gets what is left."""
        total = len(jax.tree.leaves(arrays)[0])
        whole = total - total % length
        if not on_cpu:
            parts = jax.tree.map(lambda x: x[:whole].reshape(-1, length, *x.shape[1:]), arrays)
            state, _ = jax.lax.scan(lambda now, part: (call(now, part), None), state, parts)
        for start in range(0 if on_cpu else whole, total, length):
            state = call(state, jax.tree.map(lambda x: x[start : start + length], arrays))  # noqa: B023
        return state

    def epoch(variables: Any, order: Any) -> Any:
        variables, found = through(calls[0], (variables, jnp.zeros(2)), order, size)
        variables, right = through(calls[1], (variables, jnp.zeros(2)), held, _PREDICT_SIZE)
        return variables, jnp.concatenate([found / count, right / held_count])

    compiled = epoch if on_cpu else jax.jit(epoch, donate_argnums=0)
    state: Any = None

    def begin() -> None:
        nonlocal state
        groups = (network.trainable_variables, network.non_trainable_variables, optimizer.variables)
        # Copies: what is donated is gone, and the network keeps its own.
        state = tuple([jnp.array(variable.value) for variable in group] for group in groups)

    def run(order: npt.NDArray[np.int32]) -> list[float]:
        nonlocal state
        state, found = compiled(state, order)
        return [float(value) for value in np.asarray(found)]

    return begin, run
