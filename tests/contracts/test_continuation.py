"""The contract of every trainer: a run that goes on has the numbers of one that never stopped."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import checkpoint, datasets, trainers
from kerascnn.checkpoint import Checkpoint
from kerascnn.datasets._arrays import Dataset
from kerascnn.models import cnn
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, compiled
from tests import networks
from tests.contracts.test_trainers import ways
from tests.networks import builder

# All that has a state: batch statistics, dropout's seeds, slots, a schedule, decay, augmentation.
SPEC = RunSpec(
    family="cnn",
    dataset="synthetic",
    batch_size=32,
    epochs=9,
    train_size=120,
    optimizer="adamw",
    schedule="one_cycle",
    weight_decay=1e-3,
    augmentation="shift+flip",
)
SPECS = [dataclasses.replace(SPEC, seed=seed) for seed in (1, 2)]
Result = tuple[list[Mapping[str, float]], np.ndarray, int]


@pytest.fixture(params=ways())
def train(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    try:
        trainers.check_backend(request.param, keras.backend.backend())
    except ValueError as error:
        pytest.skip(str(error))
    monkeypatch.setattr(compiled, "_CALL", 0.0)  # A pause after every step.
    return trainers.load(request.param)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.load("synthetic")


class Way:
    """Trains, and keeps what was told."""

    def __init__(self, train: Callable[..., None], data: Dataset) -> None:
        self._train, self._data = train, data
        self.pauses = 0

    def results(self, specs: list[RunSpec], **options: Any) -> list[Result]:
        histories: list[list[Mapping[str, float]]] = [[] for _ in specs]
        found: dict[int, Result] = {}

        def on_epoch(i: int, epoch: int, metrics: Mapping[str, float]) -> None:
            histories[i].append(metrics)
            assert epoch == len(histories[i])

        def on_end(i: int, model: keras.Model, predict: Callable[..., Any], epoch: int) -> None:
            found[i] = histories[i], predict(self._data.parts["validation"]), epoch

        network = builder(self._data, cnn, filters=4, normalization="batch", dropout=0.3)
        self._train(network, self._data, specs, on_epoch=on_epoch, on_end=on_end, **options)
        return [found[i] for i in sorted(found)]

    def stopped(self, specs: list[RunSpec], after: int) -> tuple[int, list[Checkpoint | None]]:
        """Trains until pause `after` of every run; returns the pauses and where they stood."""
        seen: dict[int, list[Checkpoint | None]] = {i: [] for i in range(len(specs))}

        def on_pause(i: int, here: Callable[[], Checkpoint] | None) -> None:
            seen[i].append(here() if here is not None and len(seen[i]) >= after - 1 else None)
            if len(seen[i]) == after:
                raise Stop

        self.results(specs, on_pause=on_pause)
        return len(seen[0]), [each[-1] for each in seen.values()]


def same(ours: list[Result], theirs: list[Result]) -> bool:
    return all(
        a[0] == b[0] and np.array_equal(a[1], b[1]) and a[2] == b[2]
        for a, b in zip(ours, theirs, strict=True)
    )


def through_a_file(folder: Path, i: int, found: Checkpoint | None) -> Checkpoint | None:
    if found is None:
        return None
    checkpoint.write(folder / f"{i}.npz", found, made={"run": i}, seconds=1.5)
    read = checkpoint.read(folder / f"{i}.npz", made={"run": i})
    assert read is not None
    assert read[1] == 1.5
    return read[0]


def test_three_epochs_continued_to_nine_are_nine(
    train: Callable[..., None], data: Dataset, tmp_path: Path
) -> None:
    way = Way(train, data)
    whole = way.results(SPECS)
    ended: dict[int, Checkpoint] = {}

    def on_pause(i: int, here: Callable[[], Checkpoint] | None) -> None:
        if here is not None and (found := here()).reach == (3, 0):
            ended[i] = found

    short = way.results([dataclasses.replace(s, stop_epoch=3) for s in SPECS], on_pause=on_pause)
    assert [history for history, *_ in short] == [history[:3] for history, *_ in whole]
    starts = [through_a_file(tmp_path, i, ended[i]) for i in range(2)]
    again = way.results(SPECS, start=lambda i: starts[i])
    assert same(again, whole)
    assert same(way.results(SPECS), whole)  # Where there is no checkpoint, from the beginning.


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 6, 14])
def test_a_run_stopped_anywhere_goes_on_from_there(
    train: Callable[..., None], data: Dataset, tmp_path: Path, after: int
) -> None:
    way = Way(train, data)
    specs = [dataclasses.replace(spec, epochs=4) for spec in SPECS]
    whole = way.results(specs)
    _, found = way.stopped(specs, after)
    starts = [through_a_file(tmp_path, i, each) for i, each in enumerate(found)]
    assert same(way.results(specs, start=lambda i: starts[i]), whole)


@pytest.mark.slow
def test_patience_goes_on_too(train: Callable[..., None], data: Dataset, tmp_path: Path) -> None:
    """The weights it would go back to are part of a checkpoint."""
    way = Way(train, networks.misleading(data))
    specs = [dataclasses.replace(spec, patience=2, learning_rate=0.01) for spec in SPECS]
    whole = way.results(specs)
    assert any(epoch < len(history) < 9 for history, _, epoch in whole)
    ended: dict[int, Checkpoint] = {}

    def on_pause(i: int, here: Callable[[], Checkpoint] | None) -> None:
        if here is not None and (found := here()).reach == (2, 0):
            ended[i] = found
            raise Stop

    way.results(specs, on_pause=on_pause)
    starts = [through_a_file(tmp_path, i, ended[i]) for i in range(2)]
    assert same(way.results(specs, start=lambda i: starts[i]), whole)


@pytest.mark.slow
def test_a_checkpoint_of_another_network_is_passed_over(
    train: Callable[..., None], data: Dataset
) -> None:
    way = Way(train, data)
    specs = [dataclasses.replace(spec, epochs=2) for spec in SPECS]
    found: dict[int, Checkpoint] = {}

    def on_pause(i: int, here: Callable[[], Checkpoint] | None) -> None:
        if here is not None:
            found.setdefault(i, here())

    whole = way.results(specs, on_pause=on_pause)
    odd = dataclasses.replace(found[0], model=found[0].model[1:])
    assert same(way.results(specs, start=lambda i: odd), whole)
    # Runs that stand elsewhere than the others start over where they are computed together.
    assert same(way.results(specs, start=lambda i: found[1] if i else None), whole)
