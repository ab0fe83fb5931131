"""Runs what a user asks for: the door for the command line and for Python."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerascnn import registry, training
from kerascnn.spec import Value
from tuning import begin, pools
from tuning.executors import HERE, Machines
from tuning.limits import UNLIMITED, Limits
from tuning.plan import new_decomposition, new_search, new_training
from tuning.search import Search
from tuning.study import Study, save_labels
from tuning.trial import Progress

if TYPE_CHECKING:
    from tuning.decomposition_report import Report


def search(
    family: str = "cnn",
    dataset: str = "digits",
    *,
    oracle: str = "random_search",
    trials: int = 8,
    seeds: int = 3,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    loggers: Sequence[str] = ("tensorboard",),
    limits: Limits = UNLIMITED,
    keep: int = 1,
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
        workers: Runs trained at once; None: one per GPU, else as many as cores
            and memory allow.
        executor: An entry of `tuning/executors`.
        machines: What it is told besides: an address, and how many runs share a GPU.
        loggers: Entries of `kerascnn/loggers`, which follow the runs and change no number.
        limits: What time this may take. Once it is spent, runs under way are stopped; the same
            call goes on from there.
        keep: Leading configurations whose model stays on disk; others are retrained to be exported.
        watch: Called with a `Progress` after every run.
        **options: As `new_search` takes them.

    Returns:
        The study, all its runs ended unless the time budget was spent before.

    Raises:
        ValueError, OSError: If anything asked for does not exist or does not fit; see `Search`.
    """
    _check(loggers)
    where: dict[str, Any] = {"workers": workers, "executor": executor, "machines": machines}
    begun = new_search(
        family, dataset, oracle=oracle, trials=trials, seeds=seeds, **where, **options
    )
    where["loggers"] = loggers
    run(begun, trials=trials, seeds=seeds, **where, limits=limits, keep=keep, watch=watch)
    return begun


