"""What passes through a network as it learns: gradients, updates, dead and saturated units.

All of it is measured aside, on a copy of the network and outside the training step, so that no
number of the training changes by a bit. The gradient is that of the plain cross-entropy, its mean
over a probe of training images that are not augmented, with the network as it infers: nothing is
dropped out, and normalizations use the statistics they have.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn.checkpoint import Checkpoint
from kerascnn.checks import subset_parts
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec

# Images of a probe, at most.
_IMAGES = 256
# A unit is saturated where its output is further from the middle of its range than this share of
# the way to an end: above 0.99 of tanh, above 0.995 or below 0.005 of a sigmoid.
_SATURATED = 0.99

Arrays = Sequence[np.ndarray]
Build = Callable[[int], Any]
Values = dict[str, float]


class Probe:
    """Measures the networks of one configuration, one after another, on a copy of them.

    Args:
        build: Returns the network of a seed.
        data: Where the images are from.
    """

    def __init__(self, build: Build, data: Dataset) -> None:
        self._build = build
        self._data = data
        self._copy: _Copy | None = None

    def fresh(self, seed: int) -> list[np.ndarray]:
        """Returns the variables a network of this seed begins with."""
        model = self._build(seed)
        if self._copy is None:
            self._copy = _Copy(model)
        return _values(model)

    def measure(self, spec: RunSpec, variables: Arrays, before: Arrays) -> Values:
        """Returns what there is to say of a network, by names such as "gradients/logits/norm".

        Args:
            spec: Of the run it belongs to, whose seed draws the images.
            variables: All of its own, those that are not trained included.
            before: The same an epoch ago; none if they are not known.

        Returns:
            "gradients/<layer>/norm" and, relative to the norm of the layer's weights an epoch
            ago, "gradients/<layer>/update"; "units/<layer>/dead", the share of a rectifier's
            units (channels) that are 0 for every image and place, and "units/<layer>/saturated",
            the share of a sigmoid's or tanh's outputs.
        """
        if self._copy is None:
            self._copy = _Copy(self._build(spec.seed))
        return self._copy.measure(variables, before, *self._images(spec))

    def _images(self, spec: RunSpec) -> tuple[np.ndarray, np.ndarray, int]:
        """Returns images in [0, 1], labels, and how many are taken at once: those of a step."""
        known = self._data.training(spec.train_size, *subset_parts(spec.subset))
        count = min(_IMAGES, len(known))
        block = min(spec.batch_size, count)
        drawn = np.random.default_rng([*b"probe", spec.seed]).permutation(len(known))
        chosen = np.sort(known[drawn[: count - count % block]])
        return self._data.pixels(chosen), self._data.labels[chosen], block


class Watch:
    """One run's network, followed from epoch to epoch.

    Attributes:
        seen: Epoch -> what was measured after it; 0: before the first.
        before: The network's variables after the last epoch that is complete; none: not known.
    """

    def __init__(self, probe: Probe, spec: RunSpec) -> None:
        self._probe, self._spec = probe, spec
        self.seen: dict[int, Values] = {}
        self.before: Arrays = ()

    def begin(self, start: Checkpoint | None) -> None:
        """Measures the network that training begins with, or takes what a checkpoint knows.

        The attempt that left it need not have been watched: its epochs are then not known.
        """
        if start is None or not start.seen:
            self.before = self._probe.fresh(self._spec.seed)
            self.seen = {0: self._probe.measure(self._spec, self.before, ())}
        if start is not None:
            self.seen |= start.seen
            self.before = start.before if len(start.losses) else start.model

    def kept(self, here: Checkpoint) -> Checkpoint:
        """Returns a checkpoint of the run with what this needs to go on."""
        before = self.before if len(here.losses) else ()
        return dataclasses.replace(here, before=before, seen=dict(self.seen))

    def epoch(self, number: int, variables: Arrays) -> None:
        """Measures the network as it is after an epoch."""
        self.seen[number] = self._probe.measure(self._spec, variables, self.before)
        self.before = variables


class _Copy:
    """A network of its own, with the layers whose outputs are looked at."""

    def __init__(self, model: Any) -> None:
        import keras

        self._model = model
        self._taps = list(_taps(model))
        outputs = {str(i): output for i, (_, _, output) in enumerate(self._taps)}
        outputs["logits"] = model.get_layer(
            "logits"
        ).output  # By name: Keras unpacks a list of one.
        self._inner = keras.Model(model.inputs, outputs)
        self._order = {layer.name: i for i, layer in enumerate(_leaves(model))}
        kept = {id(variable) for variable in self._inner.trainable_variables}
        self._layers = {
            layer.name: own
            for layer in _leaves(model)
            if (own := [each for each in layer.trainable_variables if id(each) in kept])
        }
        self._step = _STEPS[keras.backend.backend()](self._inner, self._look)

    def measure(
        self,
        variables: Arrays,
        before: Arrays,
        images: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int32],
        block: int,
    ) -> Values:
        """Returns what there is to say; see `Probe.measure`.

        Args:
            variables: Of the network.
            before: The same an epoch ago.
            images: float32 (n, height, width, channels), in [0, 1].
            labels: int32 (n,).
            block: How many are computed at once; n is a multiple of it.
        """
        for ours, theirs in zip(self._model.variables, variables, strict=True):
            ours.assign(theirs)
        starts = range(0, len(images), block)
        blocks = [self._step(images[s : s + block], labels[s : s + block]) for s in starts]
        gradients = [sum(each) / len(blocks) for each in zip(*(b[0] for b in blocks), strict=True)]
        own = [id(variable) for variable in self._inner.trainable_variables]
        found = self._norms(dict(zip(own, gradients, strict=True)), variables, before)
        found |= self._units([b[1] for b in blocks])
        return {name: found[name] for name in sorted(found, key=self._place)}

    def _place(self, name: str) -> int:
        """Returns where in the network the layer stands that a value is of."""
        return self._order[name.split("/")[1]]

    def _norms(self, gradients: Mapping[int, Any], variables: Arrays, before: Arrays) -> Values:
        places = {id(variable): i for i, variable in enumerate(self._model.variables)}
        found = {}
        for name, own in self._layers.items():
            found[f"gradients/{name}/norm"] = _norm([gradients[id(each)] for each in own])
            if len(before):
                old = [before[places[id(each)]] for each in own]
                new = [variables[places[id(each)]] for each in own]
                size = _norm(old)
                moved = _norm([b - a for a, b in zip(old, new, strict=True)])
                found[f"gradients/{name}/update"] = moved / size if size else math.nan
        return found

    def _units(self, blocks: Sequence[Sequence[Any]]) -> Values:
        counts: dict[str, list[float]] = {}  # Name -> its shares, of a layer that is called twice
        for (name, kind, _), looks in zip(self._taps, zip(*blocks, strict=True), strict=True):
            if kind == "relu":
                share = float(1 - np.any(looks, axis=0).mean())
            else:
                share = float(np.mean(looks, dtype=np.float64))
            what = "dead" if kind == "relu" else "saturated"
            counts.setdefault(f"units/{name}/{what}", []).append(share)
        return {name: float(np.mean(shares)) for name, shares in counts.items()}

    def _look(self, labels: Any, outputs: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        """Returns the loss of a block, and of each tapped output what is kept of it."""
        from keras import ops

        log = ops.log_softmax(ops.cast(outputs["logits"], "float32"))
        picked = ops.take_along_axis(log, ops.reshape(labels, (-1, 1)), axis=-1)
        looks = []
        for i, (_, kind, _) in enumerate(self._taps):
            output = ops.cast(outputs[str(i)], "float32")
            if kind == "relu":  # Which units are anything but 0 somewhere, bool (units,)
                looks.append(ops.any(output != 0, axis=tuple(range(len(output.shape) - 1))))
            else:
                middle, half = (0.5, 0.5) if kind == "sigmoid" else (0.0, 1.0)
                beyond = ops.abs(output - middle) > _SATURATED * half
                looks.append(ops.mean(ops.cast(beyond, "float32")))
        return -ops.mean(picked), looks


def _values(model: Any) -> list[np.ndarray]:
    from keras import ops

    return [np.array(ops.convert_to_numpy(variable)) for variable in model.variables]


def _norm(arrays: Sequence[Any]) -> float:
    return math.sqrt(sum(float(np.square(each, dtype=np.float64).sum()) for each in arrays))


def _leaves(model: Any) -> Iterator[Any]:
    """Yields the layers that hold no layers, in order; a model inside a model is gone through."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def _taps(model: Any) -> Iterator[tuple[str, str, Any]]:
    """Yields (layer, kind of activation, output) of each call of a layer that can die or saturate.

    Inside a model that is used as a layer nothing can be looked at.
    """
    graph = getattr(model, "_functional", None) or model
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            kind = _kind(node.operation)
            if kind:
                yield node.operation.name, kind, node.output_tensors[0]


