"""Projects that Keras Tuner itself writes, by a formula in place of training."""

import warnings
from pathlib import Path
from typing import Any

import keras_tuner


def space() -> keras_tuner.HyperParameters:
    """Returns one hyperparameter of every kind, two of them conditional."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["flat", "deep"])
    hp.Int("units", 8, 64, step=8)
    hp.Int("batch", 16, 256, step=2, sampling="log")
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Float("drop", 0.0, 0.5, step=0.1)
    hp.Float("momentum", 0.1, 0.9, sampling="reverse_log")
    hp.Boolean("norm")
    hp.Fixed("activation", "relu")
    with hp.conditional_scope("kind", ["deep"]):
        hp.Int("layers", 2, 4)
        with hp.name_scope("deep"):
            hp.Choice("skip", [0, 1])
    return hp


def score(values: dict[str, Any]) -> float:
    """Returns a validation accuracy: higher with more units, epochs and layers."""
    epochs = values.get("tuner/epochs", 9)
    return (values["units"] + 3 * values.get("layers", 0) + epochs) / 100


def results(values: dict[str, Any]) -> Any:
    """Returns what `run_trial` returns; a trial with dropout 0.3 fails, one with 0.4 diverges."""
    if abs(values["drop"] - 0.3) < 1e-6:
        raise RuntimeError("Out of memory.")
    accuracy = score(values) if abs(values["drop"] - 0.4) > 1e-6 else float("nan")
    found = {"accuracy": accuracy + 0.1, "val_accuracy": accuracy, "val_loss": 1 - accuracy}
    return [{**found, "val_auc": 0.5}, {**found, "val_auc": 0.7}]


def search(
    kind: type,
    directory: Path,
    *,
    hyperparameters: keras_tuner.HyperParameters | None = None,
    objective: Any = "val_accuracy",
    run: Any = results,
    **options: Any,
) -> Any:
    """Runs a tuner of class `kind` and returns it; its project is `<directory>/project`."""

    class Formula(kind):  # type: ignore[misc, valid-type]
        def run_trial(self, trial: Any, **kwargs: Any) -> Any:
            return run(trial.hyperparameters.values)

    tuner = Formula(
        hyperparameters=space() if hyperparameters is None else hyperparameters,
        objective=objective,
        directory=directory,
        project_name="project",
        max_consecutive_failed_trials=10**6,
        seed=1,
        **options,
    )
    with warnings.catch_warnings():
        # What it says of a trial that diverged.
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
        tuner.search(verbose=0)
    return tuner
