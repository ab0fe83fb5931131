"""How often each image is right over runs: the shares, by class too, and the hardest as tiles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tuning.examples import Answers
from tuning.figures import Figure, NothingToShow, _marks
from tuning.findings import Findings
from tuning.thumbnails import COUNT, Thumbnails

TITLE = "Examples"
QUESTION = "How often is each image right, and on which do runs disagree?"
PLACE = 8

_CONTESTED, _WRONG = "most contested", "most often wrong"
# What runs say of an image -> its colour.
_COLOURS = {"always right": "#3f9fd8", "sometimes right": "#e69f00", "always wrong": "#d55e00"}
# Bars of those that are sometimes right: tenths.
_BARS = 10
# Classes there is room for; of more, the hardest are shown.
_CLASSES = 40
_LONGEST = 18


def options(found: Findings) -> dict[str, tuple[str, ...]]:
    """Returns which images are shown as tiles."""
    return {"images": (_CONTESTED, _WRONG)}


def figure(found: Findings, selected: Sequence[str], *, images: str) -> Figure:
    """Draws how many images are right how often, and how it is with each class."""
    board = _marks.board_of(found)
    ranked = [row.config_id for row in board.rows if row.is_ranked]
    every = ranked or [row.config_id for row in board.rows]
    try:
        answers = found.answers(list(selected) or every)
    except ValueError as error:
        raise NothingToShow(str(error)) from None
    names = _names(found, answers)
    kinds = _kinds(answers)
    tiles, sprite, told = _tiles(found, answers, names, images)
    panel = _by_class(answers, names)
    height = max(430, 19 * len(panel["tickvals"]) + 120)
    return Figure(
        data=[*_histogram(answers, kinds), panel["bars"]],
        layout=_marks.frame(
            height=height,
            margin={"l": 60, "r": 40, "t": 40, "b": 60},
            barmode="stack",
            showlegend=True,
            legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            xaxis=_marks.axis("share of runs that are right", domain=[0, 0.53], **_ticks()),
            yaxis=_marks.axis(f"images of {board.split}, logarithmic", **_reach(answers)),
            xaxis2=_marks.axis(
                "the same by class, mean over images",
                domain=[0.66, 1],
                range=[0, 1.15],  # With room for the number of the longest bar.
                tickvals=[0, 0.25, 0.5, 0.75, 1],
                tickformat=".0%",
            ),
            yaxis2=_marks.axis(
                "",
                anchor="x2",
                autorange="reversed",
                showgrid=False,
                ticks="outside",
                tickcolor="rgba(0,0,0,0)",
                tickvals=panel["tickvals"],
                ticktext=panel["ticktext"],
            ),
        ),
        note=_note(answers, selected, ranked) + panel["note"] + told,
        tiles=tiles,
        sprite=sprite,
    )


def _names(found: Findings, answers: Answers) -> list[str]:
    """Returns a name for every class that is an image's or an answer; its number if it has none."""
    count = int(max(answers.labels.max(), answers.wrong.max())) + 1
    known = list(found.class_names())
    return [*known, *(str(label) for label in range(len(known), count))]


def _kinds(answers: Answers) -> dict[str, npt.NDArray[np.bool_]]:
    right, wrong = answers.right == answers.runs, answers.right == 0
    return {"always right": right, "sometimes right": ~right & ~wrong, "always wrong": wrong}


def _histogram(
    answers: Answers, kinds: Mapping[str, npt.NDArray[np.bool_]]
) -> list[dict[str, Any]]:
    """Returns a bar for never, for each tenth between, and for always, with how many images."""
    tenths = np.clip(np.floor(answers.share[kinds["sometimes right"]] * _BARS), 0, _BARS - 1)
    counts = np.bincount(tenths.astype(int), minlength=_BARS)
    bars = [(i + 0.5, int(n), _between(i)) for i, n in enumerate(counts) if n]
    right, wrong = (int(kinds[kind].sum()) for kind in ("always right", "always wrong"))
    found = {
        "always wrong": [(-1.0, wrong, "in no run")] if wrong else [],
        "sometimes right": bars,
        "always right": [(_BARS + 1.0, right, "in every run")] if right else [],
    }
    return [
        {
            "type": "bar",
            "name": f"{kind}: {int(kinds[kind].sum()):,}",
            "x": [at for at, _, _ in shown],
            "y": [count for _, count, _ in shown],
            "width": 0.9,
            "text": [f"{count:,}" for _, count, _ in shown],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [f"{count:,} images are right {words}" for _, count, words in shown],
            "hoverinfo": "text",
            "marker": {"color": _COLOURS[kind]},
        }
        for kind, shown in found.items()
    ]


