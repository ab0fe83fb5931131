"""Training in compiled calls of many steps each, on data that lie on the device as stored.

Keras' own `fit` spends most of a small network's time between its steps. Here scaling, changing,
steps and metrics are one program (TensorFlow: one function; JAX: one program a step on a CPU, a
loop elsewhere), called for about half a second's worth of steps at a time. Runs that differ only
in seed, learning rate or weight decay share a program, also from call to call: every variable is
assigned from a freshly initialised network.
"""

import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, _loss, _programs
from kerascnn.trainers._epochs import Epochs
from kerascnn.trainers._patience import Patience
from kerascnn.trainers._source import Piece, Source

# Seconds of steps in a call: Ctrl-C and limits work between calls.
_CALL = 0.5

Indices = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]


def train(
    build: Callable[[int], keras.Model],
    data: Dataset,
    specs: Sequence[RunSpec],
    *,
    on_epoch: Callable[[int, int, Mapping[str, float]], None],
    on_end: Callable[[int, keras.Model, Callable[[Indices], Logits], int], None],
) -> None:
    """Trains `specs` one after another; see the room's contract."""
    source = _programs.source(data)
    for i, spec in enumerate(specs):
        epochs = Epochs(data, spec)
        run = Run(_programs.program(build(spec.seed), data, spec, epochs.steps), source, epochs)
        try:
            epoch = run.fit(spec, functools.partial(on_epoch, i))
        except Stop:
            continue
        on_end(i, run.program.network.model, run.predict, epoch)


class Run:
    """One run on a program that started over for it."""

    def __init__(self, program: Any, source: Source, epochs: Epochs) -> None:
        self.program = program
        self._source = source
        self._epochs = epochs
        self._training, self._predicting = Pace(), Pace()

    def fit(self, spec: RunSpec, on_epoch: Callable[[int, Mapping[str, float]], None]) -> int:
        """Trains a run, and returns the epoch that the weights it ends with are of."""
        network, patience = self.program.network, Patience(spec.patience)
        kept: list[np.ndarray] = []
        for epoch in range(1, spec.last_epoch + 1):
            metrics = self._train(epoch, spec.batch_size)
            if self._epochs.validates:
                indices = self._source.data.parts["validation"]
                labels = self._source.data.labels[indices]
                metrics |= _loss.validation(self.predict(indices), labels)
            on_epoch(epoch, metrics)
            if patience.take(epoch, metrics.get("loss/validation", math.nan)):
                kept = network.weights()
            if patience.over:
                break
        if kept:
            network.restore(kept)
        return patience.epoch

    def predict(self, indices: Indices) -> Logits:
        """Returns logits, float32 (n, classes), of the images at `indices`."""
        none = np.empty((0, self._source.data.num_classes), np.float32)
        found = logits(self.program, self._source, indices, self._predicting)
        return np.concatenate([none, *found])

    def _train(self, epoch: int, size: int) -> dict[str, float]:
        order, changes = self._epochs.draw(epoch)
        pieces = self._source.pieces(order, changes.arrays(), size)
        found = steps(self.program, pieces, self._epochs.weights, size, self._training)
        return self._epochs.means(*found)


class Pace:
    """How many steps go into a call, by how long those before took."""

    def __init__(self) -> None:
        self._calls = 0
        self._most = 1

    def calls(self, steps: int) -> Iterator[tuple[int, int]]:
        """Yields (first, last) of the calls that `steps` steps are made in."""
        first = 0
        while first < steps:
            last = min(first + self._most, steps)
            start = time.perf_counter()
            yield first, last
            seconds = (time.perf_counter() - start) / (last - first)
            self._calls += 1
            if self._calls > 1:  # The first call compiles.
                self._most = max(1, int(_CALL / seconds))
            first = last


def steps(
    program: Any,
    pieces: Iterable[Piece],
    weights: npt.NDArray[np.float32] | None,
    size: int,
    pace: Pace,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Trains all steps of `pieces`, of `size` images each, and returns their losses and hits."""
    found = [
        program.steps(piece, weights, first, last)
        for piece in pieces
        for first, last in pace.calls(-(-piece.count // size))
    ]
    losses, hits = (np.concatenate(each) for each in zip(*found, strict=True))
    return losses, hits


def logits(program: Any, source: Source, indices: Indices, pace: Pace) -> Iterator[Logits]:
    """Yields the logits of the images at `indices`, some of them at a time."""
    for piece in source.pieces(indices, {}, program.block):
        for first, last in pace.calls(-(-piece.count // program.block)):
            yield program.logits(piece, first, last)
