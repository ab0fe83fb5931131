"""Runs trained side by side on one program, each with its own images, epochs and end."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import keras
import numpy as np
import numpy.typing as npt

from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, _loss, _programs, _replicas, compiled
from kerascnn.trainers._epochs import Drawn, Epochs
from kerascnn.trainers._network import baked
from kerascnn.trainers._patience import Patience
from kerascnn.trainers._source import Piece, Source

Build = Callable[[int], keras.Model]
OnEpoch = Callable[[int, int, Mapping[str, float]], None]
OnEnd = Callable[[int, keras.Model, Callable[[npt.NDArray[np.int64]], Any], int], None]


class Run:
    """One run, and what is kept of it while it is trained.

    Attributes:
        alike: Runs that are alike in it share a program.
    """

    def __init__(self, i: int, spec: RunSpec, data: Dataset) -> None:
        self.i, self.spec = i, spec
        self.epochs = Epochs(data, spec)
        self.patience = Patience(spec.patience)
        self.best: tuple[list[Any], list[Any]] | None = None  # On the device
        drawn = (spec.batch_size, spec.augmentation, self.epochs.weights is None)
        counts = (self.epochs.count, self.epochs.validates)
        self.alike = (baked(spec, self.epochs.steps), drawn, counts)


class Group:
    """Runs trained side by side; of `width` places, the ones left over repeat the first run."""

    def __init__(
        self, build: Build, data: Dataset, runs: Sequence[Run], how: str, width: int
    ) -> None:
        states = []
        for run in runs:
            self._program = program(build, data, run)
            states.append(jax.device_get(self._program.state()))
        self._runs = runs
        self._places = [*runs, *[runs[0]] * (width - len(runs))]
        self._source = _programs.source(data)
        self._replicas = _replicas.of(self._program, how)
        self._replicas.start_over([*states, *[states[0]] * (width - len(runs))])
        weights = [run.epochs.weights for run in self._places if run.epochs.weights is not None]
        self._weights = np.stack(weights) if weights else None
        self._training, self._predicting = compiled.Pace(), compiled.Pace()

    def fit(self, on_epoch: OnEpoch, on_end: OnEnd) -> None:
        """Trains the runs until the last has ended; one that ends early is not waited for."""
        under_way = dict(enumerate(self._runs))  # Place -> run
        epoch = 0
        while under_way:
            epoch += 1
            told = self._epoch(epoch)
            for place, run in list(under_way.items()):
                try:
                    on_epoch(run.i, epoch, told[place])
                except Stop:
                    del under_way[place]
                    continue
                if run.patience.take(epoch, told[place].get("loss/validation", math.nan)):
                    run.best = self._replicas.run(place)[:2]
                if run.patience.over or epoch == run.spec.last_epoch:
                    del under_way[place]
                    self._end(place, run, on_end)
        self._replicas.forget()

    def _epoch(self, epoch: int) -> list[dict[str, float]]:
        """Trains an epoch, and returns what is told of it, by place."""
        size = self._runs[0].spec.batch_size
        drawn = [run.epochs.draw(epoch) for run in self._runs]
        drawn += [drawn[0]] * (len(self._places) - len(drawn))
        losses, hits = compiled.steps(
            self._replicas,
            pieces(self._source, drawn, size),
            self._weights,
            size,
            self._training,
        )
        columns = zip(losses.T, hits.T, strict=True)
        told = [run.epochs.means(*each) for run, each in zip(self._places, columns, strict=True)]
        if self._runs[0].epochs.validates:
            told = [each | more for each, more in zip(told, self._validate(), strict=True)]
        return told

    def _validate(self) -> list[dict[str, float]]:
        indices = self._source.data.parts["validation"]
        found = list(compiled.logits(self._replicas, self._source, indices, self._predicting))
        labels = self._source.data.labels[indices]
        return [_loss.validation(logits, labels) for logits in np.concatenate(found, axis=1)]

    def _end(self, place: int, run: Run, on_end: OnEnd) -> None:
        trainable, others, slots = self._replicas.run(place)
        if run.best is not None:
            trainable, others = run.best
            run.best = None
        self._program.keep((trainable, others, slots))
        alone = compiled.Run(self._program, self._source, run.epochs)
        on_end(run.i, self._program.network.model, alone.predict, run.patience.epoch)


def program(build: Build, data: Dataset, run: Run) -> Any:
    """Returns a run's program, started over for it."""
    return _programs.program(build(run.spec.seed), data, run.spec, run.epochs.steps)


def width(build: Build, data: Dataset, run: Run, form: str, together: int) -> int:
    """Returns how many runs like `run` are computed together: no more than there is memory for."""
    replicas = _replicas.of(program(build, data, run), form)
    return min(together, _replicas.fitting(replicas, run.epochs.weights, data.input_shape))


def trial(
    build: Build, data: Dataset, run: Run, form: str, together: int
) -> tuple[Callable[[int, int], object], int]:
    """Returns what makes steps `first` to `last` of so many copies of a run, and their number."""
    alone = program(build, data, run)
    source, drawn, size = _programs.source(data), run.epochs.draw(1), run.spec.batch_size
    if form == "separate":
        piece = next(source.pieces(drawn.order, drawn.changes.arrays(), size))
        return lambda first, last: alone.steps(piece, run.epochs.weights, first, last), 1
    count = width(build, data, run, form, together)
    replicas = _replicas.of(alone, form)
    replicas.start_over([jax.device_get(alone.state())] * count)
    piece = next(pieces(source, [drawn] * count, size))
    weights = None if run.epochs.weights is None else np.stack([run.epochs.weights] * count)
    return lambda first, last: replicas.steps(piece, weights, first, last), count


def pieces(source: Source, drawn: Sequence[Drawn], size: int) -> Iterator[Piece]:
    """Yields pieces of several runs' epochs, each the same part of all."""
    orders = [
        source.pieces(each.order, each.changes.arrays(), size, beside=len(drawn)) for each in drawn
    ]
    for each in zip(*orders, strict=True):
        yield _replicas.together(each)
