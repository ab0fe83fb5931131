"""The cells of a table: how a number, an interval, a row and a pair are written everywhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuning.comparison import Board
    from tuning.fronts import Place
    from tuning.measures import Interval
    from tuning.pairs import Pair
    from tuning.rows import Row


def of_row(metric: str, *, wide: bool, descriptive: bool) -> "dict[str, Callable[[Row], str]]":
    """Returns heading -> cell of a row: the columns every leaderboard has.

    Args:
        metric: The heading of the means.
        wide: Whether the standard deviation's interval and floor, and all costs, have columns too.
        descriptive: Whether intervals are headed so: they know nothing of how runs were chosen.
    """
    kind = "descriptive" if descriptive else "95 %"
    beside: dict[str, Callable[[Row], str]] = {
        "sd 95 %": lambda row: interval(row.sd_interval, digits=4),
        "floor": lambda row: number(row.sd_floor),
    }
    costs: dict[str, Callable[[Row], str]] = {
        "macs/image": lambda row: count(row.multiply_accumulates),
        "images/s": lambda row: count(row.images_per_second),
        "peak memory": lambda row: "" if row.peak_memory is None else gigabytes(row.peak_memory),
        "ms, 1 image": lambda row: milliseconds(row.latency, row.latency_interval),
        "ms, 64 images": lambda row: milliseconds(row.latency_64, row.latency_64_interval),
    }
    return {
        "id": lambda row: row.config_id[:6],
        "n": lambda row: f"{row.n} of {row.n + row.failed}" if row.failed else str(row.n),
        metric: lambda row: number(row.mean) or "failed",
        f"new data {kind}": lambda row: interval(row.interval_new_data),
        f"seeds {kind}": lambda row: interval(row.interval_seeds),
        "sd": lambda row: number(row.sd),
        **(beside if wide else {}),
        "parameters": lambda row: count(row.parameters),
        "s/run": lambda row: "" if row.seconds is None else f"{row.seconds:.1f}",
        **(costs if wide else {}),
    }


def occasional(board: "Board") -> "dict[str, Callable[[Row], str]]":
    """Returns the columns that only some leaderboards have."""
    from tuning import wording  # SciPy: not on the way to a `--help`.

    found: dict[str, Callable[[Row], str]] = {}
    if any(row.stopped_early for row in board.rows):
        found["epochs"] = lambda row: str(row.epochs)
    if any(row.in_best_set is not None for row in board.rows):
        found["best-set"] = lambda row: mark(bool(row.in_best_set))
    found |= _of_objectives(board)
    verdicts = {pair.b: wording.verdict(pair) for pair in board.pairs}
    if verdicts:
        found["leader is"] = lambda row: verdicts.get(row.config_id, "")
    return found


def _of_objectives(board: "Board") -> "dict[str, Callable[[Row], str]]":
    """Returns the columns of several objectives: those that no other column has, and the front."""
    found: dict[str, Callable[[Row], str]] = {}
    for text in board.objectives[1:]:
        name = text.partition(":")[0]
        if name not in ("parameters", "seconds", "sd"):
            heading = {"latency": "ms, 1 image", "macs": "macs/image"}.get(name, name)

            def cell(row: "Row", text: str = text) -> str:
                value = board.places[row.config_id].values[text]
                if text.startswith("latency"):
                    return milliseconds(value, None)
                return count(value) if text.startswith("macs") else number(value)

            found[heading] = cell
    if board.objectives:
        found["front"] = lambda row: front(board.places[row.config_id])
    return found


def front(place: "Place") -> str:
    """Returns the cell of a place among several objectives."""
    if not place.on_front:
        return ""
    return "front" if place.decided else "front (undecided)"


def of_pair() -> "dict[str, Callable[[Pair], str]]":
    """Returns heading -> cell of a pair."""
    from tuning import wording  # SciPy, as above.

    return {
        "a": lambda pair: pair.a[:6],
        "b": lambda pair: pair.b[:6],
        "a minus b": lambda pair: f"{pair.difference:+.4f}",
        "interval": lambda pair: interval(pair.interval, sign="+", digits=4),
        "for": lambda pair: pair.target,
        "level %": lambda pair: f"{100 * pair.confidence:.6g}",
        "a is": wording.verdict,
    }


def number(value: float | None) -> str:
    """Returns "0.9693", or nothing for None."""
    return "" if value is None else f"{value:.4f}"


def count(value: float | None) -> str:
    """Returns "18,514", or nothing for None."""
    return "" if value is None else f"{value:,.0f}"


def gigabytes(size: int) -> str:
    """Returns "0.69 GB"."""
    return f"{size / 1e9:.2f} GB"


def milliseconds(median: float | None, spread: "Interval | None") -> str:
    """Returns "0.53 (0.5 to 1.2)" of seconds, or nothing for None."""
    if median is None:
        return ""
    ends = "" if spread is None else f" ({' to '.join(f'{1e3 * end:.3g}' for end in spread)})"
    return f"{1e3 * median:.3g}{ends}"


def interval(found: "Interval | None", *, sign: str = "", digits: int = 3) -> str:
    """Returns "0.95 to 0.98", or nothing for None; with `sign="+"` both ends have their sign."""
    if found is None:
        return ""
    return " to ".join(f"{end:{sign}.{digits}f}" for end in found)


def mark(marked: bool) -> str:
    """Returns the cell of a column of marks."""
    return "*" if marked else ""
