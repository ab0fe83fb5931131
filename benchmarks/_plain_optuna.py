"""Optuna over a grid with a plain Keras objective: a process of `against_keras_tuner.py`.

It runs in an empty folder with `case.json` and `images.npz`, prints the trials, best first, and
leaves `fits.json`: what each fit was of.
"""

import json
import statistics
from pathlib import Path
from typing import Any

import keras
import numpy as np
import optuna

from kerascnn.models import cnn

CASE = json.loads(Path("case.json").read_text())
FITS: list[dict[str, Any]] = []


def main() -> None:
    """Searches and prints the leaderboard."""
    with np.load("images.npz") as arrays:
        x, y, x_held, y_held = (arrays[name] for name in ("x", "y", "x_held", "y_held"))

    def objective(trial: optuna.Trial) -> float:
        grid = CASE["grid"]
        point = {name: trial.suggest_categorical(name, values) for name, values in grid.items()}
        return statistics.fmean(fit(point, seed) for seed in range(CASE["seeds"]))

    def fit(point: dict[str, Any], seed: int) -> float:
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        settings = {name: value for name, value in point.items() if name != "learning_rate"}
        model = cnn.build(tuple(CASE["input_shape"]), CASE["num_classes"], **settings)
        model.compile(
            optimizer=keras.optimizers.Adam(point["learning_rate"]),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=CASE["jit_compile"],
        )
        history = model.fit(
            x,
            y,
            validation_data=(x_held, y_held),
            epochs=CASE["epochs"],
            batch_size=CASE["batch_size"],
            verbose=0,
        )
        parameters, epochs = model.count_params(), len(history.epoch)
        FITS.append({"point": point, "parameters": parameters, "epochs": epochs})
        return float(history.history["val_accuracy"][-1])

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.GridSampler(CASE["grid"])
    )
    study.optimize(objective, n_trials=CASE["trials"])
    for trial in sorted(study.trials, key=lambda each: -(each.value or 0.0)):
        print(f"{trial.value:.4f} {trial.params}")
    Path("fits.json").write_text(json.dumps(FITS))


if __name__ == "__main__":
    main()
