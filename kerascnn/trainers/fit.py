"""Keras' own `fit`, fed in our order: the reference that faster trainers must agree with."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from kerascnn.checks import subset_parts
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, _augment, _loss, _order
from kerascnn.trainers._optimizer import Optimizer
from kerascnn.trainers._patience import Patience

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
    on_end: Callable[[int, keras.Model, Callable[[Indices], Logits], int], None],
) -> None:
    """Trains `specs` one after another on one compiled network; see the room's contract."""
    network = _Network(build(specs[0].seed), data, specs[0])
    for i, spec in enumerate(specs):
        if i:
            network.start_over(build(spec.seed), spec)
        try:
            epoch = network.fit(spec, functools.partial(on_epoch, i))
        except Stop:
            continue
        on_end(i, network.model, network.predict, epoch)


class _Network:
    """One built and compiled network, which run after run starts over on."""

    def __init__(self, model: keras.Model, data: Dataset, spec: RunSpec) -> None:
        self.model = model
        self._data = data
        self._logits = keras.Model(model.inputs[0], model.get_layer("logits").output)
        self._compile(spec)

    def _compile(self, spec: RunSpec) -> None:
        self._settings = _settings(self._data, spec)
        steps = _steps(self._data, spec)
        self._optimizer = Optimizer(spec, steps, self._logits.trainable_variables)
        self._logits.compile(
            optimizer=self._optimizer.keras,
            loss=_loss.loss(spec),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            # On a CPU TensorFlow's XLA costs seconds of compiling and saves nothing.
            jit_compile="auto" if keras.backend.backend() == "jax" else False,
        )

    def start_over(self, fresh: keras.Model, spec: RunSpec) -> None:
        """Takes every variable of a freshly initialised model, and a fresh optimizer state."""
        for ours, theirs in zip(self.model.variables, fresh.variables, strict=True):
            ours.assign(theirs)
        if _settings(self._data, spec) != self._settings:
            self._compile(spec)
        self._optimizer.start_over(spec)

    def fit(self, spec: RunSpec, on_epoch: Callable[[int, Mapping[str, float]], None]) -> int:
        """Trains a run, and returns the epoch that the weights it ends with are of."""
        patience = Patience(spec.patience)
        trained_on = "validation" in _order.besides_train(spec)
        kept: list[np.ndarray] = []

        def end_of_epoch(epoch: int, logs: Mapping[str, Any]) -> None:
            found = {} if trained_on else self._validate()
            metrics = {"loss/train": logs["loss"], "accuracy/train": logs["accuracy"]}
            on_epoch(epoch + 1, {**metrics, **found})
            if patience.take(epoch + 1, found.get("loss/validation", math.nan)):
                kept[:] = [np.array(variable) for variable in self.model.weights]
            self._logits.stop_training = patience.over

        batches = _Batches(self._data, spec)
        self._logits.fit(
            batches,
            steps_per_epoch=batches.steps,
            epochs=spec.last_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=end_of_epoch)],
        )
        if kept:
            self.model.set_weights(kept)
        return patience.epoch

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
        self._indices = _training(data, spec)
        self._labels = data.labels[self._indices]
        self._weights = _loss.class_weights(spec, self._labels, data.num_classes)
        self._drawn = self._draw(1)
        self.steps = _steps(data, spec)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Returns images, labels and, if the loss is weighted, weights."""
        epochs, batch = divmod(index, self.steps)
        drawn = self._drawn
        if drawn.epoch != epochs + 1:
            drawn = self._drawn = self._draw(epochs + 1)
        chosen = slice(batch * self._spec.batch_size, (batch + 1) * self._spec.batch_size)
        indices = drawn.order[chosen]
        images = _augment.apply(self._data.pixels(indices), drawn.changes[chosen])
        labels = self._data.labels[indices]
        return (images, labels, *(() if self._weights is None else (self._weights[labels],)))

    def _draw(self, epoch: int) -> "_Drawn":
        spec, shape = self._spec, self._data.input_shape[:2]
        order = self._indices[_order.order(spec, epoch, self._labels)]
        changes = _augment.draw(spec.augmentation, spec.seed, epoch, len(order), shape)
        return _Drawn(epoch, order, changes)


class _Drawn(NamedTuple):
    """One epoch: indices in their order, and how each image is changed."""

    epoch: int
    order: Indices
    changes: _augment.Changes


def _training(data: Dataset, spec: RunSpec) -> Indices:
    parts = subset_parts(spec.subset)
    return data.training(spec.train_size, *parts, besides=_order.besides_train(spec))


def _steps(data: Dataset, spec: RunSpec) -> int:
    """Returns the steps of an epoch."""
    return -(-len(_training(data, spec)) // spec.batch_size)


def _settings(data: Dataset, spec: RunSpec) -> tuple[object, ...]:
    """What is baked into the compiled step, besides the network."""
    planned = 0 if spec.schedule == "constant" else spec.epochs * _steps(data, spec)
    return spec.optimizer, spec.weight_decay, spec.label_smoothing, spec.schedule, planned
