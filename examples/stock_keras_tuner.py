"""A family of kerascnn searched by stock Keras Tuner, unchanged. Prints the best point it found.

    python examples/stock_keras_tuner.py
    python run.py import-tuner keras_tuner_digits

The second command makes a study of what the first left behind, to compare and to look at.
"""

from pathlib import Path

import keras_tuner

import tuning
from kerascnn import datasets


def main(
    family: str = "cnn", max_epochs: int = 9, directory: str | Path = "keras_tuner_digits"
) -> None:
    """Runs Hyperband over the settings of `family` on the embedded digits."""
    data = datasets.load("digits")
    parts = {
        part: (data.pixels(data.parts[part]), data.labels[data.parts[part]])
        for part in ("train", "validation")
    }
    tuner = keras_tuner.Hyperband(
        tuning.hypermodel(family, data.input_shape, data.num_classes),
        objective="val_accuracy",
        max_epochs=max_epochs,
        directory=directory,
        project_name=family,
        seed=1,
    )
    tuner.search(*parts["train"], validation_data=parts["validation"], verbose=0)
    best = tuner.oracle.get_best_trials()[0]
    print(f"val_accuracy {best.score:.4f}, the best epoch of trial {best.trial_id}:")
    for name, value in best.hyperparameters.values.items():
        print(f"  {name} = {value}")


if __name__ == "__main__":
    main()
