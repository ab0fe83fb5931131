"""What shifts and corruptions do to accuracy, and whether probabilities mean what they say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings
from tuning.robust_scores import Score
from tuning.robustness import Report, Standing

TITLE = "Robustness"
QUESTION = "How do they hold up on shifted and corrupted images?"
PLACE = 9

_COLUMNS = 4
_ROW = 250
# Shares of the width, and of the height, between two panels.
_BESIDE, _BELOW = 0.05, 0.12
_SHIFTS = {"clean": "unchanged", "shifted": "over shifts", "consistency": "consistency"}
_CALIBRATION = {"calibration_error": "error", "by_chance": "if calibrated"}
# How far apart configurations stand at one place of an axis.
_APART = 0.14


def suits(found: Findings) -> bool:
    """Returns whether it can be measured: there must be networks of all training images."""
    try:
        return found.robustness() is not None
    except ValueError:  # It can, and was not.
        return True


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws a panel a corruption; beneath them shifts, and calibration."""
    try:
        kept = found.robustness()
    except ValueError as error:
        raise NothingToShow(str(error)) from None
    if kept is None:
        raise NothingToShow("These runs keep no networks that could be asked.")
    report, since = kept
    standings = [each for each in report.standings if each.config_id in found.settings]
    if not standings:
        raise NothingToShow(
            "What was measured is of other configurations: "
            f"`robustness {found.title}` measures those there are."
        )
    colours = _colours(standings, selected)
    panels = [
        *(_corruption(found, standings, colours, name) for name in report.strengths),
        _measures(found, standings, colours, "shifts", _SHIFTS),
        _measures(found, standings, colours, "calibration error", _CALIBRATION),
    ]
    data, layout = _arranged(panels)
    for trace, each in zip(data, standings, strict=False):
        mark = "\u25b6 " if each.config_id in selected else ""
        role = f" ({each.role})" if each.role else ""
        name = f"{mark}{_marks.label(found, each.config_id)}{_marks.text(role)}, n={each.n}"
        trace |= {"name": name, "showlegend": True}
    return Figure(data=data, layout=layout, note=_note(report, standings, since))


# (title, traces, settings of the axis of x, settings of the axis of y)
_Panel = tuple[str, list[dict[str, Any]], dict[str, Any], dict[str, Any]]


def _colours(standings: Sequence[Standing], selected: Sequence[str]) -> dict[str, str]:
    """Returns configuration -> its colour: those selected have the first ones, as elsewhere."""
    ids = [each.config_id for each in standings]
    order = [*selected, *(config for config in ids if config not in selected)]
    return _marks.colours(ids, order)


def _corruption(
    found: Findings, standings: Sequence[Standing], colours: Mapping[str, str], name: str
) -> _Panel:
    """Returns accuracy against strength, from none; the range is that of all corruptions."""
    traces = []
    for at, each in enumerate(standings):
        shift = _beside(at, len(standings)) / 2
        levels = [each.scores["clean"], *each.strengths[name]]
        traces.append(
            {
                "mode": "lines+markers",
                **_points(found, each, levels, colours[each.config_id]),
                "x": [strength + shift for strength in range(len(levels))],
                "line": {"color": colours[each.config_id], "width": 2},
            }
        )
    lowest = min(score.mean for e in standings for own in e.strengths.values() for score in own)
    y = {"range": [max(0.0, lowest - 0.05), 1.02]}
    return Path(name).stem.replace("_", " "), traces, {"dtick": 1}, y


def _measures(
    found: Findings,
    standings: Sequence[Standing],
    colours: Mapping[str, str],
    title: str,
    names: Mapping[str, str],
) -> _Panel:
    """Returns some measures side by side: their means and intervals, and each run."""
    traces: list[dict[str, Any]] = []
    known = [n for n in names if all(n in each.scores for each in standings)]
    for at, each in enumerate(standings):
        shift, colour = _beside(at, len(standings)), colours[each.config_id]
        scores = [each.scores[name] for name in known]
        runs = [(i, value) for i, score in enumerate(scores) for value in score.values]
        traces += [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [i + shift + 0.05 for i, _ in runs],
                "y": [value for _, value in runs],
                "marker": {"size": 4, "color": _marks.shade(colour, 0.5)},
                "hovertemplate": "a run: %{y:.4f}<extra></extra>",
            },
            {
                "mode": "markers",
                **_points(found, each, scores, colour),
                "x": [i + shift for i in range(len(known))],
            },
        ]
    x = {"tickvals": list(range(len(known))), "ticktext": [names[name] for name in known]}
    return title, traces, {**x, "range": [-0.5, len(known) - 0.5]}, {"rangemode": "tozero"}


