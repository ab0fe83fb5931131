"""Mixed precision: what it changes, what stays float32, and that it is left nowhere."""

from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest

from kerascnn import attempt, datasets, precision, training
from kerascnn.exporters import _check
from kerascnn.spec import RunSpec

SPEC = RunSpec(
    family="cnn",
    dataset="synthetic",
    fingerprint=datasets.load("synthetic").fingerprint,
    epochs=2,
    train_size=100,
    learning_rate=0.01,
)
MIXED = SPEC.configure({"precision": "bfloat16", "normalization": "batch"})
# Nothing is said of types, as in most networks.
OWN = '''"""A family of mine."""
import keras

def build(input_shape, num_classes, *, units=8, broken=False):
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten(name="flatten", dtype="float32")(inputs)
    x = keras.layers.Dense(units, name="hidden")(x)
    if broken:
        raise ValueError("too wide for these images")
    x = keras.layers.Dense(num_classes, name="logits")(x)
    return keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(x))
'''


def run(folder: Path, spec: RunSpec) -> Any:
    (record,) = training.run([spec], folder=str(folder), loggers=())
    return record


def logits_of(folder: Path, spec: RunSpec) -> np.ndarray:
    return np.load(attempt.run_dir(folder, spec) / "logits-validation.npy")


@pytest.fixture
def own(tmp_path: Path) -> RunSpec:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return SPEC.configure({"family": str(path), "precision": "bfloat16"})


def test_a_run_in_bfloat16_is_recorded_and_reopens(tmp_path: Path) -> None:
    record = run(tmp_path, MIXED)
    assert (record.status, record.spec.precision) == ("finished", "bfloat16"), record.error
    model = keras.saving.load_model(attempt.run_dir(tmp_path, MIXED) / "model.keras")
    assert model.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    data = datasets.load("synthetic")
    answers = model.predict_on_batch(data.pixels(data.parts["validation"]))
    _check.compare(answers, logits_of(tmp_path, MIXED), "Reopened", precision="bfloat16")


def test_it_is_left_nowhere(tmp_path: Path, own: RunSpec) -> None:
    before = keras.config.dtype_policy()
    plain = SPEC.configure({"family": "mlp"})
    rounded = plain.configure({"precision": "bfloat16"})
    run(tmp_path / "alone", plain)
    run(tmp_path, rounded)
    assert run(tmp_path, own.configure({"broken": True})).status == "infeasible"
    assert keras.config.dtype_policy() == before
    run(tmp_path, plain)
    alone, after, mixed = (
        logits_of(folder, spec)
        for folder, spec in ((tmp_path / "alone", plain), (tmp_path, plain), (tmp_path, rounded))
    )
    np.testing.assert_array_equal(alone, after)
    assert not np.array_equal(alone, mixed)


def test_float32_is_set_too_whatever_policy_a_user_s_code_left() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with precision.policy("float32"):
            assert keras.layers.Dense(1).compute_dtype == "float32"
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_logits_are_float32_in_a_family_that_does_not_say_so(tmp_path: Path, own: RunSpec) -> None:
    record = run(tmp_path, own)
    assert record.status == "finished", record.error
    logits = logits_of(tmp_path, own)
    rounded = logits.astype(ml_dtypes.bfloat16).astype(np.float32)
    assert not np.array_equal(logits, rounded)
    model = keras.saving.load_model(attempt.run_dir(tmp_path, own) / "model.keras")
    computed = {layer.name: layer.compute_dtype for layer in model.layers[1:]}
    assert computed == {
        "flatten": "float32",
        "hidden": "bfloat16",
        "logits": "float32",
        "probabilities": "float32",
    }


@pytest.mark.slow
@pytest.mark.parametrize("family", ["cnn", "resnet", "efficientnet"])
def test_families_learn_as_in_float32(tmp_path: Path, family: str) -> None:
    """To a fiftieth of the loss: both go down the same way."""
    one = SPEC.configure({"family": family, "epochs": 1, "learning_rate": 1e-3})
    losses = [
        run(tmp_path, one.configure({"precision": name})).history["loss/train"][0]
        for name in ("float32", "bfloat16")
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.parametrize(
    ("name", "difference", "passes"),
    [
        ("float32", 5e-5, True),
        ("float32", 5e-4, False),
        ("bfloat16", 0.05, True),
        ("bfloat16", 0.2, False),
    ],
)
def test_an_export_may_differ_by_the_rounding_of_its_precision(
    name: str, difference: float, passes: bool
) -> None:
    logits = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], np.float32))
    answers = _check.softmax(logits) + np.array([[0, 0, 0], [difference, 0, -difference]])
    if passes:
        assert _check.compare(answers, logits, "x", precision=name) == pytest.approx(
            difference, rel=1e-3
        )
        return
    with pytest.raises(RuntimeError, match="probabilities differ by up to"):
        _check.compare(answers, logits, "x", precision=name)
