"""Signs of life of a call under way: the files of the run it is at change."""

import os
from pathlib import Path

from kerascnn import attempt
from kerascnn.spec import RunSpec


class Life:
    """What was seen of a call, look by look.

    Time is what passed between looks and not what clocks say, so that neither a clock that is set
    nor a machine that slept makes a run look dead.

    Attributes:
        silent: Seconds without a sign of life.
        busy: Seconds at the run that it is at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run: tuple[str, int] | None = None
        self._sign = 0
        self.silent = 0.0
        self.busy = 0.0

    def look(self, spec: RunSpec, passed: float) -> None:
        """Takes another look.

        Args:
            spec: The run it is at.
            passed: Seconds since the last look.
        """
        run, sign = (spec.run_id, spec.last_epoch), _last_change(self._folder, spec)
        if run != self._run:
            self._run, self._sign, self.silent, self.busy = run, sign, 0.0, 0.0
            return
        self.busy += passed
        self.silent = 0.0 if sign != self._sign else self.silent + passed
        self._sign = sign


def _last_change(folder: Path, spec: RunSpec) -> int:
    """Returns when a file of the run last changed, as the disk has it; 0: it has none."""
    try:
        with os.scandir(attempt.run_dir(folder, spec)) as entries:
            return max((entry.stat().st_mtime_ns for entry in entries), default=0)
    except FileNotFoundError:  # The folder, or a file renamed meanwhile: the next look tells.
        return 0
