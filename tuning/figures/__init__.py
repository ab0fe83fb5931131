"""Figures: one file each, one question each; the dashboard and the report show the same.

Contract of every public module here:

    TITLE, QUESTION: literals; what its tab says, and what it answers
    PLACE: a literal; figures stand in this order
    def options(found) -> dict[str, tuple[str, ...]]      optional: option -> its values, the first
                                                          is the default
    def suits(found) -> bool            optional: whether the figure is offered; without it, always
    def figure(found, selected, **options) -> Figure

`found` is a `tuning.findings.Findings`; `selected` are configuration ids in the order in which
they were selected. `Figure.data` and `Figure.layout` are what plotly draws, as JSON values; a
point's `customdata` is the id, or ids, that a click on it selects. Colours of text and lines of
the page are the page's own. What there is nothing to draw of raises `NothingToShow`, whose message
says why and what to do. Figures never read files and never import plotly.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kerascnn import registry
from tuning.findings import Findings


class NothingToShow(ValueError):  # noqa: N818  # It is an answer, not a mistake.
    """There is nothing to draw; the message is for the reader."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """What plotly draws.

    Attributes:
        data: Traces.
        layout: The layout.
        note: What must be known to read it; one to three sentences.
        tiles: Images to show beneath it, in their order: index, label, right, runs, wrong ("" if
            none is), name, and tile: the place in the sprite, row by row.
        sprite: The picture that holds them: part, picture, columns, rows, height and width of
            one; empty where there are no tiles.
    """

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    note: str
    tiles: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    sprite: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return dict(vars(self))


def names() -> list[str]:
    """Returns the figures, in their order."""
    package = __name__
    return sorted(registry.names(package), key=lambda n: registry.constant(package, n, "PLACE"))


def offered(found: Findings) -> list[str]:
    """Returns the figures of what was found, in their order: not all suit all studies."""
    modules = {name: registry.load(__name__, name) for name in names()}
    return [n for n, module in modules.items() if getattr(module, "suits", _always)(found)]


def _always(found: Findings) -> bool:
    return True


def about(name: str) -> dict[str, str]:
    """Returns the title of a figure and the question that it answers."""
    found = {
        word: registry.constant(__name__, name, word.upper()) for word in ("title", "question")
    }
    return {"name": name, **found}


def options(name: str, found: Findings) -> dict[str, tuple[str, ...]]:
    """Returns the options of a figure -> their values, the default first."""
    module = registry.load(__name__, name)
    return dict(module.options(found)) if hasattr(module, "options") else {}


def make(name: str, found: Findings, selected: Sequence[str] = (), **chosen: str) -> Figure:
    """Makes a figure.

    Args:
        name: An entry of this folder.
        found: What it is made of.
        selected: Configurations that stand out, in the order in which they were selected.
        chosen: Options that are not at their default.

    Raises:
        NothingToShow: If there is nothing to draw.
        ValueError: If there is no such figure, option or value.
    """
    if name not in registry.names(__name__):
        raise ValueError(registry.unknown("figures", name, names()))
    known = options(name, found)
    for option, value in chosen.items():
        if option not in known:
            raise ValueError(registry.unknown(f"options of {name}", option, known))
        if value not in known[option]:
            raise ValueError(registry.unknown(option, value, known[option]))
    if name in found.lacks:
        raise NothingToShow(found.lacks[name])
    defaults = {option: values[0] for option, values in known.items()}
    module = registry.load(__name__, name)
    made: Figure = module.figure(found, list(selected), **{**defaults, **chosen})
    return made
