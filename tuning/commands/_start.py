"""What `search` and `train` say before and, if they are stopped, after."""

import contextlib
from collections.abc import Iterator

import click

from tuning.study import Study


def introduce(study: Study) -> None:
    """Says on stderr which study runs on which data, and what is odd about the data."""
    data = study.about["data"]
    height, width, channels = data["input_shape"]
    counts = ", ".join(f"{count} {part}" for part, count in data["parts"].items())
    click.echo(
        f"Study {study.folder}: {len(data['class_names'])} classes, images "
        f"{height}x{width}x{channels}: {counts}.",
        err=True,
    )
    for note in data["notes"]:
        click.echo(note, err=True)
    ended = sum(1 for _ in study.log)
    if ended:
        click.echo(f"{ended} runs are there already; going on from them.", err=True)


@contextlib.contextmanager
def explaining_a_stop(study: Study) -> Iterator[None]:
    """Says on Ctrl-C what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        ended = sum(1 for _ in study.log)
        click.echo(
            f"\n{ended} finished runs are kept in {study.folder}. "
            "The same command goes on from there.",
            err=True,
        )
        raise
