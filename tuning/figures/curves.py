"""Learning curves: the mean over seeds with its 95 % interval, epoch by epoch or by the clock."""

import statistics
from collections.abc import Sequence
from typing import Any

from tuning import measures, tags
from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Course, Findings
from tuning.measures import Interval

TITLE = "Learning curves"
QUESTION = "How do they learn, and does the lead hold over seeds?"
PLACE = 4

# Configurations drawn while none is selected.
_LEADING = 6
# Epochs that each have room for a label.
_EPOCHS = 20
_USUAL = ("accuracy/validation", "loss/validation", "accuracy/train", "loss/train")


def options(found: Findings) -> dict[str, tuple[str, ...]]:
    """Returns which curves there are, and what they can be drawn over."""
    names = {n for runs in found.courses.values() for run in runs for n in run.history}
    asked = () if found.board is None else (found.board.metric,)
    usual = [name for name in (*asked, *_USUAL) if name in names]
    known = (*usual, *sorted(names.difference(usual)))
    return {"curve": known or _USUAL[:1], "over": ("epoch", "seconds")}


def figure(found: Findings, selected: Sequence[str], *, curve: str, over: str) -> Figure:
    """Draws the selected configurations, or the leading ones while none is."""
    chosen = [config for config in selected if config in found.courses] or _leading(found, curve)
    if not chosen:
        raise NothingToShow(f"No run has values of {curve} yet.")
    colours = _marks.colours(chosen, chosen)
    data: list[dict[str, Any]] = []
    logged = any(run.steps for config in chosen for run in found.courses[config])
    for config in chosen:
        runs = [run for run in found.courses[config] if run.history.get(curve)]
        ended = [run for run in runs if run.state != "running"]
        data += _band(config, ended, curve, over, colours[config])
        if selected:
            data += [_line(found, run, curve, over, colours[config]) for run in runs]
        else:
            running = [run for run in runs if run.state == "running"]
            data += [_line(found, run, curve, over, colours[config]) for run in running]
        data += _mean(found, config, ended, curve, over, colours[config])
    return Figure(
        data=data,
        layout=_marks.frame(
            height=560,
            xaxis=_marks.axis(
                "step" if over == "epoch" and logged else over,
                **({"rangemode": "tozero"} if over == "seconds" else {}),
                **({"dtick": 1} if over == "epoch" and not logged and _is_short(data) else {}),
            ),
            yaxis=_marks.axis(curve, **({"type": "log"} if _is_log(data, curve) else {})),
            showlegend=True,
            legend={"orientation": "h", "y": -0.15},
        ),
        note=_note(selected, chosen, found, over),
    )


def _is_short(data: Sequence[dict[str, Any]]) -> bool:
    """Returns whether every epoch can have a label."""
    return max((x for trace in data for x in trace["x"]), default=0) <= _EPOCHS


def _leading(found: Findings, curve: str) -> list[str]:
    having = [c for c, runs in found.courses.items() if any(r.history.get(curve) for r in runs)]
    return having[:_LEADING]


def _x(run: Course, curve: str, over: str) -> list[float]:
    count = len(run.history[curve])
    steps = list(run.steps.get(curve, range(1, count + 1))[:count])
    # A run's time is known, not that of each epoch.
    each = run.seconds / (steps[-1] or 1) if over == "seconds" and run.seconds and count else 1.0
    return [each * step for step in steps]


def _is_log(data: Sequence[dict[str, Any]], curve: str) -> bool:
    """Returns whether it is a loss, of which a logarithm can be drawn."""
    values = [v for trace in data for v in trace["y"] if v is not None]
    return not tags.maximize(curve) and min(values, default=0.0) > 0


