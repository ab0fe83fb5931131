"""Tables of a report, as text: every cell is what the terminal prints."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from kerascnn.checks import subset_parts
from tuning import cells, decomposition_report, wording
from tuning import confirmation_wording as confirming
from tuning import decomposition_wording as decomposing
from tuning.comparison import Board
from tuning.confirmation_report import Report
from tuning.decomposition import crossings, shown, varied
from tuning.rows import Row
from tuning.study import Study

# Headings of columns that hold words, not numbers.
WORDS = frozenset({"id", "a", "b", "for", "settings", "configuration"})

# Rows of a leaderboard, and pairs, that are shown.
_ROWS = 100

Each = TypeVar("Each")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        title: What it shows.
        header: Its columns; those in `WORDS` hold words.
        rows: As many cells each.
        notes: What must be known to read it, a line each.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def leaderboard(board: Board) -> Table:
    """Returns the leaderboard as `compare` prints it."""
    columns = cells.of_row(board.metric, wide=False, descriptive=board.descriptive)
    return _of_rows(
        f"Leaderboard: {board.metric} on {board.split}",
        board.rows[:_ROWS],
        {**columns, **cells.occasional(board)},
        [*_others(len(board.rows), "configurations"), *wording.remarks(board)],
    )


def pairs(board: Board) -> Table | None:
    """Returns the leader against each other; None if no pair can be compared."""
    if not board.pairs:
        return None
    note = "The levels are for all of these pairs at once, as the leader was picked for leading."
    notes = [*_others(len(board.pairs), "pairs"), note]
    return _table("The leader against each other", board.pairs[:_ROWS], cells.of_pair(), notes)


def _others(count: int, what: str) -> list[str]:
    """Says that not all are shown; nothing if they are."""
    if count <= _ROWS:
        return []
    return [
        f"The first {_ROWS} of {count:,} {what}; `compare --csv configurations` and `--all-pairs` "
        "have all."
    ]


def confirmation(report: Report) -> list[Table]:
    """Returns the shortlist on fresh seeds, and the winner with the baseline on the test set."""
    undecided = report.looks[-1]
    usual = cells.of_row(report.metric, wide=False, descriptive=False)
    final = [report.winner, *([report.baseline] if report.baseline else [])]
    return [
        _of_rows(
            f"Confirmation: {confirming.on_confirmation(report)}",
            report.confirmed,
            {**usual, "not told apart": lambda row: cells.mark(row.config_id in undecided)},
            [confirming.chosen(report)],
        ),
        _of_rows(
            f"Test: {confirming.on_test(report)}",
            final,
            {**usual, "winner": lambda row: cells.mark(row is report.winner)},
            [confirming.ahead(report), *confirming.optimism(report)],
        ),
    ]


def decomposition(study: Study) -> list[Table]:
    """Returns bias and variance, a table a loss; none if of no configuration 2 x 2 runs finished.

    It takes the logits, not the data.
    """
    known = crossings(study)
    found, names = decomposition_report.losses(study), varied(known)
    rows = [each for each in known if found[each.config.config_id]]
    if not rows:
        return []
    used = [decomposition_report.in_full(study, each) for each in rows]
    notes = [
        _drawn(study),
        *decomposing.reading(min(len(side) for sides in used for side in sides)),
    ]
    runs = [f"{len(subsets)} x {len(repeats)}" for subsets, repeats in used]
    parts = [text.rstrip(" =+:") for text in decomposing.PARTS.values()]
    header = ("configuration", "runs", *parts)
    tables = []
    for loss, title in decomposing.LOSSES.items():
        lines = [
            (
                decomposing.name(each.config.family, shown(each, names)),
                count,
                *(
                    decomposing.cell(found[each.config.config_id][loss][part])
                    for part in decomposing.PARTS
                ),
            )
            for each, count in zip(rows, runs, strict=True)
        ]
        tables.append(Table(title=f"Bias and variance: {title}", header=header, rows=tuple(lines)))
    tables[-1] = dataclasses.replace(tables[-1], notes=tuple(notes))
    return tables


def _drawn(study: Study) -> str:
    count, _, scheme = subset_parts(study.spec.training_sets[0])
    images = study.about.get("data", {}).get("parts", {}).get("train")
    of = f" of {images:,} training images" if images else ""
    return f"Training sets x seeds: {count} training sets were drawn{of} ({scheme})."


def _of_rows(
    title: str,
    rows: Sequence[Row],
    columns: Mapping[str, Callable[[Row], str]],
    notes: Sequence[str],
) -> Table:
    several = len({row.family for row in rows}) > 1
    last: dict[str, Callable[[Row], str]] = {
        "settings": lambda row: wording.settings(row, family=several)
    }
    named = {**columns, **last}
    # A column in which nobody has anything says nothing.
    used = {name: cell for name, cell in named.items() if any(cell(row) for row in rows)}
    return _table(title, rows, used, notes)


def _table(
    title: str,
    each: Sequence[Each],
    columns: Mapping[str, Callable[[Each], str]],
    notes: Sequence[str],
) -> Table:
    rows = tuple(tuple(cell(one) for cell in columns.values()) for one in each)
    return Table(title=title, header=tuple(columns), rows=rows, notes=tuple(notes))
