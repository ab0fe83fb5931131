"""Verdicts on pairs of configurations as text."""

from typing import TYPE_CHECKING

import click

from tuning import cells

if TYPE_CHECKING:
    from tuning.comparison import Board
    from tuning.pairs import Pair


def show_one(board: "Board") -> None:
    """Prints one pair in full on stdout."""
    from tuning import wording  # SciPy: not on the way to a `--help`.

    (pair,) = board.pairs
    rows = {row.config_id: row for row in board.rows}
    a, b = pair.a[:6], pair.b[:6]
    click.echo(f"{board.study}: {board.metric} on {board.split}")
    several = len({rows[pair.a].family, rows[pair.b].family}) > 1
    for row in (rows[pair.a], rows[pair.b]):
        settings = wording.settings(row, family=several)
        click.echo(f"{row.config_id[:6]}  n {row.n}  {row.mean:.4f}  {settings}".rstrip())
    sure = f"{100 * pair.confidence:.4g} %"
    data = pair.interval if pair.target == "new data" else None
    lines = {
        f"{a} minus {b}": f"{pair.difference:+.4f}",
        f"{sure} for new data": _interval(data),
        f"{sure} for seeds": _interval(pair.interval_seeds),
        f"P(a run of {a} better)": f"{pair.probability_better:.2f}",
    }
    width = max(map(len, lines))
    for name, text in lines.items():
        click.echo(f"{name.ljust(width)}  {text or 'none'}")
    for line in wording.notes(board):
        click.echo(line)
    click.echo(_sentence(pair, board.question.margin))
    click.echo(f"The {sure} hold for one pair that was chosen before looking.")


def show_all(board: "Board") -> None:
    """Prints every pair on stdout, a line each."""
    from tuning import wording
    from tuning.commands import _board

    click.echo(f"{board.study}: {board.metric} on {board.split}, all pairs")
    columns = cells.of_pair()
    lines = [[cell(pair) for cell in columns.values()] for pair in board.pairs]
    for line in _board.aligned([list(columns), *lines]):
        click.echo(line)
    for line in wording.notes(board):
        click.echo(line)
    sure = f"{100 * (1 - board.question.alpha):.4g} %"
    told = sum(pair.verdict in ("better", "worse") for pair in board.pairs)
    click.echo(
        f"{told} of {len(board.pairs)} pairs are told apart, with {sure} confidence in all of them "
        f"together (Holm); equivalent within {board.question.margin:g}. (n): the seeds each that "
        "would tell."
    )


def _interval(found: "tuple[float, float] | None") -> str:
    return cells.interval(found, sign="+", digits=4)


def _sentence(pair: "Pair", margin: float) -> str:
    a, b = pair.a[:6], pair.b[:6]
    if pair.verdict == "equivalent":
        return f"EQUIVALENT: they differ by less than {margin:g}."
    if pair.verdict != "undecided":
        return f"{pair.verdict.upper()}: {a} is {pair.verdict} than {b}."
    if pair.seeds_needed:
        return (
            f"UNDECIDED: {pair.seeds_needed} seeds each would tell, 4 times in 5, if they differ "
            f"by what was seen, or by the margin of {margin:g} if that is more."
        )
    return {
        "seeds": f"UNDECIDED: it takes more than {_limit()} seeds each.",
        "images": "UNDECIDED: no number of seeds would tell; more images would.",
        "spread": "UNDECIDED: how runs vary is not seen in these.",
    }[pair.obstacle]


def _limit() -> int:
    from tuning import pairs  # SciPy: not on the way to a `--help`.

    return pairs.SEEDS_LIMIT