def _between(tenth: int) -> str:
    least, most = tenth * 100 // _BARS, (tenth + 1) * 100 // _BARS
    return f"in {least} % to less than {most} % of runs" if tenth else "in less than 10 % of runs"


def _ticks() -> dict[str, Any]:
    """Returns the axis of the bars: never, 0 to 100 %, always."""
    inner = range(2, _BARS, 2)
    return {
        "range": [-1.8, _BARS + 1.8],
        "tickvals": [-1, *inner, _BARS + 1],
        "ticktext": ["never", *(f"{100 * at // _BARS} %" for at in inner), "always"],
        "tickangle": 0,
        "showgrid": False,
    }


def _reach(answers: Answers) -> dict[str, Any]:
    """Returns a logarithmic axis on which one image has a bar and the longest bar its number."""
    most = float(np.log10(len(answers.labels)))
    return {"type": "log", "range": [-0.3, most + 0.25], "dtick": 1}


def _by_class(answers: Answers, names: Sequence[str]) -> dict[str, Any]:
    """Returns a bar for each class: how often a run is right on its images."""
    present = np.unique(answers.labels)
    means = {int(c): float(answers.share[answers.labels == c].mean()) for c in present}
    shown = sorted(sorted(means, key=lambda c: means[c])[:_CLASSES])
    note = f" The {_CLASSES} hardest of {len(means)} classes." if len(means) > _CLASSES else ""
    places = list(range(len(shown)))
    counts = {c: int((answers.labels == c).sum()) for c in shown}
    bars = {
        "type": "bar",
        "orientation": "h",
        "xaxis": "x2",
        "yaxis": "y2",
        "x": [means[c] for c in shown],
        "y": places,
        "text": [f"{means[c]:.1%}" for c in shown],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [
            f"{_marks.text(names[c])}: a run is right on {means[c]:.1%} of {counts[c]:,} images"
            for c in shown
        ],
        "hoverinfo": "text",
        "showlegend": False,
        "marker": {"color": _marks.PLAIN},
    }
    labels = [_marks.text(_short(names[c])) for c in shown]
    return {"bars": bars, "tickvals": places, "ticktext": labels, "note": note}


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _note(answers: Answers, selected: Sequence[str], ranked: Sequence[str]) -> str:
    runs = "1 run" if answers.runs == 1 else f"{answers.runs:,} runs"
    count = answers.configurations
    of = "1 configuration" if count == 1 else f"{count:,} configurations"
    which = " that you selected" if selected else " that are ranked" if ranked else ""
    left = len(answers.left_out)
    return (
        f"{runs} of {of}{which}. A run is a vote; configurations weigh the same, however many "
        "runs they have. Contested: runs disagree, most where two are most likely to differ "
        "(Kohavi and Wolpert's variance of votes)."
        + (f" Left out, {left} of unreadable logits: {answers.left_out[0]}." if left else "")
    )


def _tiles(
    found: Findings, answers: Answers, names: Sequence[str], images: str
) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """Returns the tiles, their sprite, and what must be said of them."""
    order = answers.contested() if images == _CONTESTED else answers.often_wrong()
    try:
        known = found.thumbnails()
    except ValueError as error:
        return [], {}, f" No thumbnails, as {error}."
    tile = {each.index: place for place, each in enumerate(known.images)}
    kept = [int(index) for index in order if int(index) in tile][:COUNT]
    if not kept:
        return [], {}, _why_none(answers, images)
    tiles = [_tile(known, tile[index], answers, names) for index in kept]
    sprite = {
        "picture": known.picture,
        "columns": known.columns,
        "rows": -(-len(known.images) // known.columns),
        "height": known.height,
        "width": known.width,
    }
    wanted = min(len(order), COUNT)
    note = f" Thumbnails: {len(kept)} of the {len(order):,} images on which any run is wrong."
    if images == _CONTESTED:
        note = f" Thumbnails: {len(kept)} of the {len(order):,} contested images."
    if len(kept) < wanted:
        note += f" They are kept of those that were hardest for {known.runs:,} runs."
    return tiles, sprite, note


def _why_none(answers: Answers, images: str) -> str:
    if images == _WRONG:
        return " No run is wrong on an image that a thumbnail is kept of."
    if answers.runs == 1:
        return " One run disagrees with none: no image is contested."
    return " No image that a thumbnail is kept of is contested."


def _tile(known: Thumbnails, place: int, answers: Answers, names: Sequence[str]) -> dict[str, Any]:
    index = known.images[place].index
    wrong = int(answers.wrong[index])
    return {
        "index": index,
        "label": names[int(answers.labels[index])],
        "right": int(answers.right[index]),
        "runs": answers.runs,
        "wrong": names[wrong] if wrong >= 0 else "",
        "name": known.images[place].name,
        "tile": place,
    }
