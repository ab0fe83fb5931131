"""Runs side by side on one GPU: how fast, and how soon CIFAR-10 is learned. JAX; no TensorFlow.

    python benchmarks/gpu.py seeds cifar10.npz --networks cnn
    python benchmarks/gpu.py seeds cifar10.npz --networks resnet20
    python benchmarks/gpu.py time-to-94 cifar10.npz

`seeds`: S runs of a network, S = 1, 2, ... 64, as one program (the trainer `vectorized`, in each
of its forms), in S processes on the one GPU, and one after another: images a second, the time of
S runs over that of one, and the share of the chip's bfloat16 peak.

`time-to-94`: a ResNet-9 and its recipe, many seeds together: mean test accuracy and seconds a
seed, trained on all 50,000 training images, scored once on the test set after the last epoch.
Compiling and one epoch to warm up come before the clock starts, as is usual for this record, and
are printed beside it.

Each part ends within `--minutes` and says what it left out. The file is an `.npz` with x_train,
y_train, x_test, y_test, or an `.npy` with the rows of CIFAR-10's binary version (uint8: label,
then the red, green and blue plane), the test images last. `--cpu-smoke` runs a tiny version
anywhere, to see that it works: its figures mean nothing.

Aims on one H200: 16 seeds in at most twice the time of one; 94 % in at most 5 s a seed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # Several processes share it.
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

from kerascnn import building, datasets, trainers  # noqa: E402
from kerascnn.spec import RunSpec  # noqa: E402
from kerascnn.trainers import _group  # noqa: E402

# Name -> dense bfloat16 TFLOP/s as NVIDIA publishes them for the SXM modules.
PEAKS = {"H100": 989.0, "H200": 989.0}
# Network -> family and hyperparameters.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "cnn": ("cnn", {"filters": 32, "depth": 3, "normalization": "batch"}),
    "resnet20": ("resnet", {"depth": 20}),
}
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "cnn": ("cnn", {"filters": 4, "depth": 1}),
    "resnet20": ("resnet", {"depth": 8, "filters": 4}),
}
# What matters most comes first, should the time run out.
SEEDS = (1, 16, 4, 64, 2, 8, 32)


def main() -> None:
    """Runs the part that is asked for."""
    options = _options().parse_args()
    if jax.default_backend() == "cpu" and not options.cpu_smoke:
        sys.exit("No GPU: JAX sees a CPU alone. --cpu-smoke runs a tiny version here.")
    _shrink(options)
    if options.part == "worker":
        work(options)
        return
    device = jax.local_devices()[0].device_kind
    print(f"{device}; jax {jax.__version__}, keras {keras.__version__}; {' '.join(sys.argv[1:])}")
    with tempfile.TemporaryDirectory() as scratch:
        options.data = str(_npz(options.data, Path(scratch)))
        (seeds if options.part == "seeds" else time_to_94)(options)


def seeds(options: argparse.Namespace) -> None:
    """Prints how fast S runs are in each way."""
    end = time.monotonic() + 60 * options.minutes
    print(f"{'network':<9} {'precision':<9} {'way':<10} {'S':>3} {'at once':>7} ", end="")
    print(f"{'images/s':>10} {'x time of 1':>11} {'of peak':>8} {'to start s':>10}")
    left = []
    for network in options.networks.split(","):
        for precision in options.precisions.split(","):
            one = 0.0  # Images a second of one run alone
            for way, count in _ways(options):
                if time.monotonic() > end:
                    left.append(f"{network} {precision} {way} {count}")
                    continue
                start = time.perf_counter()
                rate, at_once = measured(options, network, precision, way, count)
                took = time.perf_counter() - start - options.seconds
                one = one or rate
                share = rate * flops(options, network, precision) / options.peak
                print(f"{network:<9} {precision:<9} {way:<10} {count:>3} {at_once:>7} ", end="")
                times = count * one / rate
                print(f"{rate:10,.0f} {times:11.2f} {_share(share)} {took:10.1f}", flush=True)
    if left:
        print(f"Left out after {options.minutes} minutes: {'; '.join(left)}")


def _ways(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """Yields each way and number of runs; the first is one run alone, which others refer to.

    One after another takes S times as long as one: it is measured once.
    """
    wanted = [int(each) for each in options.seeds.split(",")]
    yield "separate", 1
    for count in wanted:
        yield from ((form, count) for form in ("grouped", "patches") if count > 1)
        if 1 < count <= options.processes:
            yield "processes", count


def measured(
    options: argparse.Namespace, network: str, precision: str, way: str, count: int
) -> tuple[float, int]:
    """Returns images a second of all runs together, and how many are computed at once."""
    if way == "processes":
        return _in_processes(options, network, precision, count), count
    step, size, steps, at_once = stepper(options, network, precision, way, count)
    step(0, steps)  # Compiles.
    made, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < options.seconds:
        step(0, steps)
        made += steps
    return made * size * at_once / taken, at_once


def stepper(
    options: argparse.Namespace, network: str, precision: str, way: str, count: int
) -> tuple[Callable[[int, int], object], int, int, int]:
    """Returns what makes steps, images of a step, whole steps of an epoch, runs at once."""
    data, build, spec = prepared(options, network, precision)
    run = _group.Run(0, spec, data)
    step, at_once = _group.trial(build, data, run, way, count)
    return step, spec.batch_size, max(1, run.epochs.count // spec.batch_size), at_once


def prepared(
    options: argparse.Namespace, network: str, precision: str
) -> tuple[Any, Callable[[int], keras.Model], RunSpec]:
    """Returns the data, what builds the network, and a run of it."""
    family, settings = (TINY if options.cpu_smoke else NETWORKS)[network]
    spec = RunSpec(
        family=family,
        dataset=options.data,
        batch_size=options.batch_size,
        augmentation="shift+flip",
        precision=precision,
        phase="final",
    ).configure(settings)
    data = datasets.load(spec.dataset, **spec.data_options)
    return data, building.Builder(spec, data), spec


def flops(options: argparse.Namespace, network: str, precision: str) -> float:
    """Returns the operations of a training step for each image, as XLA counts one run's."""
    data, build, spec = prepared(options, network, precision)
    program = _group.program(build, data, _group.Run(0, spec, data))
    size = spec.batch_size
    step = jax.jit(lambda state, x, y: program.advance(state, x, y, None))
    images, labels = np.zeros((size, *data.input_shape), np.float32), np.zeros(size, np.int32)
    counted = step.lower(program.state(), images, labels).cost_analysis()
    return float(counted["flops"]) / size


