"""Takes the error of configurations apart into bias and variance."""

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kerascnn.checks import SCHEMES
from tuning import decomposition_wording as words
from tuning.commands import _limits, _options

if TYPE_CHECKING:
    from tuning.crossed import Estimate
    from tuning.decomposition_report import Report, Row
    from tuning.executors import Machines
    from tuning.limits import Limits


@click.command()
@click.argument("family")
@click.argument("dataset", required=False)
@click.option("--subsets", type=int, default=4, show_default=True, help="Training sets to draw.")
@click.option(
    "--seeds", type=int, default=3, show_default=True, help="Runs on each, with the same seeds."
)
@click.option(
    "--scheme",
    default="disjoint",
    show_default=True,
    help=f"How training sets are drawn: {', '.join(SCHEMES)}. Disjoint ones share no image; a "
    "bootstrap draws as many as there are, with replacement; a subsample is half of them.",
)
@click.option(
    "--over",
    multiple=True,
    metavar="NAME=A,B,C",
    help="Sweep one setting: --over filters=8,16,32.",
)
@click.option("--preset", help="A published variant, such as vgg16; see `list`.")
@_options.unranked_options
@_limits.run_limits
def command(
    family: str,
    dataset: str | None,
    fixed: tuple[str, ...],
    over: tuple[str, ...],
    seeds: int,
    workers: int | None,
    executor: str,
    machines: "Machines",
    limits: "Limits",
    image_size: int | None,
    as_json: bool,
    **options: object,
) -> None:
    """Take the error of FAMILY on DATASET apart into bias and variance.

    The same configuration is trained on several training sets with the same seeds on each, and
    scored on the validation part. FAMILY and DATASET are as in `train`. Of several families, one
    configuration each, in one table.
    """
    from tuning import launch, plan
    from tuning.commands import _progress, _start

    study, points = plan.new_decomposition(
        family,
        dataset or "digits",
        fixed=_options.read_settings(fixed),
        over=_options.read_sweep(over),
        seeds=seeds,
        workers=workers,
        executor=executor,
        machines=machines,
        image_size=image_size or 0,
        **options,  # type: ignore[arg-type]
    )
    _start.introduce(study)
    with _start.explaining_a_stop(study), _progress.watching("") as watch:
        report = launch.run_decomposition(
            study,
            points,
            seeds=seeds,
            workers=workers,
            executor=executor,
            machines=machines,
            limits=limits,
            watch=watch,
        )
    if as_json:
        click.echo(json.dumps(report.to_json()))
        return
    _show(report)
    click.echo(f"\nNext:\n  {_options.program()} dashboard {_options.named(study)}")


def _show(report: "Report") -> None:
    rows = [row for row in report.rows if row.losses]
    sizes = {row.trained_on for row in rows}
    trained = f"{_span(sizes.pop())} images" if len(sizes) == 1 else ""
    click.echo(f"{report.study}: bias and variance on {report.images:,} {report.split} images")
    click.echo(
        f"for networks trained on {trained or 'as many images as each row says'}: "
        + _design(report, rows)
    )
    for loss, title in words.LOSSES.items():
        click.echo(f"\n{title}")
        _table(loss, rows, own_sizes=not trained)
    click.echo()
    for note in _notes(report, rows):
        click.echo(textwrap.fill(" ".join(note.split()), 100))


def _table(loss: str, rows: Sequence["Row"], *, own_sizes: bool) -> None:
    from tuning.commands import _board

    header = ["", *(["trained on"] if own_sizes else []), *words.PARTS.values()]
    cells = [
        [
            _name(row),
            *([_span(row.trained_on)] if own_sizes else []),
            *(_padded(row.losses[loss][part]) for part in words.PARTS),
        ]
        for row in rows
    ]
    for line in _board.aligned([header, *cells]):
        click.echo(line.rstrip())


def _padded(estimate: "Estimate") -> str:
    # As wide as one with an interval, so that values stand below each other.
    width = " " * len(" ±.0000") if estimate.half is None else ""
    return words.cell(estimate) + width


def _name(row: "Row") -> str:
    return words.name(row.family, row.hyperparameters)


def _span(ends: tuple[int, int]) -> str:
    return " to ".join(f"{end:,}" for end in dict.fromkeys(ends))


def _design(report: "Report", rows: Sequence["Row"]) -> str:
    designs = dict.fromkeys((len(row.subsets), len(row.repeats)) for row in rows)
    counts = " or ".join(f"{subsets} x {seeds}" for subsets, seeds in designs)
    return f"{counts} runs each, {report.scheme} training sets x seeds"


def _notes(report: "Report", rows: Sequence["Row"]) -> list[str]:
    notes = words.reading(min(min(len(row.subsets), len(row.repeats)) for row in rows))
    shares = [f"{_name(row)} {row.top_share:.0%}" for row in rows if row.top_share is not None]
    if shares:
        notes.append(f"Of it the top 1 % of the images hold: {', '.join(shares)}.")
    notes += _drawn(report, rows)
    notes += [_left_out(row) for row in report.rows if any(row.left_out)]
    return notes


def _drawn(report: "Report", rows: Sequence["Row"]) -> list[str]:
    if report.scheme == "bootstrap":
        return [
            f"Of the images of a bootstrap {_span(rows[0].distinct)} are distinct: the bias is "
            "that of a smaller training set."
        ]
    if report.scheme == "subsample":
        return [
            "Subsamples share images and differ less than new data would: of a learner that acts "
            f"like a mean, data shows {rows[0].shown_share:.0%} of what it is."
        ]
    return []


def _left_out(row: "Row") -> str:
    why = f" The first of {row.failed} that failed: {row.reason}" if row.failed else ""
    if not row.losses:
        return f"{_name(row)} has fewer than 2 x 2 finished runs and is not shown.{why}"
    subsets, repeats = row.left_out
    gone = [*(f"training set {each}" for each in subsets), *(f"seed {each}" for each in repeats)]
    return f"{_name(row)} is without {', '.join(gone)}, of which not all runs finished.{why}"
