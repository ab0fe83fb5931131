"""Seconds an epoch: trainers beside an epoch written by hand as one compiled call.

    python -m benchmarks.training [--mnist mnist.npz] [--cifar10 FOLDER] [--n 3]

Digits always; MNIST (`.npz` as Keras stores it) and CIFAR-10 (a folder of class folders, or an
`.npz`) where they are given, `--train-size` images of them. A `cnn` of three sizes on each. All
is done in one process, taking turns: each trainer through its room's contract, then
`_by_hand.py`. Every one trains the last and smaller batch, keeps loss and accuracy, and validates
after every epoch, on images in proportion.

An epoch's seconds are a mean over the epochs after the first, as many as fit into `--seconds` and
at least one. The first epoch has a column of its own: it holds building, tracing and compiling.
So does the first of the next seed, of the same configuration. Threads and backend are set as a
worker has them, before anything is imported. On a busy machine `--clock processor` says more.

Aims: `compiled` at most 1.10 of the epoch written by hand; `fit` at least 2 x `compiled` on
digits at the two small sizes, and at least 1.25 x on CIFAR-10.
"""

import argparse
import dataclasses
import functools
import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from kerascnn import building, datasets, quiet, registry
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop
from tuning import executors

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset

_ROOM = "kerascnn.trainers"
BY_HAND = "by hand"
SIZES = ((16, 1), (32, 2), (64, 3))  # Filters, depth
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
# More than are ever trained: whoever measures stops.
_EPOCHS = 10_000


@dataclasses.dataclass(frozen=True)
class Measured:
    """One training of one network, in seconds.

    Attributes:
        epoch: Of an epoch after the first.
        first: Of the first, building, tracing and compiling included.
        again: Of the first with the next seed.
    """

    epoch: float
    first: float
    again: float


class Clock:
    """The `on_epoch` of two runs: takes times, and stops the first after `seconds` of epochs.

    Args:
        seconds: After the first epoch; at least one more is trained.
        now: Tells the time.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._start = now()
        self._ends: list[float] = []  # Of the first run's epochs.
        self._again = 0.0

    def __call__(self, i: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Takes the end of epoch `epoch` of run `i`."""
        now = self._now()
        if i:
            self._again = now - self._ends[-1]
            raise Stop
        self._ends.append(now)
        if epoch > 1 and now - self._ends[0] >= self._seconds:
            raise Stop

    def measured(self) -> Measured:
        """Returns what was seen."""
        first, last = self._ends[0], self._ends[-1]
        mean = (last - first) / (len(self._ends) - 1)
        return Measured(epoch=mean, first=first - self._start, again=self._again)


def smaller(data: "Dataset", train_size: int) -> "Dataset":
    """Returns `data` with at most `train_size` training images, and validation in proportion."""
    import numpy as np

    if train_size >= len(data.order):
        return data
    held = data.parts["validation"]
    count = max(1, len(held) * train_size // len(data.order))
    chosen = np.sort(np.random.default_rng(0).permutation(held)[:count])
    order = data.order[:train_size]
    parts = {**data.parts, "train": np.sort(order), "validation": chosen}
    return dataclasses.replace(data, order=order, parts=parts)


def measure(
    train: Callable[..., None],
    data: "Dataset",
    spec: RunSpec,
    seconds: float,
    now: Callable[[], float],
) -> Measured:
    """Trains two seeds of a configuration, and takes their times; see `Clock`."""
    keras = quiet.import_keras()
    keras.backend.clear_session()
    gc.collect()
    specs = [dataclasses.replace(spec, seed=seed) for seed in range(2)]
    clock = Clock(seconds, now)
    build = building.Builder(spec, data)
    train(build, data, specs, on_epoch=clock, on_end=lambda *ended: None)
    return clock.measured()


def rows(case: Sequence[str], found: Mapping[str, Sequence[Measured]]) -> list[list[str]]:
    """Returns a line for each of what was measured on one case."""
    from benchmarks import _timing

    return [
        [
            *case,
            name,
            *_timing.spread([each.epoch for each in values], 4),
            f"{statistics.median(each.first for each in values):.2f}",
            f"{statistics.median(each.again for each in values):.2f}",
        ]
        for name, values in found.items()
    ]


def ratio_rows(case: Sequence[str], found: Mapping[str, Sequence[Measured]]) -> list[list[str]]:
    """Returns a line a ratio: each trainer to by hand, and `fit` to each other trainer."""
    from benchmarks import _timing

    seconds = {name: [each.epoch for each in values] for name, values in found.items()}
    trainers = [name for name in found if name != BY_HAND]
    pairs = [(name, BY_HAND) for name in trainers]
    pairs += [("fit", name) for name in trainers if "fit" in trainers and name != "fit"]
    return [
        [*case, f"{a} / {b}", *_timing.spread(_timing.ratios(seconds[a], seconds[b]), 2)]
        for a, b in pairs
    ]


def main() -> None:
    """Measures all cases and prints two tables."""
    asked = _asked()
    os.environ.update(executors.settings(asked.backend, asked.threads))
    quiet.import_keras()
    from benchmarks import _by_hand, _timing

    trainers = {name: registry.load(_ROOM, name).train for name in asked.trainers}
    trainers[BY_HAND] = _by_hand.train
    clock = CLOCKS[asked.clock]
    seconds, compared = [], []
    for name, data in _data(asked).items():
        for filters, depth in SIZES:
            spec = RunSpec(
                family="cnn",
                dataset=name,
                hyperparameters={"filters": filters, "depth": depth},
                batch_size=asked.batch_size,
                epochs=_EPOCHS,
            )
            things = {
                each: functools.partial(measure, train, data, spec, asked.seconds, clock)
                for each, train in trainers.items()
            }
            found = _timing.turns(asked.n, things)
            case = [name, f"{filters} x {depth}"]
            seconds += rows(case, found)
            compared += ratio_rows(case, found)
            print(_timing.table(_HEADS, seconds[-len(found) :], 3), flush=True)
    print(f"\nn = {asked.n}, {asked.threads} thread(s), {asked.backend}, taking turns\n")
    print(_timing.table(_HEADS, seconds, 3))
    print("\nratios of seconds an epoch, round by round")
    print(_timing.table(["data", "size", "", "median", "low", "high"], compared, 3))
    print(f"\n{_timing.circumstances('keras', asked.backend, 'numpy')}")


_HEADS = ["data", "size", "", "s/epoch", "low", "high", "first", "next seed's"]


def _asked() -> argparse.Namespace:
    known = registry.names(_ROOM)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=3, help="rounds, taking turns")
    parser.add_argument("--mnist", help="an .npz as Keras stores it")
    parser.add_argument("--cifar10", help="a folder of class folders, or an .npz")
    parser.add_argument("--train-size", type=int, default=5000, help="of MNIST and CIFAR-10")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=1.0, help="of epochs after the first")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow")
    parser.add_argument(
        "--trainers",
        nargs="+",
        choices=known,
        default=[name for name in ("compiled", "fit") if name in known],
    )
    return parser.parse_args()


def _data(asked: argparse.Namespace) -> dict[str, "Dataset"]:
    given = {"digits": "digits", "MNIST": asked.mnist, "CIFAR-10": asked.cifar10}
    loaded = {name: datasets.load(path) for name, path in given.items() if path}
    return {name: smaller(data, asked.train_size) for name, data in loaded.items()}


if __name__ == "__main__":
    main()
