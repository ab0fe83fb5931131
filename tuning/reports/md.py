"""The tables as GitHub writes them, with their notes; to be pasted."""

import re

from tuning.report import Report
from tuning.tables import WORDS, Table

ENDINGS = (".md", ".markdown")
PRINTED = True

# What means something within a line; an underscore only at the edge of a word.
_SPECIAL = re.compile(r"([\\`*\[\]|~$])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def write(report: Report) -> str:
    """Returns a heading, what was found, and every table."""
    parts = [
        f"<!-- {report.mark} -->",
        f"# {_escaped(report.title)}",
        *(_escaped(line) for line in report.summary),
        *(_table(each) for each in report.tables),
        *(_escaped(line) for line in report.guarantees),
    ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    rule = [":---" if name in WORDS else "---:" for name in table.header]
    lines = [list(map(_escaped, table.header)), rule, *(map(_escaped, row) for row in table.rows)]
    notes = "".join(f"\n\n{_escaped(note)}" for note in table.notes)
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"### {_escaped(table.title)}\n\n{text}{notes}"


def _escaped(text: str) -> str:
    """Returns a text as one line that shows as it is."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda found: "\\" + found.group(), line)
