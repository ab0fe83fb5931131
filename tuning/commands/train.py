"""Trains one configuration with several seeds."""

from typing import TYPE_CHECKING

import click

from tuning.commands import _limits, _loggers, _options

if TYPE_CHECKING:
    from tuning.executors import Machines
    from tuning.limits import Limits


@click.command(epilog="Several such commands with one --study gather in one leaderboard.")
@click.argument("family")
@click.argument("dataset", required=False)
@click.option(
    "--seeds", type=click.IntRange(1), default=1, show_default=True, help="Runs to train."
)
@click.option("--preset", help="A published variant, such as vgg16; see `list`.")
@click.option(
    "--test",
    is_flag=True,
    help="Score on the test set, declared in the study's log before training, which is then on "
    "all that is not test. For the table of a paper.",
)
@_options.run_options
@_loggers.option
@_limits.all_limits
def command(
    family: str,
    dataset: str | None,
    fixed: tuple[str, ...],
    seeds: int,
    workers: int | None,
    executor: str,
    machines: "Machines",
    loggers: tuple[str, ...],
    limits: "Limits",
    image_size: int | None,
    as_json: bool,
    objective: str,
    test: bool,
    **options: object,
) -> None:
    """Train one configuration of FAMILY on DATASET, with --seeds runs.

    FAMILY and DATASET are as in `search`; DATASET left out: digits. Of several families, one
    configuration each. The score is of the validation part, after the last epoch or, with
    --patience, the one it went back to; or of the test set with --test.
    """
    from tuning import launch, plan
    from tuning.commands import _progress, _start

    study, points = plan.new_training(
        family,
        dataset or "digits",
        fixed=_options.read_settings(fixed),
        seeds=seeds,
        workers=workers,
        executor=executor,
        machines=machines,
        image_size=image_size or 0,
        objective=objective.removeprefix("val_") if test else objective,
        test=test,
        **options,  # type: ignore[arg-type]
    )
    _start.introduce(study)
    with _start.explaining_a_stop(study), _progress.watching(study.spec.objective) as watch:
        done = launch.run(
            study,
            seeds=seeds,
            points=points,
            workers=workers,
            executor=executor,
            machines=machines,
            loggers=loggers,
            limits=limits,
            watch=watch,
        )
    _start.illustrate(study)
    if "gradients" not in loggers:
        _limits.present(study, limits, done.unfinished, as_json=as_json)
        return
    from tuning import gradients
    from tuning.commands import _gradients

    found = [gradients.read(study, study.configured(point).config_id) for point in points]
    more = {"gradients": [each.to_json() for each in found]}
    _limits.present(study, limits, done.unfinished, as_json=as_json, more=more)
    if not as_json:
        _gradients.show(found)
