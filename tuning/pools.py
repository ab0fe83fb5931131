"""Where a study's runs are trained: workers, and what is settled with them before the first."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor

from kerascnn import registry, training
from kerascnn.spec import Value
from tuning import executors
from tuning.search import ImpossibleError
from tuning.search_spec import SearchSpec
from tuning.study import Study


@contextlib.contextmanager
def pool(
    spec: SearchSpec, executor: str, workers: int | None, calls: int
) -> Iterator[tuple[Executor, int]]:
    """Yields an executor and how many calls it runs at once."""
    executors.check_installed(spec.backend)  # The study may come from another machine.
    if executor == "serial":
        workers = workers or 1
    at_once = executors.default_workers(spec.threads, calls) if workers is None else workers
    environment = executors.settings(spec.backend, spec.threads)
    room = registry.load("tuning.executors", executor)
    with room.executor(at_once, environment=environment) as pool:
        yield pool, at_once


@contextlib.contextmanager
def leaving_nothing_impossible(begun: Study) -> Iterator[None]:
    """Removes a study that was just begun if what it asks for cannot be built."""
    fresh = not any(True for _ in begun.log.lines())
    try:
        yield
    except ImpossibleError:
        if fresh:
            shutil.rmtree(begun.folder)
        raise


def settle(begun: Study, pool: Executor, point: Mapping[str, Value], seeds: int) -> None:
    """Times the forms of the trainer, if it has several, before anything is trained.

    The choice is the study's for good: a study that is resumed goes on with the same numbers.

    Args:
        begun: The study.
        pool: Where its runs are trained.
        point: What it tries first.
        seeds: Runs of it, on each of the training sets.
    """
    spec = begun.spec
    if not registry.constant("kerascnn.trainers", spec.trainer, "FORMS", ()):
        return
    with begun.log:  # Nobody else settles it now.
        begun.about = Study(begun.folder).about
        if "form" in begun.about:
            return
        config = begun.configured(point)
        specs = [
            config.repeated(spec.seed, spec.phase, repeat, subset)
            for subset in spec.training_sets
            for repeat in range(seeds)
        ]
        try:
            chosen = pool.submit(training.choose, specs, trainer=spec.trainer).result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if chosen:
            begun.settle(chosen)
