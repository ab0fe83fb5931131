"""From a learning curve that a user asks for to its study: sizes, and the epochs at each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerascnn import datasets
from kerascnn.checks import DRAW
from kerascnn.spec import RunSpec, Value
from tuning import begin, executors, extrapolation
from tuning.decomposition import crossings
from tuning.plan import given
from tuning.space import Choice, Space
from tuning.study import Study

# What `begin.prepare` takes that decides what the data are.
_DATA_OPTIONS = ("image_size", "skip_bad", "group_by")


def new_learning_curve(
    family: str,
    dataset: str,
    *,
    preset: str | None = None,
    fixed: Mapping[str, Value] | None = None,
    sizes: Sequence[int] | None = None,
    subsets: int = 3,
    seeds: int = 3,
    epochs: int = 9,
    seed: int = 0,
    workers: int | None = None,
    threads: int | None = None,
    executor: str = "processes",
    **options: Any,
) -> tuple[Study, list[dict[str, Value]]]:
    """Begins, or opens, the study of a learning curve, without training anything.

    Args:
        family: See `launch.train`.
        dataset: See `launch.search`.
        preset: See `plan.new_training`.
        fixed: See `plan.new_training`.
        sizes: Numbers of training images; None: `default_sizes`.
        subsets: Training sets drawn at each size, independently; all families share them.
        seeds: Runs on each, with the same seeds on all of a size.
        epochs: Of the largest size. Smaller ones are trained for as many steps.
        seed: See `plan.new_training`; of the training sets too.
        workers: See `launch.search`.
        threads: CPU threads of each run; None: the cores shared out among the runs.
        executor: See `launch.search`.
        **options: As `begin.prepare` takes them.

    Returns:
        The study, and the points in it: each family at each size.
    """
    configurations = given(family, preset, fixed, epochs)
    if "train_size" in (fixed or {}):
        raise ValueError("The sizes of a learning curve are given with --sizes, not --set.")
    if seeds < 2:
        raise ValueError(f"`seeds >= 2` must hold: one shows no variance. Received: {seeds}")
    asked = [
        (each, point, RunSpec(family=each, dataset="").configure(point))
        for each, point in configurations.items()
    ]
    data = datasets.load(
        begin.data_path(dataset),
        split_seed=seed,
        **{name: options[name] for name in _DATA_OPTIONS if name in options},
    )
    sizes = default_sizes(data) if sizes is None else _checked(sizes)
    points = [
        (each, {**point, "train_size": size, "epochs": _epochs(config, size, sizes[-1])})
        for each, point, config in asked
        for size in sizes
    ]
    calls = seeds * subsets * len(points)
    shared = executors.shared_threads(calls, workers or calls)
    space: Space = {"train_size": Choice(*sizes)}
    spec: dict[str, Any] = {"oracle": "", "objective": "val_accuracy", "trials": 1, "seeds": seeds}
    spec |= {"space": space, "subsets": f"{DRAW}:{subsets}"}
    first, *others = configurations
    rest = [(each, space) for each in others]
    where = (seed, threads, shared, executor, rest)
    begun = begin.prepare(first, dataset, configurations[first], spec, *where, **options)
    _refuse_other_lengths(begun, asked[0][2].epochs, sizes[-1])
    return begun, [begin.pointed(each, point) for each, point in points]


def default_sizes(data: Any) -> tuple[int, ...]:
    """Returns the sizes of a learning curve: all training images, and geometrically down from it.

    As many, over such a factor, as a law takes to be believed; fewer images than it takes for one
    of every class are none.
    """
    largest = len(data.order)
    least = max(data.covering, largest // extrapolation.FACTOR)
    steps = np.geomspace(least, largest, extrapolation.SIZES)
    return tuple(dict.fromkeys(int(step) for step in np.rint(steps)))


def _checked(sizes: Sequence[int]) -> tuple[int, ...]:
    """Returns the sizes in their order.

    Raises:
        ValueError: If one is below 1 or given twice, or there is only one.
    """
    wrong = [size for size in sizes if size < 1 or list(sizes).count(size) > 1]
    if wrong or len(sizes) < 2:
        raise ValueError(
            "--sizes takes two or more different numbers of images, each at least 1. "
            f"Received: {','.join(map(str, sizes))}"
        )
    return tuple(sorted(sizes))


def _epochs(config: RunSpec, size: int, largest: int) -> int:
    """Returns for how many epochs a size is trained: as many steps as the largest makes."""
    steps, most = (-(-count // config.batch_size) for count in (size, largest))
    return max(1, round(config.epochs * most / steps))


def _refuse_other_lengths(begun: Study, epochs: int, largest: int) -> None:
    """Refuses to add to a study whose curves are trained for another number of steps."""
    for each in crossings(begun):
        size, there = each.config.train_size, each.config.epochs
        if there != (here := _epochs(replace(each.config, epochs=epochs), size, largest)):
            raise ValueError(
                f"{begun.folder} trains {size:,} images for {there} epochs, and this would for "
                f"{here}: curves of one study share --epochs and the largest of --sizes."
            )
