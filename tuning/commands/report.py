"""Writes all that a study found, and how, to hand on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerascnn import registry
from tuning import reports
from tuning.commands import _options

if TYPE_CHECKING:
    from tuning.study import Study

# Where a report's mark is looked for, in bytes.
_HEAD = 300


@click.command(epilog=_options.STUDY_HELP)
@click.argument("study", required=False)
@click.option(
    "--to",
    "path",
    metavar="FILE",
    help="The file to write; - is stdout.  [default: report.html in the study's folder; md and "
    "latex are printed]",
)
@click.option(
    "--format",
    help=f"One of {', '.join(reports.names())}.  [default: by the ending of FILE, else html]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value: path, format.")
def command(study: str | None, path: str | None, format: str | None, as_json: bool) -> None:
    """Write what STUDY found to one file that can be handed on.

    What was found, the leaderboard, the dashboard's figures, the confirmation with what it
    guarantees, the exact commands, data, versions and machines, what did not go as planned and
    what was not tested. A FILE that is a report of the same study is replaced; any other is not.

    \b
    html     one page with everything; opens offline, in light and dark, and prints
    md       the tables, as GitHub shows them
    latex    the tables, for a paper; needs booktabs
    """
    from tuning.study import find

    named = format is not None
    format = format or (reports.of_file(path) if path else None) or "html"
    if format not in reports.names():
        raise ValueError(registry.unknown("formats", format, reports.names()))
    found = find(study)
    if study is None:
        click.echo(f"Study {found.folder}", err=True)
    if path is None and not reports.is_printed(format):
        path = str(found.folder / "report.html")
    printed = path in (None, "-")
    if printed and as_json:
        raise ValueError("--json prints on stdout, and so does the report. Try: --to FILE")
    target = None if path is None or printed else Path(path)
    if target is not None:
        _refuse(found, target)
        if not named and target.suffix and reports.of_file(target.name) is None:
            known = ", ".join(f"{ending} ({name})" for ending, name in reports.endings().items())
            raise ValueError(
                f"The ending of {path!r} says no format. Expected one of: {known}; or --format."
            )
    text = _written(found, format)
    if target is None:
        click.echo(text, nl=False)
        return
    _keep(target, text)
    if as_json:
        click.echo(json.dumps({"path": str(target), "format": format}))
    else:
        click.echo(f"Written to {target}: {format}, {len(text.encode()) / 1e6:.1f} MB.")


def _refuse(study: "Study", target: Path) -> None:
    """Refuses a file that is not ours to replace."""
    from tuning import report  # SciPy: not on the way to a `--help`.

    if target.is_dir():
        raise ValueError(f"--to needs a file. Received the folder {str(target)!r}")
    if not target.exists():
        return
    with open(target, "rb") as file:
        head = file.read(_HEAD)
    if report.mark_of(study).encode() not in head:
        raise ValueError(
            f"{str(target)!r} exists and is no report of {study.folder}: it is not overwritten."
        )


def _written(study: "Study", format: str) -> str:
    from tuning import report

    text: str = registry.load("tuning.reports", format).write(report.gather(study))
    return text


def _keep(target: Path, text: str) -> None:
    from kerascnn.record import write_file

    write_file(target, text.encode(errors="replace"))
