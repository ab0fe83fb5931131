"""What benchmarks share: taking turns, medians with their spread, ratios, tables, the machine."""

import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from kerascnn import host

Result = TypeVar("Result")


def turns(n: int, things: Mapping[str, Callable[[], Result]]) -> dict[str, list[Result]]:
    """Calls each of `things` `n` times, in turn, so that a busy minute meets them all.

    Every other round goes backwards: nobody always follows the same neighbour.

    Returns:
        Name -> its results, by round.
    """
    found: dict[str, list[Result]] = {name: [] for name in things}
    for number in range(n):
        names = list(things)
        for name in reversed(names) if number % 2 else names:
            found[name].append(things[name]())
    return found


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Returns `above / below` round by round: what slows a whole round cancels."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: Sequence[float], digits: int = 3) -> list[str]:
    """Returns median, lowest and highest as cells of a table; empty ones for no values."""
    if not values:
        return [""] * 3
    found = statistics.median(values), min(values), max(values)
    return [f"{value:.{digits}f}" for value in found]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Returns a table as text.

    Args:
        heads: Of the columns.
        rows: Cells.
        words: How many columns, from the left, hold words: they are flush left, numbers right.
    """
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if position < words else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def circumstances(*packages: str) -> str:
    """Returns what a table needs to be believed: the command, the machine, the versions."""
    found = {name: version for name, version in host.versions(*packages).items() if version}
    versions = ", ".join(f"{name} {version}" for name, version in found.items())
    busy = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return (
        f"python -m benchmarks.{' '.join([Path(sys.argv[0]).stem, *sys.argv[1:]])}\n"
        f"{os.cpu_count()} cores, {_processor()}, {platform.system()}{busy}; "
        f"Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    """Returns the processor's name as far as the system tells it."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model na")]
    except OSError:
        names = []
    return next(iter(names), platform.processor() or platform.machine())