def train(
    family: str,
    dataset: str = "digits",
    *,
    seeds: int = 1,
    test: bool = False,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    loggers: Sequence[str] = ("tensorboard",),
    limits: Limits = UNLIMITED,
    watch: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Study:
    """Trains one configuration with several seeds, or continues where that stopped.

    Args:
        family: See `search`; of several, one configuration each.
        dataset: See `search`.
        seeds: Runs to train.
        workers, executor, machines, loggers: See `search`.
        test: Whether the runs are scored on the test set, declared in the study's log before
            they are trained, on all that is not test. Such runs are a study of their own.
        limits: See `search`.
        watch: See `search`.
        **options: As `new_training` takes them; with one `name`, several calls share a study.

    Returns:
        The study, as `search` returns it.
    """
    _check(loggers)
    where: dict[str, Any] = {"workers": workers, "executor": executor, "machines": machines}
    begun, points = new_training(family, dataset, seeds=seeds, test=test, **where, **options)
    where |= {"loggers": loggers, "limits": limits}
    run(begun, seeds=seeds, points=points, **where, watch=watch)
    return begun


def _check(loggers: Sequence[str]) -> None:
    """Raises ValueError if there is no such logger."""
    for name in loggers:
        registry.source_file("kerascnn.loggers", name)


def run(
    begun: Study,
    *,
    trials: int | None = None,
    seeds: int | None = None,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    loggers: Sequence[str] = ("tensorboard",),
    points: Sequence[Mapping[str, Value]] = (),
    limits: Limits = UNLIMITED,
    keep: int = 1,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Search:
    """Runs a study to its end; see `search` for the arguments."""
    spec, spent = begun.spec, limits.clock()
    calls = (seeds or spec.seeds) * (len(points) if points else trials or spec.trials)
    with (
        pools.leaving_nothing_impossible(begun),
        pools.pool(begun, executor, workers, calls, machines) as (pool, at_once),
    ):
        first = spec.contenders[0]
        point = points[0] if points else spec.point(first, first.defaults())
        pools.settle(begun, pool, point, seeds or spec.seeds, at_once)
        ceilings = pools.ceilings_of(spec, pool, at_once)
        started = Search(
            begun,
            pool,
            workers=at_once,
            trials=trials or 0,
            seeds=seeds or 0,
            points=points,
            run=functools.partial(training.run, ceilings=ceilings, loggers=tuple(loggers)),
            limits=limits,
            spent=spent,
            keep=keep,
            watch=watch,
        )
        started()
    return started


def confirm(
    study: Study,
    *,
    rules: Mapping[str, Any] | None = None,
    deviate: bool = False,
    again: bool = False,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    limits: Limits = UNLIMITED,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Confirms the winner of a search, or continues where that stopped.

    Args:
        study: The search, which has ended.
        rules: Those to use instead of what the study fixed, by name; None values are no wish.
        deviate: Whether other rules than those fixed may be used, which the report then says.
        again: Whether to confirm once more, which opens the test set again.
        workers, executor, machines: See `search`.
        limits: Of its runs; there is no time budget.
        watch: See `search`.

    Raises:
        ValueError: If the study is no search, or the rules are not what it fixed.
    """
    from tuning.confirmation import Confirmation  # SciPy: a search starts its workers before.

    spec = study.spec
    if not spec.oracle:
        raise ValueError(f"{study.folder} has searched nothing: there is no winner to confirm.")
    wanted = spec.rules.replaced(rules or {})
    if (changed := wanted.differences(spec.rules)) and not deviate:
        told = ", ".join(f"{name}={getattr(spec.rules, name)}" for name in changed)
        raise ValueError(
            f"The study fixed {told} when it began. Received: "
            f"{', '.join(f'{name}={value}' for name, value in changed.items())}. "
            "--deviate uses other rules, and the report says so."
        )
    data = begin.data_of(study)
    for part in ("confirmation", "test"):
        save_labels(study.folder, part, data.labels[data.parts[part]])
    calls = (wanted.shortlist + 1) * wanted.confirmation_seeds
    with pools.pool(study, executor, workers, calls, machines) as (pool, at_once):
        Confirmation(
            study,
            pool,
            workers=at_once,
            rules=wanted,
            again=again,
            limits=limits,
            watch=watch,
        )()


def decompose(
    family: str,
    dataset: str = "digits",
    *,
    seeds: int = 3,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    limits: Limits = UNLIMITED,
    watch: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> "Report":
    """Takes the error of a family apart into bias and variance, or continues where that stopped.

    Args:
        family: See `train`.
        dataset: See `search`.
        seeds: Runs on each training set.
        workers, executor, machines: See `search`.
        limits: See `confirm`.
        watch: See `search`.
        **options: As `new_decomposition` takes them.
    """
    where: dict[str, Any] = {"workers": workers, "executor": executor, "machines": machines}
    begun, points = new_decomposition(family, dataset, seeds=seeds, **where, **options)
    return run_decomposition(begun, points, seeds=seeds, **where, limits=limits, watch=watch)


def run_decomposition(
    begun: Study, points: Sequence[Mapping[str, Value]], *, seeds: int, **where: Any
) -> "Report":
    """Runs a decomposition to its end.

    Args:
        begun, points, seeds: See `run_crossing`.
        **where: As `run_crossing` takes it.
    """
    from tuning import decomposition_report  # SciPy, as in `confirm`.

    run_crossing(begun, points, seeds=seeds, **where)
    found = decomposition_report.report(begun)
    decomposition_report.show_in_tensorboard(begun, found)
    return found


def run_crossing(
    begun: Study,
    points: Sequence[Mapping[str, Value]],
    *,
    seeds: int,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    limits: Limits = UNLIMITED,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Trains training sets x seeds to the end; see `decompose` for the arguments.

    Args:
        begun: Of `new_decomposition` or `curve_plan.new_learning_curve`.
        points: What these returned beside it.
    """
    from tuning.decomposition import Decomposition  # SciPy, as in `confirm`.

    spec = begun.spec
    calls = seeds * len(spec.training_sets) * len(points)
    with (
        pools.leaving_nothing_impossible(begun),
        pools.pool(begun, executor, workers, calls, machines) as (pool, at_once),
    ):
        pools.settle(begun, pool, points[0], seeds, at_once)
        Decomposition(
            begun,
            pool,
            points=points,
            seeds=seeds,
            workers=at_once,
            limits=limits,
            watch=watch,
        )()
