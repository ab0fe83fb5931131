"""What an error consists of: bias, and the variance that data, seeds and both together add."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn.spec import Value
from tuning import findings
from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings, Share

TITLE = "Bias and variance"
QUESTION = "Is an error due to the network, to the images it saw, or to a seed?"
PLACE = 3

_PARTS = {
    "bias": ("bias, and noise of the labels", "#7a6fd0"),
    "data": ("variance: data", "#3f9fd8"),
    "seed": ("variance: seed", "#e69f00"),
    "interaction": ("variance: seed on these data only", "#cc79a7"),
}
_CONFIGURATIONS = "configurations"
# Configurations whose logits are read for it.
_ROOM = 24
_LINE = 26


def options(found: Findings) -> dict[str, tuple[str, ...]]:
    """Returns the losses, and what bars can stand over."""
    names = dict.fromkeys(name for values in found.settings.values() for name in values)
    several = [n for n in names if len({v.get(n) for v in found.settings.values()}) > 1]
    return {"loss": tuple(findings.LOSSES), "over": (_CONFIGURATIONS, *several)}


def figure(found: Findings, selected: Sequence[str], *, loss: str, over: str) -> Figure:
    """Draws a bar a configuration, or a value of a setting: its length is the loss."""
    ids = list(found.settings)
    shown = [c for i, c in enumerate(ids) if i < _ROOM or c in selected]
    parts = {config: found.shares(config, loss) for config in shown}
    parts = {config: each for config, each in parts.items() if each}
    if not parts:
        raise NothingToShow(
            found.missing
            if found.missing and not ids
            else "It takes the logits of two seeds or more of a configuration."
        )
    lying = over == _CONFIGURATIONS  # Names are too long to stand below one another.
    bars = {c: [c] for c in parts} if lying else _by_value(found.settings, list(parts), over)
    data = [_stack(part, bars, parts) for part in _PARTS if any(part in p for p in parts.values())]
    data.append(_risk(bars, parts))
    names = [_name(found, config, selected) for config in bars] if lying else list(bars)
    categories = {"type": "category", "tickvals": list(bars), "ticktext": names}
    axes = [
        _marks.axis("" if lying else over, **categories),
        _marks.axis(findings.LOSSES[loss]),
    ]
    if lying:
        axes = [axes[1], {**axes[0], "autorange": "reversed", "showgrid": False}]
        data = [_laid_down(trace) for trace in data]
    left = len(ids) - len(shown)
    return Figure(
        data=data,
        layout=_marks.frame(
            height=150 + _LINE * len(bars) if lying else 560,
            barmode="relative",
            bargap=0.35,
            xaxis=axes[0],
            yaxis=axes[1],
            showlegend=True,
            legend={"orientation": "h", "y": 1, "yanchor": "bottom"},
            margin={"l": 60, "r": 20, "t": 60, "b": 50},
        ),
        note=_note(any("data" in each for each in parts.values()), over, bars)
        + (
            f" The first {_ROOM} of {len(ids):,} configurations, and those you select."
            if left
            else ""
        ),
    )


def _laid_down(trace: dict[str, Any]) -> dict[str, Any]:
    """Returns a trace with its axes exchanged."""
    turned = {**trace, "x": trace["y"], "y": trace["x"]}
    if "error_y" in turned:
        turned["error_x"] = turned.pop("error_y")
        turned["hovertemplate"] = turned["hovertemplate"].replace("%{y", "%{x")
    else:
        turned["orientation"] = "h"
    return turned


def _name(found: Findings, config: str, selected: Sequence[str]) -> str:
    mark = "\u25b6 " if config in selected else ""
    return mark + _marks.label(found, config)


def _by_value(
    settings: Mapping[str, Mapping[str, Value]], ids: Sequence[str], name: str
) -> dict[str, list[str]]:
    """Returns value of the setting -> its configurations, in the order of the values."""
    known = {config: settings[config][name] for config in ids if name in settings[config]}
    try:
        values = sorted(set(known.values()), key=float)
    except ValueError:
        values = sorted(set(known.values()), key=str)
    return {_marks.text(v): [c for c, own in known.items() if own == v] for v in values}


def _mean(part: str, ids: Sequence[str], parts: Mapping[str, Mapping[str, Share]]) -> float | None:
    values = [parts[config][part].value for config in ids if part in parts[config]]
    return sum(values) / len(values) if values else None


def _stack(
    part: str, bars: Mapping[str, list[str]], parts: Mapping[str, Mapping[str, Share]]
) -> dict[str, Any]:
    name, colour = _PARTS[part]
    return {
        "type": "bar",
        "name": name,
        "x": list(bars),
        "y": [_mean(part, ids, parts) for ids in bars.values()],
        "customdata": list(bars.values()),
        "text": [_told(name, part, ids, parts) for ids in bars.values()],
        "textposition": "none",
        "marker": {"color": colour},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _risk(
    bars: Mapping[str, list[str]], parts: Mapping[str, Mapping[str, Share]]
) -> dict[str, Any]:
    values = [_mean("risk", ids, parts) for ids in bars.values()]
    single = [parts[ids[0]]["risk"].interval if len(ids) == 1 else None for ids in bars.values()]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "loss, with its 95 % interval",
        "x": list(bars),
        "y": values,
        "customdata": list(bars.values()),
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [
                i[1] - v if i and v is not None else 0 for v, i in zip(values, single, strict=True)
            ],
            "arrayminus": [
                v - i[0] if i and v is not None else 0 for v, i in zip(values, single, strict=True)
            ],
            "color": _marks.PLAIN,
        },
        "marker": {"symbol": "diamond-open", "size": 9, "color": _marks.PLAIN},
        "hovertemplate": "loss: %{y:.4f}<extra></extra>",
    }


def _told(
    name: str, part: str, ids: Sequence[str], parts: Mapping[str, Mapping[str, Share]]
) -> str:
    value = _mean(part, ids, parts)
    line = f"{name}: {_marks.number(value)}"
    if len(ids) == 1 and part in parts[ids[0]] and parts[ids[0]][part].interval is not None:
        return f"{line}<br>95 %: {_marks.interval(parts[ids[0]][part].interval)}"
    return line if len(ids) == 1 else f"{line} (mean of {len(ids)} configurations)"


def _note(crossed: bool, over: str, bars: Mapping[str, list[str]]) -> str:
    several = any(len(ids) > 1 for ids in bars.values())
    return (
        (
            "Crossed training sets and seeds: all parts are told apart. "
            if crossed
            else "All runs saw the same training images: their part of the variance is within the "
            "bias here; the command decompose tells them apart. "
        )
        + "Estimates of small parts may fall below zero."
        + (
            f" A bar is the mean over the configurations of a value of {_marks.text(over)}."
            if several
            else ""
        )
    )
