"""A leaderboard as text."""

import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tuning.commands import _options
from tuning.study import Study

if TYPE_CHECKING:
    from tuning.comparison import Board
    from tuning.measures import Interval
    from tuning.rows import Row

_GAP = "  "


def show(board: "Board") -> None:
    """Prints a leaderboard on stdout: a table, then what it does and does not tell."""
    click.echo(f"{board.study}: {board.metric} on {board.split}")
    table(board.rows, board.metric, _occasional(board))
    if early := [row for row in board.rows if row.stopped_early]:
        click.echo(f"{len(early)} stopped early, after as many epochs as it says: not ranked.")
    if board.split == "test":
        click.echo("Scored on the test set, as the log says before it was trained on the rest.")
    for config, reason in board.failures.items():
        click.echo(f"{config[:6]} failed: {reason}")
    click.echo(_verdict(board))


def table(rows: Sequence["Row"], metric: str, more: Mapping[str, Callable[["Row"], str]]) -> None:
    """Prints rows on stdout.

    In a terminal too narrow for a row, its settings stand on lines of their own beneath it.

    Args:
        rows: In their order.
        metric: The heading of the means.
        more: Heading -> cell of a row: columns after the usual ones.
    """
    header = ["id", "n", metric, "new data 95 %", "seeds 95 %", "sd", "parameters", "s/run", *more]
    cells = [[*_cells(row), *(cell(row) for cell in more.values())] for row in rows]
    title, *lines = _aligned([header, *cells])
    several = len({row.family for row in rows}) > 1
    settings = [_settings(row, several) for row in rows]
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
        commands.append(f"export {name} --to model")
    return f"\nThe study lies in {study.folder}. Next:" + "".join(
        f"\n  {program} {command}" for command in commands
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
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
    found: dict[str, Callable[[Row], str]] = {}
    if any(row.stopped_early for row in board.rows):
        found["epochs"] = lambda row: str(row.epochs)
    if any(row.in_best_set is not None for row in board.rows):
        found["best-set"] = lambda row: mark(bool(row.in_best_set))
    return found


def mark(marked: bool) -> str:
    """Returns the cell of a column of marks."""
    return "*" if marked else ""


def _cells(row: "Row") -> list[str]:
    return [
        row.config_id[:6],
        f"{row.n} of {row.n + row.failed}" if row.failed else str(row.n),
        "failed" if row.mean is None else f"{row.mean:.4f}",
        interval(row.interval_new_data),
        interval(row.interval_seeds),
        "" if row.sd is None else f"{row.sd:.4f}",
        "" if row.parameters is None else f"{row.parameters:,}",
        "" if row.seconds is None else f"{row.seconds:.1f}",
    ]


def interval(found: "Interval | None", *, sign: str = "") -> str:
    """Returns "0.95 to 0.98", or nothing for None; with `sign="+"` both ends have their sign."""
    return "" if found is None else f"{found[0]:{sign}.3f} to {found[1]:{sign}.3f}"


def _settings(row: "Row", family: bool) -> str:
    texts = [Path(row.family).stem] if family else []
    return " ".join((*texts, *(f"{k}={_short(v)}" for k, v in row.hyperparameters.items())))


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _verdict(board: "Board") -> str:
    """One line: what the seeds tell apart, and what to do next."""
    if board.imported is not None:
        return (
            f"Imported from {board.imported['format']}: a run is one trial's best epoch, the mean "
            "over executions that are not counted. That is optimistic, and tells nothing apart."
        )
    ranked = [row for row in board.rows if row.mean is not None and not row.stopped_early]
    if not ranked:
        return "No configuration was trained to its planned length yet: these are on their way."
    others = len(ranked) - 1
    leader = ranked[0]
    if board.undecided is None:
        return "One seed shows no variance: nothing can be told apart. Try more: --seeds 3."
    if not others:
        return f"One configuration, {leader.n} seeds."
    counts = sorted({row.n for row in ranked})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    told = f"{board.undecided} of {others} others cannot be told from the leader"
    if leader.in_best_set is not None:
        return f"* the best-set: it holds the best with 95 % confidence; {told}."
    return f"With {seeds} seeds {told}. More seeds tell more: --seeds 5."
