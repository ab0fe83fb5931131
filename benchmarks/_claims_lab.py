"""Where claims are tested: data sets, runs of configurations, differences of their means."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import datasets
from kerascnn.record import RunRecord
from tuning import comparison, launch
from tuning.decomposition_report import Report
from tuning.decomposition_report import Row as Taken
from tuning.measures import satterthwaite, t_quantile
from tuning.pairs import Pair
from tuning.study import Study

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set.

    Attributes:
        name: What it is called in a table.
        source: What the product is given.
        train_size: Training images that are used; 0: all.
        epochs: Passes over them.
    """

    name: str
    source: str
    train_size: int
    epochs: int


@dataclasses.dataclass(frozen=True)
class Found:
    """What came of a claim on one data set.

    Attributes:
        data: The data set.
        held: Whether it held; None: undecided.
        seen: The numbers, in words.
    """

    data: str
    held: bool | None
    seen: str


@dataclasses.dataclass(frozen=True)
class Runs:
    """One configuration's runs.

    Attributes:
        study: Where they are.
        config_id: The configuration.
        records: The finished ones, by repeat.
    """

    study: Study
    config_id: str
    records: tuple[RunRecord, ...]

    def values(self, metric: str) -> Array:
        """Returns a metric of each run."""
        return np.array([record.metrics[metric] for record in self.records])

    @property
    def accuracy(self) -> Array:
        return self.values("val_accuracy")

    @property
    def parameters(self) -> int:
        return self.records[0].parameters


class Lab:
    """Trains what a claim asks for, and keeps it.

    Args:
        folder: Of the studies.
        seeds: Runs of each configuration.
    """

    def __init__(self, folder: Path, seeds: int) -> None:
        self.folder = folder
        self.seeds = seeds

    def train(self, data: Data, family: str, **settings: Any) -> Runs:
        """Returns the runs of a configuration, trained if they were not."""
        size = {"train_size": data.train_size} if data.train_size else {}
        study = launch.train(
            family,
            data.source,
            fixed={**size, **settings},
            seeds=self.seeds,
            epochs=data.epochs,
            threads=1,
            name=str(self.folder / f"train-{data.name}"),
        )
        point = {"family": family, "epochs": data.epochs, **size, **settings}
        config = study.configured(point).config_id
        records = [r for c, r in study.identified() if c == config and r.status == "finished"]
        return Runs(study, config, tuple(sorted(records, key=lambda r: r.spec.repeat)))

    def pair(self, a: Runs, b: Runs, margin: float = 0.005) -> Pair:
        """Returns the verdict on two configurations of one data set, for new data."""
        ids = (a.config_id, b.config_id)
        (found,) = comparison.compare(a.study, pair=ids, margin=margin).pairs
        return found

    def decompose(self, data: Data, *families: str) -> tuple[Taken, ...]:
        """Returns the errors of families, taken apart."""
        size = {"train_size": data.train_size} if data.train_size else {}
        found: Report = launch.decompose(
            ",".join(families),
            data.source,
            fixed=size,
            seeds=3,
            epochs=data.epochs,
            name=str(self.folder / f"decompose-{data.name}"),
        )
        return found.rows

    def changed(self, data: Data, name: str, change: Any) -> Data:
        """Returns the data set with its images changed, uint8 (n, height, width, channels).

        Its parts are those of the original; the test set stays the test set.
        """
        path = self.folder / f"{data.name}-{name}.npz"
        if not path.exists():
            read = datasets.load(data.source)
            test = read.parts["test"]
            rest = np.setdiff1d(np.arange(len(read.labels)), test)
            self.folder.mkdir(parents=True, exist_ok=True)
            arrays = {
                "x_train": change(np.asarray(read.images[rest])),
                "y_train": read.labels[rest],
                "x_test": change(np.asarray(read.images[test])),
                "y_test": read.labels[test],
            }
            np.savez_compressed(path, **arrays)
        return dataclasses.replace(data, name=f"{data.name}-{name}", source=str(path.resolve()))


def contrast(
    groups: "dict[float, Array] | list[tuple[float, Array]]",
) -> tuple[float, float, float]:
    """Returns (value, low, high) of a sum of weighted means of independent groups of runs, 95 %.

    Welch and Satterthwaite's, as in `tuning.differences.welch`, for more than two groups.
    """
    pairs = list(groups.items()) if isinstance(groups, dict) else groups
    value = float(sum(weight * values.mean() for weight, values in pairs))
    parts = [weight**2 * values.var(ddof=1) / len(values) for weight, values in pairs]
    if not sum(parts):
        return value, value, value
    df = satterthwaite(sum(parts), parts, [len(values) - 1 for _, values in pairs])
    half = t_quantile(0.95, df) * float(np.sqrt(sum(parts)))
    return value, value - half, value + half


def below_zero(low: float, high: float) -> bool | None:
    """Returns whether an interval lies below zero; None where it holds zero."""
    return True if high < 0 else False if low > 0 else None
