"""Exports at work: labels for image files, and accuracy on labelled images."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from kerascnn import datasets, exporters, quiet, registry
from tuning.commands import _images
from tuning.commands import evaluate as evaluate_command
from tuning.commands import predict as predict_command
from tuning.commands.evaluate import evaluate


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASCNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def _make(
    path: Path,
    shape: tuple[int, int, int] = (8, 8, 1),
    names: tuple[str, ...] = ("top", "bottom"),
    format: str = "keras_archive",
) -> Path:
    """Writes an export that says which half of an image is brighter."""
    keras = quiet.import_keras()
    x = inputs = keras.Input(shape, name="image")
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(len(names), use_bias=False, name="logits")(x)
    x = keras.layers.Activation("softmax", name="probabilities")(x)
    model = keras.Model(inputs, x, name="halves")
    pixels = int(np.prod(shape))
    weights = np.full((pixels, len(names)), -1.0)
    weights[: pixels // 2, 0] = weights[pixels // 2 :, 1] = 2 / pixels
    model.get_layer("logits").set_weights([weights])
    card = dict(zip(("height", "width", "channels"), shape, strict=True))
    room = registry.load("kerascnn.exporters", format)
    room.export(model, path, {**card, "format": format, "class_names": list(names)})
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make(tmp_path_factory.mktemp("made") / "export")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder: bright top, the same turned by EXIF, and inside a folder bright bottom."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    top = np.zeros((40, 60, 3), np.uint8)
    top[:20] = 255
    image = Image.fromarray(top)
    image.save(folder / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 3  # Turned by 180 degrees.
    image.save(folder / "b.JPG", exif=exif)
    Image.fromarray(top[::-1]).convert("L").save(folder / "more" / "c.bmp")
    image.save(folder / ".hidden" / "d.png")
    (folder / "notes.txt").write_text("none")
    return folder


def _predict(*arguments: object) -> Result:
    return CliRunner().invoke(predict_command.command, [str(each) for each in arguments])


def test_image_files_are_labelled(made: Path, photos: Path) -> None:
    told = _predict(made, photos, photos / "a.png")
    lines = [line.split("\t") for line in told.stdout.splitlines()]
    names = ["a.png", "b.JPG", "more/c.bmp", "a.png"]
    assert [line[0] for line in lines] == [str(photos / name) for name in names]
    assert [line[1] for line in lines] == ["top", "bottom", "bottom", "top"]
    # A logit of 1 against -32.
    assert [line[2] for line in lines] == ["1.0000"] * 4


def test_predictions_as_json(made: Path, photos: Path) -> None:
    (row,) = json.loads(_predict(made, photos / "a.png", "--json", "--top", 5).stdout)
    assert row["file"] == str(photos / "a.png")
    assert [best["label"] for best in row["top"]] == ["top", "bottom"]
    assert sum(best["probability"] for best in row["top"]) == pytest.approx(1)
    assert {"label": row["label"], "probability": row["probability"]} == row["top"][0]


def test_a_terminal_gets_a_table(
    made: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # Else the headers are bold.
    monkeypatch.chdir(photos)
    predict_command.command.main([str(made), "a.png", "--top", "2"], standalone_mode=False)
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["image", "label", "probability", "label", "probability"]
    assert line.split() == ["a.png", "top", "1.0000", "bottom", "0.0000"]


def test_files_come_in_chunks(made: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _predict(made, photos).stdout
    monkeypatch.setattr(_images, "_CHUNK", 2)
    assert _predict(made, photos).stdout == whole


def test_images_fit_a_network_that_is_not_square(photos: Path, tmp_path: Path) -> None:
    path = _make(tmp_path / "export", (6, 10, 3))
    told = _predict(path, photos / "a.png", photos / "more")
    assert [line.split("\t")[1] for line in told.stdout.splitlines()] == ["top", "bottom"]


def test_images_that_cannot_be_labelled_are_named(
    made: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object, match: str) -> None:
        told = _predict(made, *arguments)
        assert isinstance(told.exception, ValueError | OSError)
        assert told.stdout == ""
        with pytest.raises(type(told.exception), match=match):
            raise told.exception

    bad, short, empty = tmp_path / "bad.png", tmp_path / "short.png", tmp_path / "empty"
    bad.write_text("no image")
    short.write_bytes((photos / "a.png").read_bytes()[:-30])
    empty.mkdir()
    monkeypatch.setattr(_images, "_CHUNK", 2)
    fails(photos, bad, match=r"bad\.png cannot be read: not an image\.$")
    fails(short, match=r"short\.png cannot be read: .*truncated")
    fails(bad, photos, short, match=r"bad\.png cannot .* image\. So it is with 2 of 5\.$")
    fails("gone.png", bad, "more.png", match=r"no file 'gone.png'\. So it is with 2 of 3\.$")
    fails(empty, match=r"empty holds no images\. Expected files that end in: \.jpg")


def test_only_grey_and_colour_take_image_files(photos: Path, tmp_path: Path) -> None:
    told = _predict(_make(tmp_path / "export", (8, 8, 2)), photos)
    with pytest.raises(ValueError, match=r"grey or colour\. .*export takes 2 channels"):
        raise told.exception or AssertionError


def _labelled(
    path: Path, *, channels: int = 1, side: int = 8, wrong: int = 3, names: tuple[str, ...] = ()
) -> str:
    """Writes an .npz: 25 images for training and 25 to test, of each of the classes."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 50, (100, side, side, channels), np.uint8)
    top = np.arange(100) % 2 == 0
    images[top, : side // 2] += 200
    images[~top, side // 2 :] += 200
    top[:wrong] = ~top[:wrong]
    names = names or ("top", "bottom")
    labels = np.where(top, names[0], names[1])
    arrays = {"x_train": images[:50], "y_train": labels[:50]}
    np.savez(path, **arrays, x_test=images[50:], y_test=labels[50:])
    return str(path)


def test_all_images_of_other_data_count(made: Path, tmp_path: Path) -> None:
    dataset = _labelled(tmp_path / "other.npz")
    found = evaluate(exporters.read(made), dataset)
    assert (found["part"], found["n"], found["notes"]) == ("all", 100, [])
    assert found["accuracy"] == 0.97
    # Wilson's interval of 97 of 100.
    assert found["interval"] == pytest.approx([0.91548, 0.98974], abs=1e-5)
    # The classes of the file are in alphabetical order, the export's are not.
    recalls = {each["name"]: (each["n"], each["recall"]) for each in found["classes"]}
    assert recalls == {"top": (49, 48 / 49), "bottom": (51, 49 / 51)}
    assert 0 < found["loss"] < 2
    assert evaluate(exporters.read(made), dataset, part="test")["n"] == 50


@pytest.mark.parametrize("name", registry.names("kerascnn.exporters"))
def test_every_format_labels_and_measures_alike(
    name: str, made: Path, photos: Path, tmp_path: Path
) -> None:
    other = _make(tmp_path / "export", format=name)
    assert _predict(other, photos, "--top", 2).stdout == _predict(made, photos, "--top", 2).stdout
    dataset = _labelled(tmp_path / "other.npz")
    found, expected = (evaluate(exporters.read(each), dataset) for each in (other, made))
    assert found["accuracy"] == expected["accuracy"] == 0.97
    assert found["loss"] == pytest.approx(expected["loss"], abs=1e-6)


def test_a_few_labelled_images_are_enough(made: Path, tmp_path: Path) -> None:
    for name, rows in {"top": slice(0, 4), "bottom": slice(4, 8)}.items():
        image = np.zeros((8, 8), np.uint8)
        image[rows] = 255
        (tmp_path / "few" / name).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "few" / name / "1.png")
    opened = exporters.read(made)
    assert evaluate(opened, str(tmp_path / "few"))["accuracy"] == 1
    with pytest.raises(ValueError, match=r"too few images to be divided. Expected --part all"):
        evaluate(opened, str(tmp_path / "few"), part="test")


@pytest.mark.parametrize(("network", "data"), [(1, 3), (3, 1)])
def test_grey_and_colour_are_converted(network: int, data: int, tmp_path: Path) -> None:
    dataset = _labelled(tmp_path / "other.npz", channels=data, side=16, wrong=0)
    export = exporters.read(_make(tmp_path / "export", (8, 8, network)))
    assert evaluate(export, dataset)["accuracy"] == 1


def test_colour_becomes_the_grey_that_pillow_makes() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3)).astype(np.uint8)
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in colour]
    grey = evaluate_command._grey(colour)
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey[..., 0], expected)
    scaled = evaluate_command._grey(colour.astype(np.float32))
    np.testing.assert_allclose(scaled[..., 0], expected, atol=0.6)


