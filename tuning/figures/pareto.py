"""Several objectives at once: what ranks against each of the others, and who is on the front."""

from collections.abc import Sequence
from typing import Any

from tuning import cells, dominance, objectives
from tuning.comparison import Board
from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings
from tuning.objectives import Objective
from tuning.rows import Row

TITLE = "Pareto front"
QUESTION = "Which configurations does no other beat in all objectives?"
PLACE = 7.5

_GAP = 0.07
# Whether on the front, and whether that is decided -> how a point looks.
_SYMBOLS = {(True, True): "circle", (True, False): "diamond"}


def suits(found: Findings) -> bool:
    """Returns whether there are several objectives."""
    return found.board is not None and bool(found.board.objectives)


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws a panel an objective beside the one that ranks, with the front of these two."""
    board = _marks.board_of(found)
    if not board.objectives:
        raise NothingToShow(
            "There is one objective. Cost has the front against what each configuration costs; "
            "`search --objective val_accuracy --objective parameters:min` goes by several, and "
            "`compare` with the same options marks their front in any study."
        )
    rows = [row for row in board.rows if board.places[row.config_id].on_front is not None]
    if not rows:
        raise NothingToShow("No configuration has all objectives yet.")
    further = [objectives.read(text) for text in board.objectives[1:]]
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {}
    width = (1 - _GAP * (len(further) - 1)) / len(further)
    for i, each in enumerate(further):
        end = "" if i == 0 else str(i + 1)
        xs = [board.places[row.config_id].values[str(each)] or 0.0 for row in rows]
        data += [
            {**trace, "xaxis": f"x{end}"}
            for trace in _panel(found, board, rows, xs, each, selected)
        ]
        domain = [i * (width + _GAP), i * (width + _GAP) + width]
        is_cost = each.name in objectives.COSTS and each.name != "sd" and min(xs) > 0
        layout[f"xaxis{end}"] = (
            _marks.log_axis(each.words, xs, domain=domain)
            if is_cost
            else _marks.axis(each.words, domain=domain)
        )
    return Figure(
        data=data,
        layout=_marks.frame(
            height=500, yaxis=_marks.axis(f"{_marks.scored(board)}, mean"), **layout
        ),
        note=_note(board, rows),
    )


def _note(board: Board, rows: Sequence[Row]) -> str:
    names = ", ".join(board.objectives)
    on = [each for row in rows if (each := board.places[row.config_id]).on_front]
    unsure = sum(not each.decided for each in on)
    told = f"; diamonds, {unsure} of {len(on)}: the runs do not tell whether they belong there"
    return (
        f"Filled: on the front of {names}{told if unsure else ''}. The stepped line is "
        "the front of the two objectives that a panel shows. Bars: 95 %, of the front and of those "
        "selected."
    )


def _panel(
    found: Findings,
    board: Board,
    rows: Sequence[Row],
    xs: Sequence[float],
    each: Objective,
    selected: Sequence[str],
) -> list[dict[str, Any]]:
    colours = _marks.colours([row.config_id for row in rows], selected)
    sign = 1 if board.question.maximize else -1
    points = [(each.better(x), sign * (row.mean or 0.0)) for row, x in zip(rows, xs, strict=True)]
    line = sorted(dominance.front(points), key=lambda i: xs[i])
    barred = [
        (row, x)
        for row, x in zip(rows, xs, strict=True)
        if board.places[row.config_id].on_front or row.config_id in selected
    ]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [xs[i] for i in line],
            "y": [rows[i].mean for i in line],
            # Up to the next point nothing better than this one is there.
            "line": {
                "shape": "vh" if each.maximize else "hv",
                "color": _marks.PALETTE[1],
                "width": 1.5,
            },
            "hoverinfo": "skip",
        },
        *(
            _marks.bar(row, x, colours[row.config_id], _marks.bounds(board))
            for row, x in barred
            if row.interval_new_data or row.interval_seeds
        ),
        {
            "type": _marks.scatter(len(rows)),
            "mode": "markers",
            "x": list(xs),
            "y": [row.mean for row in rows],
            "customdata": [row.config_id for row in rows],
            "text": [_told(found, board, row) for row in rows],
            "marker": {
                "size": [12 if row.config_id in selected else 9 for row in rows],
                "symbol": [_symbol(board, row) for row in rows],
                "color": [colours[row.config_id] for row in rows],
                "line": {"width": 2, "color": [colours[row.config_id] for row in rows]},
            },
            "hovertemplate": "%{text}<extra></extra>",
        },
    ]


def _symbol(board: Board, row: Row) -> str:
    place = board.places[row.config_id]
    return _SYMBOLS.get((bool(place.on_front), bool(place.decided)), "circle-open")


def _told(found: Findings, board: Board, row: Row) -> str:
    place = board.places[row.config_id]
    values = (f"{text}: {value:.6g}" for text, value in place.values.items() if value is not None)
    where = cells.front(place) or ("behind" if place.decided else "behind (undecided)")
    return "<br>".join((_marks.label(found, row.config_id), *values, where))
