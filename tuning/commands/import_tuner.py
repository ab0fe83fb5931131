"""Makes a study of a project of Keras Tuner."""

from typing import TYPE_CHECKING

import click

from kerascnn import metrics

if TYPE_CHECKING:
    from tuning.study import Study


@click.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--study", "name", help="Name under ./runs, or a path.  [default: the project's and 4 digits]"
)
@click.option(
    "--objective",
    help=f"What ranks: val_ and one of {', '.join(metrics.DIRECTIONS)}.  [default: what ranked "
    "there]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(folder: str, name: str | None, objective: str | None, as_json: bool) -> None:
    """Make a study of the Keras Tuner project in DIR, to compare and to see in TensorBoard.

    DIR is a project's folder, with oracle.json and trial_*, or the folder that holds this one
    project. It is only read. Each complete trial becomes one run, without an interval: Keras
    Tuner keeps the mean over executions of each one's best epoch, which is optimistic. Of a
    Hyperband search, promoted trials continue the run they were promoted from.
    """
    from tuning import from_keras_tuner
    from tuning.commands import _board

    study, new = from_keras_tuner.import_project(folder, name=name, objective=objective)
    for line in _told(study, new):
        click.echo(line, err=True)
    _board.present(study, as_json=as_json)


def _told(study: "Study", new: bool) -> list[str]:
    """Returns what was taken and what was not, a line each."""
    about = study.imported or {}
    taken = f"{about['completed']} complete and {about['failed']} failed trials of {about['from']}"
    lines = [f"Study {study.folder}: {taken}{'.' if new else ', there already.'}"]
    if about["left_out"]:
        counts = ", ".join(f"{n} {status.lower()}" for status, n in about["left_out"].items())
        lines.append(f"Left out, as they did not end: {counts}.")
    for file, reason in about["damaged"].items():
        kept = "its space is read from the trials" if file == "oracle.json" else "left out"
        lines.append(f"{file} is damaged, and {kept}: {reason}.")
    return lines
