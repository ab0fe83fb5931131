"""Whole searches, from process start to leaderboard: this project, stock Keras Tuner, Optuna.

    python -m benchmarks.against_keras_tuner [--mnist mnist.npz] [--n 3] [--cases digits MNIST]

The same 12 configurations x 3 seeds of the `cnn` family, a grid: 10 epochs on digits and, with
`--mnist` (an `.npz` as Keras stores it), 2 epochs on `--train-size` images of it.

- This project's own command, `run.py search --oracle grid_search`, with one worker and with two,
  one thread each: its default. Its data cache is empty.
- Keras Tuner's GridSearch with `executions_per_trial=3` (`_stock_keras_tuner.py`).
- Optuna's GridSampler with three plain fits a trial (`_plain_optuna.py`); it must be installed.

The last two have all cores, as Keras has unless told otherwise, and `compile` at its defaults;
`--others-without-xla` passes `jit_compile=False`, which they are faster with on a CPU. They
get the training and validation images that this project would divide off, as float32 arrays that
are ready; build their networks with this project's own builder; and are checked to have made the
very fits, with as many parameters and epochs. Each starts in an empty folder, taking turns.

Below stands where the time of our own went, as its study tells: `_where_time_goes.py`.

Aims on two cores, Keras Tuner's time over ours: digits 3 with one worker, 5 with two; MNIST 1.6
and 2.5; everything outside training at most 5 % of the whole.
"""

import argparse
import dataclasses
import functools
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascnn import datasets, registry
from kerascnn.spec import Value, default_of

ROOT = Path(__file__).parents[1]
GRID: dict[str, tuple[Value, ...]] = {
    "filters": (16, 32),
    "depth": (1, 2, 3),
    "learning_rate": (0.001, 0.003),
}
SEEDS = 3
KERAS_TUNER, OPTUNA = "Keras Tuner", "Optuna"
OURS = {"kerascnn, 1 worker": 1, "kerascnn, 2 workers": 2}
# What would set the threads of the others, or share a cache with the run before.
_OURS_ALONE = ("KERASCNN", "OMP_", "TF_NUM_", "XLA_")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """What is searched.

    Attributes:
        name: Of the data.
        dataset: As the command line takes it.
        epochs: Of every run.
    """

    name: str
    dataset: str
    epochs: int


@dataclasses.dataclass(frozen=True)
class Whole:
    """One search: its seconds, and, of our own, what they were spent on."""

    seconds: float
    shares: Mapping[str, float] = dataclasses.field(default_factory=dict)


def points() -> list[dict[str, Value]]:
    """Returns the configurations."""
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def command(case: Case, workers: int, asked: argparse.Namespace) -> list[str]:
    """Returns our own command: the grid varied, the rest of the family's space at its defaults."""
    space = registry.load("tuning.spaces", "cnn").SPACE
    rest = {name: default_of("cnn", name) for name in space if name not in GRID}
    return [
        *(str(ROOT / "run.py"), "search", "cnn", case.dataset),
        *("--oracle", "grid_search", "--trials", str(len(points())), "--seeds", str(SEEDS)),
        *("--epochs", str(case.epochs), "--workers", str(workers), "--study", "./study"),
        *("--backend", asked.backend, *(("--trainer", asked.trainer) if asked.trainer else ())),
        *(f"--vary={name}={','.join(map(str, values))}" for name, values in GRID.items()),
        *(f"--set={name}={value}" for name, value in rest.items()),
    ]


def ours(case: Case, workers: int, asked: argparse.Namespace) -> Whole:
    """Times our own search, and checks what it did."""
    from benchmarks import _where_time_goes
    from tuning.study import Study

    with tempfile.TemporaryDirectory() as folder:
        environment = {"KERASCNN_CACHE": str(Path(folder) / "cache")}
        start, seconds = _timed(command(case, workers, asked), folder, environment)
        study = Study(Path(folder) / "study")
        fits = [
            {
                "point": {name: record.point[name] for name in GRID},
                "parameters": record.parameters,
                "epochs": record.epoch,
            }
            for record in study.records()
        ]
        check(fits, case.epochs)
        begun = (study.folder / "study.json").stat().st_mtime
        found = _where_time_goes.runs(study.folder)
        shares = _where_time_goes.shares(start, begun, start + seconds, found)
    return Whole(seconds, shares)


def others(script: str, case: Case, data: Any, asked: argparse.Namespace) -> Whole:
    """Times another's search, and checks what it did."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        train, held = data.training(), data.parts["validation"]
        np.savez(
            Path(folder) / "images.npz",
            x=data.pixels(train),
            y=data.labels[train],
            x_held=data.pixels(held),
            y_held=data.labels[held],
        )
        told = {
            "grid": GRID,
            "trials": len(points()),
            "seeds": SEEDS,
            "epochs": case.epochs,
            "batch_size": default_of("cnn", "batch_size"),
            "input_shape": data.input_shape,
            "num_classes": data.num_classes,
            "jit_compile": False if asked.others_without_xla else "auto",
        }
        (Path(folder) / "case.json").write_text(json.dumps(told))
        environment = {"KERAS_BACKEND": asked.backend}
        _, seconds = _timed(["-m", f"benchmarks.{script}"], folder, environment)
        check(json.loads((Path(folder) / "fits.json").read_text()), case.epochs)
    return Whole(seconds)


_PARAMETERS: dict[tuple[Value, ...], int] = {}  # Point -> of whoever came first


def check(fits: Sequence[Mapping[str, Any]], epochs: int) -> None:
    """Refuses a search that was not of the grid, or not of the networks the others trained.

    Raises:
        RuntimeError: If a fit is missing, too many, too short or of another network.
    """
    made = Counter(tuple(fit["point"][name] for name in GRID) for fit in fits)
    wanted = Counter({tuple(point.values()): SEEDS for point in points()})
    if made != wanted:
        raise RuntimeError(f"These fits were expected: {wanted}. Received: {made}")
    for fit in fits:
        point = tuple(fit["point"][name] for name in GRID)
        first = _PARAMETERS.setdefault(point, fit["parameters"])
        if (fit["parameters"], fit["epochs"]) != (first, epochs):
            raise RuntimeError(
                f"{first} parameters and {epochs} epochs were expected of {point}. "
                f"Received: {fit['parameters']} and {fit['epochs']}"
            )


def _timed(
    arguments: Sequence[str], folder: str, environment: Mapping[str, str]
) -> tuple[float, float]:
    """Returns when a Python process started and how many seconds it took."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_OURS_ALONE)}
    path = os.pathsep.join([str(ROOT), *kept.get("PYTHONPATH", "").split(os.pathsep)]).strip(
        os.pathsep
    )
    start, clock = time.time(), time.perf_counter()
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - clock
    if ran.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed.\n{ran.stderr[-3000:]}")
    return start, seconds


