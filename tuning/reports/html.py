"""Everything, with the figures, as one page that opens offline."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuning.report import Picture, Report
from tuning.reports import _plotly
from tuning.tables import WORDS, Table

ENDINGS = (".html", ".htm")
PRINTED = False

_STATIC = Path(__file__).parent / "static"
# Images that are shown, and their side in pixels of the page.
_TILES = 48
_SIDE = 64


def write(report: Report) -> str:
    """Returns the page.

    Raises:
        ValueError: If plotly, whose JavaScript draws the figures, is not installed.
    """
    shown = [each for each in report.pictures if each.figure is not None]
    scripts = [_plotly.script(), (_STATIC / "report.js").read_text()] if shown else []
    sections = {
        "What was found": _paragraphs(report.summary),
        "Tables": "".join(map(_table, report.tables)),
        "What the confirmation guarantees": _paragraphs(report.guarantees),
        "Figures": _figures(report.pictures),
        "What did not go as planned": _list(report.deviations or ["Nothing that is known of."]),
        "What was not tested": _list(report.untested),
        "Commands": _commands(report),
        **{name: _facts(facts) for name, facts in report.facts.items()},
    }
    body = "".join(_section(name, content) for name, content in sections.items() if content)
    return f"""<!doctype html>
<!-- {_text(report.mark)} -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">
<title>{_text(report.title)}</title>
<style>
{(_STATIC / "report.css").read_text()}</style>
</head>
<body>
<main>
<header><h1>{_text(report.title)}</h1><p>Report of a study, written {_text(report.written)}.</p>
</header>
{body}</main>
<script type="application/json" id="what-is-drawn">{_json(map(_drawn, shown))}</script>
{"".join(f"<script>{script}</script>" for script in scripts)}
</body>
</html>
"""


def _policy(scripts: Sequence[str]) -> str:
    """Returns what the page may load: nothing, and run: these scripts."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    # plotly makes its own style sheet, and pictures of figures to save.
    return (
        f"default-src 'none'; script-src {hashes or chr(39) + 'none' + chr(39)}; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _drawn(picture: Picture) -> dict[str, Any]:
    assert picture.figure is not None
    # On paper, and where there is no graphics card, only shapes are sharp.
    data = [
        {**trace, "type": str(trace.get("type", "scatter")).removesuffix("gl")}
        for trace in picture.figure.data
    ]
    return {"name": picture.name, "data": data, "layout": picture.figure.layout}


def _json(values: Iterable[Any]) -> str:
    """Returns JSON that no tag can end."""
    text = json.dumps(list(values), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _section(name: str, content: str) -> str:
    return f'<section id="{_anchor(name)}">\n<h2>{_text(name)}</h2>\n{content}</section>\n'


def _figures(pictures: Sequence[Picture]) -> str:
    shown = "".join(_figure(each) for each in pictures if each.figure is not None)
    reasons: dict[str, list[str]] = {}
    for each in pictures:
        if each.figure is None:
            reasons.setdefault(each.absent, []).append(each.title)
    absent = [f"Not shown: {', '.join(titles)}. {why}" for why, titles in reasons.items()]
    return (f'<div class="figures">\n{shown}</div>\n' if shown else "") + _paragraphs(absent)


def _figure(picture: Picture) -> str:
    assert picture.figure is not None
    height = int(picture.figure.layout.get("height", 520))
    return (
        f"<figure>\n<h3>{_text(picture.question)}</h3>\n"
        f'<p class="title">{_text(picture.title)}</p>\n'
        f'<div class="figure" id="figure-{_text(picture.name)}" role="img" '
        f'style="min-height: {height}px" '
        f'aria-label="{_text(picture.title)}. {_text(picture.figure.note)}"></div>\n'
        f"<figcaption>{_words(picture.figure.note)}</figcaption>\n{_tiles(picture)}</figure>\n"
    )


def _tiles(picture: Picture) -> str:
    """Returns the first images of a figure that has some, cut out of one picture."""
    made = picture.figure
    if made is None or not made.sprite or not picture.sheet:
        return ""
    sprite = made.sprite
    scale = max(1, round(_SIDE / max(sprite["width"], sprite["height"])))
    width, height = sprite["width"] * scale, sprite["height"] * scale
    source = base64.b64encode(picture.sheet).decode()
    style = (
        f"<style>.image {{ width: {width}px; height: {height}px; background-size: "
        f"{sprite['columns'] * width}px {sprite['rows'] * height}px; "
        f"background-image: url(data:image/png;base64,{source}) }}</style>\n"
    )
    items = []
    for tile in made.tiles[:_TILES]:
        row, column = divmod(tile["tile"], sprite["columns"])
        wrong = f", mostly {tile['wrong']}" if tile["wrong"] else ""
        items.append(
            f'<li><span class="image" role="img" aria-label="{_text(tile["name"])}" style="'
            f'background-position: -{column * width}px -{row * height}px"></span>'
            f"<strong>{_text(tile['label'])}</strong> "
            f"{tile['right']} of {tile['runs']} right{_text(wrong)}</li>\n"
        )
    count = f"The first {len(items)} of {len(made.tiles)}:" if len(items) < len(made.tiles) else ""
    return (
        f'{style}{_paragraphs([count] if count else [])}<ul class="tiles">\n{"".join(items)}</ul>\n'
    )


def _table(table: Table) -> str:
    """Returns a table; what is long, its settings, stands in a line beneath each row."""
    beneath = table.header[-1] == "settings"
    names = table.header[:-1] if beneath else table.header
    kinds = [' class="words"' if name in WORDS else "" for name in names]
    head = "".join(
        f'<th scope="col"{kind}>{_text(name)}</th>' for name, kind in zip(names, kinds, strict=True)
    )
    rows = "".join(_row(row, kinds) for row in table.rows)
    return (
        f'<h3>{_text(table.title)}</h3>\n<div class="scroll" tabindex="0">'
        f"<table>\n<caption>{_text(table.title)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
        f'<div class="notes">{_paragraphs(table.notes)}</div>\n'
    )


def _row(row: Sequence[str], kinds: Sequence[str]) -> str:
    first, *cells = (_text(cell) for cell in row[: len(kinds)])
    line = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(cells, kinds[1:], strict=True))
    found = f'<tr><th scope="row"{kinds[0]}>{first}</th>{line}</tr>\n'
    for text in row[len(kinds) :]:
        found += f'<tr class="beneath"><td colspan="{len(kinds)}">{_text(text)}</td></tr>\n'
    return found


def _commands(report: Report) -> str:
    if not report.commands:
        return _paragraphs(["None is known: the study was imported, or made from Python."])
    lines = "\n".join(f"{_text(each.command)}" for each in report.commands)
    times = ", ".join(each.at for each in report.commands if each.at)
    return f"<pre>{lines}</pre>\n" + _paragraphs(
        [
            *([f"Typed at {times}."] if times else []),
            *([] if report.all_commands else ["Later commands were not kept."]),
        ]
    )


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row" class="words">{_text(name)}</th><td class="words">{_text(value)}</td>'
        "</tr>\n"
        for name, value in facts.items()
    )
    return f'<table class="facts">\n<tbody>\n{rows}</tbody>\n</table>\n'


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{_words(line)}</p>\n" for line in lines)


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_words(line)}</li>\n" for line in lines)
    return f"<ul>\n{items}</ul>\n" if items else ""


def _anchor(name: str) -> str:
    return "-".join(name.lower().split())


def _words(text: str) -> str:
    """Returns prose, what is to be typed in it set apart."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return html.escape(text)
