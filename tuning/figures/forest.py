"""Means with both intervals, every seed a dot: which configurations does their noise overlap?"""

from collections.abc import Iterator, Sequence
from typing import Any

from tuning.comparison import Board
from tuning.figures import Figure, _marks
from tuning.findings import Course, Findings
from tuning.rows import Row

TITLE = "Forest"
QUESTION = "How far apart are configurations, beside what seeds and images change?"
PLACE = 1

_LINE = 22
# Part of the axis by which a mark at its edge stands within it.
_EDGE = 0.012
# Whether it is a study of ours -> why intervals are not to be trusted.
_DESCRIPTIVE = {
    True: " They only describe: scores decided what went on.",
    False: " They only describe: how the runs were chosen is not known.",
}


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws a line a configuration: each run, the mean, and the two intervals of 95 %."""
    board = _marks.board_of(found)
    rows = _marks.leading(board.rows, selected)
    ids = [*(row.config_id for row in rows), *_begun(found, board)]
    places = {config: i for i, config in enumerate(ids)}
    colours = _marks.colours(places, selected)
    low, high = _reach(rows, board)
    data: list[dict[str, Any]] = []
    for colour in dict.fromkeys(colours.values()):
        some = [row for row in rows if colours[row.config_id] == colour]
        new = [row.interval_new_data for row in some]
        data.append(_bars(some, places, new, colour, 1.5, "new data 95 %", (low, high)))
        seeds = [row.interval_seeds for row in some]
        data.append(_bars(some, places, seeds, colour, 5, "seeds 95 %", (low, high)))
        data.append(_dots(some, places, colour))
        data.append(_means(found, board, some, places, colour))
    failed, running = _unfinished(found, board, places, (low, high))
    data += [failed, running]
    axis = _marks.axis(_marks.scored(board), range=[low, high])
    labels = [_marks.label(found, config) for config in ids]
    return Figure(
        data=[trace for trace in data if trace["x"]],
        layout=_marks.frame(
            height=110 + _LINE * len(ids),
            xaxis=axis,
            yaxis=_marks.axis(
                "",
                tickvals=list(range(len(ids))),
                ticktext=labels,
                range=[len(ids) - 0.4, -0.6],
                showgrid=False,
            ),
            shapes=_band(board),
        ),
        note=_note(board, rows)
        + (" A cross is a run that failed." if failed["x"] else "")
        + (" A hollow dot is still running and in no mean." if running["x"] else "")
        + _marks.room_note(rows, board.rows),
    )


def _begun(found: Findings, board: Board) -> list[str]:
    """Returns the configurations under way of which no run has ended yet."""
    known = {row.config_id for row in board.rows}
    under_way = [c for c, runs in found.courses.items() if any(r.state == "running" for r in runs)]
    return [config for config in under_way if config not in known][: _marks.ROOM]


def _reach(rows: Sequence[Row], board: Board) -> tuple[float, float]:
    """Returns the ends of the axis: those of the intervals, as far as there can be values."""
    values = [v for row in rows for v in row.values]
    ends = [e for r in rows for i in (r.interval_new_data, r.interval_seeds) for e in i or ()]
    low, high = min(values + ends, default=0.0), max(values + ends, default=1.0)
    pad = 0.03 * (high - low) or 0.01
    least, most = _marks.bounds(board)
    return max(least, low - pad), min(most, high + pad)


def _bars(
    rows: Sequence[Row],
    places: dict[str, int],
    intervals: Sequence[Any],
    colour: str,
    width: float,
    name: str,
    reach: tuple[float, float],
) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[int | None] = []
    ids: list[str] = []
    for row, interval in zip(rows, intervals, strict=True):
        if interval is not None:
            x += [max(interval[0], reach[0]), min(interval[1], reach[1]), None]
            y += [places[row.config_id]] * 2 + [None]
            ids += [row.config_id] * 3
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "customdata": ids,
        "line": {"color": _marks.shade(colour, 0.55 if width > 2 else 0.9), "width": width},
        "hoverinfo": "skip",
    }


def _dots(rows: Sequence[Row], places: dict[str, int], colour: str) -> dict[str, Any]:
    points = [(value, row.config_id) for row in rows for value in row.values]
    return {
        "type": _marks.scatter(len(points)),
        "mode": "markers",
        "name": "a run",
        "x": [value for value, _ in points],
        "y": [places[config] for _, config in points],
        "customdata": [config for _, config in points],
        "marker": {"size": 5, "color": _marks.shade(colour, 0.75)},
        "hovertemplate": "a run: %{x:.4f}<extra></extra>",
    }


def _means(
    found: Findings, board: Board, rows: Sequence[Row], places: dict[str, int], colour: str
) -> dict[str, Any]:
    shown = [row for row in rows if row.mean is not None]
    leader = board.rows[0].config_id
    # Without a best-set, for want of seeds, only the leader is told from the others.
    filled = [
        row.in_best_set if row.in_best_set is not None else row.config_id == leader for row in shown
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "mean",
        "x": [row.mean for row in shown],
        "y": [places[row.config_id] for row in shown],
        "customdata": [row.config_id for row in shown],
        "text": [_told(found, board, row) for row in shown],
        "marker": {
            "symbol": ["diamond" if full else "diamond-open" for full in filled],
            "size": 12,
            "color": colour,
            "line": {"width": 2, "color": colour},
        },
        "hovertemplate": "%{text}<extra></extra>",
    }


def _told(found: Findings, board: Board, row: Row) -> str:
    own = bool(board.split)
    runs = f"{row.n} runs" + (f", {row.failed} failed" if row.failed else "")
    return "<br>".join(
        (
            f"{_marks.called(found, row.config_id, 80)}: {_marks.number(row.mean)} ({runs})",
            *([f"new data 95 %: {_marks.interval(row.interval_new_data)}"] if own else []),
            f"seeds 95 %: {_marks.interval(row.interval_seeds)}",
            *(f"{_marks.text(n)}={_marks.text(v)}" for n, v in row.hyperparameters.items()),
        )
    )


def _unfinished(
    found: Findings,
    board: Board,
    places: dict[str, int],
    reach: tuple[float, float],
) -> Iterator[dict[str, Any]]:
    """Yields the runs that failed, at the edge, and those under way, where they stand.

    What is beyond the axis stands at its edge: a run's first epochs would squeeze all others.
    """
    pad = _EDGE * (reach[1] - reach[0])
    low, high = reach[0] + pad, reach[1] - pad
    courses = [course for config in places for course in found.courses.get(config, ())]
    failed = [(low, course) for course in courses if course.state == "failed"]
    running = [
        (min(max(value, low), high), course)
        for course in courses
        if course.state == "running" and (value := _latest(course, board)) is not None
    ]
    kinds = ((failed, "x", _marks.FAILED), (running, "circle-open-dot", _marks.PALETTE[2]))
    for points, symbol, colour in kinds:
        yield {
            "type": "scatter",
            "mode": "markers",
            "x": [value for value, _ in points],
            "y": [places[course.config_id] for _, course in points],
            "customdata": [course.config_id for _, course in points],
            "text": [_state(course, board) for _, course in points],
            "marker": {"symbol": symbol, "size": 9, "color": colour},
            "cliponaxis": False,
            "hovertemplate": "%{text}<extra></extra>",
        }


def _curve(course: Course, board: Board) -> Sequence[float | None]:
    """Returns its values so far of what the board is of."""
    return course.history.get(f"{board.metric}/{board.split}" if board.split else board.metric, ())


def _latest(course: Course, board: Board) -> float | None:
    return next((value for value in reversed(_curve(course, board)) if value is not None), None)


def _state(course: Course, board: Board) -> str:
    if course.state == "failed":
        return f"{_marks.text(course.name)} failed: {_marks.text(course.reason)}"
    so_far = f"{_marks.number(_latest(course, board))} after {len(_curve(course, board))}"
    return (
        f"{_marks.text(course.name)} is running: {so_far} {'epochs' if board.split else 'values'}"
    )


def _band(board: Board) -> list[dict[str, Any]]:
    mean = board.rows[0].mean
    if mean is None:
        return []
    margin = board.question.margin
    return [
        {
            "type": "rect",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": mean - margin,
            "x1": mean + margin,
            "fillcolor": _marks.BAND,
            "line": {"width": 0},
            "layer": "below",
        }
    ]


def _note(board: Board, rows: Sequence[Row]) -> str:
    least, most = _marks.bounds(board)
    ends = [e for r in rows for i in (r.interval_new_data, r.interval_seeds) for e in i or ()]
    clipped = any(end < least or end > most for end in ends)
    full = "in the best-set" if rows[0].in_best_set is not None else "the leader"
    return (
        "Dots are runs, diamonds their means. "
        + (
            "Thick bars: 95 % for other seeds on these images; thin ones: for other images too. "
            if board.split
            else "Bars: 95 % for other seeds. "
        )
        + f"Full: {full}. The band: less than "
        f"{board.question.margin:g} from the leader, which does not matter."
        + (" Intervals are clipped to the values there can be." if clipped else "")
        + (_DESCRIPTIVE[bool(board.split)] if board.descriptive else "")
    )
