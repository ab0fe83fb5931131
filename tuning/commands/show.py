"""Shows a network layer by layer, without training it."""

import json
import re
from typing import TYPE_CHECKING

import click

from tuning.commands import _options

if TYPE_CHECKING:
    from kerascnn.anatomy import Layer

_INPUT = re.compile(r"(\d+)x(\d+)x(\d+)")


@click.command()
@click.argument("family")
@click.option("--preset", help="A published variant, such as vgg16; see `list`.")
@click.option(
    "--input",
    "shape",
    default="32x32x3",
    show_default=True,
    metavar="HxWxC",
    help="Height, width and channels of the images.",
)
@click.option(
    "--classes", type=click.IntRange(2), default=10, show_default=True, help="How many there are."
)
@click.option(
    "--set", "fixed", multiple=True, metavar="NAME=VALUE", help="Fix a setting: --set filters=32."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    family: str, preset: str | None, shape: str, classes: int, fixed: tuple[str, ...], as_json: bool
) -> None:
    """Show FAMILY's network layer by layer, without training it.

    Each row: the output's shape and how it comes about; how much of the image one value sees;
    parameters, and those of a dense layer between the same shapes; multiply-accumulates for one
    image. FAMILY is as in `train`.
    """
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from kerascnn import anatomy, registry
    from kerascnn.spec import RunSpec
    from tuning import begin, searchable

    registry.source_file("kerascnn.models", family)
    values = {**searchable.preset_of(family, preset), **_options.read_settings(fixed)}
    begin.check_names(family, values)
    settings = RunSpec(family=family, dataset="").configure(values).hyperparameters
    size = _read_shape(shape)
    found = anatomy.of(family, size, classes, **settings)
    if as_json:
        told = {"family": family, "preset": preset, "input": size, "classes": classes}
        rows = [vars(layer) for layer in found]
        click.echo(json.dumps({**told, **anatomy.totals(found), "layers": rows}))
        return
    _print(found, size)


def _read_shape(text: str) -> tuple[int, int, int]:
    match = _INPUT.fullmatch(text)
    if match is None or "0" in match.groups():
        raise ValueError(f"--input is HEIGHTxWIDTHxCHANNELS, such as 32x32x3. Received: {text!r}")
    height, width, channels = map(int, match.groups())
    return height, width, channels


def _print(found: "list[Layer]", size: tuple[int, int, int]) -> None:
    from kerascnn import anatomy
    from tuning.commands import _board

    header = ["layer", "kind", "output", "sees", "parameters", "if dense", "multiply-acc."]
    rows = [
        [
            layer.name,
            layer.kind,
            "x".join(map(str, layer.output)),
            "all" if layer.field is None else "x".join(map(str, layer.field)),
            _count(layer.parameters),
            "" if layer.dense_parameters is None else f"{layer.dense_parameters:,}",
            _count(layer.multiply_accumulates),
        ]
        for layer in found
    ]
    lines = _board.aligned([header, *rows])
    notes = ["height, and width where it differs", *(layer.arithmetic for layer in found)]
    for line, note in zip(lines, notes, strict=True):
        click.echo(f"{line}  {note}".rstrip())
    totals = anatomy.totals(found)
    click.echo(
        f"{totals['parameters']:,} parameters, {totals['multiply_accumulates']:,} "
        "multiply-accumulates an image (of convolutions and dense layers)."
    )
    click.echo(_shared(found, size))


def _count(value: int) -> str:
    return f"{value:,}" if value else ""


def _shared(found: "list[Layer]", size: tuple[int, int, int]) -> str:
    """Says what weight sharing saves."""
    slid = [layer for layer in found if layer.dense_parameters]
    if not slid:
        return "It has no convolution: every weight is of one place of the image."
    ours = sum(layer.parameters for layer in slid)
    dense = sum(layer.dense_parameters or 0 for layer in slid)
    return (
        f"Its convolutions have {ours:,} parameters; dense layers between the same shapes would "
        f"have {dense:,}, {dense / ours:,.0f} times as many."
    )
