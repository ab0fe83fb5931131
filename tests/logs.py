"""Event files as others write them, and TensorBoard's own reader of them."""

import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from kerascnn import events

# Seconds since the epoch by which all runs of tests have long fallen silent.
LATER = 4e9


def write(
    folder: Path,
    curves: dict[str, Sequence[float]],
    *,
    steps: Sequence[int] | None = None,
    hparams: tuple[str, dict[str, Any]] | None = None,
    succeeded: bool | None = None,
) -> None:
    """Writes a run.

    Args:
        folder: Its folder.
        curves: Tag -> values.
        steps: Of the values; None: 0, 1, 2, ...
        hparams: Its group, and its settings.
        succeeded: What it says at its end; None: nothing.
    """
    log = events.EventFile(folder)
    if hparams is not None:
        log.write(0, [events.session_start(*hparams)])
    longest = max(map(len, curves.values()), default=0)
    for i in range(longest):
        step = i if steps is None else steps[i]
        log.write(step, [events.scalar(t, v[i]) for t, v in curves.items() if i < len(v)])
    if succeeded is not None:
        log.write(longest, [events.session_end(succeeded=succeeded)])


def provider(logdir: Path) -> MultiplexerDataProvider:
    """Reads a log directory as TensorBoard does."""
    # As `dashboard` does: it then reads files by its own means instead of loading TensorFlow.
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    return MultiplexerDataProvider(multiplexer, str(logdir))
