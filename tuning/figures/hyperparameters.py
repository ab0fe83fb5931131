"""Settings and means: every configuration a line, every setting a slice, and what matters most."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from kerascnn.spec import Value
from tuning.figures import Figure, NothingToShow, _importance, _marks
from tuning.findings import Findings
from tuning.rows import Row

TITLE = "Hyperparameters"
QUESTION = "Which settings are the good ones made of?"
PLACE = 6

# Lines that can be told from one another.
# Ratio of a setting's ends from which on it is drawn on a log scale.
_DECADE = 8
_LINES = 200
_BINS = 8
_COLUMNS = 4
_SLICE, _TOP = 190, 320
# Names of settings that fit side by side.
_ROOM = 8
# Share of the width that names of settings take.
_NAMES = 0.06
_COLD, _WARM = (68, 84, 140), (230, 159, 0)


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws parallel coordinates, below them a slice a setting, and importance."""
    board = _marks.board_of(found)
    rows = [row for row in board.rows if row.is_ranked]
    names = list(dict.fromkeys(n for row in rows for n in row.hyperparameters))
    names = [n for n in names if len({row.hyperparameters.get(n) for row in rows}) > 1]
    if not names:
        raise NothingToShow("No setting has more than one value. Search some: --vary filters=8:64")
    ranges = {name: _Scale([row.hyperparameters.get(name) for row in rows]) for name in names}
    means = [row.mean for row in rows if row.mean is not None]
    kept = _marks.leading(rows, selected, _LINES)
    data = _lines(kept, ranges, means, board.question.maximize, board.metric, selected)
    lines = math.ceil((len(names) + 1) / _COLUMNS)
    height = _TOP + _SLICE * lines + 60
    layout = _marks.frame(height=height, margin={"l": 50, "r": 70, "t": 60, "b": 40})
    layout |= _parallel_axes(ranges, means, board.metric, height)
    annotations = list(layout.pop("annotations"))
    importance, told = _importance.of(rows, names)
    for i, name in enumerate([*names, ""]):
        axes = _panel_axes(i, lines, height)
        if name:
            data.append(_slice(rows, name, ranges[name], i + 2, selected))
            layout[f"xaxis{i + 2}"] = _marks.axis(name, **axes["x"], **ranges[name].ticks())
        elif importance:
            data.append(_bars(importance, i + 2))
            start, end = axes["x"].pop("domain")
            room = {"domain": [start + _NAMES, end]}
            layout[f"xaxis{i + 2}"] = _marks.axis("importance (fANOVA)", **room, **axes["x"])
            axes["y"] |= {"dtick": 1, "tickfont": {"size": 9}}
        else:
            annotations.append(_absent(told, axes))
            continue
        title = f"mean {board.metric}" if name and i % _COLUMNS == 0 else ""
        layout[f"yaxis{i + 2}"] = _marks.axis(title, **axes["y"])
    layout["annotations"] = annotations
    return Figure(
        data=data,
        layout=layout,
        note=f"A line or a dot is a configuration, coloured by its mean {board.metric}: bright is "
        "good. Slices show what went with good means, not what caused them."
        + (f" {told}" if importance else ""),
    )


