"""Labels image files with an export."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tuning.commands import _images

if TYPE_CHECKING:
    import numpy as np

    from kerascnn.exporters._export import Export


@click.command()
@click.argument("export")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--top",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Labels to print for each image, the most probable first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(export: str, images: tuple[str, ...], top: int, as_json: bool) -> None:
    """Label each IMAGE with the network in the folder EXPORT, and say how probable that is.

    IMAGE is a file of any common format, or a folder, which stands for all images in it. Images
    are turned upright, converted to the network's channels and resized to its size, as a folder
    of class folders is for training. A probability is what the network says, right or wrong.
    """
    from kerascnn import exporters

    opened = exporters.read(export)
    _images.check_channels(opened.input_shape[2], export)
    files = _images.files(images)
    rows = _label(opened, files, top)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        _show(rows)


def _label(export: "Export", files: Sequence[str], top: int) -> list[dict[str, Any]]:
    """Returns for each file its label, probability and the `top` most probable labels."""
    rows: list[dict[str, Any]] = []
    for chunk, images in _images.read(files, export.input_shape):
        answers = export.predict(images)
        for file, answer in zip(chunk, answers, strict=True):
            rows.append({"file": file, **_best(export, answer, top)})
    return rows


def _best(export: "Export", answer: "np.ndarray", top: int) -> dict[str, Any]:
    order = (-answer).argsort(kind="stable")[:top]
    best = [{"label": export.class_names[i], "probability": float(answer[i])} for i in order]
    return {**best[0], "top": best}


def _show(rows: Sequence[dict[str, Any]]) -> None:
    """Prints a line an image: a table for people, tab-separated for other programs."""
    lines = [[row["file"], *(cell for best in row["top"] for cell in _cells(best))] for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("image", *("label", "probability") * len(rows[0]["top"])):
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))
    Console(highlight=False).print(table)


def _cells(best: dict[str, Any]) -> tuple[str, str]:
    return best["label"], f"{best['probability']:.4f}"
