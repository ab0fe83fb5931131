"""Prints a study's leaderboard."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from kerascnn import metrics
from tuning.commands import _csv, _objectives, _options

if TYPE_CHECKING:
    from tuning.comparison import Board
    from tuning.study import Study


@click.command(epilog=f"{_options.STUDY_HELP} Several are one leaderboard, if of the same data.")
@click.argument("study", nargs=-1)
@click.option(
    "--metric",
    help=f"One of {', '.join(metrics.DIRECTIONS)}.  [default: the study's objective]",
)
@_objectives.compare
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
@click.option(
    "--csv",
    metavar="LINES",
    help="Print every field, comma-separated, a line for each of the `configurations`, or of their "
    "`runs`.",
)
@click.option("--to", metavar="PATH", help="Write what --csv prints into this file instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    study: tuple[str, ...],
    metric: str | None,
    objective: tuple[str, ...],
    split: str | None,
    margin: float | None,
    pair: tuple[str, str] | None,
    all_pairs: bool,
    wide: bool,
    csv: str | None,
    to: str | None,
    as_json: bool,
) -> None:
    """Rank the configurations of STUDY by their mean over seeds.

    Each row: how many runs finished, their mean, its 95 % interval for new data and for other
    seeds on the same images, the standard deviation between runs, size, mean time of a run, and
    whether the leader is BETTER than it, EQUIVALENT within the margin, or UNDECIDED, with the
    seeds that would tell. Of several objectives also who is on the front: nobody is as good in
    all and better in one.
    """
    if pair and all_pairs:
        raise ValueError("Either --pair or --all-pairs, not both.")
    asked = {"--metric": metric, "--split": split, "--margin": margin, "--pair": pair or None}
    others = [name for name, value in asked.items() if value is not None]
    others += ["--all-pairs"] * all_pairs + ["--objective"] * bool(objective)
    _csv.check(csv, to, as_json=as_json, others=others)
    from tuning import comparison
    from tuning.study import find

    found = [find(name) for name in study] or [find()]
    board = None
    if csv != "runs":  # Runs can be had of any study, also of one that ranks nothing.
        question: Any = {"margin": margin, "pair": pair, "all_pairs": all_pairs}
        board = comparison.compare(found, metric, split, objectives=objective, **question)
    if not study:
        click.echo(f"Study {found[0].folder}", err=True)
    if csv is not None:
        _write(found, board, to)
    elif as_json and board is not None:
        click.echo(json.dumps(board.to_json()))
    elif board is not None:
        _show(board, pair=bool(pair), all_pairs=all_pairs, wide=wide)
    if board is not None and (as_json or csv is not None):
        _warn(board)


def _write(found: "Sequence[Study]", board: "Board | None", to: str | None) -> None:
    from tuning import frames

    lines = frames.of_runs(found) if board is None else frames.of_configurations(board)
    _csv.write(lines, to)


def _show(board: "Board", *, pair: bool, all_pairs: bool, wide: bool) -> None:
    from tuning.commands import _board, _pairs

    if pair:
        _pairs.show_one(board)
    elif all_pairs:
        _pairs.show_all(board)
    else:
        _board.show(board, wide=wide)


def _warn(board: "Board") -> None:
    """Says on stderr what a program that reads stdout is not told."""
    from tuning import wording  # SciPy: not on the way to a `--help`.

    for line in wording.notes(board):
        click.echo(line, err=True)
