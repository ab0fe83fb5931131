"""Options that say where runs are trained: workers, executor, machines."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import click

from kerascnn import registry
from tuning import executors

Function = TypeVar("Function", bound=Callable[..., Any])

# Where the context of a command keeps whether --repair was given: `_start` goes by it.
REPAIR = "kerascnn.repair"

_MACHINE_OPTIONS = (
    click.option(
        "--executor",
        default="processes",
        show_default=True,
        help=f"One of {', '.join(registry.names('tuning.executors'))}.",
    ),
    click.option(
        "--address",
        default="",
        help="Where the executor finds the cluster it is to use, if it takes one.",
    ),
    click.option(
        "--per-gpu",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Runs that share a GPU and its memory, each with its part of it.",
    ),
)
_WORKER_OPTIONS = (
    click.option(
        "--workers",
        type=click.IntRange(1),
        help="Runs trained at once.  [default: --per-gpu on each GPU, without GPUs as many as "
        "cores allow; memory may allow fewer]",
    ),
    *_MACHINE_OPTIONS,
    click.option(
        "--repair",
        is_flag=True,
        expose_value=False,
        callback=lambda context, option, given: context.meta.update({REPAIR: given}),
        help="Give up damaged lines of the study's log, on record; what they said is done again.",
    ),
)


def worker_options(command: Function) -> Function:
    """Adds where runs are trained."""
    return added(_WORKER_OPTIONS, _told_of_machines(command))


def machine_options(command: Function) -> Function:
    """Adds the executor, and what it is told of machines."""
    return added(_MACHINE_OPTIONS, _told_of_machines(command))


def _told_of_machines(command: Function) -> Function:
    """Makes one `machines` of --address and --per-gpu, which the executor must take."""

    @functools.wraps(command)
    def with_machines(*, executor: str, address: str, per_gpu: int, **given: Any) -> Any:
        machines = executors.Machines(address=address, per_gpu=per_gpu)
        executors.check(executor, machines)
        return command(executor=executor, machines=machines, **given)

    return cast(Function, with_machines)


def added(options: Sequence[Callable[[Any], Any]], command: Function) -> Function:
    """Returns the command with `options`, the first of which its help lists first."""
    for option in reversed(options):
        command = option(command)
    return command
