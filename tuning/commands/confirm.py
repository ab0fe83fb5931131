"""Finds a search's winner on fresh seeds and unseen images, then opens the test set, once."""

import json
import textwrap
from typing import TYPE_CHECKING

import click

from tuning.commands import _limits, _options

if TYPE_CHECKING:
    from tuning.confirmation_report import Report
    from tuning.limits import Limits

_GUARANTEED = """\
What holds: with {sure} confidence the best of the shortlist is among those not told apart (normal
seeds, Welch's test, every look counted). The winner's numbers on the test set come from seeds and
images that chose nothing, so they are not too good on average, and the interval over seeds holds.
What does not: the best configuration of all may have missed the shortlist, and the search's own
numbers are too good, as they chose it."""


@click.command(epilog=_options.STUDY_HELP)
@click.argument("study", required=False)
@_options.rule_options
@click.option(
    "--deviate", is_flag=True, help="Use other rules than the study fixed; the report says so."
)
@click.option(
    "--again", is_flag=True, help="Confirm once more; the test set is opened again, and counted."
)
@_options.worker_options
@_limits.run_limits
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    study: str | None,
    deviate: bool,
    again: bool,
    workers: int | None,
    executor: str,
    limits: "Limits",
    as_json: bool,
    **rules: object,
) -> None:
    """Confirm the winner of STUDY, a search that has ended.

    The shortlist of the search and the baseline are trained on fresh seeds and scored on the
    confirmation images, which no search sees. The winner and the baseline are then trained anew
    on all that is not test, and scored on the test set, which is opened this once. The rules
    were fixed when the search began.
    """
    from tuning import confirmation_report, launch
    from tuning.commands import _board, _progress, _start
    from tuning.study import find

    found = find(study)
    if study is None:
        click.echo(f"Study {found.folder}", err=True)
    _start.mend(found)
    with _start.explaining_a_stop(found), _progress.watching("") as watch:
        launch.confirm(
            found,
            rules=rules,
            deviate=deviate,
            again=again,
            workers=workers,
            executor=executor,
            limits=limits,
            watch=watch,
        )
    report = confirmation_report.report(found)
    if as_json:
        click.echo(json.dumps(report.to_json()))
        return
    _show(report)
    click.echo(f"\nNext:\n  {_options.program()} {_board.export_of(found)}")


def _show(report: "Report") -> None:
    from tuning.commands import _board

    seeds, undecided = _fresh(report), report.looks[-1]
    click.echo(f"{report.study}: {report.metric} on confirmation, {seeds} fresh seeds each")
    _board.table(
        report.confirmed,
        report.metric,
        {"not told apart": lambda row: _board.mark(row.config_id in undecided)},
    )
    click.echo(_chosen(report))
    click.echo(f"\n{report.metric} on test, opened for the {_ordinal(report.openings)} time")
    final = [report.winner, *([report.baseline] if report.baseline else [])]
    is_winner = {"winner": lambda row: _board.mark(row is report.winner)}
    _board.table(final, report.metric, is_winner)
    click.echo(_ahead(report))
    if report.search_mean is not None:
        click.echo(f"The search had reported {report.search_mean:.4f} of it, on validation.")
    for name, value in report.deviates.items():
        click.echo(f"Deviates from what the study fixed when it began: {name}={value}.")
    sure = " ".join(_GUARANTEED.format(sure=f"{1 - report.rules.alpha:.0%}").split())
    click.echo("\n" + textwrap.fill(sure, 100))


def _fresh(report: "Report") -> str:
    counts = sorted({row.n + row.failed for row in report.confirmed})
    return " to ".join(dict.fromkeys((str(counts[0]), str(counts[-1]))))


def _chosen(report: "Report") -> str:
    winner = report.winner.config_id[:6]
    looks = f"{len(report.looks)} look" + ("s" if len(report.looks) > 1 else "")
    if not report.tied:
        return f"{winner} beats all others ({looks})."
    tied = ", ".join(config[:6] for config in report.tied)
    return (
        f"A tie after {looks}: {winner} cannot be told from {tied}. It wins by having fewest "
        "parameters, then the smallest sd."
    )


def _ahead(report: "Report") -> str:
    from tuning.commands import _board

    if report.baseline is None:
        return "The winner is the baseline."
    if report.difference is None:
        return "The winner or the baseline has no mean: their runs failed."
    interval = _board.interval(report.interval_new_data or report.interval_seeds, sign="+")
    target = "new data" if report.interval_new_data else "seeds"
    return (
        f"Winner minus baseline: {report.difference:+.4f}, 95 % for {target} "
        f"{interval or 'unknown'}: {(report.verdict or '').upper()}, by a margin of "
        f"{report.rules.margin:g}."
    )


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
