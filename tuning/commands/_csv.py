"""Lines as comma-separated values."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from kerascnn import registry
from kerascnn.record import write_file

# What there can be a line of.
LINES = ("configurations", "runs")


def check(lines: str | None, to: str | None, *, as_json: bool, others: Sequence[str]) -> None:
    """Refuses what does not go together, before anything is read.

    Args:
        lines: Of `--csv`.
        to: Of `--to`.
        as_json: Whether `--json` is given.
        others: Options given that say which numbers a leaderboard has, such as "--metric".
    """
    if lines is None:
        if to is not None:
            raise ValueError(f"--to says where --csv is written: --csv runs --to {to}")
        return
    if lines not in LINES:
        file = f" To write a file: --csv runs --to {lines}" if Path(lines).suffix else ""
        raise ValueError(registry.unknown("what --csv can have a line of", lines, LINES) + file)
    if as_json:
        raise ValueError("Either --json or --csv, not both.")
    if lines == "runs" and others:
        raise ValueError(
            f"--csv runs has every run with every metric: {', '.join(others)} would change nothing."
        )
    if to is not None:
        _check_target(Path(to))


def _check_target(path: Path) -> None:
    """Refuses to write over anything but such a file."""
    if path.is_dir():
        raise ValueError(f"--to needs a file. Received the folder {str(path)!r}")
    if path.exists():
        with path.open("rb") as file:
            columns = file.readline().rstrip(b"\n").split(b",")
        if b"config_id" not in columns[:2]:
            raise ValueError(f"{str(path)!r} exists and is no --csv: it is not overwritten.")


def write(lines: Sequence[Mapping[str, Any]], to: str | None) -> None:
    """Writes lines that have the same columns, whole or not at all; None: on stdout."""
    found = io.StringIO()
    writer = csv.DictWriter(found, list(lines[0]), lineterminator="\n")  # None is an empty cell.
    writer.writeheader()
    writer.writerows(lines)
    if to is None:
        click.echo(found.getvalue(), nl=False)
    else:
        write_file(Path(to), found.getvalue().encode())
        click.echo(f"{to}: {len(lines)} lines, and their header.", err=True)
