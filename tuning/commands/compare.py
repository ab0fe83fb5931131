"""Prints a study's leaderboard."""

import json

import click

from kerascnn import metrics
from tuning.commands import _options


@click.command(epilog=_options.STUDY_HELP)
@click.argument("study", required=False)
@click.option(
    "--metric",
    help=f"One of {', '.join(metrics.DIRECTIONS)}.  [default: the study's objective]",
)
@click.option(
    "--split",
    help=f"One of {', '.join(metrics.PREFIXES.values())}.  [default: validation]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(study: str | None, metric: str | None, split: str | None, as_json: bool) -> None:
    """Rank the configurations of STUDY by their mean over seeds.

    Each row: how many runs finished, their mean, its 95 % interval for new data and for other
    seeds on the same images, the standard deviation between runs, size, and mean time of a run.
    """
    from tuning import comparison
    from tuning.commands import _board
    from tuning.study import find

    found = find(study)
    if study is None:
        click.echo(f"Study {found.folder}", err=True)
    board = comparison.compare(found, metric, split)
    if as_json:
        click.echo(json.dumps(board.to_json()))
    else:
        _board.show(board)
