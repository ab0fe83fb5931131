"""Runs what a user asks for: the door for the command line and for Python."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerascnn import registry
from kerascnn.spec import Value
from tuning import executors
from tuning.plan import new_search, new_training
from tuning.search import ImpossibleError, Search
from tuning.study import Study
from tuning.trials import Progress


def search(
    family: str = "cnn",
    dataset: str = "digits",
    *,
    oracle: str = "random_search",
    trials: int = 8,
    seeds: int = 3,
    workers: int | None = None,
    executor: str = "processes",
    watch: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Study:
    """Searches the settings of `family` on `dataset`, or continues where that search stopped.

    Args:
        family: An entry of `kerascnn/models`, or the user's own (a path or a dotted module); or
            several with commas, "cnn,vgg": one oracle each, the trials shared out.
        dataset: An entry of `kerascnn/datasets`, an `.npz` file or a folder of class folders.
        oracle: An entry of `tuning/oracles`.
        trials: Distinct configurations to try in all, the families' defaults first.
        seeds: Runs of each.
        workers: Runs trained at once; None: as many as cores and memory allow.
        executor: An entry of `tuning/executors`.
        watch: Called with a `Progress` after every run.
        **options: As `new_search` takes them.

    Returns:
        The study, all its runs ended.

    Raises:
        ValueError, OSError: If anything asked for does not exist or does not fit; see `Search`.
    """
    begun = new_search(
        family,
        dataset,
        oracle=oracle,
        trials=trials,
        seeds=seeds,
        workers=workers,
        executor=executor,
        **options,
    )
    run(begun, trials=trials, seeds=seeds, workers=workers, executor=executor, watch=watch)
    return begun


def train(
    family: str,
    dataset: str = "digits",
    *,
    seeds: int = 1,
    test: bool = False,
    workers: int | None = None,
    executor: str = "processes",
    watch: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Study:
    """Trains one configuration with several seeds, or continues where that stopped.

    Args:
        family: See `search`; of several, one configuration each.
        dataset: See `search`.
        seeds: Runs to train.
        workers: See `search`.
        executor: See `search`.
        test: Whether the runs are scored on the test set, declared in the study's log before
            they are trained, on all that is not test. Such runs are a study of their own.
        watch: See `search`.
        **options: As `new_training` takes them; with one `name`, several calls share a study.

    Returns:
        The study, all its runs ended.
    """
    begun, points = new_training(
        family, dataset, seeds=seeds, test=test, workers=workers, executor=executor, **options
    )
    run(begun, seeds=seeds, workers=workers, executor=executor, points=points, watch=watch)
    return begun


def run(
    begun: Study,
    *,
    trials: int | None = None,
    seeds: int | None = None,
    workers: int | None = None,
    executor: str = "processes",
    points: Sequence[Mapping[str, Value]] = (),
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Search:
    """Runs a study to its end; see `search` for the arguments."""
    spec = begun.spec
    fresh = not any(True for _ in begun.log.lines())
    calls = (seeds or spec.seeds) * (len(points) if points else trials or spec.trials)
    if executor == "serial":
        workers = workers or 1
    workers = executors.default_workers(spec.threads, calls) if workers is None else workers
    environment = executors.settings(spec.backend, spec.threads)
    room = registry.load("tuning.executors", executor)
    with room.executor(workers, environment=environment) as pool:
        started = Search(
            begun,
            pool,
            workers=workers,
            trials=trials or 0,
            seeds=seeds or 0,
            points=points,
            watch=watch,
        )
        try:
            started()
        except ImpossibleError:
            if fresh:
                shutil.rmtree(begun.folder)
            raise
    return started