def _line(found: Findings, run: Course, curve: str, over: str, colour: str) -> dict[str, Any]:
    """Returns one run: dotted while it runs, with a cross at its end if it failed."""
    values = list(run.history[curve])
    failed = run.state == "failed"
    name = f"{_marks.label(found, run.config_id)}, {_marks.text(run.name)}"
    sizes = [0] * (len(values) - 1) + [9 if failed or run.state == "running" else 0]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": _x(run, curve, over),
        "y": values,
        "customdata": [run.config_id] * len(values),
        "showlegend": False,
        "line": {
            "color": _marks.shade(colour, 0.6),
            "width": 1,
            "dash": "dot" if run.state == "running" else "solid",
        },
        "marker": {"symbol": "x" if failed else "circle-open-dot", "size": sizes, "color": colour},
        "hovertemplate": f"{name} ({run.state}): %{{y:.4f}}<extra></extra>",
    }


def _epochs(runs: Sequence[Course], curve: str) -> list[list[float]]:
    """Returns the finite values at each epoch."""
    longest = max((len(run.history[curve]) for run in runs), default=0)
    at = [
        [run.history[curve][e] for run in runs if len(run.history[curve]) > e]
        for e in range(longest)
    ]
    return [[value for value in values if value is not None] for values in at]


def _times(runs: Sequence[Course], curve: str, over: str, count: int) -> list[float]:
    """Returns where epochs stand: over seconds, at the mean time of the runs that got there."""
    places = [_x(run, curve, over) for run in runs]
    return [
        statistics.fmean(place[epoch] for place in places if len(place) > epoch)
        for epoch in range(count)
    ]


def _band(
    config: str, runs: Sequence[Course], curve: str, over: str, colour: str
) -> list[dict[str, Any]]:
    values = _epochs(runs, curve)
    intervals = [measures.t_interval(each) for each in values]
    places = _times(runs, curve, over, len(values))
    known = [(x, i) for x, i in zip(places, intervals, strict=True) if i is not None]
    if len(known) < 1:
        return []
    ends = _clipped([i for _, i in known], [v for each in values for v in each], curve)
    xs = [x for x, _ in known]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": xs + xs[::-1],
            "y": [high for _, high in ends] + [low for low, _ in ends][::-1],
            "fill": "toself",
            "fillcolor": _marks.shade(colour, 0.2),
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    ]


def _clipped(ends: Sequence[Interval], values: Sequence[float], curve: str) -> list[Interval]:
    """Returns intervals without what there cannot be: no loss below 0, no share above 1."""
    least, most = min(values), max(values)
    if tags.is_share(curve) and least >= 0 and most <= 1:
        return [(max(low, 0.0), min(high, 1.0)) for low, high in ends]
    if not tags.maximize(curve) and least > 0:  # A logarithm has no zero.
        return [(max(low, least / 2), high) for low, high in ends]
    return list(ends)


def _mean(
    found: Findings, config: str, runs: Sequence[Course], curve: str, over: str, colour: str
) -> list[dict[str, Any]]:
    values = _epochs(runs, curve)
    if not values:
        return []
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": _marks.label(found, config),
            "x": _times(runs, curve, over, len(values)),
            "y": [statistics.fmean(each) if each else None for each in values],
            "customdata": [config] * len(values),
            "line": {"color": colour, "width": 2.5},
            "hovertemplate": f"{_marks.label(found, config)}: %{{y:.4f}}<extra></extra>",
        }
    ]


def _note(selected: Sequence[str], chosen: Sequence[str], found: Findings, over: str) -> str:
    shown = (
        "Thin lines are single runs: dotted ones are still running, a cross ends one that failed."
        if selected
        else f"The {len(chosen)} leading configurations; select some to see theirs, run by run."
    )
    lines = ["Lines are means over the runs that have ended, bands their 95 % t-intervals over "]
    lines += ["seeds, clipped to the values there can be. ", shown]
    if over == "seconds":
        lines.append(" A run's time is spread evenly over its epochs.")
    if any(run.state == "running" for config in chosen for run in found.courses[config]):
        lines.append(" What is running is in no mean.")
    return "".join(lines)
