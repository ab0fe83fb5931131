"""Runs beneath the log directory that lie in no study: whoever wrote them, one entry of the tab."""

import re
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuning import event_logs
from tuning.event_logs import LogFindings
from tuning.logged import Reader

# What they are called among the studies, whose names hold no space.
NAME = "other runs"
# A listing is good for so many seconds, and this many times as long as it took.
_LISTED = 3
_REST = 4


class Others:
    """The runs that lie in no study.

    Args:
        logdir: The log directory.
        provider: TensorBoard's data provider.
        pattern: What tells the runs of a configuration apart; None: the groups of HParams.
    """

    def __init__(
        self, logdir: Path, provider: Any, pattern: "re.Pattern[str] | None" = None
    ) -> None:
        self._logdir = logdir
        self._provider = provider
        self._pattern = pattern
        self._lock = threading.Lock()
        self._listed: tuple[float, Any, dict[str, dict[str, tuple[int, float]]]] = (0.0, None, {})

    def may_be(self) -> bool:
        """Returns whether anything beneath the log directory has scalars."""
        from tensorboard.context import RequestContext

        if self._provider is None:
            return False
        plugins = self._provider.list_plugins(RequestContext(), experiment_id="")
        return "scalars" in (plugins or ())

    def exist(self, studies: Sequence[Path]) -> bool:
        """Returns whether there are any."""
        return self._reader(studies).has_runs()

    def tags(self, studies: Sequence[Path]) -> dict[str, dict[str, tuple[int, float]]]:
        """Returns folder -> tag -> (last step, time of the last value)."""
        with self._lock:
            until, of, known = self._listed
            if time.monotonic() > until or of != list(studies):
                start = time.monotonic()
                known = self._reader(studies).tags()
                took = time.monotonic() - start
                good = max(_LISTED, _REST * took)
                self._listed = time.monotonic() + good, list(studies), known
            return known

    def version(self, studies: Sequence[Path]) -> str:
        """Returns what changes whenever there is something new to show."""
        listed = self.tags(studies)
        now = time.time()
        newest = [max(at for _, at in tags.values()) for tags in listed.values() if tags]
        # A run is taken for finished as it falls silent, which changes no file.
        running = sum(now - at < event_logs.SILENT for at in newest)
        return f"{len(listed)}.{zlib.crc32(repr(listed).encode(errors='replace')):08x}.{running}"

    def findings(self, studies: Sequence[Path], metric: str | None) -> LogFindings:
        """Returns what they tell of a tag."""
        return LogFindings(NAME, self._reader(studies), self._pattern, metric)

    def _reader(self, studies: Sequence[Path]) -> Reader:
        passed = [folder.relative_to(self._logdir).as_posix() for folder in studies]
        return Reader(self._provider, passed)
