"""The metric against what it costs: parameters, multiply-accumulates, seconds, latency."""

from collections.abc import Callable, Sequence
from typing import Any

from tuning import cells, dominance
from tuning.comparison import Board
from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings
from tuning.rows import Row

TITLE = "Cost"
QUESTION = "What does it cost, and which are beaten by something cheaper?"
PLACE = 7

_COSTS: dict[str, Callable[[Row], float | None]] = {
    "parameters": lambda row: row.parameters,
    "multiply-accumulates": lambda row: row.multiply_accumulates,
    "seconds per run": lambda row: row.seconds,
    "seconds, 1 image": lambda row: row.latency,
}
_GAP = 0.06


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws a panel a cost, with the front of those that nothing cheaper equals."""
    board = _marks.board_of(found)
    rows = [row for row in board.rows if row.is_ranked]
    known = {name: cost for name, cost in _COSTS.items() if any(map(cost, rows))}
    if not known:
        raise NothingToShow("The runs do not say what they cost.")
    data_are = "new data" if any(row.interval_new_data for row in rows) else "other seeds"
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {}
    width = (1 - _GAP * (len(known) - 1)) / len(known)
    for i, (name, cost) in enumerate(known.items()):
        end = "" if i == 0 else str(i + 1)
        having = [row for row in rows if cost(row)]
        data += [
            {**trace, "xaxis": f"x{end}"} for trace in _panel(found, having, cost, board, selected)
        ]
        start = i * (width + _GAP)
        layout[f"xaxis{end}"] = _marks.log_axis(
            name, [cost(row) or 1.0 for row in having], domain=[start, start + width]
        ) | {"title": {"text": name}}  # There is no room for more words between panels.
    return Figure(
        data=data,
        layout=_marks.frame(
            height=500, yaxis=_marks.axis(f"{_marks.scored(board)}, mean"), **layout
        ),
        note="Costs are on logarithmic axes. The stepped line joins the Pareto front: nothing as "
        "cheap is better in the mean. "
        f"Bars: 95 % for {data_are}, of the front and of those selected. Where they overlap, "
        "the cheaper one may be as good. Seconds are of the machine that trained.",
    )


def _panel(
    found: Findings,
    rows: Sequence[Row],
    cost: Callable[[Row], float | None],
    board: Board,
    selected: Sequence[str],
) -> list[dict[str, Any]]:
    front = pareto(rows, cost, board.question.maximize)
    best = {row.config_id for row in front}
    colours = _marks.colours([row.config_id for row in rows], selected)
    barred = [row for row in rows if row.config_id in best or row.config_id in selected]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [cost(row) for row in front],
            "y": [row.mean for row in front],
            "line": {"shape": "hv", "color": _marks.PALETTE[1], "width": 1.5},
            "hoverinfo": "skip",
        },
        *(
            _marks.bar(row, cost(row), colours[row.config_id], _marks.bounds(board))
            for row in barred
            if row.interval_new_data or row.interval_seeds
        ),
        {
            "type": _marks.scatter(len(rows)),
            "mode": "markers",
            "x": [cost(row) for row in rows],
            "y": [row.mean for row in rows],
            "customdata": [row.config_id for row in rows],
            "text": [_told(found, row) for row in rows],
            "marker": {
                "size": [11 if row.config_id in selected else 8 for row in rows],
                "symbol": ["circle" if row.config_id in best else "circle-open" for row in rows],
                "color": [colours[row.config_id] for row in rows],
                "line": {"width": 2, "color": [colours[row.config_id] for row in rows]},
            },
            "hovertemplate": "%{text}<extra></extra>",
        },
    ]


def pareto(rows: Sequence[Row], cost: Callable[[Row], float | None], maximize: bool) -> list[Row]:
    """Returns the rows that nothing as cheap is better than, the cheapest first.

    Args:
        rows: With a mean and a cost.
        cost: Of a row; less is better.
        maximize: Whether a higher mean is better.
    """
    sign = 1 if maximize else -1
    points = [(-(cost(row) or 0.0), sign * (row.mean or 0.0)) for row in rows]
    return sorted((rows[i] for i in dominance.front(points)), key=lambda row: cost(row) or 0.0)


def _interval(row: Row) -> str:
    if row.interval_new_data is None and row.interval_seeds is not None:
        return f"other seeds {_marks.interval(row.interval_seeds)}"
    return f"new data {_marks.interval(row.interval_new_data)}"


def _told(found: Findings, row: Row) -> str:
    costs = {
        "parameters": None if row.parameters is None else f"{row.parameters:,}",
        "multiply-accumulates": None
        if row.multiply_accumulates is None
        else f"{row.multiply_accumulates:,}",
        "seconds a run": None if row.seconds is None else f"{row.seconds:.1f}",
        "ms for 1 image": cells.milliseconds(row.latency, row.latency_interval),
        "ms for 64 images": cells.milliseconds(row.latency_64, row.latency_64_interval),
    }
    return "<br>".join(
        (
            f"{_marks.label(found, row.config_id)}",
            f"mean {_marks.number(row.mean)}, {_interval(row)}",
            *(f"{name}: {value}" for name, value in costs.items() if value),
        )
    )
