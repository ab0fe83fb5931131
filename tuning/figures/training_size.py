"""Error against the number of training images, with its law and what twice the data would bring."""

from collections.abc import Sequence
from typing import Any

from tuning import curve_wording
from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings
from tuning.learning_curve import Curve, Point, Report

TITLE = "Training-set size"
QUESTION = "How does the error fall with more training images, and what would more bring?"
PLACE = 0


def suits(found: Findings) -> bool:
    """Returns whether it is a learning curve: a study of its own kind."""
    try:
        return found.learning_curve() is not None
    except ValueError:  # It is one, and says what is wrong with it.
        return True


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws runs, means and laws of each family, on logarithmic axes."""
    try:
        report = found.learning_curve()
    except ValueError as error:
        raise NothingToShow(str(error)) from None
    if report is None:
        raise NothingToShow(
            "Training sets of one size were trained on: `learning-curve FAMILY DATASET` makes a "
            "study of several."
        )
    known = [curve for curve in report.curves if any(p.error is not None for p in curve.points)]
    least = 0.5 / report.images  # A logarithm has no zero: no mistake is drawn as half a one.
    data: list[dict[str, Any]] = []
    # A click is on a size; a selected one of any family has the first colours.
    for i, curve in enumerate(known):
        data += _curve(report, curve, _marks.PALETTE[(i + 1) % len(_marks.PALETTE)], least)
        data += _selected(curve, selected, least)
    xs = [x for trace in data for x in trace["x"]]
    ys = [y for trace in data for y in trace["y"]]
    zeros = any(error < least for c in known for p in c.points for row in p.errors for error in row)
    return Figure(
        data=data,
        layout=_marks.frame(
            height=560,
            xaxis=_marks.log_axis("training images", xs),
            yaxis=_marks.log_axis(f"error on {report.split}, share of images", ys),
            showlegend=True,
            legend={"orientation": "h", "y": 1, "yanchor": "bottom"},
            margin={"l": 60, "r": 20, "t": 60, "b": 50},
        ),
        note=_note(report, known, zeros),
    )


def _curve(report: Report, curve: Curve, colour: str, least: float) -> list[dict[str, Any]]:
    name = _marks.text(curve_wording.name(report, curve))
    points = [point for point in curve.points if point.error is not None]
    runs = [(p, error) for p in points for row in p.errors for error in row]
    return [
        *_law(curve, name, colour, least),
        {
            "type": _marks.scatter(len(runs)),
            "mode": "markers",
            "name": "a run",
            "x": [point.size for point, _ in runs],
            "y": [max(error, least) for _, error in runs],
            "showlegend": False,
            "marker": {"size": 5, "color": _marks.shade(colour, 0.45)},
            "hovertemplate": f"{name}, a run: %{{y:.4f}}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{name}: mean, 95 %",
            "x": [point.size for point in points],
            "y": [max(point.error or 0.0, least) for point in points],
            "customdata": [point.config_id for point in points],
            "text": [_told(name, point) for point in points],
            "error_y": _bars(points, least, colour),
            "marker": {"size": 10, "symbol": "diamond", "color": colour},
            "hovertemplate": "%{text}<extra></extra>",
        },
    ]


def _law(curve: Curve, name: str, colour: str, least: float) -> list[dict[str, Any]]:
    """Returns the law with its band: dashed beyond the largest size, where that can be said."""
    found = curve.extrapolation
    if not found.places:
        return []
    xs = [place.size for place in found.places]
    ends = [[min(max(end, least), 1.0) for end in place.interval] for place in found.places]
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": xs + xs[::-1],
        "y": [high for _, high in ends] + [low for low, _ in ends][::-1],
        "fill": "toself",
        "fillcolor": _marks.shade(colour, 0.18),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    largest = curve.points[-1].size
    beyond = next((i for i, x in enumerate(xs) if x > largest * (1 + 1e-9)), len(xs))
    line = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    parts = {"solid": slice(0, beyond), "dash": slice(max(beyond - 1, 0), None)}
    lines = [
        {
            **line,
            "name": f"{name}: law" if dash == "solid" else f"{name}: twice the data",
            "x": xs[part],
            "y": [max(place.error, least) for place in found.places[part]],
            "line": {"color": colour, "width": 2, "dash": dash},
        }
        for dash, part in parts.items()
        if dash == "solid" or beyond < len(xs)
    ]
    return [band, *lines]


def _bars(points: Sequence[Point], least: float, colour: str) -> dict[str, Any]:
    means = [max(point.error or 0.0, least) for point in points]
    ends = [
        (mean, mean) if p.interval is None else p.interval
        for p, mean in zip(points, means, strict=True)
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [
            max(0.0, min(high, 1.0) - mean) for mean, (_, high) in zip(means, ends, strict=True)
        ],
        "arrayminus": [
            max(0.0, mean - max(low, least)) for mean, (low, _) in zip(means, ends, strict=True)
        ],
        "color": colour,
    }


def _selected(curve: Curve, selected: Sequence[str], least: float) -> list[dict[str, Any]]:
    """Returns rings around the sizes that are selected."""
    colours = _marks.colours(selected, selected)
    chosen = [p for p in curve.points if p.config_id in colours and p.error is not None]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [point.size],
            "y": [max(point.error or 0.0, least)],
            "hoverinfo": "skip",
            "showlegend": False,
            "marker": {
                "size": 20,
                "symbol": "circle-open",
                "line": {"width": 3},
                "color": colours[point.config_id],
            },
        }
        for point in chosen
    ]


def _told(name: str, point: Point) -> str:
    interval = "not known" if point.interval is None else _marks.interval(point.interval)
    lines = [
        f"{name}, {point.size:,} images, {point.epochs} epochs",
        f"error {_marks.number(point.error)}, 95 % {interval}",
        f"{point.subsets} training sets x {point.seeds} seeds",
    ]
    return "<br>".join(lines + [f"{point.failed} runs failed"] * bool(point.failed))


def _note(report: Report, curves: Sequence[Curve], zeros: bool) -> str:
    """Says what more data would bring, or why not, and how to read the rest."""
    said = [_marks.text(curve_wording.more(curve)) for curve in curves]
    return " ".join(
        (
            *said,
            "Small dots are runs; bars are 95 % of the mean for other training sets and seeds, "
            "bands those of the law, for other images too.",
            *(["No mistake is drawn as half of one."] if zeros else []),
        )
    )
