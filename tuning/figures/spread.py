"""Mean against standard deviation: who is good, who is steady, and what did it cost?"""

import math
from collections.abc import Sequence
from typing import Any

from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings
from tuning.rows import Row

TITLE = "Accuracy and spread"
QUESTION = "Which configurations are good and steady, and is their spread more than chance?"
PLACE = 2

_SMALLEST, _LARGEST = 8, 26


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws a dot a configuration, with a tick where its spread would be by chance alone."""
    board = _marks.board_of(found)
    rows = [row for row in board.rows if row.mean is not None and row.sd]
    if not rows:
        raise NothingToShow("A spread takes two seeds that score differently. Try: --seeds 3")
    alike = sum(row.mean is not None and row.sd == 0 for row in board.rows)
    ids = [row.config_id for row in rows]
    data = [_floors(rows), *_deviations(rows, selected), _dots(found, rows, selected)]
    return Figure(
        data=data,
        layout=_marks.frame(
            height=560,
            xaxis=_marks.axis(f"{_marks.scored(board)}, mean"),
            yaxis=_marks.log_axis("standard deviation between runs", _heights(rows, selected)),
            margin={"l": 70, "r": 20, "t": 30, "b": 50},
        ),
        note="Colour: seconds a run"
        + ("; size: parameters. " if any(row.parameters for row in rows) else ". ")
        + (
            "The tick above or below a dot: the spread that independent errors alone would give; "
            "a dot near its tick has no lucky runs. "
            if any(row.sd_floor for row in rows)
            else ""
        )
        + "Bars of those selected: 95 % of the standard deviation."
        + (f" {alike} whose runs all scored alike are left out." if alike else "")
        + ("" if len(ids) > 1 else " One configuration: there is nothing to compare it with."),
    )


def _heights(rows: Sequence[Row], selected: Sequence[str]) -> list[float]:
    """Returns all that is drawn on the vertical axis."""
    bars = [row.sd_interval or () for row in rows if row.config_id in selected]
    values = [row.sd for row in rows] + [row.sd_floor for row in rows]
    return [v for v in (*values, *(end for bar in bars for end in bar)) if v]


def _dots(found: Findings, rows: Sequence[Row], selected: Sequence[str]) -> dict[str, Any]:
    colours = _marks.colours([row.config_id for row in rows], selected)
    seconds = [math.log10(row.seconds) if row.seconds else None for row in rows]
    known = [value for value in seconds if value is not None]
    middle = sum(known) / len(known) if known else 0.0
    return {
        "type": _marks.scatter(len(rows)),
        "mode": "markers",
        "x": [row.mean for row in rows],
        "y": [row.sd for row in rows],
        "customdata": [row.config_id for row in rows],
        "text": [_told(found, row) for row in rows],
        "marker": {
            "size": _sizes(rows),
            "color": [middle if value is None else value for value in seconds],
            "colorscale": "Viridis",
            "showscale": len(set(known)) > 1,
            "colorbar": _scale(known),
            "line": {
                "width": [4 if row.config_id in selected else 1 for row in rows],
                "color": [colours[row.config_id] for row in rows],
            },
        },
        "hovertemplate": "%{text}<extra></extra>",
    }


def _sizes(rows: Sequence[Row]) -> list[float]:
    """Returns diameters in pixels, by the logarithm of the number of parameters."""
    logs = [math.log(row.parameters) if row.parameters else None for row in rows]
    known = [value for value in logs if value is not None]
    least, most = min(known, default=0.0), max(known, default=0.0)
    span = (_LARGEST - _SMALLEST) / (most - least) if most > least else 0.0
    return [_SMALLEST if v is None else round(_SMALLEST + span * (v - least), 1) for v in logs]


def _scale(known: Sequence[float]) -> dict[str, Any]:
    """Returns a colour bar whose ticks are seconds."""
    least, most = (min(known), max(known)) if known else (0.0, 0.0)
    ticks = [least + (most - least) * i / 4 for i in range(5)]
    return {
        "title": {"text": "s/run"},
        "tickvals": ticks,
        "ticktext": [f"{10**tick:.3g}" for tick in ticks],
        "thickness": 12,
        "outlinewidth": 0,
    }


def _floors(rows: Sequence[Row]) -> dict[str, Any]:
    shown = [row for row in rows if row.sd_floor]
    return {
        "type": _marks.scatter(len(shown)),
        "mode": "markers",
        "x": [row.mean for row in shown],
        "y": [row.sd_floor for row in shown],
        "customdata": [row.config_id for row in shown],
        "marker": {"symbol": "line-ew-open", "size": 12, "color": _marks.PLAIN},
        "hovertemplate": "by chance alone: %{y:.4f}<extra></extra>",
    }


def _deviations(rows: Sequence[Row], selected: Sequence[str]) -> list[dict[str, Any]]:
    colours = _marks.colours(selected, selected)
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [row.mean, row.mean],
            "y": list(row.sd_interval),
            "line": {"color": colours[row.config_id], "width": 1.5},
            "hoverinfo": "skip",
        }
        for row in rows
        if row.config_id in colours and row.sd_interval is not None
    ]


def _told(found: Findings, row: Row) -> str:
    chance = "" if row.sd_floor is None else f"<br>by chance alone: {row.sd_floor:.4f}"
    size = "" if row.parameters is None else f"<br>{row.parameters:,} parameters"
    time = "" if row.seconds is None else f", {row.seconds:.1f} s a run"
    return (
        f"{_marks.label(found, row.config_id)}<br>mean {_marks.number(row.mean)}, "
        f"sd {_marks.number(row.sd)} ({row.n} runs){chance}{size}{time}"
    )
