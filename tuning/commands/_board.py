"""A leaderboard as text."""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from tuning import executors
from tuning.commands import _options
from tuning.study import Study

if TYPE_CHECKING:
    from tuning.comparison import Board
    from tuning.measures import Interval
    from tuning.rows import Row

_GAP = "  "


def present(study: Study, *, as_json: bool) -> None:
    """Prints a study's leaderboard and what to type next, or one JSON value."""
    from tuning import comparison

    board = comparison.compare(study)
    if as_json:
        click.echo(json.dumps(board.to_json()))
    else:
        show(board)
        click.echo(next_steps(study))


def show(board: "Board", *, wide: bool = False) -> None:
    """Prints a leaderboard on stdout: a table, then what it does and does not tell.

    Args:
        board: What `comparison.compare` made of the leader's pairs.
        wide: Whether the standard deviation's interval and floor have columns too.
    """
    from tuning import wording  # SciPy: not on the way to a `--help`.

    click.echo(f"{board.study}: {board.metric} on {board.split}")
    more = _occasional(board)
    table(board.rows, board.metric, more, wide=wide, descriptive=board.descriptive)
    for line in wording.remarks(board):
        click.echo(line)


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
        wide: Whether the standard deviation's interval and floor have columns too.
        descriptive: Whether intervals are headed so: they know nothing of how runs were chosen.
    """
    from tuning import wording

    columns = {**_columns(metric, wide, "descriptive" if descriptive else "95 %"), **more}
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


def _occasional(board: "Board") -> dict[str, Callable[["Row"], str]]:
    """Returns the columns that only some leaderboards have."""
    from tuning import wording

    found: dict[str, Callable[[Row], str]] = {}
    if any(row.stopped_early for row in board.rows):
        found["epochs"] = lambda row: str(row.epochs)
    if any(row.in_best_set is not None for row in board.rows):
        found["best-set"] = lambda row: mark(bool(row.in_best_set))
    verdicts = {pair.b: wording.verdict(pair) for pair in board.pairs}
    if verdicts:
        found["leader is"] = lambda row: verdicts.get(row.config_id, "")
    return found


def mark(marked: bool) -> str:
    """Returns the cell of a column of marks."""
    return "*" if marked else ""


def _columns(metric: str, wide: bool, kind: str) -> dict[str, Callable[["Row"], str]]:
    """Returns heading -> cell of a row."""
    beside = {
        "sd 95 %": lambda row: interval(row.sd_interval, digits=4),
        "floor": lambda row: _number(row.sd_floor),
    }
    return {
        "id": lambda row: row.config_id[:6],
        "n": lambda row: f"{row.n} of {row.n + row.failed}" if row.failed else str(row.n),
        metric: lambda row: _number(row.mean) or "failed",
        f"new data {kind}": lambda row: interval(row.interval_new_data),
        f"seeds {kind}": lambda row: interval(row.interval_seeds),
        "sd": lambda row: _number(row.sd),
        **(beside if wide else {}),
        "parameters": lambda row: "" if row.parameters is None else f"{row.parameters:,}",
        "s/run": lambda row: "" if row.seconds is None else f"{row.seconds:.1f}",
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def interval(found: "Interval | None", *, sign: str = "", digits: int = 3) -> str:
    """Returns "0.95 to 0.98", or nothing for None; with `sign="+"` both ends have their sign."""
    if found is None:
        return ""
    return " to ".join(f"{end:{sign}.{digits}f}" for end in found)
