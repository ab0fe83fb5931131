"""Records the learning curves that `search_quality.py` replays.

    python -m benchmarks._record_curves [--folder FOLDER] [--processes 2]

All 360 points of a grid of the `cnn` family, 10 seeds each, on digits: 400 images to train on, the
rest halved into validation and test, all stratified. Images got right in both are kept after
every epoch. A seed is that which a study would give the run: no two configurations share one.

What belongs to one program, every learning rate and seed of an architecture, is recorded
together and kept in FOLDER, so that a recording that was ended goes on where it was. Seconds are
the processor's of one thread, as other work may be going on.
"""

import argparse
import dataclasses
import functools
import importlib
import itertools
import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import _curves
from kerascnn import building, cache, datasets, quiet
from kerascnn.spec import RunSpec, Value
from tuning import executors
from tuning.executors import processes
from tuning.space import Choice, Space

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset

# The learning rate last: all that comes before it makes a program.
SPACE: Space = {
    "filters": Choice(8, 16, 32),
    "depth": Choice(1, 2, 3),
    "pooling": Choice("max", "average"),
    "activation": Choice("relu", "tanh"),
    "normalization": Choice("none", "batch"),
    "learning_rate": Choice(3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
}
FIXED = RunSpec(family="cnn", dataset="digits", epochs=9, batch_size=32)
SEEDS = 10
TRAINED_ON = 400
# Of the division, and of the run that only compiles.
_SEED = 0

Times = dict[str, list[float]]


@functools.cache
def data() -> "Dataset":
    """Returns digits divided anew: what is not trained on, half for each of two parts."""
    whole = datasets.load("digits")
    rng = np.random.default_rng(_SEED)
    shuffled = rng.permutation(len(whole.labels))
    by_class = shuffled[np.argsort(whole.labels[shuffled], kind="stable")]
    # Dealt along the classes, every part gets its share of each to within an image.
    places = np.arange(len(by_class))
    drawn = np.diff(places * TRAINED_ON // len(places), prepend=-1) > 0
    train, rest = by_class[drawn], by_class[~drawn]
    parts = {
        "train": np.sort(train),
        "validation": np.sort(rest[::2]),
        "confirmation": np.empty(0, np.int64),
        "test": np.sort(rest[1::2]),
    }
    return dataclasses.replace(whole, parts=parts, order=rng.permutation(train))


def record(architecture: Mapping[str, Value], path: str) -> None:
    """Records every learning rate and seed of an architecture into a file."""
    from kerascnn.trainers import _programs

    _warm()
    _programs.forget()
    first: Times = {"building": [], "epochs": []}
    _run(_spec(architecture, FIXED.learning_rate), 1, first)
    counts, epochs, building = [], [], []
    for rate in SPACE["learning_rate"].values or ():
        spec, times = _spec(architecture, rate), {"building": [], "epochs": []}
        runs = [spec.repeated(_SEED, "search", repeat) for repeat in range(SEEDS)]
        counts.append([_run(each, FIXED.epochs, times) for each in runs])
        epochs.append(statistics.median(times["epochs"]))
        building.append(statistics.median(times["building"]))
    usual = statistics.median(epochs) + statistics.median(building)
    found = np.array(counts, np.uint16)  # (rates, seeds, epochs, parts)
    compiling = first["building"][0] + first["epochs"][0] - usual
    with open(path + ".part", "wb") as file:
        np.savez(
            file,
            validation=found[..., 0],
            test=found[..., 1],
            epoch_seconds=np.array(epochs, np.float32),
            building=np.array(building, np.float32),
            compiling=np.full(len(epochs), compiling, np.float32),
        )
    Path(path + ".part").replace(path)


@functools.cache
def _warm() -> None:
    """Trains something, so that no architecture is charged for what is made once a process."""
    quiet.import_keras()
    _run(FIXED, 1, {"building": [], "epochs": []})


def _spec(architecture: Mapping[str, Value], rate: Value) -> RunSpec:
    return FIXED.configure({**architecture, "learning_rate": rate})


def _run(spec: RunSpec, epochs: int, times: Times) -> list[list[int]]:
    """Trains a run, and returns the images got right after each epoch, (epochs, 2)."""
    from kerascnn.trainers import _programs, compiled
    from kerascnn.trainers._epochs import Epochs
    from kerascnn.trainers._standing import Standing

    start = time.process_time()
    drawn = Epochs(data(), spec)
    model = building.Builder(spec, data())(spec.seed)
    program = _programs.program(model, data(), spec, drawn.steps)
    run = compiled.Run(program, _programs.source(data()), drawn)
    times["building"].append(time.process_time() - start)
    found: list[list[int]] = []
    begun = [time.process_time()]

    def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
        times["epochs"].append(time.process_time() - begun[-1])
        test = data().parts["test"]
        right = int((run.predict(test).argmax(1) == data().labels[test]).sum())
        share = metrics["accuracy/validation"]
        found.append([round(share * len(data().parts["validation"])), right])
        begun.append(time.process_time())

    standing = Standing(dataclasses.replace(spec, stop_epoch=epochs), on_epoch)
    run.fit(standing, None, lambda here: None)
    return found


def architectures() -> Iterator[tuple[str, dict[str, Value]]]:
    """Yields a name and all settings but the learning rate, in the order of the space."""
    names = [name for name in SPACE if name != "learning_rate"]
    for values in itertools.product(*(SPACE[name].values or () for name in names)):
        yield "-".join(map(str, values)), dict(zip(names, values, strict=True))


def gather(folder: Path) -> _curves.Curves:
    """Returns what lies in `folder` as one."""
    stored = []
    for name, _ in architectures():
        with np.load(folder / f"{name}.npz") as each:
            stored.append(dict(each))
    arrays = {key: np.concatenate([each[key] for each in stored]) for key in stored[0]}
    plain = FIXED.to_json()
    fixed = {name: plain[name] for name in ("family", "dataset", "epochs", "batch_size")}
    settings = {**fixed, "optimizer": FIXED.optimizer, "seeds": SEEDS, "train": TRAINED_ON}
    images = {part: len(data().parts[part]) for part in ("train", "validation", "test")}
    return _curves.Curves(space=SPACE, settings=settings, images=images, **arrays)


def main() -> None:
    """Records what is missing, and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=cache.root() / "curves")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first", type=int, help="only so many architectures, and no file")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    todo = [each for each in architectures() if not (given.folder / f"{each[0]}.npz").exists()]
    todo = todo[: given.first]
    worker = importlib.import_module("benchmarks._record_curves")  # Its name, not `__main__`
    start = time.perf_counter()
    with processes.executor(
        given.processes, environment=executors.settings("tensorflow", 1)
    ) as pool:
        paths = [str(given.folder / f"{name}.npz") for name, _ in todo]
        futures = [
            pool.submit(worker.record, values, path)
            for (_, values), path in zip(todo, paths, strict=True)
        ]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            print(f"{done} of {len(todo)}, {time.perf_counter() - start:.0f} s", flush=True)
    if given.first is None:
        _curves.save(gather(given.folder), _curves.FILE)


if __name__ == "__main__":
    main()
