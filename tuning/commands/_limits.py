"""Options for the time that a command may take, which reach it as one value: its limits."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from kerascnn import durations

if TYPE_CHECKING:
    from tuning.limits import Limits
    from tuning.study import Study

Function = TypeVar("Function", bound=Callable[..., Any])

_NAMES = ("time_budget", "run_limit", "checkpoint_every")


class _Duration(click.ParamType):  # type: ignore[type-arg]  # Older clicks' has no argument.
    """A time as `durations.seconds` reads it."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return durations.seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_BUDGET = click.option(
    "--time-budget",
    type=_Duration(),
    help="Train for this long (90s, 20m, 1h30m), then stop: what is under way is gone on with by "
    "the next such command.",
)
_RUN_LIMIT = click.option(
    "--run-limit",
    type=_Duration(),
    help="Stop a run that takes longer than this; it counts as failed.",
)
_CHECKPOINTS = click.option(
    "--checkpoint-every",
    type=_Duration(),
    default="60s",
    show_default=True,
    help="Time of training from checkpoint to checkpoint, from which interrupted runs continue.",
)


def run_limits(command: Function) -> Function:
    """Adds what limits single runs; the command takes `limits`."""

    @functools.wraps(command)
    def with_limits(**given: Any) -> Any:
        from tuning.limits import Limits

        named = {name: given.pop(name) for name in _NAMES if name in given}
        return command(limits=Limits(**named), **given)

    return cast(Function, _RUN_LIMIT(_CHECKPOINTS(with_limits)))


def all_limits(command: Function) -> Function:
    """Adds a time budget as well."""
    return _BUDGET(run_limits(command))


def present(
    study: "Study",
    limits: "Limits",
    unfinished: int | None,
    *,
    as_json: bool,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Prints a study's leaderboard, and first on stderr what a time budget left undone.

    Args:
        study: The study.
        limits: What the command was given.
        unfinished: As `Search` counts runs; None: the time was enough.
        as_json: Whether one JSON value is printed; null before any run has ended.
        more: What it holds besides, by name.
    """
    from tuning.commands import _board

    if unfinished is not None and limits.time_budget is not None:
        runs = "1 run is" if unfinished == 1 else f"{unfinished} runs are"
        click.echo(
            f"The time budget of {durations.text(limits.time_budget)} is spent: {runs} "
            "unfinished. The same command goes on from there, with a budget of its own.",
            err=True,
        )
        if not any(record.status == "finished" for record in study.log):
            click.echo(
                "No run has finished yet: no leaderboard. Starting workers takes part of the time.",
                err=True,
            )
            if as_json:
                click.echo("null")
            return
    _board.present(study, as_json=as_json, more=more or {})
