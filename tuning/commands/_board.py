"""A leaderboard as text."""

import sys
from typing import TYPE_CHECKING

import click

from tuning.commands import _options
from tuning.study import Study

if TYPE_CHECKING:
    from tuning.comparison import Board, Row
    from tuning.measures import Interval

# Columns of a table that goes to a file or another program: wide enough to wrap nothing.
_UNWRAPPED = 1000


def show(board: "Board") -> None:
    """Prints a leaderboard on stdout: a table, then what it does and does not tell."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _UNWRAPPED, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("id", "n", board.metric, "new data 95 %", "seeds 95 %", "sd", "parameters", "s/run")
    for name in columns:
        table.add_column(name, justify="left" if name == "id" else "right", no_wrap=True)
    best_set = any(row.in_best_set is not None for row in board.rows)
    if best_set:
        table.add_column("best-set", justify="center")
    several = len({row.family for row in board.rows}) > 1
    table.add_column("settings", overflow="fold")
    for row in board.rows:
        marks = ["*" if row.in_best_set else ""] if best_set else []
        table.add_row(*_cells(row), *marks, _settings(row, several))
    with console.capture() as capture:
        console.print(table)
    click.echo(f"{board.study}: {board.metric} on {board.split}")
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
    click.echo(_verdict(board))


def next_steps(study: Study) -> str:
    """Returns where the study lies and the three commands to type next."""
    program, name = _options.program(), study.name
    if study.folder.parent.resolve() != (study.folder.parent.cwd() / "runs").resolve():
        name = str(study.folder)
    return (
        f"\nThe study lies in {study.folder}. Next:\n"
        f"  {program} dashboard {name}\n"
        f"  {program} compare {name}\n"
        f"  {program} export {name} --to model"
    )


def _cells(row: "Row") -> list[str]:
    return [
        row.config_id[:6],
        f"{row.n} of {row.n + row.failed}" if row.failed else str(row.n),
        "failed" if row.mean is None else f"{row.mean:.4f}",
        _interval(row.interval_new_data),
        _interval(row.interval_seeds),
        "" if row.sd is None else f"{row.sd:.4f}",
        f"{row.parameters:,}",
        f"{row.seconds:.1f}",
    ]


def _interval(interval: "Interval | None") -> str:
    return "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"


def _settings(row: "Row", family: bool) -> str:
    texts = [row.family] if family else []
    return " ".join((*texts, *(f"{k}={_short(v)}" for k, v in row.hyperparameters.items())))


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _verdict(board: "Board") -> str:
    """One line: what the seeds tell apart, and what to do next."""
    others = sum(row.mean is not None for row in board.rows) - 1
    leader = board.rows[0]
    if board.undecided is None:
        return "One seed shows no variance: nothing can be told apart. Try more: --seeds 3."
    if not others:
        return f"One configuration, {leader.n} seeds."
    told = f"{board.undecided} of {others} others cannot be told from the leader"
    if leader.in_best_set is not None:
        return f"* the best-set: it holds the best with 95 % confidence; {told}."
    return f"With {leader.n} seeds {told}. More seeds tell more: --seeds 5."
