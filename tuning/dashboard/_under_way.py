"""Runs that have not ended: seen by their sign of life, their curves read by TensorBoard."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerascnn import attempt
from tuning.event_logs import SILENT
from tuning.findings import Course
from tuning.study import Study

# Points of a curve that are asked for.
_POINTS = 1000
# Seconds after which curves under way are worth another look.
_GROWN = 5


def alive(folder: Path) -> list[Path]:
    """Returns the folders of a study's runs that show signs of life."""
    now = time.time()
    # A run gives one a second.
    return [sign.parent for sign in _signs(folder) if now - _touched(sign) < SILENT]


def mark(folder: Path) -> str:
    """Returns what changes as runs begin, end and go on."""
    runs = alive(folder)
    return f"{len(runs)}.{int(time.time() / _GROWN)}" if runs else "0"


def courses(study: Study, logdir: Path, provider: Any) -> list[Course]:
    """Returns the runs under way, with as much of their curves as TensorBoard has read."""
    ended = {(config, record.spec.run_name) for config, record in study.identified()}
    found = []
    for folder in alive(study.folder):
        config, name = folder.parent.name, folder.name
        if (config, name) in ended:
            continue  # It is trained for longer: what it had reached counts.
        history, seconds = _curves(folder.relative_to(logdir).as_posix(), provider)
        found.append(
            Course(config_id=config, name=name, state="running", history=history, seconds=seconds)
        )
    return found


def _curves(run: str, provider: Any) -> tuple[dict[str, list[float | None]], float]:
    """Returns (values by epoch of each curve, seconds from the first to the last)."""
    from tensorboard.context import RequestContext
    from tensorboard.data.provider import RunTagFilter

    if provider is None:
        return {}, 0.0
    read = provider.read_scalars(
        RequestContext(),
        experiment_id="",
        plugin_name="scalars",
        downsample=_POINTS,
        run_tag_filter=RunTagFilter(runs=[run]),
    )
    series = {
        tag: points
        for tag, points in read.get(run, {}).items()
        if points and not tag.startswith(("metrics/", "summary/"))
    }
    times = [point.wall_time for points in series.values() for point in points]
    history = {
        tag: [float(p.value) if math.isfinite(p.value) else None for p in points]
        for tag, points in series.items()
    }
    return history, max(times, default=0.0) - min(times, default=0.0)


def _signs(folder: Path) -> Iterator[Path]:
    return folder.glob(f"*/*/{attempt.ALIVE}")


def _touched(sign: Path) -> float:
    try:
        return sign.stat().st_mtime
    except FileNotFoundError:  # The run has just ended.
        return 0.0
