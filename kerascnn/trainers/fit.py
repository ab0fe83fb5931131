"""Keras' own `fit`, fed in our order: the reference that faster trainers must agree with."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from kerascnn.checks import subset_parts
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, _order

# Images per call where no gradient is needed.
_PREDICT_SIZE = 256

Build = Callable[[int], keras.Model]
Indices = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]


def train(
    build: Build,
    data: Dataset,
    specs: Sequence[RunSpec],
    *,
    on_epoch: Callable[[int, int, Mapping[str, float]], None],
    on_end: Callable[[int, keras.Model, Callable[[Indices], Logits]], None],
) -> None:
    """Trains `specs` one after another on one compiled network; see the room's contract."""
    network = _Network(build(specs[0].seed), data, specs[0])
    for i, spec in enumerate(specs):
        if i:
            network.start_over(build(spec.seed), spec)
        try:
            network.fit(spec, functools.partial(on_epoch, i))
        except Stop:
            continue
        on_end(i, network.model, network.predict)


class _Network:
    """One built and compiled network, which run after run starts over on."""

    def __init__(self, model: keras.Model, data: Dataset, spec: RunSpec) -> None:
        self.model = model
        self._data = data
        # No loss is computed from probabilities: the backends clip them differently.
        self._logits = keras.Model(model.inputs[0], model.get_layer("logits").output)
        self._compile(spec)

    def _compile(self, spec: RunSpec) -> None:
        self._optimizer = optimizer(spec)
        self._logits.compile(
            optimizer=self._optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            # On a CPU TensorFlow's XLA costs seconds of compiling and saves nothing.
            jit_compile="auto" if keras.backend.backend() == "jax" else False,
        )
        self._optimizer.build(self._logits.trainable_variables)
        self._fresh = [np.array(variable) for variable in self._optimizer.variables]
        self._settings = _settings(spec)

    def start_over(self, fresh: keras.Model, spec: RunSpec) -> None:
        """Takes every variable of a freshly initialised model, and a fresh optimizer state."""
        for ours, theirs in zip(self.model.variables, fresh.variables, strict=True):
            ours.assign(theirs)
        if _settings(spec) != self._settings:
            self._compile(spec)
        for variable, value in zip(self._optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        self._optimizer.learning_rate = spec.learning_rate

    def fit(self, spec: RunSpec, on_epoch: Callable[[int, Mapping[str, float]], None]) -> None:
        def end_of_epoch(epoch: int, logs: Mapping[str, Any]) -> None:
            metrics = {"loss/train": logs["loss"], "accuracy/train": logs["accuracy"]}
            on_epoch(epoch + 1, {**metrics, **self._validate()})

        batches = _Batches(self._data, spec)
        self._logits.fit(
            batches,
            steps_per_epoch=batches.steps,
            epochs=spec.last_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=end_of_epoch)],
        )

    def predict(self, indices: Indices) -> Logits:
        """Returns logits, float32 (n, classes), of the images at `indices`."""
        out = np.empty((len(indices), self._data.num_classes), np.float32)
        for start in range(0, len(indices), _PREDICT_SIZE):
            chosen = indices[start : start + _PREDICT_SIZE]
            # One shape, one program: the last batch repeats its images.
            padded = np.resize(chosen, _PREDICT_SIZE)
            logits = self._logits.predict_on_batch(self._data.pixels(padded))
            out[start : start + len(chosen)] = logits[: len(chosen)]
        return out

    def _validate(self) -> dict[str, float]:
        indices = self._data.parts["validation"]
        labels = self._data.labels[indices]
        logits = self.predict(indices).astype(np.float64)
        top = logits.max(axis=1)
        log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
        return {
            "loss/validation": float((log_sum - logits[np.arange(len(labels)), labels]).mean()),
            "accuracy/validation": float((logits.argmax(axis=1) == labels).mean()),
        }


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of all epochs in one row, in the order drawn from (seed, epoch).

    Keras' own notice of an epoch's end is no guide: it comes once too often before the first
    epoch, and batches are fetched ahead of it.
    """

    num_batches = None  # Keras then asks for 0, 1, 2, ...; `steps` of them are an epoch.

    def __init__(self, data: Dataset, spec: RunSpec) -> None:
        super().__init__()
        self._data = data
        self._spec = spec
        self._indices = data.training(spec.train_size, *subset_parts(spec.subset))
        self._drawn = self._draw(1)
        self.steps = -(-len(self._indices) // spec.batch_size)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        epochs, batch = divmod(index, self.steps)
        drawn = self._drawn
        if drawn.epoch != epochs + 1:
            drawn = self._drawn = self._draw(epochs + 1)
        chosen = slice(batch * self._spec.batch_size, (batch + 1) * self._spec.batch_size)
        indices = drawn.order[chosen]
        images = self._data.pixels(indices)
        if self._spec.augmentation != "none":
            images = _order.move(images, drawn.shifts[chosen], drawn.flips[chosen])
        return images, self._data.labels[indices]

    def _draw(self, epoch: int) -> "_Drawn":
        count, side = len(self._indices), min(self._data.input_shape[:2])
        order = _order.permutation(self._spec.seed, epoch, count)
        moves = _order.moves(self._spec.augmentation, self._spec.seed, epoch, count, side)
        return _Drawn(epoch, self._indices[order], *moves)


class _Drawn(NamedTuple):
    """One epoch: indices in their order, and how each image is moved."""

    epoch: int
    order: Indices
    shifts: npt.NDArray[np.int64]
    flips: npt.NDArray[np.bool_]


def optimizer(spec: RunSpec) -> keras.optimizers.Optimizer:
    """Returns a new Keras optimizer for `spec`, weight decay decoupled."""
    classes = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }
    momentum = {"momentum": 0.9} if spec.optimizer == "sgd" else {}
    return classes[spec.optimizer](
        learning_rate=spec.learning_rate, weight_decay=spec.weight_decay or None, **momentum
    )


def _settings(spec: RunSpec) -> tuple[str, float]:
    """What is baked into the compiled step, besides the network."""
    return spec.optimizer, spec.weight_decay
