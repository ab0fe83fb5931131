"""Training in compiled calls of many steps each, on data that lie on the device as stored.

Keras' own `fit` spends most of a small network's time between its steps. Here scaling, changing,
steps and metrics are one program (TensorFlow: one function; JAX: one program a step on a CPU, a
loop elsewhere), called for about half a second's worth of steps at a time. Runs that differ only
in seed, learning rate or weight decay share a program, also from call to call: every variable is
assigned from a freshly initialised network.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kerascnn.checkpoint import Checkpoint
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import Here, OnPause, Start, Stop, _loss, _programs, afresh, ignore
from kerascnn.trainers._epochs import Epochs
from kerascnn.trainers._source import Piece, Source
from kerascnn.trainers._standing import Standing, Steps

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
    start: Start = afresh,
    on_pause: OnPause = ignore,
) -> None:
    """Trains `specs` one after another; see the room's contract."""
    source = _programs.source(data)
    for i, spec in enumerate(specs):
        epochs = Epochs(data, spec)
        run = Run(_programs.program(build(spec.seed), data, spec, epochs.steps), source, epochs)
        standing = Standing(spec, functools.partial(on_epoch, i))
        try:
            epoch = run.fit(standing, start(i), functools.partial(on_pause, i))
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

    def fit(
        self, standing: Standing, start: Checkpoint | None, on_pause: Callable[[Here], None]
    ) -> int:
        """Trains a run, and returns the epoch that the weights it ends with are of."""
        network, made = self.program.network, Steps()
        if start is not None and network.resume(start):
            standing.resume(start)
            made.add(start.losses, start.hits)
        while not standing.over:
            metrics = self._train(standing, made, on_pause)
            if self._epochs.validates:
                indices = self._source.data.parts["validation"]
                labels = self._source.data.labels[indices]
                metrics |= _loss.validation(self.predict(indices), labels)
            made = Steps()
            if standing.end_epoch(metrics):
                standing.best = network.weights()
            on_pause(functools.partial(standing.checkpoint, network))
        if len(standing.best):
            network.restore(standing.best)
        return standing.patience.epoch

    def predict(self, indices: Indices) -> Logits:
        """Returns logits, float32 (n, classes), of the images at `indices`."""
        none = np.empty((0, self._source.data.num_classes), np.float32)
        found = logits(self.program, self._source, indices, self._predicting)
        return np.concatenate([none, *found])

    def _train(
        self, standing: Standing, made: Steps, on_pause: Callable[[Here], None]
    ) -> dict[str, float]:
        order, changes = self._epochs.draw(standing.epoch + 1)
        size, weights = self._epochs.batch_size, self._epochs.weights
        pieces = self._source.pieces(order, changes.arrays(), size)
        network = self.program.network
        for _ in steps(self.program, pieces, weights, size, self._training, made):
            on_pause(lambda: standing.checkpoint(network, *made.arrays()))
        return self._epochs.means(*made.arrays())


class Pace:
    """How many steps go into a call, by how long those before took."""

    def __init__(self) -> None:
        self._calls = 0
        self._most = 1

    def calls(self, steps: int, first: int = 0) -> Iterator[tuple[int, int]]:
        """Yields (first, last) of the calls that steps `first` to `steps` are made in."""
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
    made: Steps,
) -> Iterator[None]:
    """Trains the steps of `pieces`, of `size` images each, that are not made, and adds them.

    Yields after every call.
    """
    behind = len(made)
    for piece in pieces:
        count = -(-piece.count // size)
        for first, last in pace.calls(count, min(behind, count)):
            made.add(*program.steps(piece, weights, first, last))
            yield
        behind = max(0, behind - count)


def logits(program: Any, source: Source, indices: Indices, pace: Pace) -> Iterator[Logits]:
    """Yields the logits of the images at `indices`, some of them at a time."""
    for piece in source.pieces(indices, {}, program.block):
        for first, last in pace.calls(-(-piece.count // program.block)):
            yield program.logits(piece, first, last)
