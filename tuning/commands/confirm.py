"""Finds a search's winner on fresh seeds and unseen images, then opens the test set, once."""

import json
import textwrap
from typing import TYPE_CHECKING

import click

from tuning.commands import _limits, _options, _workers

if TYPE_CHECKING:
    from tuning.confirmation_report import Report
    from tuning.executors import Machines
    from tuning.limits import Limits


@click.command(epilog=_options.STUDY_HELP)
@click.argument("study", required=False)
@_options.rule_options
@click.option(
    "--deviate", is_flag=True, help="Use other rules than the study fixed; the report says so."
)
@click.option(
    "--again", is_flag=True, help="Confirm once more; the test set is opened again, and counted."
)
@_workers.worker_options
@_limits.run_limits
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    study: str | None,
    deviate: bool,
    again: bool,
    workers: int | None,
    executor: str,
    machines: "Machines",
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
    from tuning import confirmation_report, launch, typed
    from tuning.commands import _board, _progress, _start
    from tuning.study import find

    found = find(study)
    if study is None:
        click.echo(f"Study {found.folder}", err=True)
    _start.mend(found)
    typed.note(found)
    with _start.explaining_a_stop(found), _progress.watching("") as watch:
        launch.confirm(
            found,
            rules=rules,
            deviate=deviate,
            again=again,
            workers=workers,
            executor=executor,
            machines=machines,
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
    from tuning import cells
    from tuning import confirmation_wording as words
    from tuning.commands import _board

    undecided = report.looks[-1]
    click.echo(f"{report.study}: {words.on_confirmation(report)}")
    _board.table(
        report.confirmed,
        report.metric,
        {"not told apart": lambda row: cells.mark(row.config_id in undecided)},
    )
    click.echo(words.chosen(report))
    click.echo(f"\n{words.on_test(report)}")
    final = [report.winner, *([report.baseline] if report.baseline else [])]
    _board.table(final, report.metric, {"winner": lambda row: cells.mark(row is report.winner)})
    for line in (words.ahead(report), *words.optimism(report), *words.deviations(report)):
        click.echo(line)
    click.echo("\n" + textwrap.fill(" ".join(words.guarantees(report)), 100))
