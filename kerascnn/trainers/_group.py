"""Runs trained side by side on one program, each with its own images, epochs and end."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import keras
import numpy as np
import numpy.typing as npt

from kerascnn.checkpoint import Checkpoint
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import (
    OnPause,
    Start,
    Stop,
    _loss,
    _programs,
    _replicas,
    afresh,
    compiled,
    ignore,
)
from kerascnn.trainers._epochs import Drawn, Epochs
from kerascnn.trainers._network import baked
from kerascnn.trainers._program_jax import State
from kerascnn.trainers._source import Piece, Source
from kerascnn.trainers._standing import NONE, Standing, Steps

Build = Callable[[int], keras.Model]
OnEpoch = Callable[[int, int, Mapping[str, float]], None]
OnEnd = Callable[[int, keras.Model, Callable[[npt.NDArray[np.int64]], Any], int], None]


class Run:
    """One run, and what decides with which others it can be trained.

    Attributes:
        alike: Runs that are alike in it share a program.
    """

    def __init__(self, i: int, spec: RunSpec, data: Dataset) -> None:
        self.i, self.spec = i, spec
        self.epochs = Epochs(data, spec)
        drawn = (spec.batch_size, spec.augmentation, self.epochs.weights is None)
        counts = (self.epochs.count, self.epochs.validates)
        self.alike = (baked(spec, self.epochs.steps), drawn, counts)


class Group:
    """Runs trained side by side; of `width` places, the ones left over repeat the first run.

    They go on from checkpoints if all have one and stand at the same step.
    """

    def __init__(
        self,
        build: Build,
        data: Dataset,
        runs: Sequence[Run],
        how: str,
        width: int,
        start: Start = afresh,
    ) -> None:
        self._starts = _alike([start(run.i) for run in runs])
        self._runs = runs
        states = self._states(build, data)
        if len(states) < len(runs):  # A checkpoint is of another network.
            self._starts = []
            states = self._states(build, data)
        self._places = [*runs, *[runs[0]] * (width - len(runs))]
        self._source = _programs.source(data)
        self._replicas = _replicas.of(self._program, how)
        self._replicas.start_over([*states, *[states[0]] * (width - len(runs))])
        weights = [run.epochs.weights for run in self._places if run.epochs.weights is not None]
        self._weights = np.stack(weights) if weights else None
        self._training, self._predicting = compiled.Pace(), compiled.Pace()
        self._under_way: dict[int, Standing] = {}  # By place

    def fit(
        self,
        on_epoch: OnEpoch,
        on_end: OnEnd,
        on_pause: OnPause = ignore,
    ) -> None:
        """Trains the runs until the last has ended; one that ends early is not waited for."""
        made = self._resume(on_epoch)
        self._end_those_over(on_end)
        while self._under_way:
            told = self._epoch(made, on_pause)
            made = Steps()
            for place, standing in list(self._under_way.items()):
                with self._stopping(place):
                    if standing.end_epoch(told[place]):
                        self._program.keep(self._replicas.run(place))
                        standing.best = self._program.network.weights()
                    on_pause(self._runs[place].i, functools.partial(self._here, place, made))
            self._end_those_over(on_end)
        self._replicas.forget()

    def _states(self, build: Build, data: Dataset) -> list[State]:
        """Returns the states that the runs begin with; fewer if a checkpoint does not fit."""
        states: list[State] = []
        for i, run in enumerate(self._runs):
            self._program = program(build, data, run)
            if self._starts and not self._program.network.resume(self._starts[i]):
                break
            states.append(jax.device_get(self._program.state()))
        return states

    def _resume(self, on_epoch: OnEpoch) -> Steps:
        """Takes the runs' checkpoints, and returns the steps of their next epoch they have made."""
        for place, run in enumerate(self._runs):
            standing = Standing(run.spec, functools.partial(on_epoch, run.i))
            self._under_way[place] = standing
            with self._stopping(place):
                if self._starts:
                    standing.resume(self._starts[place])
        made, starts = Steps(), self._starts
        if starts and len(starts[0].losses):
            starts = [*starts, *[starts[0]] * (len(self._places) - len(starts))]
            columns = [each.losses for each in starts], [each.hits for each in starts]
            made.add(*(np.stack(each, axis=1) for each in columns))
        return made

    def _end_those_over(self, on_end: OnEnd) -> None:
        for place, standing in list(self._under_way.items()):
            if standing.over:
                del self._under_way[place]
                self._end(place, standing, on_end)

    @contextlib.contextmanager
    def _stopping(self, place: int) -> Iterator[None]:
        try:
            yield
        except Stop:
            del self._under_way[place]

    def _here(self, place: int, made: Steps) -> Checkpoint:
        self._program.keep(self._replicas.run(place))
        own = (each[..., place] for each in made.arrays()) if len(made) else NONE
        return self._under_way[place].checkpoint(self._program.network, *own)

    def _epoch(self, made: Steps, on_pause: OnPause) -> list[dict[str, float]]:
        """Trains an epoch, and returns what is told of it, by place."""
        size, epoch = self._runs[0].spec.batch_size, next(iter(self._under_way.values())).epoch + 1
        drawn = [run.epochs.draw(epoch) for run in self._runs]
        drawn += [drawn[0]] * (len(self._places) - len(drawn))
        orders = pieces(self._source, drawn, size)
        for _ in compiled.steps(self._replicas, orders, self._weights, size, self._training, made):
            for place in list(self._under_way):
                here = functools.partial(self._here, place, made)
                with self._stopping(place):
                    on_pause(self._runs[place].i, here)
        losses, hits = (each.T for each in made.arrays())
        columns = zip(self._places, losses, hits, strict=True)
        told = [run.epochs.means(*each) for run, *each in columns]
        if self._runs[0].epochs.validates:
            told = [each | more for each, more in zip(told, self._validate(), strict=True)]
        return told

    def _validate(self) -> list[dict[str, float]]:
        indices = self._source.data.parts["validation"]
        found = list(compiled.logits(self._replicas, self._source, indices, self._predicting))
        labels = self._source.data.labels[indices]
        return [_loss.validation(logits, labels) for logits in np.concatenate(found, axis=1)]

    def _end(self, place: int, standing: Standing, on_end: OnEnd) -> None:
        run, network = self._runs[place], self._program.network
        self._program.keep(self._replicas.run(place))
        if len(standing.best):
            network.restore(standing.best)
        alone = compiled.Run(self._program, self._source, run.epochs)
        on_end(run.i, network.model, alone.predict, standing.patience.epoch)


def _alike(starts: Sequence[Checkpoint | None]) -> list[Checkpoint]:
    """Returns the checkpoints, or none of them if one is missing or stands elsewhere."""
    found = [each for each in starts if each is not None]
    together = len(found) == len(starts) and len({each.reach for each in found}) == 1
    return found if together else []


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
