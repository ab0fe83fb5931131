"""Keras' own `fit`, fed in our order: the reference that faster trainers must agree with."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kerascnn.checkpoint import Checkpoint
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import Here, OnPause, Start, Stop, _augment, _loss, afresh, ignore
from kerascnn.trainers._epochs import Epochs
from kerascnn.trainers._network import Network, baked
from kerascnn.trainers._standing import Standing

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
    start: Start = afresh,
    on_pause: OnPause = ignore,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Trains `specs` one after another on one compiled network; see the room's contract.

    A checkpoint is to be had between two epochs; one between two steps is passed over.

    Args:
        build, data, specs, on_epoch, on_end, start, on_pause: See there.
        callbacks: Of Keras, for every run; they see the network that ends in logits.
    """
    runner: _Runner | None = None
    for i, spec in enumerate(specs):
        epochs, model = Epochs(data, spec), build(spec.seed)
        if runner is None or runner.baked != baked(spec, epochs.steps):
            runner = _Runner(model, data, spec, epochs.steps)
        else:
            runner.network.start_over(model, spec)
        standing, pause = (
            Standing(spec, functools.partial(on_epoch, i)),
            functools.partial(on_pause, i),
        )
        try:
            epoch = runner.fit(spec, epochs, standing, start(i), pause, callbacks)
        except Stop:
            continue
        on_end(i, runner.network.model, runner.predict, epoch)


class _Runner:
    """One compiled network and the data."""

    def __init__(self, model: keras.Model, data: Dataset, spec: RunSpec, steps: int) -> None:
        self.baked = baked(spec, steps)
        self.network = Network(model, spec, steps)
        self._data = data
        self.network.logits.compile(
            optimizer=self.network.optimizer.keras,
            loss=_loss.loss(spec),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            # XLA compiles every network anew, which short runs on a CPU do not earn back:
            # benchmarks/against_keras_tuner.py, with and --others-without-xla.
            jit_compile="auto" if keras.backend.backend() == "jax" else False,
        )

    def fit(
        self,
        spec: RunSpec,
        epochs: Epochs,
        standing: Standing,
        start: Checkpoint | None,
        on_pause: Callable[[Here | None], None],
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> int:
        """Trains a run, and returns the epoch that the weights it ends with are of."""

        def end_of_epoch(epoch: int, logs: Mapping[str, Any]) -> None:
            found = self._validate() if epochs.validates else {}
            metrics = {"loss/train": logs["loss"], "accuracy/train": logs["accuracy"]}
            if standing.end_epoch({**metrics, **found}):
                standing.best = self.network.weights()
            on_pause(functools.partial(standing.checkpoint, self.network))
            self.network.logits.stop_training = standing.over

        if start is not None and not len(start.losses) and self.network.resume(start):
            standing.resume(start)
        own = keras.callbacks.LambdaCallback(
            on_epoch_end=end_of_epoch, on_train_batch_end=lambda batch, logs: on_pause(None)
        )
        if not standing.over:
            self.network.logits.fit(
                _Batches(self._data, spec, epochs, standing.epoch),
                steps_per_epoch=epochs.steps,
                initial_epoch=standing.epoch,
                epochs=spec.last_epoch,
                shuffle=False,
                verbose=0,
                callbacks=[own, *callbacks],
            )
        if len(standing.best):
            self.network.restore(standing.best)
        return standing.patience.epoch

    def predict(self, indices: Indices) -> Logits:
        """Returns logits, float32 (n, classes), of the images at `indices`."""
        out = np.empty((len(indices), self._data.num_classes), np.float32)
        for start in range(0, len(indices), _PREDICT_SIZE):
            chosen = indices[start : start + _PREDICT_SIZE]
            # One shape, one program: the last batch repeats its images.
            padded = np.resize(chosen, _PREDICT_SIZE)
            logits = self.network.logits.predict_on_batch(self._data.pixels(padded))
            out[start : start + len(chosen)] = logits[: len(chosen)]
        return out

    def _validate(self) -> dict[str, float]:
        indices = self._data.parts["validation"]
        return _loss.validation(self.predict(indices), self._data.labels[indices])


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of all epochs in one row.

    Keras' own notice of an epoch's end is no guide: it comes once too often before the first
    epoch, and batches are fetched ahead of it.

    Args:
        data: The run's.
        spec: The run's.
        epochs: The run's.
        behind: How many of them are left out, from the first.
    """

    num_batches = None  # Keras then asks for 0, 1, 2, ...; `Epochs.steps` of them are an epoch.

    def __init__(self, data: Dataset, spec: RunSpec, epochs: Epochs, behind: int) -> None:
        super().__init__()
        self._behind = behind
        self._data = data
        self._size = spec.batch_size
        self._epochs = epochs
        self._epoch = 0

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Returns images, labels and, if the loss is weighted, weights."""
        before, batch = divmod(self._behind * self._epochs.steps + index, self._epochs.steps)
        if self._epoch != before + 1:
            self._epoch, self._drawn = before + 1, self._epochs.draw(before + 1)
        chosen = slice(batch * self._size, (batch + 1) * self._size)
        indices = self._drawn.order[chosen]
        images = _augment.apply(self._data.pixels(indices), self._drawn.changes[chosen])
        labels, weights = self._data.labels[indices], self._epochs.weights
        return (images, labels, *(() if weights is None else (weights[labels],)))
