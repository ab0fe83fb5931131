"""How well runs hold up, from what they answer: shifts, corruptions, calibration."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import corruptions
from kerascnn.exporters import _check
from tuning import calibration, measures
from tuning.measures import Array, Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """A measure of one configuration.

    Attributes:
        values: Of each run, by repeat.
        mean: Their mean.
        interval_seeds: 95 % interval of the mean for other seeds, on the same images.
        interval_new_data: The same for other seeds and other images; None where the measure is no
            mean over images.
    """

    values: tuple[float, ...]
    mean: float
    interval_seeds: Interval | None
    interval_new_data: Interval | None = None


def of_votes(
    votes: npt.NDArray[np.integer[Any]],
    labels: npt.NDArray[np.integer[Any]],
    names: Sequence[str],
) -> dict[str, Any]:
    """Returns scores, corruptions and strengths of a `Standing`.

    Args:
        votes: Of each run (runs, variants, images), in the order of `robust_runs.variants`.
        labels: (images,).
        names: Of the corruptions.
    """
    levels = corruptions.LEVELS
    right = (votes == labels).astype(np.float64)
    shifts = votes.shape[1] - levels * len(names)
    by_name = {
        name: right[:, shifts + levels * at : shifts + levels * (at + 1)]
        for at, name in enumerate(names)
    }
    found = {
        "clean": _score(right[:, 0]),
        "shifted": _score(right[:, :shifts].mean(axis=1)),
        "consistency": _score(np.stack([consistency(own[:shifts]) for own in votes])),
    }
    if names:
        found["corrupted"] = _score(right[:, shifts:].mean(axis=1))
    return {
        "scores": found,
        "corruptions": {name: _score(own.mean(axis=1)) for name, own in by_name.items()},
        "strengths": {
            name: tuple(_score(own[:, level]) for level in range(levels))
            for name, own in by_name.items()
        },
    }


def consistency(votes: npt.NDArray[np.integer[Any]]) -> Array:
    """Returns for each image how often two different shifts of it get the same class.

    Args:
        votes: (shifts, images), of one run.

    The pair U-statistic of Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML
    2019: their mean over images is `measures.agreement`.
    """
    count = len(votes)
    counts = measures.vote_counts(votes, int(votes.max()) + 1)
    return np.asarray((counts * (counts - 1)).sum(axis=1) / (count * (count - 1)))


def of_logits(
    logits: Sequence[npt.NDArray[np.floating[Any]]],
    labels: npt.NDArray[np.integer[Any]],
    *,
    seed: int,
) -> dict[str, Score]:
    """Returns the calibration of a configuration's runs; of means over bins, not over images.

    Args:
        logits: Of each run (images, classes).
        labels: (images,).
        seed: Of the draws of what calibrated confidences would show.
    """
    found: dict[str, list[float]] = {}
    for own in logits:
        probabilities = _check.softmax(np.asarray(own, np.float32))
        confidence = probabilities.max(axis=1)
        right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
        values = {
            "calibration_error": calibration.calibration_error(confidence, right),
            "by_chance": calibration.calibration_error_by_chance(confidence, seed=seed),
            "squared_calibration_error": calibration.squared_calibration_error(confidence, right),
        }
        for name, value in values.items():
            if value is not None:
                found.setdefault(name, []).append(value)
    return {
        name: Score(
            values=tuple(values),
            mean=float(np.mean(values)),
            interval_seeds=measures.t_interval(values),
        )
        for name, values in found.items()
    }


def _score(by_image: Array) -> Score:
    """Returns the score of a measure that is a mean over images, (runs, images)."""
    values = by_image.mean(axis=1)
    return Score(
        values=tuple(map(float, values)),
        mean=float(values.mean()),
        interval_seeds=measures.t_interval(values),
        interval_new_data=measures.new_data_interval(by_image),
    )
