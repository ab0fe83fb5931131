"""Measures how configurations hold up: shifts, corruptions, calibration."""

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerascnn import registry
from tuning.commands import _options, _workers

if TYPE_CHECKING:
    from tuning.executors import Machines
    from tuning.robust_scores import Score
    from tuning.robustness import Report, Standing

_MEASURES = {
    "clean": "accuracy, unchanged",
    "shifted": "accuracy over shifts",
    "consistency": "shift consistency",
    "corrupted": "accuracy, all corruptions",
}
_CALIBRATION = {
    "calibration_error": "calibration error",
    "by_chance": "  of calibrated answers",
    "squared_calibration_error": "  squared, debiased",
}
_READ = """\
In brackets: 95 % for other images and other seeds; of calibration, for other seeds on these images.
Consistency is how often two shifts of an image get the same answer, right or wrong: a constant
answer has 1. A calibration error is too high by chance: the row below is what answers that mean
their probabilities would show on so many images; the debiased square may be below 0. These images
also chose the leader, whose numbers are a little too good."""


@click.command(epilog=_options.STUDY_HELP)
@click.argument("study", required=False)
@click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="ID",
    help="A configuration, or the beginning of its id; several stand side by side.  [default: the "
    "leader and the baseline, which was tried first]",
)
@click.option(
    "--corruption",
    "names",
    multiple=True,
    metavar="NAME",
    help=f"One of {', '.join(registry.names('kerascnn.corruptions'))}, or a file of your own.  "
    "[default: all]",
)
@click.option(
    "--padding",
    default="circular",
    show_default=True,
    help="What comes in where a shift leaves a gap: circular (the other side: no pixel is lost), "
    "edge or zero.",
)
@click.option(
    "--shift",
    type=click.IntRange(1),
    metavar="PIXELS",
    help="How far images are shifted.  [default: an eighth of the side]",
)
@click.option(
    "--images",
    type=click.IntRange(2),
    help="At most so many validation images, a stratified sample.  [default: all]",
)
@click.option(
    "--seeds", type=click.IntRange(1), help="At most so many runs of each.  [default: all]"
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Runs measured at once.  [default: as `search` has it]",
)
@_workers.machine_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    study: str | None,
    configs: tuple[str, ...],
    names: tuple[str, ...],
    padding: str,
    shift: int | None,
    images: int | None,
    seeds: int | None,
    workers: int | None,
    executor: str,
    machines: "Machines",
    as_json: bool,
) -> None:
    """Measure how configurations of STUDY hold up on shifted and corrupted images.

    All their runs are asked about the validation images, shifted nine ways (by an eighth of a side)
    and corrupted at five strengths; confirmation and test images are not read. Runs whose network
    was not kept are trained again first, with the same numbers. What was measured is kept in the
    run's folder: the same command goes on from there.
    """
    from tuning import robustness
    from tuning.commands import _progress, _start
    from tuning.robust_runs import ROOM, Protocol
    from tuning.study import find

    protocol = Protocol(
        corruptions=names or registry.names(ROOM),
        padding=padding,
        shift=shift or 0,
        images=images or 0,
    )
    found = find(study)
    if study is None:
        click.echo(f"Study {found.folder}", err=True)
    with _start.explaining_a_stop(found), _progress.watching("") as watch:
        report = robustness.measure(
            found,
            configs,
            protocol=protocol,
            seeds=seeds,
            workers=workers,
            executor=executor,
            machines=machines,
            watch=watch,
        )
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        _show(report)


def _show(report: "Report") -> None:
    from tuning.commands import _board

    down, right = (max(abs(shift[axis]) for shift in report.shifts) for axis in (0, 1))
    pixels = f"{down} x {right}" if down != right else str(down)
    click.echo(
        f"{report.study}: robustness on {report.images:,} {report.split} images, calibration on "
        f"{report.calibration_images:,}"
    )
    click.echo(
        f"{len(report.shifts)} shifts by {pixels} pixel{'s' if pixels != '1' else ''}, "
        f"{report.padding}"
    )
    click.echo()
    rows = [
        ["", *(_heading(each) for each in report.standings)],
        *_rows(report, _MEASURES),
        *_rows(report, _CALIBRATION),
    ]
    for line in _board.aligned(rows):
        click.echo(line.rstrip())
    click.echo()
    header = ["accuracy at strength", "", "0", *map(str, range(1, 6)), "all"]
    for line in _board.aligned([header, *_by_strength(report)]):
        click.echo(line.rstrip())
    click.echo()
    click.echo(textwrap.fill(" ".join(_READ.split()), 100))


def _heading(each: "Standing") -> str:
    role = f" ({each.role})" if each.role else ""
    return f"{each.config_id[:6]} {Path(each.family).stem}{role}, n={each.n}"


def _rows(report: "Report", named: dict[str, str]) -> list[list[str]]:
    return [
        [title, *(_cell(each.scores.get(name)) for each in report.standings)]
        for name, title in named.items()
        if any(name in each.scores for each in report.standings)
    ]


def _by_strength(report: "Report") -> list[list[str]]:
    rows = []
    for name in report.strengths:
        for at, each in enumerate(report.standings):
            levels = [each.scores["clean"], *each.strengths[name]]
            numbers = [f"{score.mean:.4f}" for score in levels]
            first = Path(name).stem if at == 0 else ""
            rows.append([first, each.config_id[:6], *numbers, _cell(each.corruptions[name])])
    return rows


def _cell(score: "Score | None") -> str:
    from tuning import cells

    if score is None:
        return ""
    interval = cells.interval(score.interval_new_data or score.interval_seeds)
    return f"{score.mean:.4f}" + (f" ({interval})" if interval else "")
