"""Gradients, updates, dead and saturated units of every layer and epoch, in `gradients.json`.

They are in the run's event file too, where the logger `tensorboard` writes one.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascnn.record import RunRecord, write_file
from kerascnn.spec import RunSpec, Value

NEEDS_NETWORK = True
# In the run's folder.
FILE = "gradients.json"


def logger(run_dir: Path, spec: RunSpec, *, shown: Mapping[str, Value]) -> "GradientLogger":
    """Follows a run; its file is written as the run ends.

    Raises:
        OSError: If the folder cannot be written.
    """
    return GradientLogger(run_dir)


class GradientLogger:
    """One run's signals.

    The file holds `epochs`, [0, 1, ...], and `layers`: in their order, by name, "norm", "update",
    "dead" and "saturated", where a layer has them, with a value for each of the epochs, None where
    there is none; see `kerascnn/signals.py`.
    """

    def __init__(self, run_dir: Path) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self._path = run_dir / FILE
        self._path.unlink(missing_ok=True)
        self._seen: dict[int, Mapping[str, float]] = {}

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        """Takes no notice of metrics."""

    def inside(self, number: int, values: Mapping[str, float]) -> None:
        """Takes what was measured of the network after an epoch; 0: before the first."""
        self._seen[number] = values

    def close(self, record: RunRecord) -> None:
        """Writes the file, if anything was measured.

        Raises:
            OSError: If the disk is full.
        """
        if not self._seen:
            return
        epochs = sorted(self._seen)
        layers: dict[str, Any] = {}
        for name in dict.fromkeys(name for number in epochs for name in self._seen[number]):
            _, layer, what = name.split("/")
            values = [self._seen[number].get(name, math.nan) for number in epochs]
            known = [value if math.isfinite(value) else None for value in values]
            layers.setdefault(layer, {})[what] = known
        write_file(self._path, json.dumps({"epochs": epochs, "layers": layers}).encode())