def _in_processes(options: argparse.Namespace, network: str, precision: str, count: int) -> float:
    """Returns images a second of several processes on one GPU, each with a run of its own."""
    command = [sys.executable, __file__, "worker", options.data, "--networks", network]
    command += ["--precisions", precision, "--batch-size", str(options.batch_size)]
    command += ["--seconds", str(options.seconds)] + ["--cpu-smoke"] * options.cpu_smoke
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(count)]
    try:
        for each in workers:  # All have compiled before the first begins.
            if each.stdout.readline() != "ready\n":
                raise RuntimeError(f"A worker of {network} ended before its first step.")
        for each in workers:
            each.stdin.write("go\n")
            each.stdin.flush()
        return sum(float(each.stdout.readline()) for each in workers)
    finally:
        for each in workers:
            each.kill()
            each.communicate()


def work(options: argparse.Namespace) -> None:
    """One of several processes: says when it has compiled, waits, and prints images a second."""
    arguments = options.networks, options.precisions, "separate", 1
    step, size, steps, _ = stepper(options, *arguments)
    step(0, steps)
    print("ready", flush=True)
    sys.stdin.readline()
    made, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < options.seconds:
        step(0, steps)
        made += steps
    print(made * size / taken, flush=True)


def time_to_94(options: argparse.Namespace) -> None:
    """Prints the mean test accuracy of many seeds, and how long they took."""
    end = time.monotonic() + 60 * options.minutes
    spec = RunSpec(
        family="resnet9",
        dataset=options.data,
        phase="final",
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer="sgd",
        learning_rate=options.learning_rate,
        schedule="one_cycle",
        weight_decay=options.weight_decay,
        label_smoothing=options.label_smoothing,
        augmentation=options.augmentation,
        precision=options.precisions,
    ).configure({"filters": options.filters})
    data = datasets.load(spec.dataset, **spec.data_options)
    build = building.Builder(spec, data)
    specs = [spec.repeated(0, "final", repeat) for repeat in range(int(options.seeds))]
    start = time.perf_counter()
    form = options.form or trainers.choose("vectorized", build, data, specs)["form"]
    how, _, together = form.partition(":")
    run = _group.Run(0, spec, data)
    at_once = 1 if how == "separate" else _group.width(build, data, run, how, int(together or 1))
    first = [RunSpec(**{**each.to_json(), "stop_epoch": 1}) for each in specs[:at_once]]
    trained(form, build, data, first)
    warm, start = time.perf_counter() - start, time.perf_counter()
    found: list[float] = []
    for done in range(0, len(specs), at_once):
        if time.monotonic() > end:
            print(f"Left out after {options.minutes} minutes: {len(specs) - done} seeds")
            break
        found += trained(form, build, data, specs[done : done + at_once])
    taken = time.perf_counter() - start
    deviation = np.std(found, ddof=1) if len(found) > 1 else float("nan")
    print(f"vectorized:{form}, {at_once} at once, {options.precisions}, {options.epochs} epochs")
    print(
        f"test accuracy: mean {np.mean(found):.4f}, sd {deviation:.4f}, n = {len(found)}, ", end=""
    )
    print(f"{min(found):.4f} to {max(found):.4f}")
    print(f"seconds a seed: {taken / len(found):.2f}; all: {taken:.1f}; before: {warm:.1f}")
    print(json.dumps({"accuracies": found, "seconds": taken, "before": warm, "form": form}))


