"""What a search costs besides training: a trial's bookkeeping, and 1,000 workers kept busy.

    python -m benchmarks.bookkeeping [--trials 10000] [--oracles NAME ...] [--workers 1000]

Searches of ours as they are, on a real disk, whose runs end at once with a score by a formula. In
the first table a trial's milliseconds, the mean of the 100 up to it: all of it, and of that
asking and telling the oracle, writing and forcing its two lines to disk, and the rest: standings,
the summary for TensorBoard, old models. A trial has one run. `bayesian` fits a process to every
score there is, so that its own ask decides; it is asked `--asks` times and no more.

The second table: `--runs` runs of one second on `--workers` workers, all of the time but theirs
being real. The workers are simulated: their seconds pass on a clock that is put forward whenever
the search waits. Ideal is runs / workers seconds.

On a busy machine `--clock processor` says more, though not what forcing to disk costs.

Aims: asking, telling and writing at most 10 ms a trial at the 10,000th; workers kept busy at most
5 % over the ideal.
"""

import argparse
import dataclasses
import functools
import heapq
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks import _timing
from kerascnn import metrics, quiet, registry
from kerascnn.record import RunLog, RunRecord
from kerascnn.spec import RunSpec
from tuning import dispatch
from tuning.asking import Asking
from tuning.executors import serial
from tuning.search import Search
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Float, Int, Space
from tuning.study import create
from tuning.trials import Progress

Clock = Callable[[], float]
CLOCKS: Mapping[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}
SPACE: Space = {
    "filters": Int(4, 64),
    "depth": Int(1, 3),
    "dense": Int(8, 512),
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "activation": Choice("relu", "tanh"),
}
# Trials that a mean is of: asks come several at a time.
_WINDOW = 100


def scored(specs: Sequence[RunSpec], **options: Any) -> list[RunRecord]:
    """Returns records as a trainer would: what a search of ours calls in a worker."""
    return [_scored(spec) for spec in specs]


def _scored(spec: RunSpec) -> RunRecord:
    value = int(spec.run_id, 16) % 10_000 / 10_000 * spec.last_epoch / spec.epochs
    curves = ("loss/train", "accuracy/train", "loss/validation", "accuracy/validation")
    return RunRecord(
        spec=spec,
        epoch=spec.last_epoch,
        metrics={f"val_{name}": value for name in metrics.DIRECTIONS},
        history={name: [value] * spec.last_epoch for name in curves},
        seconds=1.0,
        parameters=10_000,
    )


@dataclasses.dataclass
class Stopwatch:
    """Seconds spent in functions, in all."""

    now: Clock
    seconds: float = 0.0

    @contextmanager
    def on(self, owner: Any, name: str) -> Iterator[None]:
        """Times every call of a method."""
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = self.now()
            try:
                return inner(*args, **kwargs)
            finally:
                self.seconds += self.now() - start

        with mock.patch.object(owner, name, timed):
            yield


@dataclasses.dataclass(frozen=True)
class Costs:
    """Seconds since the beginning, as each run ended: (runs,) each."""

    all: Sequence[float]
    asking: Sequence[float]
    writing: Sequence[float]

    def around(self, trial: int) -> tuple[float, float, float]:
        """Returns milliseconds of a trial, of all and of the two parts: means up to this one."""
        first, last = max(0, trial - 1 - _WINDOW), trial - 1
        whole, asking, writing = (
            1000 * (each[last] - each[first]) / (last - first)
            for each in (self.all, self.asking, self.writing)
        )
        return whole, asking, writing


def specification(oracle: str, trials: int, seeds: int = 1, workers: int = 1) -> SearchSpec:
    """Returns a search as `new_search` makes it."""
    base = RunSpec(family="cnn", dataset="digits", fingerprint="0" * 64)
    options = {"oracle": oracle, "trials": trials, "seeds": seeds, "lookahead": 2 * max(2, workers)}
    return SearchSpec(base=base, space=SPACE, **options)  # type: ignore[arg-type]


def measure(oracle: str, trials: int, now: Clock) -> Costs:
    """Searches for so many runs, each a trial, and returns what that took."""
    registry.load("tuning.oracles", oracle)  # What importing takes is no trial's.
    asking, writing = Stopwatch(now), Stopwatch(now)
    costs = Costs([], [], [])

    def watch(progress: Progress) -> None:
        for ends, value in (
            (costs.all, now()),
            (costs.asking, asking.seconds),
            (costs.writing, writing.seconds),
        ):
            ends.append(value)  # type: ignore[attr-defined]
        if len(costs.all) >= trials:
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        study = create(Path(folder) / "study", specification(oracle, trials), {})
        with (
            serial.executor(environment={}) as executor,
            asking.on(Asking, "next"),
            asking.on(Asking, "tell"),
            writing.on(RunLog, "append"),
            suppress(KeyboardInterrupt),
        ):
            Search(study, executor, run=scored, watch=watch)()
    return costs


