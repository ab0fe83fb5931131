"""What every export format keeps, and what each promises to programs other than ours."""

import configparser
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kerascnn import exporters, precision, quiet, registry
from kerascnn.exporters import _check, _needs

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


@pytest.mark.parametrize(
    ("name", "module", "said"),
    [
        ("saved_model", "tensorflow", "a SavedModel, and tensorflow, which"),
        ("onnx", "onnxruntime", "an ONNX file, and onnxruntime, which"),
        ("litert", "ai_edge_litert", "a LiteRT file, and ai-edge-litert, which"),
    ],
)
def test_what_opens_an_export_and_is_missing_is_said(
    name: str, module: str, said: str, made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = exporters.read(made[name])
    _hide(monkeypatch, module)
    package = module.replace("_", "-")
    with pytest.raises(ValueError, match=rf"{said} opens it, is not installed.*install {package}$"):
        opened.predict(np.zeros((1, 8, 6, 2), np.uint8))


def _hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Makes modules look as if they were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in modules else find(name)
    )


def test_what_a_format_needs_and_lacks_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "my_format.py"
    own.write_text('NEEDS = ("my_other", "json")\n')
    with pytest.raises(ValueError, match=r"my_format\.py needs my-other, .* install my-other$"):
        _needs.check_written(str(own))
    for name in FORMATS:
        _needs.check_written(name)
    _hide(monkeypatch, "tf2onnx", "onnx", "ai_edge_litert")
    with pytest.raises(ValueError, match=r"^The format onnx needs onnx and tf2onnx, which are not"):
        _needs.check_written("onnx")
    with pytest.raises(ValueError, match=r"needs ai-edge-litert, .* install -e '\.\[litert\]'$"):
        _needs.check_written("litert")


def test_what_formats_need_is_an_extra_of_their_name_and_of_the_tests() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    extras = setup["options.extras_require"]
    for name in FORMATS:
        for module in registry.constant(ROOM, name, "NEEDS", ()):
            assert re.search(rf"^{module.replace('_', '-')} >=", extras[name], re.MULTILINE)
            assert re.search(rf"^kerascnn\[.*\b{name}\b", extras["test"], re.MULTILINE)


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


@pytest.mark.parametrize("name", ["litert", "onnx", "saved_model"])
def test_what_tensorflow_writes_is_not_written_under_another_backend(
    name: str, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.constant(ROOM, name, "BACKEND") == "tensorflow"
    keras = quiet.import_keras()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match=r"under KERAS_BACKEND=tensorflow\. Received: jax"):
        registry.load(ROOM, name).export(model, tmp_path / "export", CARD)
    assert not (tmp_path / "export").exists()


def test_what_onnx_has_no_words_for_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keras = quiet.import_keras()
    x = inputs = keras.Input((8, 6, 2), name="image")
    x = keras.ops.erfinv(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(3, activation="softmax", name="probabilities")(x)
    capfd.readouterr()
    with pytest.raises(RuntimeError, match=r"^ONNX has no such network: .*Erfinv") as caught:
        registry.load(ROOM, "onnx").export(keras.Model(inputs, x), tmp_path / "export", CARD)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "export").exists()


