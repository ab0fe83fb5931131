"""Text and tables as GitHub's Markdown shows them."""

import re
from collections.abc import Sequence

# A command, as our own sentences set it off.
_CODE = re.compile(r"(`[^`|]+`)")
# What means something within a line; an underscore only at the edge of a word.
_SPECIAL = re.compile(r"([\\`*\[\]|~$])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def escaped(text: str) -> str:
    """Returns a text as one line that shows as it is."""
    return _escaped(" ".join(text.split()))


def sentence(text: str) -> str:
    """Returns a text of ours as one line, with what it has between backticks as code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _escaped(line: str) -> str:
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda found: "\\" + found.group(), line)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, words: frozenset[str]) -> str:
    """Returns a table.

    Args:
        header: Its columns.
        rows: As many cells each.
        words: Columns that hold words, not numbers.
    """
    rule = [":---" if name in words else "---:" for name in header]
    lines = [list(map(escaped, header)), rule, *(map(escaped, row) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code(text: str) -> str:
    """Returns lines as they are, set off by indentation: no fence that a line could close."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
