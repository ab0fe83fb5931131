"""`.npz` files: what is accepted, and one line for everything else."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import datasets
from kerascnn.datasets import _pixels
from kerascnn.datasets._arrays import Dataset


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))


def _arrays(n: int = 40, shape: tuple[int, ...] = (4, 4)) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    x[0] = 255
    y = np.arange(n) % 2
    cut = n * 3 // 4
    return {"x_train": x[:cut], "y_train": y[:cut], "x_test": x[cut:], "y_test": y[cut:]}


def _load(tmp_path: Path, arrays: dict[str, np.ndarray], **options: Any) -> Dataset:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return datasets.load(str(path), **options)


def _with_labels(train: object, test: object) -> dict[str, np.ndarray]:
    return {**_arrays(), "y_train": np.array(train), "y_test": np.array(test)}


def _with_pixels(change: Any) -> dict[str, np.ndarray]:
    arrays = _arrays()
    return {**arrays, **{name: change(arrays[name]) for name in ("x_train", "x_test")}}


def test_the_official_test_set_is_kept(tmp_path: Path) -> None:
    data = _load(tmp_path, _arrays())
    assert data.images.shape == (40, 4, 4, 1)
    np.testing.assert_array_equal(data.parts["test"], np.arange(30, 40))
    np.testing.assert_array_equal(data.labels, np.arange(40) % 2)
    assert data.class_names == ("0", "1")
    assert data.notes == ()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_last_are_kept(tmp_path: Path, channels: int) -> None:
    assert _load(tmp_path, _arrays(shape=(5, 4, channels))).input_shape == (5, 4, channels)


@pytest.mark.parametrize(
    ("change", "dtype", "scale", "offset"),
    [
        (lambda x: x, np.uint8, 1 / 255, 0),
        (lambda x: x.astype(np.int64), np.uint8, 1 / 255, 0),
        (lambda x: x > 127, np.uint8, 1 / 255, 0),
        (lambda x: x / 255, np.float32, 1, 0),
        (lambda x: x.astype(np.float16), np.float32, 1 / 255, 0),
        (lambda x: x.astype(np.int16) - 100, np.float32, 1 / 255, 100 / 255),
        (lambda x: x.astype(np.uint16) * 4, np.float32, 1 / 1020, 0),
        (lambda x: x / 127.5 - 1, np.float32, 0.5, 0.5),
    ],
)
def test_pixels_of_any_range(
    tmp_path: Path, change: Any, dtype: type, scale: float, offset: float
) -> None:
    arrays = _with_pixels(change)
    arrays["x_train"][1] = arrays["x_train"].min()
    arrays["x_train"][1, 0, 0] = change(np.zeros(1, np.uint8))[0]
    data = _load(tmp_path, arrays)
    assert data.images.dtype == dtype
    assert data.scale == pytest.approx(scale)
    assert data.offset == pytest.approx(offset)
    pixels = data.pixels(data.parts["train"])
    assert pixels.min() >= -1e-6
    assert pixels.max() <= 1 + 1e-6


def test_true_is_white(tmp_path: Path) -> None:
    data = _load(tmp_path, _with_pixels(lambda x: x > 127))
    assert set(np.unique(data.images)) == {0, 255}


def test_the_range_is_that_of_the_training_images(tmp_path: Path) -> None:
    arrays = _with_pixels(lambda x: x.astype(np.float32) * 2 - 255)
    arrays["x_test"][:] = 1000
    arrays["x_test"] += np.arange(10)[:, None, None]
    arrays["x_train"][0, 0, 0] = -255
    data = _load(tmp_path, arrays)
    assert data.scale == pytest.approx(1 / 510)
    assert data.pixels(data.parts["test"]).min() > 1


def test_constant_images_have_a_finite_scale(tmp_path: Path) -> None:
    images = np.full((40, 4, 4, 1), -3, np.float32)
    assert _pixels.scale_of(images, np.ones(40, bool)) == (1.0, 3.0)
    with pytest.raises(ValueError, match="Class '0' has 0 images to divide"):
        _load(tmp_path, _with_pixels(lambda x: np.full(x.shape, -3.0)))


def test_dark_integers_are_said(tmp_path: Path) -> None:
    data = _load(tmp_path, _with_pixels(lambda x: x // 16))
    assert data.notes[0].startswith("The brightest pixel is 15 of 255")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_are_resized(tmp_path: Path, dtype: type) -> None:
    arrays = _with_pixels(lambda x: np.repeat(x, 2, axis=1).astype(dtype))
    data = _load(tmp_path, arrays, image_size=4)
    assert data.images.shape == (40, 4, 4, 1)
    assert data.images.dtype == dtype
    # Twice each row, then halved with a triangle: rows stay within what they were.
    assert data.images[0].min() == 255


LABELS = np.arange(40) % 2


@pytest.mark.parametrize(
    ("labels", "names", "note"),
    [
        (LABELS.astype(float), ("0", "1"), ""),
        (LABELS.astype(bool), ("0", "1"), ""),
        (LABELS.astype(np.uint64), ("0", "1"), ""),
        (LABELS[:, None], ("0", "1"), ""),
        (np.eye(2)[LABELS], ("0", "1"), "One-hot labels of 2 classes are read as class numbers."),
        (
            LABELS * 4 + 3,
            ("3", "7"),
            "The 2 labels (3, 7) are mapped to 0 to 1, in sorted order.",
        ),
        (
            np.array(["dog", "cat"])[LABELS],
            ("cat", "dog"),
            "The 2 string labels (cat, dog) are mapped to 0 to 1, in sorted order.",
        ),
        (
            np.array([b"dog", b"cat"])[LABELS],
            ("cat", "dog"),
            "The 2 string labels (cat, dog) are mapped to 0 to 1, in sorted order.",
        ),
    ],
)
def test_labels_of_any_kind(
    tmp_path: Path, labels: np.ndarray, names: tuple[str, ...], note: str
) -> None:
    data = _load(tmp_path, _with_labels(labels[:30], labels[30:]))
    flip = names == ("cat", "dog")
    np.testing.assert_array_equal(data.labels, 1 - LABELS if flip else LABELS)
    assert data.class_names == names
    assert data.notes == ((note,) if note else ())


def test_many_labels_are_named_in_short(tmp_path: Path) -> None:
    arrays = _arrays(n=80)
    arrays.update(y_train=np.arange(60) % 10 * 2, y_test=np.arange(20) % 10 * 2)
    data = _load(tmp_path, arrays)
    assert data.notes == (
        "The 10 labels (0, 2, 4, ..., 18) are mapped to 0 to 9, in sorted order.",
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (_with_labels(LABELS[:30] - 1, LABELS[30:]), "must not be negative. Received: -1"),
        (_with_labels(LABELS[:30] + 0.5, LABELS[30:]), r"whole numbers .*Received: 0.5 .* 30 in"),
        (_with_labels([np.nan] * 30, LABELS[30:]), "must be whole numbers .*Received: nan"),
        (_with_labels([1e300] * 30, LABELS[30:]), "must be whole numbers"),
        (_with_labels([1j] * 30, LABELS[30:]), "whole numbers or strings. Received: complex128"),
        (_with_labels(np.ones((30, 3)), LABELS[30:]), r"one-hot .*Received: \(30, 3\)"),
        (_with_labels(LABELS[:29], LABELS[30:]), r"one length.*\(30, 4, 4\), \(29,\)"),
        (_with_labels(3, LABELS[30:]), r"one length"),
        (_with_labels([0] * 30, [0] * 10), "at least 2 classes. Received: .'0'"),
        (_with_labels(LABELS[:30], [2] * 10), "no training image is of: 2"),
        (_with_labels(LABELS[:30], ["a"] * 10), "both be numbers or both strings"),
        (_with_pixels(lambda x: np.where(x > 250, np.nan, x)), r"NaN or infinite .* number 0"),
        (_with_pixels(lambda x: x.astype(np.float64) * 1e300), "must be finite"),
        (_with_pixels(lambda x: x + 1j), "must be real numbers. Received: complex128"),
        (_with_pixels(lambda x: x.astype(str)), "must be real numbers. Received: <U"),
        (_with_pixels(lambda x: x.reshape(len(x), 16)), r"\(n, height, width\).*\(30, 16\)"),
        (_with_pixels(lambda x: x[:, :0]), r"none of them 0. Received: \(30, 0, 4\)"),
        (_arrays(shape=(3, 8, 8)), r"the channels last. Received: \(30, 3, 8, 8\)"),
        ({**_arrays(), "x_test": np.zeros((10, 5, 4), np.uint8)}, r"must be alike.*\(10, 5, 4\)"),
        ({**_arrays(), "x_test": np.zeros((10, 4, 4))}, "must be alike.*float64"),
        ({**_arrays(), "x_train": np.full(30, None)}, "`x_train`.* never unpickled"),
        (
            {"x_train": np.zeros(3), "y": np.zeros(3)},
            "Missing: y_train, x_test, y_test.*: x_train, y",
        ),
        ({}, "Received: no arrays"),
    ],
)
def test_one_line_for_arrays_that_cannot_be_used(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        _load(tmp_path, arrays)
    assert "\n" not in str(caught.value)
    assert not any((tmp_path / "cache").iterdir())


def test_a_test_set_without_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="test set has no image of class '1'"):
        _load(tmp_path, _with_labels(LABELS[:30], [0] * 10))


def test_one_line_for_files_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **_arrays())  # type: ignore[arg-type]
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[60:200] = bytes(140)
    for content in (b"", b"not a zip", whole[: len(whole) // 2], bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"data\.npz.* damaged\.$"):
            datasets.load(str(path))


def test_one_line_for_a_single_array(tmp_path: Path) -> None:
    with open(tmp_path / "data.npz", "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"is not an \.npz file: it holds a single array"):
        datasets.load(str(tmp_path / "data.npz"))


def test_an_unreadable_file_is_an_os_error(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, **_arrays())  # type: ignore[arg-type]
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("This user may read everything.")
    with pytest.raises(PermissionError, match=r"data\.npz"):
        datasets.load(str(path))


@pytest.mark.skipif("KERASCNN_TEST_MNIST" not in os.environ, reason="needs mnist.npz")
def test_mnist() -> None:
    data = datasets.load(os.environ["KERASCNN_TEST_MNIST"])
    sizes = {name: len(part) for name, part in data.parts.items()}
    assert sizes["test"] == 10_000
    assert sum(sizes.values()) == 70_000
    assert data.input_shape == (28, 28, 1)
    assert (data.scale, data.offset) == (1 / 255, 0)
