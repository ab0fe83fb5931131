"""A table of verdicts: which of two configurations is better, and which cannot be told apart?"""

from collections.abc import Mapping, Sequence
from typing import Any

from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings
from tuning.pairs import Pair

TITLE = "Pairwise verdicts"
QUESTION = "Which two are really different, and how many seeds would tell the others?"
PLACE = 5

_CELL = 26
_WORDS = {"better": "better", "worse": "worse", "equivalent": "equal", "undecided": "?"}
_SIGNS = {"better": "+", "worse": "\u2212", "equivalent": "=", "undecided": "?"}
# Configurations up to which a cell has room for a word.
_FEW = 12
# Half transparent: the page's own colour of text stays legible on them, light or dark.
_SCALE = [
    [0, "rgba(213,94,0,0.6)"],
    [0.5, "rgba(140,140,140,0.1)"],
    [1, "rgba(63,159,216,0.6)"],
]


def figure(found: Findings, selected: Sequence[str]) -> Figure:
    """Draws a cell a pair of the leading configurations: the row's verdict on the column."""
    board = _marks.board_of(found)
    ids, pairs = found.pairs(_marks.ROOM)
    if not pairs:
        raise NothingToShow(
            "A pair takes two configurations that were trained to their planned length, "
            "with seeds that can be compared."
        )
    cells = {(pair.a, pair.b): (pair, 1) for pair in pairs}
    cells |= {(pair.b, pair.a): (pair, -1) for pair in pairs}
    words = _WORDS if len(ids) <= _FEW else _SIGNS
    colours = _marks.colours(ids, selected)
    called = {config: _marks.called(found, config) for config in ids}
    marked = [f"\u25b6 {called[c]}" if c in selected else called[c] for c in ids]
    best = 1 if board.question.maximize else -1
    told = [[cells.get((row, column)) for column in ids] for row in ids]
    size = _CELL * len(ids) + 150
    place = {"tickvals": list(range(len(ids))), "showgrid": False, "constrain": "domain"}
    most = max((abs(pair.difference) for pair in pairs), default=0.0) or 1.0
    return Figure(
        data=[
            {
                "type": "heatmap",
                "z": [[_tint(cell, best) for cell in row] for row in told],
                "zmin": -most,
                "zmax": most,
                "colorscale": _SCALE,
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
                "text": [[_word(cell, words) for cell in row] for row in told],
                "texttemplate": "%{text}",
                "hovertext": [[_told(cell, called) for cell in row] for row in told],
                "hovertemplate": "%{hovertext}<extra></extra>",
                "customdata": [[[row, column] for column in ids] for row in ids],
            }
        ],
        layout=_marks.frame(
            height=max(320, size),
            xaxis=_marks.axis("", ticktext=marked, tickangle=-60, side="top", **place),
            yaxis=_marks.axis("", ticktext=marked, autorange="reversed", **place),
            margin={"l": 90, "r": 20, "t": 90, "b": 20},
            shapes=[_outline(ids.index(c), colours[c], len(ids)) for c in selected if c in ids],
        ),
        note=_note(pairs, len(ids), len([row for row in board.rows if row.is_ranked]))
        + f" Equal: within {board.question.margin:g}.",
    )


def _tint(cell: tuple[Pair, int] | None, best: int) -> float | None:
    """Returns the difference, in the row's favour, where it is told; 0 where it is not."""
    if cell is None:
        return None
    pair, sign = cell
    return sign * best * pair.difference if pair.verdict in ("better", "worse") else 0.0


def _word(cell: tuple[Pair, int] | None, words: dict[str, str]) -> str:
    if cell is None:
        return ""
    pair, sign = cell
    needed = f"? {pair.seeds_needed}" if pair.seeds_needed and words is _WORDS else None
    return needed or words[_turned(pair.verdict, sign)]


def _turned(verdict: str, sign: int) -> str:
    other = {"better": "worse", "worse": "better"}
    return verdict if sign > 0 else other.get(verdict, verdict)


def _told(cell: tuple[Pair, int] | None, called: Mapping[str, str]) -> str:
    if cell is None:
        return ""
    pair, sign = cell
    a, b = (pair.a, pair.b) if sign > 0 else (pair.b, pair.a)
    names = called[a], called[b]
    lines = [f"{names[0]} minus {names[1]}: {sign * pair.difference:+.4f}"]
    if pair.interval is not None:
        low, high = sorted(sign * end for end in pair.interval)
        sure = f"{100 * pair.confidence:.4g} %"
        lines.append(f"{sure} for {pair.target}: {low:+.4f} to {high:+.4f}")
    better = pair.probability_better if sign > 0 else 1 - pair.probability_better
    lines.append(f"a run of {names[0]} is better: {better:.0%}")
    lines.append(f"{names[0]} is {_turned(pair.verdict, sign).upper()}{_needed(pair)}")
    return "<br>".join(lines)


def _needed(pair: Pair) -> str:
    if pair.seeds_needed:
        return f": {pair.seeds_needed} seeds each would tell"
    return {
        "images": ": more images would tell, more seeds would not",
        "seeds": ": it takes more than 100 seeds each",
        "spread": ": nothing is known of how runs vary",
    }.get(pair.obstacle, "")


def _outline(place: int, colour: str, count: int) -> dict[str, Any]:
    return {
        "type": "rect",
        "x0": -0.5,
        "x1": count - 0.5,
        "y0": place - 0.5,
        "y1": place + 0.5,
        "line": {"color": colour, "width": 2},
    }


def _note(pairs: Sequence[Pair], shown: int, ranked: int) -> str:
    told = sum(pair.verdict in ("better", "worse") for pair in pairs)
    among = "" if shown == ranked else f" The {shown} leading of {ranked:,} configurations."
    return (
        f"The row against the column. {told} of {len(pairs)} pairs are told apart, with 95 % "
        "confidence in all of them together (Holm), which takes more than the verdicts on the "
        "leader alone. A ? is undecided; its number: the seeds each that would tell; none: "
        f"more than 100 seeds, or more images.{among}"
    )
