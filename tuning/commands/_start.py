"""What `search` and `train` say before and, if they are stopped, after."""

import contextlib
import errno
from collections.abc import Iterator, Mapping
from typing import Any

import click

from kerascnn import host, weights
from tuning import begin, executors, typed
from tuning.commands import _workers
from tuning.repair import repair
from tuning.study import Study


def introduce(study: Study) -> None:
    """Says on stderr which study runs on which data, and what is odd about the data."""
    mend(study)  # Another process may be writing it: that is said first, and alone.
    typed.note(study)
    ended = sum(1 for _ in study.log)
    data = study.about["data"]
    height, width, channels = data["input_shape"]
    counts = ", ".join(f"{count} {part}" for part, count in data["parts"].items())
    click.echo(
        f"Study {study.folder}: {len(data['class_names'])} classes, images "
        f"{height}x{width}x{channels}: {counts}.",
        err=True,
    )
    if study.spec.backend != begin.BACKENDS[0]:
        alone = "" if executors.is_installed(begin.BACKENDS[0]) else ", which alone is installed"
        click.echo(f"Trained with {study.spec.backend}{alone}.", err=True)
    if study.spec.goes_by_time:
        click.echo(
            f"{study.spec.oracle} goes by what depends on this machine and on what else it does: "
            "the same search elsewhere, or anew, asks otherwise. What is in the log stays.",
            err=True,
        )
    for note in data["notes"]:
        click.echo(note, err=True)
    if ended:
        click.echo(f"{_runs(ended)} there already; going on from there.", err=True)
        for changed in other_versions(study.about.get("versions", {})):
            click.echo(changed, err=True)


def mend(study: Study) -> None:
    """Gives up what is damaged in the study's log, and says so, if --repair was given."""
    if click.get_current_context().meta[_workers.REPAIR]:
        with study.log:
            told = repair(study)
        click.echo(told or f"Nothing in {study.log.path} is damaged.", err=True)


def illustrate(study: Study) -> None:
    """Says which layers of a study that has run started anew, and writes its thumbnails."""
    from tuning import thumbnails  # SciPy: a search starts its workers before.

    starts = (record.host["start"] for record in study.log if "start" in record.host)
    for line in dict.fromkeys(_started(start) for start in starts if start["anew"]):
        click.echo(line, err=True)
    if told := thumbnails.refresh(study):
        click.echo(told, err=True)


def _started(start: Mapping[str, Any]) -> str:
    layers = f"{start['layers']} layers" if start["layers"] > 1 else "1 layer"
    return (
        f"From {weights.short(start['from'])} started {layers}; anew, as nothing there fits: "
        f"{', '.join(start['anew'])}."
    )


@contextlib.contextmanager
def explaining_a_stop(study: Study) -> Iterator[None]:
    """Says on Ctrl-C, or when the disk is full, what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\n{_kept(study)}", err=True)
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        words = f"No space left on the disk of {study.folder}. {_kept(study)}"
        raise OSError(words) from None


def _kept(study: Study) -> str:
    ended = sum(1 for _ in study.log)
    return f"{_runs(ended)} kept in {study.folder}. The same command goes on from there."


def _runs(count: int) -> str:
    return "1 run is" if count == 1 else f"{count} runs are"


def other_versions(before: Mapping[str, str]) -> list[str]:
    """Returns a sentence for each package of another version than a study was begun with."""
    now = host.versions(*before)
    return [
        f"The study was begun with {name} {before[name] or 'not installed'}, this is "
        f"{now[name] or 'none'}: new runs may not compare with the old."
        for name in before
        if before[name] != now[name]
    ]