def test_the_data_it_was_trained_on(made: Path, tmp_path: Path) -> None:
    dataset = _labelled(tmp_path / "own.npz")
    data = datasets.load(dataset)
    card = {**exporters.read(made).card, "fingerprint": data.fingerprint}
    export = exporters.read(made)
    export.card = card

    found = evaluate(export, dataset)
    assert (found["part"], found["n"]) == ("validation", len(data.parts["validation"]))
    assert "only the validation images" in found["notes"][0]
    found = evaluate(export, dataset, part="test")
    assert (found["part"], found["n"]) == ("test", 50)
    assert "The test set was opened" in found["notes"][0]
    with pytest.raises(ValueError, match=r"was trained on\. Expected --part validation or test"):
        evaluate(export, dataset, part="all")

    export.card = {**card, "fingerprint": "another", "spec": {"dataset": dataset}}
    assert "is not as it was" in evaluate(export, dataset)["notes"][0]


def test_the_data_it_was_trained_on_are_grouped_as_then(made: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("bottom", "top"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for index in range(24):
            image = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "own" / name / f"p{index // 3}-{index}.png")
    spec = {"family": "cnn", "dataset": str(tmp_path / "own"), "group_by": r"/p(\d)-"}
    data = datasets.load(spec["dataset"], group_by=spec["group_by"])
    export = exporters.read(made)
    export.card = {**export.card, "fingerprint": data.fingerprint, "spec": spec}
    found = evaluate(export, spec["dataset"])
    assert (found["part"], found["n"]) == ("validation", len(data.parts["validation"]))
    moved = str((tmp_path / "own").rename(tmp_path / "moved"))
    assert evaluate(export, moved) == {**found, "dataset": moved}
    # What the pattern cannot group is other data.
    assert evaluate(export, _labelled(tmp_path / "other.npz"))["part"] == "all"


def test_data_that_do_not_fit_are_refused(made: Path, tmp_path: Path) -> None:
    export = exporters.read(made)
    strange = _labelled(tmp_path / "strange.npz", names=("top", "left"))
    with pytest.raises(ValueError, match=r"not know: 'left'\. Classes only the export has: 'bott"):
        evaluate(export, strange)
    two = _labelled(tmp_path / "two.npz", channels=2)
    with pytest.raises(ValueError, match=r"takes images of 1 channels\. Received: .*two.npz, 2"):
        evaluate(export, two)
    with pytest.raises(ValueError, match=r"takes images of 6 x 8 pixels\. Received: .*, 8 x 8"):
        evaluate(
            exporters.read(_make(tmp_path / "export", (6, 8, 1))),
            _labelled(tmp_path / "square.npz"),
        )


def test_the_command_prints_what_was_measured(made: Path, tmp_path: Path) -> None:
    dataset = _labelled(tmp_path / "other.npz")
    told = CliRunner().invoke(evaluate_command.command, [str(made), dataset])
    first, second, head, *lines = told.stdout.splitlines()
    assert "all: accuracy 0.9700 (95 % 0.9155 to 0.9897) on 100 images, loss" in first
    assert re.fullmatch(r"Answers take .* for 1 image, .* for 64, on \d+ threads?\.", second)
    assert head.split() == ["class", "images", "recall"]
    assert [line.split() for line in lines] == [["top", "49", "0.9796"], ["bottom", "51", "0.9608"]]
    told = CliRunner().invoke(evaluate_command.command, [str(made), dataset, "--json"])
    found = json.loads(told.stdout)
    assert found["accuracy"] == 0.97
    assert [each["batch"] for each in found["latency"]["batches"]] == [1, 64]
    told = CliRunner().invoke(evaluate_command.command, [str(made), dataset, "--part", "tset"])
    with pytest.raises(ValueError, match=r"No 'tset' in parts\..* Did you mean 'test'"):
        raise told.exception or AssertionError
