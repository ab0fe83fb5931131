"""Stock Keras Tuner over a grid, as its guide has it: a process of `against_keras_tuner.py`.

It runs in an empty folder with `case.json` and `images.npz`, prints the trials, best first, and
leaves `fits.json`: what each fit was of.
"""

import json
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from kerascnn.models import cnn

CASE = json.loads(Path("case.json").read_text())
FITS: list[dict[str, Any]] = []


class Cnn(keras_tuner.HyperModel):  # type: ignore[misc]
    """The network of a point of the grid."""

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        point = {name: hp.Choice(name, values) for name, values in CASE["grid"].items()}
        rate = point.pop("learning_rate")
        model = cnn.build(tuple(CASE["input_shape"]), CASE["num_classes"], **point)
        model.compile(
            optimizer=keras.optimizers.Adam(rate),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=CASE["jit_compile"],
        )
        return model

    def fit(
        self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **kw: Any
    ) -> Any:
        history = model.fit(*args, **kw)
        fit = {"point": hp.values, "parameters": model.count_params(), "epochs": len(history.epoch)}
        FITS.append(fit)
        return history


def main() -> None:
    """Searches and prints the leaderboard."""
    with np.load("images.npz") as arrays:
        x, y, x_held, y_held = (arrays[name] for name in ("x", "y", "x_held", "y_held"))
    tuner = keras_tuner.GridSearch(
        Cnn(),
        objective="val_accuracy",
        max_trials=CASE["trials"],
        executions_per_trial=CASE["seeds"],
        directory=".",
        project_name="tuner",
    )
    tuner.search(
        x,
        y,
        validation_data=(x_held, y_held),
        epochs=CASE["epochs"],
        batch_size=CASE["batch_size"],
        verbose=0,
    )
    tuner.results_summary(CASE["trials"])
    Path("fits.json").write_text(json.dumps(FITS))


if __name__ == "__main__":
    main()
