"""The option that says who follows the runs."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from kerascnn import registry

Function = TypeVar("Function", bound=Callable[..., Any])


def option(command: Function) -> Function:
    """Adds --logger; the command takes `loggers`."""
    return _OPTION(command)


def _names(context: click.Context, option: click.Parameter, given: Iterable[str]) -> Any:
    for name in given:
        registry.source_file("kerascnn.loggers", name)
    return tuple(dict.fromkeys(("tensorboard", *given)))


_OPTION = click.option(
    "--logger",
    "loggers",
    multiple=True,
    metavar="NAME",
    callback=_names,
    help="Who follows the runs besides tensorboard: gradients (norms of gradients and updates, "
    "dead and saturated units, by layer and epoch). It takes time and changes no number.",
)
