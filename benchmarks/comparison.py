"""Seconds and memory of `compare` on large studies of made runs, each call a process of its own.

    python benchmarks/comparison.py [--n 3] [--configurations 200] [--seeds 5] [--images 10000]

Three cases, side by side: `compare` over runs with logits; the same with `--all-pairs`; and over
ten times as many runs of which there are numbers alone. The data are made in a temporary folder:
logits (images, classes) in float32, normal, the label's raised by as much as makes the accuracy
differ between configurations. The import of NumPy and SciPy is in every figure; beside it stands
`compare` on a study of two runs, which is little else. On a busy machine the processor's seconds
say more than the clock's.

Aims: 1,000 runs of 10,000 images and 10 classes at most 10 s and 2 GB; 10,000 runs of numbers
alone at most 3 s.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kerascnn import attempt, metrics
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tuning import study
from tuning.search_spec import SearchSpec
from tuning.space import Float, Int

ROOT = Path(__file__).parents[1]
BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)
CURVES = ("accuracy/train", "accuracy/validation", "loss/train", "loss/validation")


def make(
    folder: Path, *, configurations: int, seeds: int, images: int, classes: int, logits: bool
) -> None:
    """Makes a study of `configurations` x `seeds` finished runs, scored on validation."""
    space = {"filters": Int(1, configurations), "learning_rate": Float(1e-4, 1e-1, log=True)}
    made = study.create(folder, SearchSpec(base=BASE, space=space), {})
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, images).astype(np.int32)
    study.save_labels(folder, "validation", labels)
    with unsynced(), made.log:
        for number in range(configurations):
            point = {"filters": number + 1, "learning_rate": 1e-3 * (1 + number / configurations)}
            config = BASE.configure(point)
            for repeat in range(seeds):
                spec = config.repeated(0, "search", repeat)
                found = scored(rng, number / configurations, labels, classes)
                if logits:
                    path = attempt.run_dir(folder, spec) / "logits-validation.npy"
                    path.parent.mkdir(parents=True)
                    np.save(path, found)
                made.log.append_record(
                    RunRecord(
                        spec=spec,
                        epoch=9,
                        metrics=numbers(found, labels),
                        history={curve: list(rng.random(9)) for curve in CURVES},
                        seconds=1.0,
                        parameters=1000 + number,
                        trial=number,
                        point=point,
                    )
                )


def scored(rng: np.random.Generator, worse: float, labels: np.ndarray, classes: int) -> np.ndarray:
    """Returns logits (images, classes), the less often right, the larger `worse`, 0 to 1."""
    found = rng.standard_normal((len(labels), classes), np.float32)
    found[np.arange(len(labels)), labels] += np.float32(3 - worse)
    return found


def numbers(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns the metrics of a run on every part that a search scores."""
    found = metrics.measure(logits, labels, "validation")
    return {**found, **{name.replace("val_", "train_"): value for name, value in found.items()}}


@contextlib.contextmanager
def unsynced() -> Iterator[None]:
    """Spares the disk: what is made here is thrown away."""
    fsync, os.fsync = os.fsync, lambda descriptor: None
    try:
        yield
    finally:
        os.fsync = fsync


def measured(*arguments: str) -> tuple[float, float, float]:
    """Returns (seconds, of the processor, peak GB) of one `compare` in a process of its own."""
    code = (
        "import resource, sys; from tuning.cli import cli\n"
        "try: cli(sys.argv[1:])\n"
        "finally:\n"
        "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)"
    )
    start = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", code, "compare", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024  # Bytes on a Mac, else kB.
    busy, peak = ran.stderr.split()[-2:]
    return seconds, float(busy), int(peak) * unit / 1e9


def main() -> None:
    """Makes the studies, times `compare` on each in turn, and prints medians and spreads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=3, help="repetitions, interleaved")
    for name, value in {"configurations": 200, "seeds": 5, "images": 10_000, "classes": 10}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = vars(parser.parse_args())
    n, configurations, seeds = (asked[name] for name in ("n", "configurations", "seeds"))
    with tempfile.TemporaryDirectory() as folder:
        logits, scalars, tiny = (str(Path(folder) / name) for name in ("logits", "scalars", "tiny"))
        size = {"images": asked["images"], "classes": asked["classes"]}
        few = {"images": 100, "classes": asked["classes"]}
        make(Path(logits), configurations=configurations, seeds=seeds, logits=True, **size)
        make(Path(scalars), configurations=10 * configurations, seeds=seeds, logits=False, **few)
        make(Path(tiny), configurations=1, seeds=2, logits=True, **few)
        runs = f"{configurations * seeds:,} runs, logits"
        calls = {
            "2 runs": (tiny,),
            runs: (logits,),
            f"{runs}, all pairs": (logits, "--all-pairs"),
            f"{10 * configurations * seeds:,} runs, numbers": (scalars,),
        }
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in calls}
        for _ in range(n):
            for name, arguments in calls.items():
                found[name].append(measured(*arguments))
    report(found, n)


def report(found: dict[str, list[tuple[float, float, float]]], n: int) -> None:
    """Prints a line a case: seconds, peak memory, and both beside those of the first case."""
    print(f"{'':<30} {'seconds,':>8} {'':>6} {'':>6} {'x the':>7} {'of the':>9} {'peak':>6}")
    print(
        f"{'compare':<30} {'median':>8} {'low':>6} {'high':>6} {'first':>7} {'processor':>9} "
        f"{'GB':>6}   n = {n}"
    )
    first = statistics.median(seconds for seconds, _, _ in next(iter(found.values())))
    for name, values in found.items():
        seconds, busy, peak = zip(*values, strict=True)
        median = statistics.median(seconds)
        print(
            f"{name:<30} {median:8.2f} {min(seconds):6.2f} {max(seconds):6.2f} "
            f"{median / first:7.1f} {statistics.median(busy):9.2f} {max(peak):6.2f}"
        )


if __name__ == "__main__":
    main()
