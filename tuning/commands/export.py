"""Writes the best configuration's network to a folder that others can open."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from kerascnn import registry
from tuning.commands import _options


@click.command(epilog=_options.STUDY_HELP)
@click.argument("study", required=False)
@click.option("--to", "path", help="The folder to make.  [default: export/1 in the study's folder]")
@click.option(
    "--format",
    default="saved_model",
    show_default=True,
    help=f"One of {', '.join(registry.names('kerascnn.exporters'))}.",
)
@click.option(
    "--config",
    metavar="ID",
    help="A configuration, or the beginning of its id.  [default: the winner of "
    "`confirm`, else the leader of `compare`]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(
    study: str | None, path: str | None, format: str, config: str | None, as_json: bool
) -> None:
    """Export the network of STUDY's best configuration.

    What leaves is its run 0, never its luckiest run. The export is opened again and must give
    the probabilities that were recorded, or nothing is left behind. An existing folder is not
    overwritten.

    \b
    saved_model     opens with TensorFlow alone; signatures serving_default (uint8 images)
                    and serve_float (float32 images in [0, 1])
    keras_archive   a folder with model.keras, which opens with Keras alone
    onnx            a folder with model.onnx, for ONNX Runtime: float32 images in [0, 1]
    litert          a folder with model.tflite, for phones and boards: signatures as above

    Beside it lies model_card.md: data, accuracy with its intervals, cost, how to run it, how it
    came about, and what is not known of it.
    """
    from tuning import comparison, exporting, leaving
    from tuning.study import find

    registry.source_file("kerascnn.exporters", format)
    if path is not None and not path.strip():
        raise ValueError(f"--to needs a folder to make. Received: {path!r}")
    found = find(study)
    if study is None:
        click.echo(f"Study {found.folder}", err=True)
    chosen = config if config is not None else leaving.winner(found)
    chosen = chosen if chosen is not None else comparison.compare(found).rows[0].config_id
    target = found.folder / "export" / "1" if path is None else path
    result = exporting.export(found, chosen, target, format=format)
    click.echo(json.dumps(result) if as_json else _told(result))


def _told(result: dict[str, Any]) -> str:
    from kerascnn import latency
    from tuning import model_card

    path = shlex.quote(result["path"])
    lines = [
        f"Written to {result['path']}: {result['format']}, {_size(result['size'])}.",
        f"Configuration {result['config_id']}, run {result['run_id']}: accuracy "
        f"{result['accuracy']:.4f} on {result['images']:,} {result['accuracy_part']} images.",
        f"Opened again, its probabilities differ from the recorded ones by at most "
        f"{result['largest_difference']:.1e}.",
        f"Answers take {latency.text(result['latency'])}.",
        model_card.MEANING[result["status"]],
        f"What to know of it: {Path(result['path']) / model_card.NAME}",
        "",
        "Next:",
        f"  {_options.program()} predict {path} IMAGE",
    ]
    if result["format"] == "saved_model":
        lines.append(f"  saved_model_cli show --dir {path} --tag_set serve --all")
    return "\n".join(lines)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
