"""A leaderboard as comma-separated values."""

import csv
import dataclasses
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuning.comparison import Board


def text(board: "Board") -> str:
    """Returns a header and a line a configuration, with every field; nothing stands for None.

    An interval has two columns, `_low` and `_high`; a setting is `hyperparameters.<name>`.
    """
    lines = [_flat(dataclasses.asdict(row)) for row in board.rows]
    names = dict.fromkeys(name for line in lines for name in line)
    found = io.StringIO()
    writer = csv.DictWriter(found, list(names), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return found.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for name, value in row.items():
        if name == "hyperparameters":
            line |= {f"{name}.{setting}": each for setting, each in value.items()}
        elif "interval" in name:
            low, high = value or ("", "")
            line |= {f"{name}_low": low, f"{name}_high": high}
        elif name == "values":  # One a run, by repeat.
            line[name] = " ".join(map(repr, value))
        else:
            line[name] = value
    return line