def _kind(layer: Any) -> str:
    """Returns "relu", "sigmoid", "tanh", or "" for what neither dies nor saturates."""
    from keras import activations, layers

    if isinstance(layer, layers.ReLU):
        return "" if layer.negative_slope else "relu"
    known = {activations.relu: "relu", activations.relu6: "relu"}
    known |= {activations.sigmoid: "sigmoid", activations.tanh: "tanh"}
    return known.get(getattr(layer, "activation", None), "")


def _tensorflow(inner: Any, look: Callable[..., Any]) -> Callable[..., Any]:
    import tensorflow as tf

    variables = inner.trainable_variables

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss, looks = look(labels, inner(images, training=False))
        values = [variable.value for variable in variables]
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(loss, values, unconnected_gradients=zero), looks

    return lambda *given: tf.nest.map_structure(
        lambda tensor: tensor.numpy(), step(*map(tf.constant, given))
    )


def _jax(inner: Any, look: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    def of(trainable: Any, others: Any, images: Any, labels: Any) -> Any:
        outputs, _ = inner.stateless_call(trainable, others, images, training=False)
        return look(labels, outputs)

    step = jax.jit(jax.grad(of, has_aux=True))

    def call(images: Any, labels: Any) -> Any:
        variables = inner.trainable_variables, inner.non_trainable_variables
        values = ([variable.value for variable in each] for each in variables)
        return jax.device_get(step(*values, images, labels))

    return call


# Backend -> what makes (images, labels) -> (gradients, looks) of a network.
_STEPS = {"tensorflow": _tensorflow, "jax": _jax}