class _Scale:
    """One setting's values from 0 to 1: numbers by size, on a log scale if they span decades."""

    def __init__(self, values: Sequence[Value | None]) -> None:
        known = list(dict.fromkeys(v for v in values if v is not None))
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
        self.categories = None if numeric and len(known) > 1 else sorted(map(str, known))
        self._low = self._high = 0.0
        self._log = False
        if self.categories is None:
            numbers = sorted(float(v) for v in known)
            self._log = numbers[0] > 0 and numbers[-1] / numbers[0] >= _DECADE
            self._low, self._high = self._of(numbers[0]), self._of(numbers[-1])
            self._numbers = numbers

    def _of(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def place(self, value: Value | None) -> float | None:
        """Returns where a value lies, 0 to 1; None for a setting that it does not have."""
        if value is None:
            return None
        if self.categories is not None:
            return self.categories.index(str(value)) / max(1, len(self.categories) - 1)
        return (self._of(float(value)) - self._low) / (self._high - self._low)

    def ticks(self) -> dict[str, Any]:
        """Returns what an axis from 0 to 1 is labelled with."""
        if self.categories is not None:
            labels = [_marks.text(each) for each in self.categories]
            return {"tickvals": [self.place(c) for c in self.categories], "ticktext": labels}
        few = self._numbers if len(self._numbers) <= 5 else self._spread()
        return {"tickvals": [self.place(n) for n in few], "ticktext": [f"{n:.3g}" for n in few]}

    def _spread(self) -> list[float]:
        steps = [self._low + (self._high - self._low) * i / 3 for i in range(4)]
        return [10**step if self._log else step for step in steps]


def _shade(mean: float, means: Sequence[float], maximize: bool) -> float:
    """Returns how good a mean is by its rank, 0 to 1: one bad outlier dims no others."""
    better = sum((other < mean) if maximize else (other > mean) for other in means)
    return better / max(1, len(means) - 1)


def _colour(goodness: float) -> str:
    mixed = (round(c + (w - c) * goodness) for c, w in zip(_COLD, _WARM, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _lines(
    rows: Sequence[Row],
    ranges: dict[str, _Scale],
    means: Sequence[float],
    maximize: bool,
    metric: str,
    selected: Sequence[str],
) -> list[dict[str, Any]]:
    """Returns a few traces, a colour each: as many as there are lines would be slow."""
    low, high = min(means), max(means)
    bins: dict[tuple[str, float], list[Row]] = {}
    chosen = _marks.colours([row.config_id for row in rows], selected)
    for row in reversed(rows):
        goodness = _shade(row.mean or 0.0, means, maximize)
        colour = _colour(round(goodness * _BINS) / _BINS)
        width = 3.5 if row.config_id in selected else 1.2
        key = (chosen[row.config_id] if row.config_id in selected else colour, width)
        bins.setdefault(key, []).append(row)
    found = []
    for (colour, width), some in bins.items():
        x: list[float | None] = []
        y: list[float | None] = []
        ids: list[str] = []
        for row in some:
            places = [scale.place(row.hyperparameters.get(n)) for n, scale in ranges.items()]
            places.append(((row.mean or 0.0) - low) / (high - low or 1.0))
            x += [*map(float, range(len(places))), None]
            y += [*places, None]
            ids += [row.config_id] * (len(places) + 1)
        found.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": x,
                "y": y,
                "customdata": ids,
                "line": {"color": _marks.shade(colour, 1 if width > 2 else 0.6), "width": width},
                "marker": {"size": 5, "color": colour},
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    return found


def _parallel_axes(
    ranges: dict[str, _Scale], means: Sequence[float], metric: str, height: int
) -> dict[str, Any]:
    """Returns the axes of the parallel coordinates, and their labels beside them."""
    titles = [*map(_marks.text, ranges), f"mean {_marks.text(metric)}"]
    annotations = []
    for i, scale in enumerate(ranges.values()):
        ticks = scale.ticks()
        annotations += [
            _tick(i, place, str(label))
            for place, label in zip(ticks["tickvals"], ticks["ticktext"], strict=True)
        ]
    low, high = min(means), max(means)
    annotations += [
        _tick(len(ranges), step / 2, f"{low + (high - low) * step / 2:.3f}") for step in range(3)
    ]
    bottom = 1 - (_TOP - 60) / (height - 70)
    xaxis = _marks.axis(
        "", tickvals=list(range(len(titles))), ticktext=titles, side="top", domain=[0, 1]
    )
    xaxis |= {"range": [-0.1, len(titles) - 0.5], "anchor": "y"}
    # Many names do not fit beside one another.
    xaxis["tickangle"] = -20 if len(titles) > _ROOM else 0
    yaxis = {"domain": [bottom, 1], "visible": False, "range": [-0.06, 1.06], "anchor": "x"}
    return {"xaxis": xaxis, "yaxis": yaxis, "annotations": annotations}


def _tick(x: int, y: float, label: str) -> dict[str, Any]:
    font = {"size": 10}
    place = {"x": x, "y": y, "xanchor": "left", "xshift": 6, "yanchor": "middle"}
    return {"text": label, "showarrow": False, "font": font, **place}


def _panel_axes(i: int, lines: int, height: int) -> dict[str, dict[str, Any]]:
    """Returns where the i-th panel lies."""
    line, column = divmod(i, _COLUMNS)
    unit = _SLICE / (height - 70)
    top = 1 - (_TOP + 20) / (height - 70) - line * unit
    left = column / _COLUMNS
    x = {"domain": [left + 0.035, left + 1 / _COLUMNS - 0.005], "anchor": f"y{i + 2}"}
    return {"x": x, "y": {"domain": [max(0, top - 0.62 * unit), top], "anchor": f"x{i + 2}"}}


def _slice(
    rows: Sequence[Row], name: str, scale: _Scale, place: int, selected: Sequence[str]
) -> dict[str, Any]:
    having = [row for row in rows if row.hyperparameters.get(name) is not None]
    means = [row.mean for row in rows if row.mean is not None]
    colours = _marks.colours([row.config_id for row in having], selected)
    low, high = min(means), max(means)
    return {
        "type": _marks.scatter(len(having)),
        "mode": "markers",
        "xaxis": f"x{place}",
        "yaxis": f"y{place}",
        "x": [scale.place(row.hyperparameters[name]) for row in having],
        "y": [row.mean for row in having],
        "customdata": [row.config_id for row in having],
        "text": [_marks.text(row.hyperparameters[name]) for row in having],
        "marker": {
            "size": [11 if row.config_id in selected else 7 for row in having],
            "color": [((row.mean or 0.0) - low) / (high - low or 1.0) for row in having],
            "colorscale": [[0, _colour(0)], [1, _colour(1)]],
            "line": {
                "width": [3 if row.config_id in selected else 0 for row in having],
                "color": [colours[row.config_id] for row in having],
            },
        },
        "hovertemplate": "%{text}: %{y:.4f}<extra></extra>",
    }


def _bars(importance: dict[str, float], place: int) -> dict[str, Any]:
    ordered = sorted(importance.items(), key=lambda item: item[1])
    return {
        "type": "bar",
        "orientation": "h",
        "xaxis": f"x{place}",
        "yaxis": f"y{place}",
        "x": [value for _, value in ordered],
        "y": [_marks.text(name) for name, _ in ordered],
        "marker": {"color": _marks.PALETTE[1]},
        "hovertemplate": "%{y}: %{x:.2f}<extra></extra>",
    }


def _absent(told: str, axes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    left, right = axes["x"]["domain"]
    bottom, top = axes["y"]["domain"]
    place = {"x": (left + right) / 2, "y": (bottom + top) / 2, "xref": "paper", "yref": "paper"}
    return {"text": "<br>".join(_wrapped(told)), "showarrow": False, **place}


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, 34)
