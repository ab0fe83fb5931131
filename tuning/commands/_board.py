"""A leaderboard as text."""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from tuning import cells, executors
from tuning.commands import _options
from tuning.study import Study

if TYPE_CHECKING:
    from tuning.comparison import Board
    from tuning.rows import Row

_GAP = "  "
# Of a remark below a table, in characters.
_WIDTH = 120


def present(study: Study, *, as_json: bool, more: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Prints a study's leaderboard and what to type next, or one JSON value.

    Args:
        study: The study.
        as_json: Whether one JSON value is printed.
        more: What it holds besides, by name.
    """
    from tuning import comparison

    board = comparison.compare(study)
    if as_json:
        click.echo(json.dumps({**board.to_json(), **more}))
    else:
        show(board)
        click.echo(next_steps(study))


def show(board: "Board", *, wide: bool = False) -> None:
    """Prints a leaderboard on stdout: a table, then what it does and does not tell.

    Args:
        board: What `comparison.compare` made of the leader's pairs.
        wide: Whether the standard deviation's interval and floor have columns too, and costs.
    """
    from tuning import wording  # SciPy: not on the way to a `--help`.

    click.echo(f"{board.study}: {board.metric} on {board.split}")
    more = cells.occasional(board)
    table(board.rows, board.metric, more, wide=wide, descriptive=board.descriptive)
    for line in wording.remarks(board):
        click.echo(textwrap.fill(line, _WIDTH))


def table(
    rows: Sequence["Row"],
    metric: str,
    more: Mapping[str, Callable[["Row"], str]],
    *,
    wide: bool = False,
    descriptive: bool = False,
) -> None:
    """Prints rows on stdout.

    In a terminal too narrow for a row, its settings stand on lines of their own beneath it.

    Args:
        rows: In their order.
        metric: The heading of the means.
        more: Heading -> cell of a row: columns after the usual ones.
        wide: Whether the standard deviation's interval and floor have columns too, and costs.
        descriptive: Whether intervals are headed so: they know nothing of how runs were chosen.
    """
    from tuning import wording

    columns = {**cells.of_row(metric, wide=wide, descriptive=descriptive), **more}
    title, *lines = aligned([list(columns), *([c(row) for c in columns.values()] for row in rows)])
    several = len({row.family for row in rows}) > 1
    settings = [wording.settings(row, family=several) for row in rows]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    beside = width is None or all(
        len(line + _GAP + text) <= width for line, text in zip(lines, settings, strict=True)
    )
    click.echo(title + (_GAP + "settings" if beside else ""))
    for line, text in zip(lines, settings, strict=True):
        click.echo(f"{line}{_GAP}{text}".rstrip() if beside else line.rstrip())
        if not beside:
            click.echo(textwrap.indent(textwrap.fill(text, (width or 80) - 4), "    "))


def next_steps(study: Study) -> str:
    """Returns where the study lies and the commands to type next."""
    program, name = _options.program(), _options.named(study)
    commands = [f"dashboard {name}", f"compare {name}"]
    if study.spec.oracle:
        commands.append(f"confirm {name}")
    if study.imported is None:
        commands.append(export_of(study))
    return f"\nThe study lies in {study.folder}. Next:" + "".join(
        f"\n  {program} {command}" for command in commands
    )


def export_of(study: Study) -> str:
    """Returns the command that exports a study's network in a format that works here."""
    format = "" if executors.is_installed("tensorflow") else " --format keras_archive"
    return f"export {_options.named(study)} --to model{format}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns a line a row, the first column flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