def trained(form: str, build: Any, data: Any, specs: list[RunSpec]) -> list[float]:
    """Trains runs, and returns their accuracies on the test set."""
    found: dict[int, float] = {}
    labels = data.labels[data.parts["test"]]

    def on_end(i: int, model: Any, predict: Any, epoch: int) -> None:
        found[i] = float((predict(data.parts["test"]).argmax(axis=1) == labels).mean())

    trainers.load(f"vectorized:{form}")(
        build, data, specs, on_epoch=lambda i, epoch, metrics: None, on_end=on_end
    )
    return [found[i] for i in range(len(specs))]


def _share(share: float) -> str:
    return f"{share:8.2%}" if share > 0 else f"{'-':>8}"


def _npz(given: str, scratch: Path) -> Path | str:
    """Returns data that `datasets.load` takes."""
    if not given.endswith(".npy"):
        return given if given == "synthetic" else Path(given).resolve()
    rows = np.load(given, mmap_mode="r")
    if rows.ndim != 2 or rows.shape[1] != 3073 or rows.dtype != np.uint8:
        sys.exit(f"uint8 (n, 3073) was expected in {given}. Received: {rows.dtype} {rows.shape}")
    images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    labels, test = rows[:, 0], len(rows) // 6
    path = scratch / "cifar10.npz"
    np.savez(
        path,
        x_train=images[:-test],
        y_train=labels[:-test],
        x_test=images[-test:],
        y_test=labels[-test:],
    )
    return path


def _shrink(options: argparse.Namespace) -> None:
    """Makes of the options what a CPU can do in a minute, where that is asked for."""
    kind = jax.local_devices()[0].device_kind
    named = next((peak for name, peak in PEAKS.items() if name in kind), 0.0)
    peak = options.peak or named
    options.peak = 1e12 * float(PEAKS.get(str(peak).upper(), peak)) or float("inf")
    tiny: dict[str, Any] = {}
    if options.cpu_smoke and options.part == "seeds":
        tiny = {"seeds": "1,2", "batch_size": 16, "seconds": 0.5, "processes": 2}
    elif options.cpu_smoke and options.part == "time-to-94":
        tiny = {"seeds": "3", "batch_size": 32, "epochs": 2, "filters": 2, "form": "patches:2"}
    vars(options).update(tiny)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    for name in ("seeds", "time-to-94", "worker"):
        part = parts.add_parser(name)
        part.add_argument("data", nargs="?", default="synthetic", help="an .npz or .npy file")
        part.add_argument("--cpu-smoke", action="store_true", help="a tiny version, on a CPU")
        part.add_argument("--minutes", type=float, default=9.0, help="nothing begins after these")
        part.add_argument("--peak", help="H100, H200 or TFLOP/s in bfloat16 [the device's]")
    for name in ("seeds", "worker"):
        part = parts.choices[name]
        part.add_argument("--networks", default="cnn,resnet20")
        part.add_argument("--precisions", default="bfloat16,float32")
        part.add_argument("--batch-size", type=int, default=128)
        part.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
        part.add_argument("--seeds", default=",".join(map(str, SEEDS)))
        part.add_argument("--processes", type=int, default=8, help="at most so many at once")
    part = parts.choices["time-to-94"]
    part.add_argument("--seeds", default="20", help="how many")
    part.add_argument("--precisions", default="bfloat16", metavar="PRECISION")
    part.add_argument("--form", default="", help="such as grouped:10 [the fastest]")
    part.add_argument("--filters", type=int, default=64)
    part.add_argument("--epochs", type=int, default=16)
    part.add_argument("--batch-size", type=int, default=512)
    part.add_argument("--learning-rate", type=float, default=0.4)
    # Decoupled; 5e-4 beside the loss, as in Page's code, grows tenfold by a momentum of 0.9.
    part.add_argument("--weight-decay", type=float, default=5e-3)
    part.add_argument("--label-smoothing", type=float, default=0.2)
    part.add_argument("--augmentation", default="shift+flip+cutout")
    return parser


if __name__ == "__main__":
    main()
