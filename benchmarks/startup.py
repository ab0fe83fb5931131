"""Seconds until `--help` has printed, beside those of a bare interpreter, side by side.

    python benchmarks/startup.py [--n 20]

Aim: the median of every `--help` at most 0.3 s.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tuning import cli

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Times every command's `--help` and prints medians and spreads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20, help="repetitions, interleaved")
    n = parser.parse_args().n
    calls = {"python -c pass": ["-c", "pass"], "--help": ["run.py", "--help"]}
    for name in cli.names():
        calls[f"{name} --help"] = ["run.py", name, "--help"]
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(n):
        for name, arguments in calls.items():
            seconds[name].append(timed(arguments))
    bare = statistics.median(seconds["python -c pass"])
    print(f"{'command':<20} {'median s':>9} {'low':>7} {'high':>7} {'x bare':>7}   n = {n}")
    for name, values in seconds.items():
        median = statistics.median(values)
        low, high = min(values), max(values)
        print(f"{name:<20} {median:9.3f} {low:7.3f} {high:7.3f} {median / bare:7.1f}")


def timed(arguments: list[str]) -> float:
    """Returns how long Python takes with these arguments, in seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
