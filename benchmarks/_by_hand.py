"""An epoch as one compiled call, written by hand for one network: what trainers are held against.

Resident arrays as stored, every step of an epoch, the last and smaller batch, running means of
loss and accuracy, and validation, in one `tf.function`, or one `jax.jit`. It knows no augmentation,
schedule, weights, patience, Ctrl-C or progress within an epoch.
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
    fresh = [np.array(variable) for variable in optimizer.variables]
    indices = data.training(specs[0].train_size)
    make = {"tensorflow": _tensorflow, "jax": _jax}[keras.backend.backend()]
    epoch = make(network, optimizer, data, indices, specs[0].batch_size)
    for i, spec in enumerate(specs):
        if i:
            for ours, theirs in zip(model.variables, build(spec.seed).variables, strict=True):
                ours.assign(theirs)
            for variable, value in zip(optimizer.variables, fresh, strict=True):
                variable.assign(value)
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
) -> Epoch:
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

    return lambda order: epoch(tf.constant(order)).numpy().tolist()


def _jax(
    network: keras.Model, optimizer: Any, data: Dataset, indices: npt.NDArray[np.int64], size: int
) -> Epoch:
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
        weights, others, slots, total = state
        gradient = jax.grad(scored, has_aux=True)
        found, (others, sums) = gradient(weights, others, images[chosen], labels[chosen], True)
        weights, slots = optimizer.stateless_apply(slots, found, weights)
        return (weights, others, slots, total + sums), None

    @jax.jit
    def epoch(weights: Any, others: Any, slots: Any, order: Any) -> Any:
        state = (weights, others, slots, jnp.zeros(2))
        whole = count - count % size
        state, _ = jax.lax.scan(step, state, order[:whole].reshape(-1, size))
        if count % size:
            state, _ = step(state, order[whole:])
        weights, others, slots, total = state

        def validated(sums: Any, part: Any) -> Any:
            return sums + scored(weights, others, *part, False)[1][1], None

        whole = held_count - held_count % _PREDICT_SIZE
        parts = [each[:whole].reshape(-1, _PREDICT_SIZE, *each.shape[1:]) for each in held]
        sums, _ = jax.lax.scan(validated, jnp.zeros(2), parts)
        if held_count % _PREDICT_SIZE:
            sums, _ = validated(sums, [each[whole:] for each in held])
        return (weights, others, slots), jnp.concatenate([total / count, sums / held_count])

    variables = (network.trainable_variables, network.non_trainable_variables, optimizer.variables)

    def run(order: npt.NDArray[np.int32]) -> Sequence[float]:
        values = [[variable.value for variable in group] for group in variables]
        values, found = epoch(*values, jnp.asarray(order))
        for group, news in zip(variables, values, strict=True):
            for variable, value in zip(group, news, strict=True):
                variable.assign(value)
        return [float(value) for value in np.asarray(found)]

    return run
