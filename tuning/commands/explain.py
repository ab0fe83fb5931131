"""Explains what a trained network looks at and has learned."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerascnn import registry
from tuning.commands import _options

if TYPE_CHECKING:
    from tuning.looking import Shown
    from tuning.study import Study

_ROOM = "kerascnn.explainers"


@click.command(epilog=_options.STUDY_HELP)
@click.argument("study", required=False)
@click.option(
    "--run",
    metavar="CONFIG[/REPEAT]",
    help="A configuration, or the beginning of its id, and which run of it.  [default: repeat 0 "
    "of the winner of `confirm`, else of the leader of `compare`]",
)
@click.option(
    "--with",
    "explainers",
    metavar="NAME,...",
    help=f"Of {', '.join(registry.names(_ROOM))}.  [default: all that suit the network]",
)
@click.option(
    "--images",
    "count",
    type=click.IntRange(1),
    default=12,
    show_default=True,
    help="How many of the validation images are explained.",
)
@click.option(
    "--image",
    "files",
    multiple=True,
    metavar="PATH",
    help="An image of your own, or a folder of them, in their place; may be repeated.",
)
@click.option("--layer", metavar="NAME", help="The layer looked at; `show` lists them.")
@click.option("--unit", type=click.IntRange(0), help="The unit of that layer to excite.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    help="Runs whose maps are compared.  [default: all of the configuration, at most 3]",
)
@click.option(
    "--to",
    "path",
    help="The folder to make.  [default: explained/<configuration>/<number> in the study's folder]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    study: str | None,
    run: str | None,
    explainers: str | None,
    count: int,
    files: tuple[str, ...],
    layer: str | None,
    unit: int | None,
    seeds: int | None,
    path: str | None,
    as_json: bool,
) -> None:
    """Show what a network of STUDY looks at and has learned, as pictures.

    Filters and feature maps, inputs that excite a unit, maps of what decides the class of an image,
    the confusion matrix and the most confident mistakes. Maps explain the class that the network
    says. They are made with several seeds, since one seed's map may be luck: how far they agree is
    a rank correlation, beside that of maps of different images.
    """
    from tuning import explaining

    names = tuple(name for name in (explainers or "").split(",") if name)
    for name in names:
        registry.source_file(_ROOM, name)
    found = _study(study)
    explaining.refuse_what_has_no_networks(found)
    config, repeat = _run(found, run)
    runs = explaining.runs_of(found, config, repeat, seeds)
    config = runs[0].spec.config_id
    target = Path(path) if path is not None else explaining.free_path(found, config)
    choices = {"layer": layer, "unit": unit}
    result = explaining.explain(
        found,
        runs,
        _own(found, files) if files else explaining.images_of(found, count),
        names=names,
        choices={name: value for name, value in choices.items() if value is not None},
        path=target,
        tell=lambda line: click.echo(line, err=True),
    )
    if as_json:
        click.echo(json.dumps(result))
    else:
        _show(result)


def _study(name: str | None) -> "Study":
    from tuning.study import find

    found = find(name)
    if name is None:
        click.echo(f"Study {found.folder}", err=True)
    return found


def _run(study: "Study", run: str | None) -> tuple[str, int]:
    """Returns the configuration and the repeat that the user asked for."""
    from tuning import comparison, leaving

    if run is None:
        config = leaving.winner(study)
        return config or comparison.compare(study).rows[0].config_id, 0
    config, _, number = run.partition("/")
    if number and not number.isdecimal():
        raise ValueError(
            f"--run is a configuration, or one and the number of a run: d0c9f2/1. Received: {run!r}"
        )
    return config, int(number or 0)


def _own(study: "Study", paths: tuple[str, ...]) -> "Shown":
    """Reads the user's own images as `predict` does."""
    import numpy as np

    from tuning.commands import _images
    from tuning.looking import Shown

    height, width, channels = study.about["data"]["input_shape"]
    _images.check_channels(channels, study.name)
    files = _images.files(paths)
    blocks = [images for _, images in _images.read(files, (height, width, channels))]
    pixels = np.concatenate(blocks).astype(np.float32) / np.float32(255)
    return Shown(images=pixels, names=files, labels=None)


def _show(result: dict[str, Any]) -> None:
    from tuning.commands import _board

    click.echo(
        f"{result['run']} of configuration {result['config_id']} in {result['study']}, "
        f"{len(result['images'])} images"
    )
    rows = [
        [name, _summary(name, about["numbers"]), ", ".join(about["files"])]
        for name, about in result["explainers"].items()
    ]
    width = max(len(row[0]) for row in rows)
    for name, summary, files in rows:
        click.echo(f"  {name:<{width}}  {files}{': ' + summary if summary else ''}")
    for name, reason in result["left_out"].items():
        click.echo(f"  {name} left out: {reason}")
    compared = {n: a for n, a in result["explainers"].items() if a["agreement"] is not None}
    if compared:
        click.echo(f"\nMaps of {len(result['seeds'])} seeds: rank correlation")
        header = ["", "same image", "95 % (seeds)", "other images"]
        cells = [[name, *_agreement(about["agreement"])] for name, about in compared.items()]
        lines = _board.aligned([header, *cells])
        words = ["", *(about["in_words"] for about in compared.values())]
        for line, text in zip(lines, words, strict=True):
            click.echo(f"{line}  {text}".rstrip())
    for note in result["notes"]:
        click.echo(note)
    click.echo(f"\nWritten to {result['path']}, with the numbers in explained.json.")


def _agreement(found: dict[str, Any]) -> list[str]:
    from tuning import cells

    mean, null = ("" if found[n] is None else f"{found[n]:.3f}" for n in ("mean", "null"))
    return [mean, cells.interval(found["interval"]), null]


def _summary(name: str, numbers: dict[str, Any]) -> str:
    """Returns what is worth saying of an explainer's numbers at once."""
    if "gaps" in numbers:
        return (
            f"shares add up to the logit's difference to within {max(numbers['gaps']):.2g} "
            f"(differences up to {max(map(abs, numbers['differences'])):.2g})"
        )
    if "accuracy" in numbers:
        return f"accuracy {numbers['accuracy']:.4f}"
    if "of" in numbers:
        return f"{numbers['count']:,} of {numbers['of']:,} images are wrong"
    if "reached" in numbers:
        beyond = sum(a > b for a, b in zip(numbers["reached"], numbers["images"], strict=True))
        return f"{beyond} of {len(numbers['units'])} units answer more than to any image here"
    if "silent" in numbers:
        return f"{sum(numbers['silent'])} of {sum(numbers['channels'])} channels are silent"
    return str(numbers.get("layer", ""))
