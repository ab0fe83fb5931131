"""What figures share: colours, names, the frame; and which configurations there is room for."""

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

from kerascnn import metrics
from kerascnn.spec import short
from tuning.comparison import Board
from tuning.figures import NothingToShow
from tuning.findings import Findings
from tuning.rows import Row

# Okabe and Ito's colours, which the colour-blind can tell apart, but for yellow and black, which
# are hard to see on white and on dark grey.
PALETTE = ("#e69f00", "#3f9fd8", "#009e73", "#cc79a7", "#d55e00", "#7a6fd0", "#5c8a00", "#a0522d")
PLAIN = "#71839b"
FAILED = "#d55e00"
GRID = "rgba(128,128,128,0.25)"
BAND = "rgba(63,159,216,0.18)"
# Configurations a figure with a line each has room for.
ROOM = 40
# Points above which plotly draws on a canvas of the graphics card: it is faster.
_MANY = 2000
_LONGEST = 34
# Ratio of the ends of a logarithmic axis above which only powers of ten are labelled.
_WIDE = 1e4
# Labels that an axis has at least.
_LABELS = 4


def board_of(found: Findings) -> Board:
    """Returns the leaderboard.

    Raises:
        NothingToShow: If there is none.
    """
    if found.board is None:
        raise NothingToShow(found.missing)
    return found.board


def leading(rows: Sequence[Row], selected: Sequence[str], room: int = ROOM) -> list[Row]:
    """Returns the rows there is room for: the first, and those selected from among the others."""
    return [row for i, row in enumerate(rows) if i < room or row.config_id in selected]


def room_note(shown: Sequence[Row], rows: Sequence[Row]) -> str:
    """Says that not all are shown; "" if they are."""
    if len(shown) == len(rows):
        return ""
    return f" The first {ROOM} of {len(rows):,} configurations, and those you select."


def bounds(board: Board) -> tuple[float, float]:
    """Returns the least and the greatest value that there can be: figures clip intervals to it."""
    if not board.split or board.metric not in metrics.DIRECTIONS:  # Another's, of any scale.
        return -math.inf, math.inf
    return 0.0, 1.0 if metrics.DIRECTIONS[board.metric] else math.inf


def colours(ids: Iterable[str], selected: Sequence[str]) -> dict[str, str]:
    """Returns configuration -> its colour: of the selected ones, each its own."""
    chosen = {config: PALETTE[i % len(PALETTE)] for i, config in enumerate(selected)}
    return {config: chosen.get(config, PLAIN) for config in ids}


def shade(colour: str, alpha: float) -> str:
    """Returns a colour of the palette as `rgba(...)`."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def scored(board: Board) -> str:
    """Returns "accuracy on validation": what the numbers are."""
    return f"{board.metric} on {board.split}" if board.split else f"last value of {board.metric}"


def label(found: Findings, config: str) -> str:
    """Returns "d0c9f2 filters=8 depth=1 ...": a name that fits beside an axis."""
    words = " ".join(f"{n}={short(v)}" for n, v in found.settings.get(config, {}).items())
    if config in found.names and not words:
        return called(found, config, _LONGEST + 6)
    if len(words) > _LONGEST:
        words = (words[: _LONGEST - 1].rpartition(" ")[0] or words[: _LONGEST - 1]) + " …"
    return f"{called(found, config)} {text(words)}".rstrip()


def called(found: Findings, config: str, longest: int = 22) -> str:
    """Returns what a configuration is called; of a long name, its beginning and its end."""
    name = found.names.get(config) or short_id(config)
    if len(name) > longest:
        half = (longest - 1) // 2
        name = f"{name[:half]}\u2026{name[-half:]}"
    return text(name)


def short_id(config: str) -> str:
    """Returns the six digits by which a configuration of ours is called; other names whole."""
    return config[:6] if len(config) == 12 and set(config) <= set("0123456789abcdef") else config


def text(value: object) -> str:
    """Returns a text that plotly, which knows some markup, shows as it is."""
    return html.escape(str(value), quote=False)


def bar(row: Row, x: float | None, colour: str, reach: tuple[float, float]) -> dict[str, Any]:
    """Returns the upright line of a row's interval, clipped to `reach`."""
    least, most = reach
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x, x],
        "y": [
            min(max(end, least), most) for end in row.interval_new_data or row.interval_seeds or ()
        ],
        "line": {"color": shade(colour, 0.6), "width": 1.5},
        "hoverinfo": "skip",
    }


def scatter(points: int) -> str:
    """Returns the kind of trace for so many points."""
    return "scattergl" if points > _MANY else "scatter"


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Returns an axis."""
    return {
        "title": {"text": text(title)},
        "gridcolor": GRID,
        "zeroline": False,
        "automargin": True,
        **more,
    }


def log_axis(title: str, values: Sequence[float], **more: Any) -> dict[str, Any]:
    """Returns a logarithmic axis over `values` above 0, with labels at 1, 2 and 5 of each ten."""
    low, high = min(values), max(values)
    tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**ten for ten in tens for digit in (1, 2, 5)]
    if high / low > _WIDE:
        ticks = ticks[::3]
    pad = 0.05 * math.log10(high / low) + 0.03
    reach = [math.log10(low) - pad, math.log10(high) + pad]
    ticks = [tick for tick in ticks if reach[0] <= math.log10(tick) <= reach[1]]
    if len(ticks) < _LABELS:  # Values that lie close together, between two of these.
        steps = [reach[0] + (reach[1] - reach[0]) * (i + 0.5) / _LABELS for i in range(_LABELS)]
        ticks = [float(f"{10**step:.2g}") for step in steps]
    labels = [_counted(tick) for tick in ticks]
    title = f"{title} (logarithmic)"
    return axis(title, type="log", tickvals=ticks, ticktext=labels, range=reach, **more)


def _counted(value: float) -> str:
    """Returns "0.002", "500", "20k", "5M"."""
    for unit, word in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{word}"
    return f"{value:g}"


def frame(*, height: int = 520, **more: Any) -> dict[str, Any]:
    """Returns a layout."""
    return {
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 30, "b": 50},
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        **more,
    }


def number(value: float | None, digits: int = 4) -> str:
    """Returns a number as the leaderboard prints it; "none" for none."""
    return "none" if value is None else f"{value:.{digits}f}"


def interval(value: Sequence[float] | None) -> str:
    """Returns "0.953 to 0.986"; "none" for none."""
    return "none" if value is None else " to ".join(f"{end:.3f}" for end in value)
