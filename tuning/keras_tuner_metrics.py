"""Keras Tuner's metrics by our names, and which of them ranked a project's trials."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from kerascnn import metrics, registry
from tuning.keras_tuner_project import KerasTunerTrial

# Keras' names for what is one metric here.
_ALIKE = {
    "acc": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
}


def ours(theirs: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics that are known here, by our names."""
    found: dict[str, float] = {}
    for name in sorted(theirs, key=_alike_first):
        part = "val_" if name.startswith("val_") else "train_"
        metric = name.removeprefix("val_")
        metric = _ALIKE.get(metric, metric)
        if metric in metrics.DIRECTIONS:
            found[part + metric] = theirs[name]
    return found


def _alike_first(name: str) -> bool:
    """Puts `val_acc` before `val_accuracy`, so that the very name has the last word."""
    return name.removeprefix("val_") not in _ALIKE


def ranked_by(trials: Sequence[KerasTunerTrial]) -> tuple[str, ...]:
    """Returns the names of the metrics that are every complete trial's score.

    The objective itself is not stored. A score of another making, such as that of several
    objectives, is none of them.
    """
    scored = [
        (trial.score, trial.metrics)
        for trial in trials
        if trial.status == "COMPLETED" and trial.score is not None
    ]
    return tuple(
        name
        for name in (scored[0][1] if scored else ())
        if all(
            math.isclose(values.get(name, math.nan), score, rel_tol=1e-9)
            for score, values in scored
        )
    )


def objective_of(
    folder: Path, trials: Sequence[KerasTunerTrial], ranking: Sequence[str], asked: str | None
) -> str:
    """Returns the metric that is to rank, by our name.

    Args:
        folder: The project's.
        trials: Complete and failed ones.
        ranking: What `ranked_by` found.
        asked: What the user wants: "val_accuracy", or "accuracy" for short; None: what ranked.

    Raises:
        ValueError: If that is no metric known here, or no trial has it.
    """
    names = [name for trial in trials for name in ours(trial.metrics)]
    known = list(dict.fromkeys(name for name in names if name.startswith("val_")))
    if not known:
        theirs = ", ".join(dict.fromkeys(name for trial in trials for name in trial.metrics))
        raise ValueError(
            f"The trials of {folder} have no metric that is known here: "
            f"{', '.join(f'val_{name}' for name in metrics.DIRECTIONS)}. They have: {theirs}."
        )
    if asked is not None:
        full = f"val_{asked}" if asked in metrics.DIRECTIONS else asked
        if full not in known:
            raise ValueError(registry.unknown(f"the metrics of {folder.name}", asked, known))
        return full
    chosen = [name for name in ours(dict.fromkeys(ranking, 0.0)) if name in known]
    if not chosen:
        by = ranking[0] if ranking else "a score that is none of its metrics"
        raise ValueError(
            f"{folder.name} was ranked by {by}, which is not known here. "
            f"Choose with --objective what its trials have: {', '.join(known)}."
        )
    return chosen[0]
