"""Resident memory of one worker over many small runs.

    python -m benchmarks.memory [--runs 300] [--trainers compiled fit] [--backend tensorflow]

Every run is of another small cnn on 100 images of digits, one epoch, in one worker of the
`processes` executor with one thread. Networks differ in filters, depth, batch size and activation,
so that hardly any program serves two runs: what a worker keeps of each would add up. The process is
said too: a worker that was replaced has another.

Aim: after 300 runs at most 1.10 times what it was after 30.
"""

import argparse
import tempfile

from benchmarks import _timing
from kerascnn import memory, registry, training
from kerascnn.spec import RunSpec
from tuning import executors
from tuning.executors import processes

MARKS = (10, 30, 100, 200, 300)


def main() -> None:
    """Trains and prints the table."""
    asked = _asked()
    rows = []
    for trainer in asked.trainers:
        found = resident(asked.runs, trainer, asked.backend)
        base = dict(found).get(30, found[0][1])
        for number, size in found:
            rows.append([trainer, str(number), f"{size / 2**20:.0f}", f"{size / base:.3f}"])
            print(*rows[-1], flush=True)
    print(_timing.table(["trainer", "runs", "MiB", "/ at 30"], rows))
    print(f"\n{_timing.circumstances('keras', asked.backend)}")


def resident(runs: int, trainer: str, backend: str) -> list[tuple[int, int]]:
    """Returns (runs so far, bytes resident in the worker) at every mark."""
    found = []
    environment = executors.settings(backend, 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.executor(1, environment=environment) as pool,
    ):
        for number in range(runs):
            [record] = pool.submit(
                training.run, [spec_of(number)], folder=folder, trainer=trainer
            ).result()
            if record.status != "finished":
                raise RuntimeError(record.error)
            if number + 1 in MARKS:
                found.append((number + 1, pool.submit(memory.resident).result()))
    return found


def spec_of(number: int) -> RunSpec:
    """Returns a configuration that is no other's: its network differs from the one before."""
    return RunSpec(
        family="cnn",
        dataset="digits",
        train_size=100,
        epochs=1,
        stop_epoch=1,
        batch_size=(16, 32, 64)[number % 3],
        seed=number,
        hyperparameters={
            "filters": 4 + number % 29,
            "depth": 1 + number % 2,
            "activation": ("relu", "tanh", "gelu")[number % 3],
        },
    )


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=300)
    names = registry.names("kerascnn.trainers")
    parser.add_argument("--trainers", nargs="+", choices=names, default=["compiled", "fit"])
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow")
    return parser.parse_args()


if __name__ == "__main__":
    main()
