"""The tables for a paper, with booktabs; to be pasted."""

import re

from tuning.report import Report
from tuning.tables import WORDS, Table

ENDINGS = (".tex",)
PRINTED = True

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "±": r"$\pm$",
        "…": r"\ldots{}",
        "[": "{[}",  # After the end of a line it would begin an option.
        "]": "{]}",
        **{special: f"\\{special}" for special in "_%&#${}"},
    }
)
# What a column of settings takes of the line: it breaks where it is longer.
_LONG = r"p{0.3\linewidth}"


def write(report: Report) -> str:
    """Returns a `table` for every table, with its notes as the caption."""
    first = f"% {report.mark}, written {report.written}"
    needs = r"% In the preamble: \usepackage{booktabs} \usepackage[T1]{fontenc}"
    return (
        "\n\n".join([f"{first}\n{needs}", *(_table(report, each) for each in report.tables)]) + "\n"
    )


def _table(report: Report, table: Table) -> str:
    columns = "".join(_column(name) for name in table.header)
    lines = [" & ".join(_escaped(cell) for cell in row) + r" \\" for row in table.rows]
    caption = ". ".join((f"{report.title}: {table.title}", " ".join(table.notes))).rstrip(". ")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{_escaped(caption)}.}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(map(_escaped, table.header)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _column(name: str) -> str:
    return _LONG if name == "settings" else "l" if name in WORDS else "r"


def _escaped(text: str) -> str:
    """Returns a text as one line that LaTeX sets as it is."""
    escaped = _line(text).translate(_ESCAPES).replace("--", "-{}-")
    return re.sub(r"(?<![\w.}-])-(?=\d)", "$-$", escaped)


def _line(text: str) -> str:
    return " ".join(text.split())
