"""What a confirmation found, in words: the same in the terminal and in the report."""

from tuning import cells
from tuning.confirmation_report import Report

_GUARANTEED = (
    "What holds: with {sure} confidence the best of the shortlist is among those not told apart "
    "(normal seeds, Welch's test, every look counted). The winner's numbers on the test set come "
    "from seeds and images that chose nothing, so they are not too good on average, and the "
    "interval over seeds holds."
)
_NOT_GUARANTEED = (
    "What does not: the best configuration of all may have missed the shortlist, and the search's "
    "own numbers are too good, as they chose it."
)


def guarantees(report: Report) -> list[str]:
    """Returns what holds of a confirmation, and what does not."""
    return [_GUARANTEED.format(sure=f"{1 - report.rules.alpha:.0%}"), _NOT_GUARANTEED]


def on_confirmation(report: Report) -> str:
    """Returns the title of the table of the shortlist."""
    counts = sorted({row.n + row.failed for row in report.confirmed})
    seeds = " to ".join(dict.fromkeys((str(counts[0]), str(counts[-1]))))
    return f"{report.metric} on confirmation, {seeds} fresh seeds each"


def on_test(report: Report) -> str:
    """Returns the title of the table of the winner and the baseline."""
    return f"{report.metric} on test, opened for the {ordinal(report.openings)} time"


def chosen(report: Report) -> str:
    """Says why the winner is the winner."""
    winner = report.winner.config_id[:6]
    looks = f"{len(report.looks)} look" + ("s" if len(report.looks) > 1 else "")
    if not report.tied:
        return f"{winner} beats all others ({looks})."
    tied = ", ".join(config[:6] for config in report.tied)
    return (
        f"A tie after {looks}: {winner} cannot be told from {tied}. It wins by having fewest "
        "parameters, then the smallest sd."
    )


def ahead(report: Report) -> str:
    """Says how far the winner is ahead of the baseline."""
    if report.baseline is None:
        return "The winner is the baseline."
    if report.difference is None:
        return "The winner or the baseline has no mean: their runs failed."
    interval = cells.interval(report.interval_new_data or report.interval_seeds, sign="+")
    target = "new data" if report.interval_new_data else "seeds"
    return (
        f"Winner minus baseline: {report.difference:+.4f}, 95 % for {target} "
        f"{interval or 'unknown'}: {(report.verdict or '').upper()}, by a margin of "
        f"{report.rules.margin:g}."
    )


def optimism(report: Report) -> list[str]:
    """Says what the search had reported of the winner, if it searched it."""
    if report.search_mean is None:
        return []
    return [f"The search had reported {report.search_mean:.4f} of it, on validation."]


def deviations(report: Report) -> list[str]:
    """Returns the rules that are not those the study fixed, a line each."""
    return [
        f"Deviates from what the study fixed when it began: {name}={value}."
        for name, value in report.deviates.items()
    ]


def ordinal(number: int) -> str:
    """Returns "first", "second", "third", "4th"."""
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
