"""Labels image files with an export."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np

    from kerascnn.exporters._export import Export

# Images decoded before the network sees them.
_CHUNK = 256


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
    if opened.input_shape[2] not in (1, 3):
        raise ValueError(
            f"Image files are grey or colour. {export} takes {opened.input_shape[2]} channels."
        )
    files = list(_files(images))
    rows = _label(opened, files, top)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        _show(rows)


def _files(images: Sequence[str]) -> Iterator[str]:
    """Yields the files named, and those in the folders named, hidden ones passed over."""
    from kerascnn.datasets._listing import SUFFIXES

    missing = [image for image in images if not os.path.exists(image)]
    if missing:
        raise FileNotFoundError(
            f"There is no file {missing[0]!r}.{_more(len(missing), len(images))}"
        )
    for image in images:
        if not os.path.isdir(image):
            yield image
            continue
        inside = sorted(
            path
            for path in Path(image).rglob("*")
            if path.name.lower().endswith(SUFFIXES)
            and path.is_file()
            and not any(word.startswith(".") for word in path.relative_to(image).parts)
        )
        if not inside:
            raise ValueError(
                f"{image} holds no images. Expected files that end in: {', '.join(SUFFIXES)}"
            )
        yield from map(str, inside)


def _label(export: "Export", files: Sequence[str], top: int) -> list[dict[str, Any]]:
    """Returns for each file its label, probability and the `top` most probable labels."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    rows: list[dict[str, Any]] = []
    unreadable: dict[str, str] = {}  # file -> reason
    with ThreadPoolExecutor() as pool:  # Pillow releases the lock as it decodes.
        for start in range(0, len(files), _CHUNK):
            chunk = files[start : start + _CHUNK]
            images = list(pool.map(lambda file: _pixels(export, file), chunk))
            unreadable |= {f: i for f, i in zip(chunk, images, strict=True) if isinstance(i, str)}
            if unreadable:
                continue  # Nothing is printed; the rest is only counted.
            answers = export.predict(np.stack(images))
            for file, answer in zip(chunk, answers, strict=True):
                rows.append({"file": file, **_best(export, answer, top)})
    if unreadable:
        file, reason = next(iter(unreadable.items()))
        raise ValueError(
            f"{file} cannot be read: {reason.rstrip('.')}.{_more(len(unreadable), len(files))}"
        )
    return rows


def _pixels(export: "Export", file: str) -> "np.ndarray | str":
    import numpy as np
    from PIL import Image

    from kerascnn.datasets import _decode

    height, width, channels = export.input_shape
    side = max(height, width)
    image = _decode.pixels(file, side=side, channels=channels)
    if isinstance(image, str):
        return image
    if height != width:  # Only arrays train such a network, and these were never resized.
        plane = Image.fromarray(image)
        image = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))
    return image.reshape(height, width, channels)


def _best(export: "Export", answer: "np.ndarray", top: int) -> dict[str, Any]:
    order = (-answer).argsort(kind="stable")[:top]
    best = [{"label": export.class_names[i], "probability": float(answer[i])} for i in order]
    return {**best[0], "top": best}


def _more(count: int, total: int) -> str:
    return f" So it is with {count:,} of {total:,}." if count > 1 else ""


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
