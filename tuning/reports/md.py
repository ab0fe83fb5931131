"""The tables as GitHub writes them, with their notes; to be pasted."""

from tuning import markdown
from tuning.markdown import escaped, sentence
from tuning.report import Report
from tuning.tables import WORDS, Table

ENDINGS = (".md", ".markdown")
PRINTED = True


def write(report: Report) -> str:
    """Returns a heading, what was found, and every table."""
    parts = [
        f"<!-- {report.mark} -->",
        f"# {escaped(report.title)}",
        *(sentence(line) for line in report.summary),
        *(_table(each) for each in report.tables),
        *(sentence(line) for line in report.guarantees),
    ]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    text = markdown.table(table.header, table.rows, words=WORDS)
    notes = "".join(f"\n\n{sentence(note)}" for note in table.notes)
    return f"### {escaped(table.title)}\n\n{text}{notes}"
