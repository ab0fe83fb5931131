"""Measures an error against the number of training images, and says what more would bring."""

import json
import textwrap
from typing import TYPE_CHECKING

import click

from tuning.commands import _limits, _options

if TYPE_CHECKING:
    from tuning.executors import Machines
    from tuning.learning_curve import Curve, Point, Report
    from tuning.limits import Limits

_READ = """\
95 %: the mean error for other training sets of the size and other seeds, on these images. Draws
share images; what they do not show of other data is reckoned in, from half of the images on by
what the largest smaller size shows. The law's intervals are for other images too. All sizes are
trained for as many steps as the largest, so that the curve shows data and not time."""


@click.command()
@click.argument("family")
@click.argument("dataset", required=False)
@click.option(
    "--sizes",
    metavar="N,N,...",
    help="Numbers of training images.  [default: 5, from all there are down to a 30th, or to "
    "where every class still has one]",
)
@click.option(
    "--subsets",
    type=int,
    default=3,
    show_default=True,
    help="Training sets to draw at each size, independently, each class with its share.",
)
@click.option(
    "--seeds", type=int, default=3, show_default=True, help="Runs on each, with the same seeds."
)
@click.option("--preset", help="A published variant, such as vgg16; see `list`.")
@_options.unranked_options
@_limits.run_limits
def command(
    family: str,
    dataset: str | None,
    sizes: str | None,
    fixed: tuple[str, ...],
    seeds: int,
    workers: int | None,
    executor: str,
    machines: "Machines",
    limits: "Limits",
    image_size: int | None,
    as_json: bool,
    **options: object,
) -> None:
    """Measure FAMILY's error on DATASET against the number of training images.

    The same configuration is trained at every size, on several training sets with the same seeds
    on each, and scored on the validation part. --epochs are those of the largest size: smaller
    ones go through their images more often and make as many steps, since as many epochs would
    leave them hardly trained, and the curve would show time, not data.

    A law, error = floor + scale n^-exponent, is fitted and judged by the largest size, which a fit
    to the others has to predict. What twice the data would bring is said with its interval, or why
    it cannot be said. FAMILY and DATASET are as in `train`; families share the training sets.
    """
    from tuning import curve_plan, launch, learning_curve
    from tuning.commands import _progress, _start

    study, points = curve_plan.new_learning_curve(
        family,
        dataset or "digits",
        fixed=_options.read_settings(fixed),
        sizes=None if sizes is None else _read_sizes(sizes),
        seeds=seeds,
        workers=workers,
        executor=executor,
        machines=machines,
        image_size=image_size or 0,
        **options,  # type: ignore[arg-type]
    )
    _start.introduce(study)
    with _start.explaining_a_stop(study), _progress.watching("") as watch:
        launch.run_crossing(
            study,
            points,
            seeds=seeds,
            workers=workers,
            executor=executor,
            machines=machines,
            limits=limits,
            watch=watch,
        )
    report = learning_curve.report(study)
    if as_json:
        click.echo(json.dumps(report.to_json()))
        return
    _show(report)
    click.echo(f"\nNext:\n  {_options.program()} dashboard {_options.named(study)}")


def _read_sizes(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise ValueError(f"--sizes takes numbers of images: 50,100,200. Received: {text!r}")
    return [int(word) for word in words]


def _show(report: "Report") -> None:
    from tuning import curve_wording
    from tuning.commands import _board

    click.echo(
        f"{report.study}: error (share of {report.images:,} {report.split} images) against "
        "training images"
    )
    header = ["", "images", "epochs", "sets x seeds", "n", "error", "95 %"]
    rows = [_row(report, curve, point) for curve in report.curves for point in curve.points]
    for line in _board.aligned([header, *rows]):
        click.echo(line.rstrip())
    for curve in report.curves:
        click.echo()
        for sentence in curve_wording.said(curve):
            click.echo(textwrap.fill(sentence, 100, subsequent_indent="  "))
    click.echo()
    click.echo(textwrap.fill(" ".join(_READ.split()), 100))
    for curve in report.curves:
        for point in curve.points:
            if point.failed:
                name = curve_wording.name(report, curve)
                told = f"{name} at {point.size:,} images: {point.failed} runs failed."
                click.echo(textwrap.fill(f"{told} The first: {point.reason}", 100))


def _row(report: "Report", curve: "Curve", point: "Point") -> list[str]:
    from tuning import cells, curve_wording

    return [
        curve_wording.name(report, curve),
        f"{point.size:,}",
        str(point.epochs),
        f"{point.subsets} x {point.seeds}",
        f"{point.n} of {point.n + point.failed}" if point.failed else str(point.n),
        "failed" if point.error is None else f"{point.error:.4f}",
        cells.interval(point.interval, digits=4),
    ]
