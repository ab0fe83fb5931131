"""What the tab shows of each study and of other runs, kept until there is more."""

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuning import figures, robustness, wording
from tuning.dashboard import _others, _under_way
from tuning.dashboard._growing import GrowingLog
from tuning.findings import Findings
from tuning.study import Study
from tuning.study_findings import StudyFindings

# How deep beneath the log directory a study may lie.
_DEPTH = 3
_FILES = ("study.json", "log.jsonl")
# What is computed is kept this many times as long as it took, however fast the log grows.
_REST = 4
# Seconds for which a listing of the log directory is good.
_LISTED = 5
# Findings that are kept: of so many studies, metrics and parts.
_KEPT = 6


class Shelf:
    """The studies beneath a log directory.

    Args:
        logdir: The log directory.
        provider: TensorBoard's data provider, for runs that have not ended, or lie in no study.
        pattern: What tells the runs of a configuration apart that lie in no study.
    """

    def __init__(
        self, logdir: Path, provider: Any, pattern: "re.Pattern[str] | None" = None
    ) -> None:
        self._logdir = logdir
        self._provider = provider
        self._others = _others.Others(logdir, provider, pattern)
        self._listing = threading.Lock()
        self._lock = threading.Lock()  # Of the readings: a listing does not wait for them.
        self._found: tuple[float, dict[str, Path]] = (0.0, {})
        self._logs: dict[Path, GrowingLog] = {}
        self._kept: dict[tuple[str | None, ...], tuple[str, float, float, Findings]] = {}

    def names(self) -> dict[str, Path]:
        """Returns name -> folder of the studies, the one last written first."""
        with self._listing:
            at, known = self._found
            if time.monotonic() - at > _LISTED or not known:
                paths = sorted(_studies(self._logdir), key=_written, reverse=True)
                known = {_name(self._logdir, path): path for path in paths}
                self._found = time.monotonic(), known
            return known

    def listing(self) -> list[str]:
        """Returns the names of the studies, last that of the runs that lie in none."""
        known = self.names()
        others = self._others.exist(list(known.values())) and _others.NAME not in known
        return [*known, *([_others.NAME] if others else [])]

    def is_active(self) -> bool:
        """Returns whether there is a study, or any run with scalars."""
        return bool(self.names()) or self._others.may_be()

    def version(self, name: str) -> str:
        """Returns what changes whenever there is something new to show."""
        known = self.names()
        if name == _others.NAME and name not in known:
            return self._others.version(list(known.values()))
        folder = known[name]
        return f"{_written(folder):.6f}-{_size(folder)}-{_under_way.mark(folder)}"

    def findings(self, name: str, metric: str | None, split: str | None) -> tuple[str, Findings]:
        """Returns (version, what was found), as of the version or a little before.

        Raises:
            KeyError: If there is no such study.
            ValueError: If it is damaged, or has no such metric or part.
        """
        key = name, metric, split
        with self._lock:
            version = self.version(name)
            kept = self._kept.get(key)
            if kept is not None:
                known, at, took, found = kept
                if known == version or time.monotonic() - at < _REST * took:
                    return known, found
            start = time.monotonic()
            found = self._read(name, metric, split)
            took = time.monotonic() - start
            self._kept.pop(key, None)
            self._kept[key] = version, start + took, took, found
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
            return version, found

    def _read(self, name: str, metric: str | None, split: str | None) -> Findings:
        known = self.names()
        if name == _others.NAME and name not in known:
            return self._others.findings(list(known.values()), metric)
        folder = known[name]
        study = Study(folder)
        study.log = self._logs.setdefault(folder, GrowingLog(study.log.path))
        while len(self._logs) > _KEPT:
            del self._logs[next(iter(self._logs))]
        under_way = _under_way.courses(study, self._logdir, self._provider)
        return StudyFindings(study, metric, split, under_way)

    def overview(self, name: str, metric: str | None, split: str | None) -> dict[str, Any]:
        """Returns the leaderboard as `compare --json` has it, with what the page needs besides."""
        version, found = self.findings(name, metric, split)
        board = found.board
        states = {
            config: {
                state: sum(run.state == state for run in runs)
                for state in ("finished", "failed", "running")
            }
            for config, runs in found.courses.items()
        }
        return {
            "version": version,
            "title": found.title,
            "missing": found.missing,
            "opens": _opens(found),
            "board": None if board is None else board.to_json(),
            "verdicts": {p.b: wording.verdict(p) for p in board.pairs} if board else {},
            "remarks": found.remarks,
            "names": found.names,
            "settings": found.settings,
            "states": states,
            "figures": [figures.about(each) for each in figures.offered(found)],
            "metrics": found.metrics,
            "splits": found.splits,
        }


def _opens(found: Findings) -> str:
    """Returns the view that is shown first."""
    if found.board or not found.settings:
        return "leaderboard"
    return "training_size" if "training_size" in figures.offered(found) else "bias_variance"


def _studies(logdir: Path) -> Iterator[Path]:
    """Yields the studies' folders; one that a link leads to outside is none of them."""
    inside = logdir.resolve()
    for path, folders, files in os.walk(logdir, followlinks=True):
        folder = Path(path)
        files = [name for name in files if name in _FILES]
        kept = (folder, *(folder / name for name in files))
        outside = any(not each.resolve().is_relative_to(inside) for each in kept)
        if "study.json" in files and not outside:
            yield folder
        if "study.json" in files or outside or len(folder.relative_to(logdir).parts) >= _DEPTH:
            folders.clear()  # A study holds no other.


def _name(logdir: Path, folder: Path) -> str:
    return folder.resolve().name if folder == logdir else folder.relative_to(logdir).as_posix()


def _written(folder: Path) -> float:
    files = (
        *(folder / name for name in (*_FILES, robustness.FILE)),
        *folder.glob("examples-*.json"),
    )
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _size(folder: Path) -> int:
    log = folder / "log.jsonl"
    return log.stat().st_size if log.exists() else 0
