"""Runs that start from weights, frozen up to a layer: the same in every trainer."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import attempt, building, datasets, registry, trainers, training
from kerascnn.spec import RunSpec
from kerascnn.trainers import vectorized

SPEC = RunSpec(
    family="cnn",
    dataset="synthetic",
    fingerprint=datasets.load("synthetic").fingerprint,
    epochs=2,
    train_size=60,
    batch_size=16,
    weight_decay=0.01,
).configure({"filters": 4, "dense": 8, "normalization": "batch", "dropout": 0.2})
FROZEN = ("block1_conv1", "block1_conv1_norm", "block2_conv1", "block2_conv1_norm")


def ways() -> list[str]:
    found = []
    for name in registry.names("kerascnn.trainers"):
        forms = registry.constant("kerascnn.trainers", name, "FORMS", ())
        found += [f"{name}:{form}:2" for form in forms] or [name]
    return found


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run's network."""
    folder = tmp_path_factory.mktemp("first")
    (record,) = training.run([SPEC], folder=str(folder), loggers=())
    assert record.status == "finished", record.error
    return str(attempt.run_dir(folder, SPEC) / "model.keras")


def trained(folder: Path, spec: RunSpec, trainer: str) -> tuple[Any, list[Any]]:
    """Returns the network of repeat 0, and the records of two seeds."""
    specs = [dataclasses.replace(spec, seed=seed, repeat=seed) for seed in range(2)]
    records = training.run(specs, folder=str(folder), trainer=trainer, loggers=())
    assert [record.status for record in records] == ["finished"] * 2, records[0].error
    path = attempt.run_dir(folder, specs[0]) / "model.keras"
    return keras.saving.load_model(path, compile=False), records


@pytest.mark.parametrize("trainer", ways())
def test_what_is_frozen_stays_and_trainers_agree(trainer: str, first: str, tmp_path: Path) -> None:
    try:
        trainers.check_backend(trainer, keras.backend.backend())
    except ValueError as error:
        pytest.skip(str(error))
    spec = SPEC.configure({"weights": first, "freeze": "block2_pool"})
    model, records = trained(tmp_path / "own", spec, trainer)
    theirs = keras.saving.load_model(first, compile=False)
    for layer in theirs.layers:
        ours = model.get_layer(layer.name)
        pairs = zip(ours.get_weights(), layer.get_weights(), strict=True)
        stays = all(np.array_equal(a, b) for a, b in pairs)
        assert stays == (layer.name in FROZEN or not layer.weights), layer.name
    _, expected = trained(tmp_path / "fit", spec, "fit")
    for one, two in zip(records, expected, strict=True):
        assert one.host["start"] == {"from": spec.weights, "layers": 5, "anew": []}
        for name in ("loss/train", "loss/validation"):
            np.testing.assert_allclose(one.history[name], two.history[name], rtol=1e-4)
    # Two seeds differ, though they start alike.
    assert records[0].history["loss/train"] != records[1].history["loss/train"]


@pytest.mark.slow
def test_statistics_of_a_normalization_are_those_of_the_weights(tmp_path: Path) -> None:
    """Keras' layer keeps them as constants, which a program of another file must not share."""
    settings = {"width": 0.05, "depth": 0.05, "preprocessing": "imagenet", "epochs": 1}
    base = dataclasses.replace(SPEC, family="efficientnet", hyperparameters={}).configure(settings)
    model = building.Builder(base, datasets.load("synthetic"))(0)
    layer = model.get_layer("preprocess_norm")
    last = ["compiled", "fit"]
    if keras.backend.backend() in vectorized.BACKENDS:
        last += [f"vectorized:{form}:2" for form in ("grouped", "patches")]
    losses = {}
    for mean, ways in ((0.0, ["compiled"]), (0.5, last)):
        folder = tmp_path / f"{mean}"
        folder.mkdir()
        layer.set_weights([np.float32([mean]), np.float32([0.25]), layer.get_weights()[2]])
        model.save(folder / "model.keras")
        spec = base.configure({"weights": str(folder)})
        for way in ways:
            _, records = trained(folder / way, spec, way)
            losses[mean, way] = records[0].history["loss/train"][0]
    for way in last:
        assert losses[0.5, way] == pytest.approx(losses[0.5, "fit"], rel=1e-3)
    assert abs(losses[0.0, "compiled"] - losses[0.5, "compiled"]) > 1e-2