def _beside(at: int, count: int) -> float:
    return _APART * (at - (count - 1) / 2)


def _points(
    found: Findings, each: Standing, scores: Sequence[Score], colour: str
) -> dict[str, Any]:
    """Returns means with their intervals: for new data, where there are such."""
    ends = [score.interval_new_data or score.interval_seeds for score in scores]
    means = [score.mean for score in scores]
    pairs = [(m, e or (m, m)) for m, e in zip(means, ends, strict=True)]
    name = _marks.label(found, each.config_id)
    return {
        "type": "scatter",
        "y": means,
        "customdata": [each.config_id] * len(scores),
        "text": [
            f"{name}<br>{_marks.number(score.mean)}, 95 % {_marks.interval(end)}"
            for score, end in zip(scores, ends, strict=True)
        ],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, min(high, 1.0) - mean) for mean, (_, high) in pairs],
            "arrayminus": [max(0.0, mean - max(low, 0.0)) for mean, (low, _) in pairs],
            "color": colour,
            "thickness": 1.5,
            "width": 3,
        },
        "marker": {"size": 7, "color": colour},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _arranged(panels: Sequence[_Panel]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Returns traces and layout of panels, the last two sharing the last row."""
    corruptions = len(panels) - 2
    columns = min(_COLUMNS, corruptions)
    rows = -(-corruptions // columns) + 1
    data: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    titles: list[dict[str, Any]] = []
    for i, (title, traces, x, y) in enumerate(panels):
        end = "" if i == 0 else str(i + 1)
        if i < corruptions:
            left, right = _place(i % columns, columns, _BESIDE)
            above, below = _place(i // columns, rows, _BELOW)
        else:
            left, right = _place(i - corruptions, 2, _BESIDE)
            above, below = _place(rows - 1, rows, _BELOW)
        axes[f"xaxis{end}"] = _untitled(x) | {
            "domain": [left, right],
            "anchor": f"y{end}",
        }
        axes[f"yaxis{end}"] = _untitled(y) | {
            "domain": [1 - below, 1 - above],
            "anchor": f"x{end}",
        }
        data += [{**t, "xaxis": f"x{end}", "yaxis": f"y{end}", "showlegend": False} for t in traces]
        titles.append(_title(title, (left + right) / 2, 1 - above))
    return data, _marks.frame(
        height=_ROW * rows + 60,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.06, "yanchor": "bottom"},
        margin={"l": 40, "r": 20, "t": 90, "b": 40},
        annotations=titles,
        **axes,
    )


def _untitled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an axis; panels have titles, and no room for those of axes."""
    found = _marks.axis("", **settings)
    del found["title"]
    return found


def _place(at: int, count: int, gap: float) -> tuple[float, float]:
    """Returns the ends of one of `count` places along a side of length 1."""
    length = (1 - gap * (count - 1)) / count
    return at * (length + gap), min(1.0, at * (length + gap) + length)


def _title(text: str, x: float, y: float) -> dict[str, Any]:
    return {
        "text": _marks.text(text),
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
    }


def _note(report: Report, standings: Sequence[Standing], since: Sequence[str]) -> str:
    missing = len(report.standings) - len(standings)
    return " ".join(
        (
            *since,
            *([f"{missing} measured configurations are not in the study."] if missing else []),
            f"Accuracy on {report.images:,} {report.split} images at strengths 0 (unchanged) to 5. "
            "Bars: 95 % for other seeds and other images; of calibration, for other seeds. "
            f"Shifts are {report.padding}; their consistency ignores labels. A calibration error "
            "is worth talking of where it is above what calibrated answers would show.",
        )
    )
