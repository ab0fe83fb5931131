"""Seconds until `--help` has printed, and until a worker has done its first training step.

    python -m benchmarks.startup [--n 20] [--workers-n 5]

Every command's `--help` stands beside a bare interpreter; a worker's first step beside Keras' own
import, in the same environment. A worker is one of the `processes` executor, with one thread; its
step is an epoch of one batch of digits with validation (`_first_step.py`), and what precedes it:
in a fresh one the process, its imports and the data; in both building and compiling a network
that is new to it. Everything takes turns.

Aim: the median of every `--help` at most 0.3 s.
"""

import argparse
import functools
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from benchmarks import _first_step, _timing
from kerascnn import registry
from tuning import cli, executors
from tuning.executors import processes

ROOT = Path(__file__).parents[1]
BARE = "python -c pass"
IMPORT = "import keras"


def main() -> None:
    """Times both and prints medians and spreads."""
    asked = _asked()
    environment = executors.settings(asked.backend, 1)
    helps = {BARE: ["-c", "pass"], "--help": ["run.py", "--help"]}
    helps |= {f"{name} --help": ["run.py", name, "--help"] for name in cli.names()}
    calls = {name: functools.partial(timed, arguments) for name, arguments in helps.items()}
    print(report(_timing.turns(asked.n, calls), BARE, asked.n), flush=True)
    with processes.executor(1, environment=environment) as warm:
        numbers = itertools.count(8)
        step(warm, next(numbers), asked.trainer)
        steps: dict[str, Callable[[], float]] = {
            IMPORT: functools.partial(timed, ["-c", "import keras"], environment),
            "fresh worker, first step": lambda: fresh_step(environment, asked.trainer),
            "warm worker, first step": lambda: step(warm, next(numbers), asked.trainer),
        }
        found = _timing.turns(asked.workers_n, steps)
    print(f"\n{report(found, IMPORT, asked.workers_n)}")
    print(f"\n{_timing.circumstances('keras', asked.backend)}")


def report(found: Mapping[str, Sequence[float]], beside: str, n: int) -> str:
    """Returns a table of seconds, and of how many times those of `beside` they are."""
    rows = [
        [
            name,
            *_timing.spread(values),
            f"{statistics.median(_timing.ratios(values, found[beside])):.2f}",
        ]
        for name, values in found.items()
    ]
    return _timing.table([f"n = {n}", "median s", "low", "high", f"x {beside}"], rows)


def timed(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Returns how long Python takes with these arguments, in seconds."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - start


def fresh_step(environment: Mapping[str, str], trainer: str) -> float:
    """Returns how long a worker takes from its start to its first step, in seconds."""
    with processes.executor(1, environment=environment) as pool:
        return step(pool, 8, trainer)


def step(pool: Executor, filters: int, trainer: str) -> float:
    """Returns how long a worker takes for the first step of a network, in seconds."""
    start = time.perf_counter()
    pool.submit(_first_step.train, filters, trainer).result()
    return time.perf_counter() - start


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=20, help="rounds of --help, taking turns")
    parser.add_argument("--workers-n", type=int, default=5, help="rounds of workers")
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow")
    parser.add_argument("--trainer", choices=registry.names("kerascnn.trainers"), default="fit")
    return parser.parse_args()


if __name__ == "__main__":
    main()
