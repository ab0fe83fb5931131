"""Progress of a running study on stderr: a bar in a terminal, a line a run elsewhere."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tuning.trial import Progress

if TYPE_CHECKING:
    from rich.console import Console

Watch = Callable[[Progress], None]


@contextlib.contextmanager
def watching(objective: str, *, quiet: bool = False) -> Iterator[Watch]:
    """Yields a function that shows each `Progress` it is given.

    Args:
        objective: The metric that `Progress.best` is of; "": none is shown.
        quiet: Show nothing.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield lambda progress: None
    elif console.is_terminal:
        with _bar(console, objective) as watch:
            yield watch
    else:
        yield _lines(console, objective)


def _lines(console: "Console", objective: str) -> Watch:
    """Returns what prints a line whenever another run has ended."""
    last = 0

    def watch(progress: Progress) -> None:
        nonlocal last
        if progress.ended != last:
            last = progress.ended
            console.print(_words(progress, objective), soft_wrap=True)

    return watch


@contextlib.contextmanager
def _bar(console: "Console", objective: str) -> Iterator[Watch]:
    from rich import progress as bars

    columns = (
        bars.BarColumn(),
        bars.TextColumn("{task.description}"),
        bars.TimeElapsedColumn(),
        bars.TextColumn("gone,"),
        bars.TimeRemainingColumn(),
        bars.TextColumn("left"),
    )
    with bars.Progress(*columns, console=console) as bar:
        task = bar.add_task("starting workers", total=None)

        def watch(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.ended,
                total=progress.planned,
                description=_words(progress, objective),
            )

        yield watch


def _words(progress: Progress, objective: str) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    return f"{progress.ended} of {progress.planned} runs{_best(progress, objective)}{failed}"


def _best(progress: Progress, objective: str) -> str:
    if not objective:
        return ""
    if progress.best is None:
        return "; no mean yet"
    return f"; best mean {objective} {progress.best:.4f}"