def test_what_litert_has_no_words_for_is_one_line(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorflow.lite.python import lite
    from tensorflow.lite.python.convert_phase import ConverterError

    def convert(converter: Any) -> bytes:
        raise ConverterError("{{node a}} 'tf.Erfinv' op is neither\nmore lines")

    monkeypatch.setattr(lite.TFLiteSavedModelConverterV2, "convert", convert)
    with pytest.raises(RuntimeError, match=r"^LiteRT has no such network: 'tf.Erfinv' .*neither$"):
        registry.load(ROOM, "litert").export(model, tmp_path / "export", CARD)


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_bfloat16_leaves_as_float32(name: str, tmp_path: Path, images: Any) -> None:
    with precision.policy("bfloat16"):
        mixed = registry.load("kerascnn.models", "mlp").build((8, 6, 2), 3)
    plain = registry.load("kerascnn.models", "mlp").build((8, 6, 2), 3)
    plain.set_weights(mixed.get_weights())
    registry.load(ROOM, name).export(mixed, tmp_path / "export", {**CARD, "format": name})
    answers = exporters.read(tmp_path / "export").predict(images)
    expected = plain.predict(images.astype(np.float32) / 255, verbose=0)
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    # Weights are there once, however many ways in there are.
    size = sum(file.stat().st_size for file in (tmp_path / "export").iterdir())
    assert size < 1.5 * 4 * plain.count_params()


# Family -> settings that keep it small, or are converted in a way of their own.
SMALL: dict[str, dict[str, Any]] = {
    "efficientnet": {"depth": 0.25, "width": 0.25, "preprocessing": "imagenet"},
    "resnet": {"depth": 8, "activation": "gelu"},
    "resnet9": {"filters": 8},
    "vgg": {"depth": 11, "filters": 8},
}


@pytest.mark.parametrize(
    ("name", "family"),
    [*(("onnx", each) for each in registry.names("kerascnn.models")), ("litert", "resnet")],
)
def test_families_are_converted(name: str, family: str, tmp_path: Path) -> None:
    keras = quiet.import_keras()
    keras.utils.set_random_seed(0)
    network = registry.load("kerascnn.models", family).build(
        (16, 16, 3), 3, **SMALL.get(family, {})
    )
    images = np.random.default_rng(0).random((5, 16, 16, 3), np.float32)
    # Untrained, all answers would be much alike.
    answers = np.log(network(images, training=False).numpy())
    last = network.get_layer("logits")
    last.set_weights([weights / answers.std(axis=0).max() for weights in last.get_weights()])
    expected = network(images, training=False).numpy()

    card = {**CARD, "format": name, "height": 16, "width": 16, "channels": 3}
    registry.load(ROOM, name).export(network, tmp_path / "export", card)
    np.testing.assert_allclose(
        exporters.read(tmp_path / "export").predict(images), expected, atol=1e-5
    )


def test_an_onnx_file_says_what_it_takes_and_gives(made: dict[str, Path]) -> None:
    import onnx

    found = onnx.load(made["onnx"] / "model.onnx")
    onnx.checker.check_model(found, full_check=True)
    for value, name, sides in (
        (found.graph.input[0], "images", [8, 6, 2]),
        (found.graph.output[0], "probabilities", [3]),
    ):
        batch, *others = value.type.tensor_type.shape.dim
        assert (value.name, batch.dim_param) == (name, "batch")
        assert [side.dim_value for side in others] == sides
    (names,) = found.metadata_props
    assert (names.key, json.loads(names.value)) == ("class_names", CARD["class_names"])


def test_a_litert_file_has_both_signatures(made: dict[str, Path]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    found = Interpreter(str(made["litert"] / "model.tflite"))
    alike = {"inputs": ["images"], "outputs": ["probabilities"]}
    assert found.get_signature_list() == {"serving_default": alike, "serve_float": alike}
    takes = {
        name: found.get_signature_runner(name).get_input_details()["images"]["dtype"]
        for name in found.get_signature_list()
    }
    assert takes == {"serving_default": np.uint8, "serve_float": np.float32}


@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_the_lines_that_a_card_gives_run_without_this_package(
    name: str, made: dict[str, Path]
) -> None:
    values = {side: CARD[side] for side in ("height", "width", "channels")}
    lines = Template(registry.constant(ROOM, name, "USE")).substitute(values)
    blocked = _PLAIN.partition("import json")[0]
    blocked = blocked.replace('"keras", ', '"keras", "tensorflow", ')
    ran = subprocess.run(
        [sys.executable, "-c", blocked + lines],
        cwd=made[name],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(re.findall(r"\d\.\d+", ran.stdout)) >= 3


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
