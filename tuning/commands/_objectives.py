"""`--objective`, of a search and of a leaderboard."""

import click

from kerascnn import metrics
from tuning import objectives

_BESIDE = ", ".join(objectives.COSTS)

# Of a search, in the place of the one that other commands have.
search = click.option(
    "--objective",
    multiple=True,
    default=("val_accuracy",),
    metavar="NAME[:min|max]",
    help=f"What ranks: val_ and one of {', '.join(metrics.DIRECTIONS)}. Given again, what counts "
    f"beside it: another, or {_BESIDE}.  [default: val_accuracy]",
)
# Of a leaderboard.
compare = click.option(
    "--objective",
    "objective",
    multiple=True,
    metavar="NAME[:min|max]",
    help="Mark the front of several: a metric, which ranks, then others, or "
    f"{_BESIDE}.  [default: the study's]",
)
