"""What only one format can get wrong: a page's safety, the cells of Markdown and of LaTeX."""

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests import reported
from tuning import markdown, report
from tuning.report import Report
from tuning.reports import html, latex, md


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")
            self._in_script = True

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data
        else:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report.gather(reported.hostile(tmp_path_factory.mktemp("a")))


@pytest.fixture(scope="module")
def page(hostile: Report) -> Page:
    return Page(html.write(hostile))


def test_the_page_runs_its_own_scripts_and_loads_nothing(page: Page) -> None:
    (policy,) = [m["content"] or "" for m in page.all("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; ")
    assert [s.get("type") for s in page.all("script")] == ["application/json", None, None]
    hashes = re.findall(r"'sha256-([^']+)'", policy)
    digests = [hashlib.sha256(script.encode()).digest() for script in page.scripts[1:]]
    assert hashes == [base64.b64encode(digest).decode() for digest in digests]
    outside = {"src", "href", "onerror", "onclick", "srcset", "action"}
    assert not [tag for tag, attributes in page.tags if outside & set(attributes)]
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "img", "object", "base"}


def test_the_figures_are_those_of_the_dashboard(page: Page, hostile: Report) -> None:
    drawn = {each["name"]: each for each in json.loads(page.scripts[0])}
    shown = {each.name: each.figure for each in hostile.pictures if each.figure}
    assert set(drawn) == set(shown)
    for name, figure in shown.items():
        assert drawn[name]["layout"] == json.loads(json.dumps(figure.layout))
    assert [f["id"] for f in page.all("div") if f.get("class") == "figure"] == [
        f"figure-{name}" for name in shown
    ]
    assert len(page.all("figcaption")) == len(shown)


def test_no_value_of_a_figure_can_end_its_script() -> None:
    values = [{reported.MARKUP: ["<!--<script>", "]]>&amp;\u2028"]}]
    written = html._json(values)
    assert not set(written) & set("<>&\u2028")
    assert json.loads(written) == values


def test_the_pages_words_are_what_strangers_wrote(page: Page) -> None:
    words = "".join(page.words)
    assert reported.MARKUP in words
    assert "<script>alert(1)" in words
    assert reported.SPECIAL.replace("`z`", "z") in words


def test_tables_can_be_read_aloud(page: Page) -> None:
    assert len(page.all("caption")) == len([t for t in page.all("table") if not t.get("class")])
    assert {cell.get("scope") for cell in page.all("th")} == {"col", "row"}
    assert all(figure.get("aria-label") for figure in page.all("div") if "role" in figure)


def test_ids_are_there_once(page: Page) -> None:
    counts = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert set(counts.values()) == {1}


def test_why_a_figure_is_missing_is_said_once(tmp_path: Path) -> None:
    text = html.write(report.gather(reported.apart(tmp_path / "s")))
    assert len(re.findall(r"Not shown: [^.]*\. A decomposition ranks nothing\.", text)) == 1


def test_without_plotly_one_line_says_so(hostile: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"plotly is not installed\. Try: "):
        html.write(hostile)


def test_plotly_without_its_script_is_said_too(
    hostile: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr("importlib.util.find_spec", lambda name: Spec())
    with pytest.raises(ValueError, match=r"without .*plotly.min.js"):
        html.write(hostile)


def test_markdown_tables_have_as_many_cells_as_headings(hostile: Report) -> None:
    lines = [line for line in md.write(hostile).splitlines() if line.startswith("|")]
    tables = hostile.tables
    wanted = [len(t.header) for t in tables for _ in range(len(t.rows) + 2)]
    assert [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in lines] == wanted


def test_markdown_shows_what_was_written() -> None:
    written = markdown.escaped(reported.SPECIAL)
    assert written == (
        r"a_b % & # \$ {x} \~ ^ \\y \| \`z\` \[q\](r) \*s\* <i> -- -1".replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
    )


def _unescaped(text: str) -> str:
    """Returns what LaTeX sets."""
    names = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^"}
    names |= {"textless": "<", "textgreater": ">", "textbar": "|", "textquotedbl": '"'}
    for name, sign in names.items():
        text = text.replace(f"\\{name}{{}}", {"\\": "\0", "~": "\1", "^": "\2"}.get(sign, sign))
    text = text.replace("$-$", "-").replace(r"$\pm$", "±").replace("-{}-", "--")
    text = text.replace("{[}", "[").replace("{]}", "]")
    text = re.sub(r"\\([_%&#${}])", r"\1", text)
    return text.replace("\0", "\\").replace("\1", "~").replace("\2", "^")


def test_latex_sets_what_was_written() -> None:
    written = latex._escaped(reported.SPECIAL)
    assert _unescaped(written) == reported.SPECIAL
    bare = re.sub(r"\\[_%&#${}]|\\[a-z]+\{\}|\$-\$|\{[\[\]]\}|-\{\}-", "", written)
    assert not set(bare) & set(r"_%&#${}~^\<>|[]")
    assert "--" not in written


def test_latex_tables_have_as_many_cells_as_columns(hostile: Report) -> None:
    text = latex.write(hostile)
    tables = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, flags=re.S)
    assert len(tables) == len(hostile.tables)
    for table, body in zip(hostile.tables, tables, strict=True):
        lines = [line for line in body.splitlines() if line.endswith(r" \\")]
        cells = [re.split(r"(?<!\\)&", line.removesuffix(r" \\")) for line in lines]
        read = [tuple(_unescaped(cell.strip()) for cell in each) for each in cells]
        assert read == [table.header, *(_stripped(row) for row in table.rows)]
    assert text.count(r"\begin{") == text.count(r"\end{")
    bare = re.sub(r"\\[{}]", "", "\n".join(x for x in text.splitlines() if x[:1] != "%"))
    assert bare.count("{") == bare.count("}")


def _stripped(row: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(" ".join(cell.split()) for cell in row)
