"""Image files of every kind, as a folder of them is read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerascnn import datasets
from kerascnn.datasets import _decode
from tests import image_files


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of 8 cats and 8 dogs, in colour, 6 x 6 pixels."""
    image_files.fill(tmp_path / "pets")
    return tmp_path / "pets"


def _first(root: Path, image: Image.Image, name: str = "0.png", **options: Any) -> np.ndarray:
    """Returns the first cat as read, once `image` has taken its place."""
    (root / "cat" / "0.png").unlink(missing_ok=True)
    image.save(root / "cat" / name, **options)
    return np.asarray(datasets.load(str(root)).images[0])


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "bmp", "gif", "webp", "tif", "tiff"])
def test_every_format_is_read(root: Path, suffix: str) -> None:
    image = Image.new("RGB", (6, 6), (200, 100, 0))
    pixels = _first(root, image, f"0.{suffix}")
    assert np.abs(pixels.astype(int) - [200, 100, 0]).max() <= 4


def test_images_are_grey_only_if_every_one_is(tmp_path: Path) -> None:
    image_files.fill(tmp_path / "grey", mode="L")
    assert datasets.load(str(tmp_path / "grey")).images.shape == (16, 6, 6, 1)
    image_files.fill(tmp_path / "mixed", mode="L")
    Image.new("RGB", (6, 6), "red").save(tmp_path / "mixed" / "dog" / "red.png")
    data = datasets.load(str(tmp_path / "mixed"))
    assert data.images.shape == (17, 6, 6, 3)
    assert (data.images[0, ..., 0] == data.images[0, ..., 2]).all()


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (6, 6), 1), 255),
        (Image.new("L", (6, 6), 77), 77),
        (Image.new("LA", (6, 6), (77, 255)), 77),
        (Image.new("LA", (6, 6), (77, 0)), 255),
        (Image.fromarray(np.full((6, 6), 65535, np.uint16)), 255),
        (Image.fromarray(np.full((6, 6), 257 * 5 - 128, np.uint16)), 5),
        (Image.fromarray(np.full((6, 6), 257 * 5 + 128, np.uint16)), 5),
    ],
)
def test_grey_modes(tmp_path: Path, image: Image.Image, expected: int) -> None:
    image_files.fill(tmp_path / "grey", mode="L")
    pixels = _first(tmp_path / "grey", image)
    assert pixels.shape == (6, 6, 1)
    assert (pixels == expected).all()


def test_32_bit_integers_are_read_as_16(tmp_path: Path) -> None:
    image_files.fill(tmp_path / "grey", mode="L")
    image = Image.fromarray(np.array([[-7, 0, 257, 65535, 70000, 2**30]] * 6, np.int32))
    assert _first(tmp_path / "grey", image, "0.tif")[0, :, 0].tolist() == [0, 0, 1, 255, 255, 255]


def test_transparent_pixels_are_laid_over_white(root: Path) -> None:
    image = Image.new("RGBA", (6, 6), (0, 0, 255, 0))
    image.putpixel((1, 0), (0, 0, 255, 255))
    pixels = _first(root, image)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 1].tolist() == [0, 0, 255]


def test_palettes_are_resolved(root: Path) -> None:
    image = Image.new("RGB", (6, 6), (9, 200, 30)).quantize(4)
    image.info["transparency"] = 3
    assert _first(root, image, transparency=3)[0, 0].tolist() == [9, 200, 30]


def test_floating_point_pixels_are_refused(root: Path) -> None:
    with pytest.raises(ValueError, match=r"first cat/0\.tif: 32-bit floating-point pixels"):
        _first(root, Image.new("F", (6, 6), 0.5), "0.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_exif_rotation_is_applied(root: Path, suffix: str) -> None:
    image = Image.new("RGB", (6, 6), "white")
    image.paste("black", (0, 0, 6, 3))  # The upper half.
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn clockwise to view: the upper half becomes the right one.
    pixels = _first(root, image, f"0.{suffix}", exif=exif).mean(axis=2)
    assert pixels[:, :2].min() > 200
    assert pixels[:, 4:].max() < 60


def test_the_default_size_is_the_median_side(root: Path) -> None:
    Image.new("RGB", (40, 10)).save(root / "cat" / "wide.png")
    data = datasets.load(str(root))
    assert data.input_shape == (6, 6, 3)
    assert data.notes[0] == (
        "Images are resized to 6 x 6 pixels (the median side, at most 64); "
        "1 of 17 had another size."
    )


def test_the_default_size_is_at_most_64(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "big" / name).mkdir(parents=True)
        for index in range(4):
            image = Image.new("RGB", (300, 280), (10 * index, 99, 200 if name == "cat" else 0))
            image.save(tmp_path / "big" / name / f"{index}.jpg")
    data = datasets.load(str(tmp_path / "big"))
    assert data.input_shape == (64, 64, 3)
    assert np.abs(data.images[2].astype(int) - [20, 99, 200]).max() <= 4
    assert "at most 64); 8 of 8" in data.notes[0]


def test_a_large_jpeg_keeps_its_detail(root: Path) -> None:
    squares = np.random.default_rng(0).integers(0, 2, (64, 64), dtype=np.uint8) * 255
    Image.fromarray(squares.repeat(4, 0).repeat(4, 1)).save(root / "cat" / "0.jpg", quality=95)
    pixels = datasets.load(str(root), image_size=64).images[0, ..., 0]
    error = np.abs(pixels.astype(int) - squares).mean()
    assert error < 60  # Of 255: the filter is a triangle. Decoded at an eighth it is above 90.


def test_a_size_that_is_asked_for(root: Path) -> None:
    data = datasets.load(str(root), image_size=3)
    assert data.input_shape == (3, 3, 3)
    assert data.notes == (
        "Images are resized to 3 x 3 pixels (as asked); 16 of 16 had another size.",
    )


def test_resizing_smooths(root: Path) -> None:
    image = Image.new("RGB", (6, 6))
    image.putdata([(255, 255, 255) if (i + i // 6) % 2 else (0, 0, 0) for i in range(36)])
    image.save(root / "cat" / "0.png")
    assert np.abs(datasets.load(str(root), image_size=1).images[0].astype(int) - 127).max() < 5


def test_order_survives_many_chunks_and_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_decode, "_SMALL", 0)
    paths = []
    for index in range(40 * _decode._CHUNK // 10):
        paths.append(str(tmp_path / f"{index}.png"))
        Image.new("L", (1, 1), index % 251).save(paths[-1])
    _decode.decode(paths, tmp_path / "images.npy", image_size=0)
    read = np.load(tmp_path / "images.npy")
    np.testing.assert_array_equal(read.ravel(), np.arange(len(paths)) % 251)
