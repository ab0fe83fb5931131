"""Recorded learning curves: every epoch of every run of a grid of configurations, in one file."""

import dataclasses
import functools
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn.record import write_file
from kerascnn.spec import Value
from tuning import space as spaces
from tuning.space import Space

FILE = Path(__file__).with_name("curves.npz")
_COUNTS = ("validation", "test")
_SECONDS = ("epoch_seconds", "building", "compiling")

Counts = npt.NDArray[np.uint16]
Seconds = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Curves:
    """Learning curves of all points of a space, in the order of `spaces.nth`.

    Attributes:
        space: What varies.
        settings: How it was recorded: all that is needed to record it again.
        images: Part -> how many images it has.
        validation, test: Images got right after each epoch, uint16 (points, seeds, epochs).
        epoch_seconds: Of training an epoch and validating it, a median (points,).
        building: Seconds of making a network whose program is known, a median (points,).
        compiling: Seconds that the first run of a program took besides, (points,).
    """

    space: Space
    settings: Mapping[str, Any]
    images: Mapping[str, int]
    validation: Counts
    test: Counts
    epoch_seconds: Seconds
    building: Seconds
    compiling: Seconds

    @property
    def seeds(self) -> int:
        return int(self.validation.shape[1])

    @property
    def epochs(self) -> int:
        return int(self.validation.shape[2])

    @functools.cached_property
    def points(self) -> tuple[Mapping[str, Value], ...]:
        """The points, by their number."""
        return tuple(spaces.nth(self.space, index) for index in range(len(self.validation)))

    @functools.cached_property
    def accuracy(self) -> npt.NDArray[np.float64]:
        """Accuracies on validation, (points, seeds, epochs)."""
        return self.validation / self.images["validation"]

    @functools.cached_property
    def tested(self) -> npt.NDArray[np.float64]:
        """Accuracies on test after the last epoch, (points, seeds)."""
        return self.test[:, :, -1] / self.images["test"]


def save(curves: Curves, path: Path) -> None:
    """Writes `curves`, whole or not at all."""
    text = json.dumps(
        {
            "space": {name: spaces.to_json(domain) for name, domain in curves.space.items()},
            "settings": dict(curves.settings),
            "images": dict(curves.images),
        }
    )
    content = io.BytesIO()
    arrays = {name: getattr(curves, name) for name in (*_COUNTS, *_SECONDS)}
    np.savez_compressed(content, about=np.array(text), **arrays)
    write_file(path, content.getvalue())


def load(path: Path = FILE) -> Curves:
    """Returns the curves that `save` wrote."""
    with np.load(path) as stored:
        about = json.loads(str(stored["about"]))
        arrays = {name: stored[name] for name in (*_COUNTS, *_SECONDS)}
    space = {name: spaces.from_json(fields) for name, fields in about["space"].items()}
    return Curves(space=space, settings=about["settings"], images=about["images"], **arrays)
