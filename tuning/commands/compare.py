"""Prints a study's leaderboard."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerascnn import metrics
from tuning.commands import _options

if TYPE_CHECKING:
    from tuning.comparison import Board


@click.command(epilog=f"{_options.STUDY_HELP} Several are one leaderboard, if of the same data.")
@click.argument("study", nargs=-1)
@click.option(
    "--metric",
    help=f"One of {', '.join(metrics.DIRECTIONS)}.  [default: the study's objective]",
)
@click.option(
    "--split",
    help=f"One of {', '.join(metrics.PREFIXES.values())}.  [default: validation]",
)
@click.option(
    "--margin",
    type=float,
    help="Difference that matters, in the metric's unit.  [default: the study's]",
)
@click.option(
    "--pair",
    nargs=2,
    metavar="A B",
    help="Print one pair in full: two ids, or what they begin with.",
)
@click.option("--all-pairs", is_flag=True, help="Print every pair instead of the leaderboard.")
@click.option(
    "--wide", is_flag=True, help="Add the sd's interval, what luck alone makes it, and costs."
)
@click.option("--csv", metavar="PATH", help="Write every field, a line each; - is stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    study: tuple[str, ...],
    metric: str | None,
    split: str | None,
    margin: float | None,
    pair: tuple[str, str] | None,
    all_pairs: bool,
    wide: bool,
    csv: str | None,
    as_json: bool,
) -> None:
    """Rank the configurations of STUDY by their mean over seeds.

    Each row: how many runs finished, their mean, its 95 % interval for new data and for other
    seeds on the same images, the standard deviation between runs, size, mean time of a run, and
    whether the leader is BETTER than it, EQUIVALENT within the margin, or UNDECIDED, with the
    seeds that would tell.
    """
    if pair and all_pairs:
        raise ValueError("Either --pair or --all-pairs, not both.")
    if as_json and csv == "-":
        raise ValueError("Both --json and --csv - print on stdout.")
    from tuning import comparison
    from tuning.study import find

    found = [find(name) for name in study] or [find()]
    board = comparison.compare(found, metric, split, margin=margin, pair=pair, all_pairs=all_pairs)
    if not study:
        click.echo(f"Study {found[0].folder}", err=True)
    if csv is not None:
        _write(board, csv)
    if as_json:
        click.echo(json.dumps(board.to_json()))
    if as_json or csv == "-":
        _warn(board)
        return
    _show(board, pair=bool(pair), all_pairs=all_pairs, wide=wide)


def _show(board: "Board", *, pair: bool, all_pairs: bool, wide: bool) -> None:
    from tuning.commands import _board, _pairs

    if pair:
        _pairs.show_one(board)
    elif all_pairs:
        _pairs.show_all(board)
    else:
        _board.show(board, wide=wide)


def _write(board: "Board", path: str) -> None:
    from kerascnn.record import write_file
    from tuning.commands import _csv

    if path == "-":
        click.echo(_csv.text(board), nl=False)
    elif Path(path).is_dir():
        raise ValueError(f"--csv needs a file. Received the folder {path!r}")
    else:
        write_file(Path(path), _csv.text(board).encode())


def _warn(board: "Board") -> None:
    """Says on stderr what a program that reads stdout is not told."""
    from tuning import wording  # SciPy: not on the way to a `--help`.

    for line in wording.notes(board):
        click.echo(line, err=True)
