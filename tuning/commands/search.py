"""Searches the settings of a family, every configuration with several seeds."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from kerascnn import registry
from tuning.commands import _like, _limits, _loggers, _objectives, _options

if TYPE_CHECKING:
    from tuning.executors import Machines
    from tuning.limits import Limits
    from tuning.study import Study


@click.command(epilog="The same command continues its study; --trials and --seeds may be raised.")
@click.argument("family", required=False)
@click.argument("dataset", required=False)
@click.option(
    "--oracle",
    default="random_search",
    show_default=True,
    help=f"Who proposes: {', '.join(registry.names('tuning.oracles'))}.",
)
@click.option(
    "--points",
    metavar="ORACLE",
    help="Who draws the points of a race: "
    f"{', '.join(registry.constant('tuning.oracles', 'race', 'POINTS'))}.  "
    "[default: random_search]",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Configurations to try; the first is the family's defaults.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Runs of each configuration.",
)
@click.option(
    "--vary",
    multiple=True,
    metavar="NAME=DOMAIN",
    help="Search a setting: filters=8:64:8, learning_rate=1e-4:1e-1:log, pooling=max,average.",
)
@click.option(
    "--max-params",
    type=click.IntRange(1),
    help="Leave out networks of more parameters.",
)
@click.option(
    "--max-macs",
    type=click.IntRange(1),
    help="Leave out networks of more multiply-accumulates in the forward pass of an image.",
)
@click.option(
    "--like",
    metavar="STUDY",
    help="Repeat a study, a colleague's for one, from its folder or its study.json alone, on the "
    "data it names or on DATASET.",
)
@click.option(
    "--after",
    metavar="STUDY[:N]",
    help="Try first what an older study found best: the N (3) leading configurations that lie in "
    "this space.",
)
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Leading configurations whose model stays on disk; others are retrained to be exported.",
)
@_objectives.search
@_options.unranked_options
@_loggers.option
@_options.rule_options
@_limits.all_limits
def command(
    family: str | None,
    dataset: str | None,
    like: str | None,
    after: str | None,
    trials: int,
    seeds: int,
    keep: int,
    workers: int | None,
    executor: str,
    machines: "Machines",
    loggers: tuple[str, ...],
    limits: "Limits",
    backend: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Search the settings of FAMILY on DATASET.

    FAMILY is a model family (see `list`), your own file, or several with commas (cnn,vgg): one
    leaderboard, the trials shared out among them. DATASET a name, an .npz file with
    x_train y_train x_test y_test, or a folder of class folders. A folder or an .npz alone is
    the DATASET. Left out: cnn on digits.
    """
    backend = _options.ask_without_a_backend(executor, backend)
    from tuning import launch
    from tuning.commands import _progress, _start

    seeding = _seeding(after)
    if like is not None:
        study = _like.repeated(like, family, dataset, options["name"])
    else:
        family, dataset = _options.family_and_dataset(family, dataset)
        options |= {"backend": backend, "workers": workers, "executor": executor}
        options["machines"] = machines
        study = _begun(family, dataset, trials=trials, seeds=seeds, **options)
    trials, seeds = _like.reach(study, trials, seeds)
    _start.introduce(study)
    if seeding is not None:
        click.echo(seeding(study), err=True)
    with _start.explaining_a_stop(study), _progress.watching(study.spec.objective) as watch:
        done = launch.run(
            study,
            trials=trials,
            seeds=seeds,
            workers=workers,
            executor=executor,
            machines=machines,
            loggers=loggers,
            limits=limits,
            keep=keep,
            watch=watch,
        )
    if done.exhausted:
        click.echo("The space is exhausted: every point in it was tried.", err=True)
    if reasons := done.infeasible:
        count = "1 point is" if len(reasons) == 1 else f"{len(reasons)} points are"
        click.echo(f"{count} infeasible and not counted. The last: {reasons[-1]}", err=True)
    _start.illustrate(study)
    _limits.present(study, limits, done.unfinished, as_json=as_json)
    if "gradients" in loggers:
        click.echo(
            "gradients.json in a run's folder has its layers; `dashboard` shows them.", err=True
        )


def _begun(
    family: str,
    dataset: str,
    *,
    fixed: tuple[str, ...],
    vary: tuple[str, ...],
    image_size: int | None,
    max_params: int | None,
    max_macs: int | None,
    **options: Any,
) -> "Study":
    """Begins, or opens, the study that is typed."""
    from tuning import plan

    return plan.new_search(
        family,
        dataset,
        fixed=_options.read_settings(fixed),
        vary=_options.read_domains(vary),
        image_size=image_size or 0,
        max_params=max_params or 0,
        max_macs=max_macs or 0,
        rules={name: options.pop(name) for name in _options.RULES},
        **options,
    )


def _seeding(after: str | None) -> "Callable[[Study], str] | None":
    """Returns what puts the points of an older study in line, and says so; None: there is none."""
    if after is None:
        return None
    from tuning import earlier  # SciPy: a search starts its workers before.

    found = earlier.read(after)
    return lambda study: earlier.add(study, found)
