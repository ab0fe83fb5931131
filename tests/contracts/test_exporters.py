"""What every export format keeps, and what each promises to programs other than ours."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kerascnn import exporters, quiet, registry
from kerascnn.exporters import _check

ROOM = "kerascnn.exporters"
FORMATS = registry.names(ROOM)
CARD = {"class_names": ["a", "b", "ü"], "height": 8, "width": 6, "channels": 2}


@pytest.fixture(scope="module")
def model() -> Any:
    keras = quiet.import_keras()
    x = inputs = keras.Input((8, 6, 2), name="image")
    # Keras compiles a grouped convolution with XLA on a CPU, which no export may ask for.
    x = keras.layers.Conv2D(4, 3, groups=2, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(3, kernel_initializer="random_normal", name="logits")(x)
    x = keras.layers.Activation("softmax", name="probabilities")(x)
    return keras.Model(inputs, x, name="tiny")


@pytest.fixture(scope="module")
def images() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, 8, 6, 2)).astype(np.uint8)


@pytest.fixture(scope="module")
def made(model: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Format -> an export of `model`."""
    folder = tmp_path_factory.mktemp("exports")
    for name in FORMATS:
        card = {**CARD, "format": name}
        registry.load(ROOM, name).export(model, folder / name, card)
    return {name: folder / name for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_gives_the_model_s_probabilities(
    name: str, made: dict[str, Path], model: Any, images: npt.NDArray[np.uint8]
) -> None:
    opened = exporters.read(made[name])
    scaled = images.astype(np.float32) / 255
    expected = model.predict(scaled, verbose=0)

    for given in (images, scaled):
        answers = opened.predict(given)
        assert answers.dtype == np.float32
        np.testing.assert_allclose(answers, expected, atol=1e-6)
    many = opened.predict(np.repeat(images, 60, axis=0))
    np.testing.assert_allclose(many, np.repeat(expected, 60, axis=0), atol=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_the_card_travels_along(name: str, made: dict[str, Path]) -> None:
    opened = exporters.read(str(made[name]))
    assert opened.card == {**CARD, "format": name}
    assert opened.input_shape == (8, 6, 2)
    assert opened.class_names == ("a", "b", "ü")
    assert (made[name] / registry.constant(ROOM, name, "CARD")).is_file()


@pytest.mark.parametrize("name", FORMATS)
def test_images_of_another_kind_are_refused(name: str, made: dict[str, Path]) -> None:
    opened = exporters.read(made[name])
    for wrong in (np.zeros((1, 6, 8, 2), np.uint8), np.zeros((1, 8, 6, 2), np.float64)):
        with pytest.raises(ValueError, match=r"must be uint8 or float32 \(n, 8, 6, 2\)\. Rec"):
            opened.predict(wrong)


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_network_is_one_line(
    name: str, model: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "export"
    registry.load(ROOM, name).export(model, path, {**CARD, "format": name})
    for file in path.rglob("*"):
        if file.is_file() and file != path / registry.constant(ROOM, name, "CARD"):
            file.write_bytes(file.read_bytes()[:-20])
    capfd.readouterr()
    with pytest.raises(ValueError, match=r"is damaged") as caught:
        exporters.read(path).predict(np.zeros((1, 8, 6, 2), np.uint8))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_without_tensorflow_a_saved_model_says_what_is_missing(
    made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = exporters.read(made["saved_model"])
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorflow" else find(name)
    )
    with pytest.raises(ValueError, match=r"SavedModel, and tensorflow, which.*install tensorflow$"):
        opened.predict(np.zeros((1, 8, 6, 2), np.uint8))


def test_a_card_of_another_network_is_refused(
    made: dict[str, Path], model: Any, tmp_path: Path
) -> None:
    card = {**CARD, "format": "keras_archive", "class_names": ["a", "b"]}
    registry.load(ROOM, "keras_archive").export(model, tmp_path / "export", card)
    with pytest.raises(ValueError, match=r"gives \(3,\) probabilities, its card names 2 classes"):
        exporters.read(tmp_path / "export").predict(np.zeros((1, 8, 6, 2), np.uint8))


@pytest.mark.parametrize(
    "card", ["{", "{}", json.dumps({**CARD, "format": "saved_model", "height": "8"})]
)
def test_a_damaged_card_is_refused(card: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(card)
    with pytest.raises(ValueError, match=r"model\.json is damaged: it does not describe"):
        exporters.read(tmp_path)


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no export at .*nothing"):
        exporters.read(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"is not an export: it holds no .*model\.json"):
        exporters.read(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({**CARD, "format": "saved_modle"}))
    with pytest.raises(ValueError, match="Did you mean 'saved_model'"):
        exporters.read(tmp_path)


def test_a_saved_model_needs_no_xla(made: dict[str, Path]) -> None:
    assert b"_XlaMustCompile" not in (made["saved_model"] / "saved_model.pb").read_bytes()


def test_a_saved_model_that_cannot_be_written_is_one_line(model: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    saved_model = registry.load(ROOM, "saved_model")
    with pytest.raises(OSError, match=r"export cannot be written: .*") as caught:
        saved_model.export(model, tmp_path / "file" / "export", CARD)
    assert "\n" not in str(caught.value)


def test_a_saved_model_is_not_written_under_another_backend(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras = quiet.import_keras()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match=r"under KERAS_BACKEND=tensorflow\. Received: jax"):
        registry.load(ROOM, "saved_model").export(model, tmp_path / "export", CARD)


# TensorFlow looks for Keras on import, without importing it: found it may be.
_PLAIN = """
import importlib.machinery
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "kerascnn", "tuning"):
            return importlib.machinery.ModuleSpec(name, self, origin="blocked")
    def create_module(self, spec):
        raise ImportError(spec.name)
    def exec_module(self, module):
        raise ImportError(module)
sys.meta_path.insert(0, Blocked())
import json
import numpy as np
import tensorflow as tf
opened = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
told = {}
for name, given in (("serving_default", images), ("serve_float", images / np.float32(255))):
    signature = opened.signatures[name]
    (takes,) = signature.structured_input_signature[1].values()
    answer = signature(**{takes.name: tf.constant(given)})
    told[name] = {
        "takes": [takes.name, takes.dtype.name, takes.shape.as_list()],
        "probabilities": answer["probabilities"].numpy().tolist(),
        "label": [label.decode() for label in answer["label"].numpy()],
        "types": {key: value.dtype.name for key, value in answer.items()},
    }
print(json.dumps(told))
"""


@pytest.mark.slow
def test_tensorflow_alone_opens_a_saved_model(
    made: dict[str, Path], model: Any, images: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", images)
    answer = subprocess.run(
        [sys.executable, "-c", _PLAIN, str(made["saved_model"]), str(tmp_path / "images.npy")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(answer.stdout)
    expected = model.predict(images.astype(np.float32) / 255, verbose=0)
    for name, kind in {"serving_default": "uint8", "serve_float": "float32"}.items():
        assert told[name]["takes"] == ["images", kind, [None, 8, 6, 2]]
        assert told[name]["types"] == {"probabilities": "float32", "label": "string"}
        np.testing.assert_allclose(told[name]["probabilities"], expected, atol=1e-6)
        assert told[name]["label"] == [CARD["class_names"][i] for i in expected.argmax(axis=1)]


def test_probabilities_close_to_the_recorded_ones_pass() -> None:
    logits = np.array([[2.0, 0.0, -1.0], [0.0, 0.00001, 0.0]], np.float32)
    answers = _check.softmax(logits)
    answers[:, 0] += 5e-5  # Turns the second row's class, which is too close to call.
    assert _check.compare(answers, logits, "wrong") == pytest.approx(5e-5)


def test_probabilities_far_from_the_recorded_ones_do_not_pass() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 0.00035]], np.float32)
    answers = _check.softmax(logits)
    with pytest.raises(RuntimeError, match=r"wrong: probabilities differ by up to 0\.00015"):
        _check.compare(answers + 1.5e-4, logits, "wrong")
    with pytest.raises(RuntimeError, match=r"up to nan"):
        _check.compare(answers + np.array([[np.nan], [0]]), logits, "wrong")
    with pytest.raises(RuntimeError, match=r"wrong: \(2, 1\) probabilities, \(2, 2\) are"):
        _check.compare(answers[:, :1], logits, "wrong")
    turned = answers + np.array([[0, 0], [9e-5, -9e-5]])  # The two best: 1.75e-4 apart.
    with pytest.raises(RuntimeError, match=r"the class of 1 of 2 images\. Nothing was written"):
        _check.compare(turned, logits, "wrong")


def test_damaged_logits_are_named(tmp_path: Path) -> None:
    path = tmp_path / "logits-validation.npy"
    with pytest.raises(ValueError, match=r"logits-validation\.npy is missing: there is nothing"):
        _check.read_logits(path)
    np.save(path, np.zeros((4, 2), np.float32))
    assert _check.read_logits(path).shape == (4, 2)
    whole = path.read_bytes()
    for damaged in (whole[:-4], b"", b"no array"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"logits-validation\.npy is damaged"):
            _check.read_logits(path)
    for wrong in (np.zeros(4, np.float32), np.full((4, 2), np.nan, np.float32)):
        np.save(path, wrong)
        with pytest.raises(ValueError, match=r"logits-validation\.npy is damaged"):
            _check.read_logits(path)
