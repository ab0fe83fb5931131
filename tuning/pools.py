"""Where a study's runs are trained: workers, and what is settled with them before the first."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor

from kerascnn import registry, training
from kerascnn.costs import Ceilings
from kerascnn.spec import Value
from tuning import executors
from tuning.search_spec import SearchSpec
from tuning.stops import ImpossibleError
from tuning.study import Study


@contextlib.contextmanager
def pool(
    study: Study,
    executor: str,
    workers: int | None,
    calls: int,
    machines: executors.Machines = executors.HERE,
) -> Iterator[tuple[Executor, int]]:
    """Yields an executor and how many calls it runs at once."""
    spec = study.spec
    executors.check_installed(spec.backend)  # The study may come from another machine.
    pool, at_once = executors.make(
        executor, workers, spec.threads, calls, backend=spec.backend, machines=machines
    )
    with pool:
        named = (spec.base.dataset, *(contender.base.family for contender in spec.contenders))
        paths = [name for name in named if os.path.isabs(name)]
        try:
            executors.check_reach(pool, study.folder, paths)
        except ValueError as error:
            raise ImpossibleError(str(error)) from None
        yield pool, at_once


@contextlib.contextmanager
def leaving_nothing_impossible(begun: Study) -> Iterator[None]:
    """Removes a study that was just begun if what it asks for cannot be built, or not here."""
    fresh = not any(True for _ in begun.log.lines())
    try:
        yield
    except ImpossibleError:
        if fresh:
            shutil.rmtree(begun.folder)
        raise


def ceilings_of(spec: SearchSpec, pool: Executor, at_once: int) -> Ceilings:
    """Returns what a network may cost: what the study says, and the memory there is here.

    Args:
        spec: The study's.
        pool: Where its runs are trained.
        at_once: How many of them at once.
    """
    return Ceilings(
        parameters=spec.max_params,
        multiply_accumulates=spec.max_macs,
        memory=executors.memory_of_call(pool, at_once),
        workers=at_once,
    )


def settle(
    begun: Study, pool: Executor, point: Mapping[str, Value], seeds: int, at_once: int
) -> None:
    """Times the forms of the trainer, if it has several, before anything is trained.

    The choice is the study's for good: a study that is resumed goes on with the same numbers.

    Args:
        begun: The study.
        pool: Where its runs are trained.
        point: What it tries first.
        seeds: Runs of it, on each of the training sets.
        at_once: How many calls `pool` runs at once.
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
            future = pool.submit(
                training.choose,
                specs,
                trainer=spec.trainer,
                ceilings=ceilings_of(spec, pool, at_once),
            )
            chosen = future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if chosen:
            begun.settle(chosen)