class Workers(Executor):
    """Workers whose seconds pass on a clock of their own.

    Args:
        count: How many.
        now: The real clock.

    Attributes:
        skipped: Seconds that were waited for in no time.
    """

    def __init__(self, count: int, now: Clock) -> None:
        self._now = now
        self._free = [0.0] * count  # When each is; a heap
        self._ends: list[tuple[float, int, Future[Any], Any]] = []  # A heap
        self._number = 0
        self._theirs = 0.0  # Real seconds that making their records took
        self.skipped = 0.0

    def time(self) -> float:
        """Returns the simulated time: what really passed of ours, and what was skipped."""
        return self._now() - self._theirs + self.skipped

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        start = self._now()
        result = fn(*args, **kwargs)
        self._theirs += self._now() - start
        begins = max(self.time(), heapq.heappop(self._free))
        ends = begins + sum(record.seconds for record in result)
        heapq.heappush(self._free, ends)
        self._number += 1
        heapq.heappush(self._ends, (ends, self._number, future, result))
        return future

    def wait(self, pending: Collection[Future[Any]], timeout: float, **options: Any) -> None:
        """Does what `concurrent.futures.wait` does, in no time where nothing has ended."""
        if self._ends and not any(future.done() for future in pending):
            self.skipped += min(timeout, max(0.0, self._ends[0][0] - self.time()))
        while self._ends and self._ends[0][0] <= self.time():
            _, _, future, result = heapq.heappop(self._ends)
            future.set_result(result)


def busy(oracle: str, runs: int, seeds: int, count: int, now: Clock) -> float:
    """Returns the simulated seconds of so many runs of one second on so many workers."""
    registry.load("tuning.oracles", oracle)
    with tempfile.TemporaryDirectory() as folder:
        spec = specification(oracle, runs // seeds, seeds, count)
        study = create(Path(folder) / "study", spec, {})
        workers = Workers(count, now)
        with mock.patch.object(dispatch, "wait", workers.wait):
            start = workers.time()
            Search(study, workers, workers=count, run=scored)()
            return workers.time() - start


def trials_table(oracles: Mapping[str, int], now: Clock) -> str:
    """Returns the table of what a trial takes, by oracle and how far."""
    cells = []
    for oracle, trials in oracles.items():
        costs = measure(oracle, trials, now)
        for trial in dict.fromkeys((min(100, trials), min(1000, trials), trials)):
            whole, asking, writing = costs.around(trial)
            parts = (whole, asking, writing, asking + writing, whole - asking - writing)
            cells.append([oracle, f"{trial:,}", *(f"{part:.2f}" for part in parts)])
    heads = ["oracle", "at trial", "ms", "ask, tell", "write", "both", "rest"]
    return _timing.table(heads, cells)


def workers_table(oracle: str, given: argparse.Namespace, now: Clock) -> str:
    """Returns the table of how long many workers take."""
    ideal = given.runs / given.workers
    cells = []
    for seeds in given.seeds:
        seconds = busy(oracle, given.runs, seeds, given.workers, now)
        row = [f"{given.runs:,} on {given.workers:,}", oracle, str(seeds), f"{ideal:.1f}"]
        cells.append([*row, f"{seconds:.1f}", f"{100 * (seconds / ideal - 1):.0f} %"])
    return _timing.table(["runs", "oracle", "seeds", "ideal s", "s", "over"], cells, 2)


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--oracles", nargs="*", default=["random_search", "hyperband", "race"])
    parser.add_argument("--asks", type=int, default=200, help="of `bayesian`; 0: none")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    given = parser.parse_args()
    now = CLOCKS[given.clock]
    quiet.import_keras()
    oracles = dict.fromkeys(given.oracles, given.trials)
    if given.asks:
        oracles["bayesian"] = given.asks
    print(f"{trials_table(oracles, now)}\n")
    print(f"{workers_table('random_search', given, now)}\n")
    print(_timing.circumstances("keras-tuner", "numpy", "kerascnn"))


if __name__ == "__main__":
    main()