def report(case: Case, found: Mapping[str, Sequence[Whole]]) -> str:
    """Returns two tables: seconds with ratios, and where the time of our own went."""
    from benchmarks import _timing

    seconds = {name: [each.seconds for each in wholes] for name, wholes in found.items()}
    own = [name for name in OURS if name in found]
    heads = [case.name, "s", "low", "high"]
    heads += [head for name in own for head in (f"/ {name}", "low", "high")]
    rows = []
    for name, values in seconds.items():
        row = [name, *_timing.spread(values, 1)]
        for each in own:
            row += _timing.spread(_timing.ratios(values, seconds[each]), 2)
        rows.append(row)
    return f"{_timing.table(heads, rows)}\n\n{_spent({name: found[name] for name in own})}"


def _spent(own: Mapping[str, Sequence[Whole]]) -> str:
    """Returns the table of where our own time went: medians, and their share of the whole."""
    from benchmarks import _timing

    names = list(next(iter(own.values()))[0].shares)
    rows = []
    for name in names:
        row = [name]
        for wholes in own.values():
            parts = [whole.shares[name] for whole in wholes]
            of_all = [part / whole.seconds for part, whole in zip(parts, wholes, strict=True)]
            row += [f"{statistics.median(parts):.2f}", f"{100 * statistics.median(of_all):.1f} %"]
        rows.append(row)
    heads = ["spent on", *(head for name in own for head in (f"{name}: s", "of it"))]
    return _timing.table(heads, rows)


def main() -> None:
    """Runs all searches in turn, case by case, and prints tables."""
    asked = _asked()
    from benchmarks import _timing

    with tempfile.TemporaryDirectory() as folder:
        os.environ["KERASCNN_CACHE"] = str(Path(folder) / "cache")
        for case in _cases(asked, Path(folder)):
            data = datasets.load(case.dataset)
            _PARAMETERS.clear()
            things = {
                name: functools.partial(ours, case, workers, asked)
                for name, workers in OURS.items()
            }
            for name, script in ((KERAS_TUNER, "_stock_keras_tuner"), (OPTUNA, "_plain_optuna")):
                things[name] = functools.partial(others, script, case, data, asked)
            found = _timing.turns(asked.n, things)
            print(
                f"\n{case.name}: {len(points())} configurations x {SEEDS} seeds x {case.epochs} "
                f"epochs, {len(data.training())} training and {len(data.parts['validation'])} "
                f"validation images; n = {asked.n}, {asked.backend}\n\n{report(case, found)}",
                flush=True,
            )
    packages = ("keras", asked.backend, "keras-tuner", "optuna", "numpy")
    print(f"\n{_timing.circumstances(*packages)}")


def _cases(asked: argparse.Namespace, folder: Path) -> list[Case]:
    cases = [Case(name="digits", dataset="digits", epochs=10)]
    if asked.mnist:
        path = folder / "mnist.npz"
        fewer(Path(asked.mnist), path, asked.train_size)
        cases.append(Case(name="MNIST", dataset=str(path), epochs=2))
    return [case for case in cases if case.name in asked.cases]


def fewer(source: Path, target: Path, train_size: int) -> None:
    """Writes an `.npz` of which 70 %, this project's part for training, are `train_size` images."""
    import numpy as np

    count = -(-train_size * 10 // 7)
    with np.load(source) as arrays:
        kept = {
            name: arrays[name][: count if name.endswith("train") else count // 5]
            for name in ("x_train", "y_train", "x_test", "y_test")
        }
    np.savez(target, **kept)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=3, help="rounds, taking turns")
    parser.add_argument(
        "--cases", nargs="+", choices=("digits", "MNIST"), default=["digits", "MNIST"]
    )
    parser.add_argument("--mnist", help="an .npz as Keras stores it")
    parser.add_argument("--train-size", type=int, default=5000, help="of MNIST")
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow")
    parser.add_argument(
        "--trainer", choices=registry.names("kerascnn.trainers"), help="ours; default: search's own"
    )
    parser.add_argument("--others-without-xla", action="store_true")
    asked = parser.parse_args()
    for package in ("keras_tuner", "optuna"):
        if importlib.util.find_spec(package) is None:
            name = package.replace("_", "-")
            parser.error(f"{name} is not installed. Try: python -m pip install {name}")
    return asked


if __name__ == "__main__":
    main()
