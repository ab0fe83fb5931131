"""Every corruption: the same by image and seed, further away the stronger, of the same type."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from kerascnn import corruptions, registry

ROOM = "kerascnn.corruptions"
NAMES = registry.names(ROOM)
SHAPES = [(32, 32, 3), (28, 28, 1), (20, 31, 2)]


def images(shape: tuple[int, int, int], count: int = 12) -> np.ndarray:
    """Smooth images with all that one has: dark, bright, edges."""
    rng = np.random.default_rng(5)
    noise = ndimage.gaussian_filter(rng.normal(size=(count, *shape)), (0, 2, 2, 0))
    low, high = noise.min(axis=(1, 2, 3), keepdims=True), noise.max(axis=(1, 2, 3), keepdims=True)
    return np.rint(255 * ((noise - low) / (high - low)) ** 2).astype(np.uint8)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_strengths_are_ever_further_from_the_image(name: str, shape: tuple[int, int, int]) -> None:
    given = images(shape)
    kept = given.copy()
    found = [corruptions.apply(name, given, strength) for strength in range(6)]
    np.testing.assert_array_equal(found[0], given)
    np.testing.assert_array_equal(given, kept)
    distances = [distance(each, given) for each in found]
    # Pixels are whole: two strengths may round to the same small image.
    assert distances == sorted(distances)
    assert distances[1] > 0
    assert distances[5] > 1.5 * distances[1]
    for each in found:
        assert (each.shape, each.dtype) == (given.shape, np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_corrupted_alike_whoever_asks(name: str) -> None:
    given = images((16, 16, 1))
    np.random.seed(1)  # The global state is not looked at.
    once = corruptions.apply(name, given, 3, seed=7)
    np.random.seed(2)
    np.testing.assert_array_equal(corruptions.apply(name, given, 3, seed=7), once)
    np.testing.assert_array_equal(corruptions.apply(name, given[:4], 3, seed=7), once[:4])


@pytest.mark.parametrize("name", ["gaussian_noise", "impulse_noise", "occlusion", "rotation"])
def test_what_is_drawn_differs_between_images_and_seeds(name: str) -> None:
    given = np.repeat(images((16, 16, 1), 1), 8, axis=0)
    once = corruptions.apply(name, given, 5)
    assert len(np.unique(once.reshape(8, -1), axis=0)) > 1
    assert not np.array_equal(once, corruptions.apply(name, given, 5, seed=1))


@pytest.mark.parametrize("name", NAMES)
def test_strengths_are_five_and_the_images_may_be_tiny(name: str) -> None:
    assert len(registry.constant(ROOM, name, "STRENGTHS")) == corruptions.LEVELS
    tiny = images((1, 2, 1), 3)
    assert corruptions.apply(name, tiny, 5).shape == tiny.shape


def test_known_answers() -> None:
    flat = np.full((1, 8, 8, 3), 100, np.uint8)
    for name in ("contrast", "gaussian_blur", "pixelate"):
        np.testing.assert_array_equal(corruptions.apply(name, flat, 5), flat)
    assert (corruptions.apply("brightness", flat, 5) == round(100 + 0.3 * 255)).all()
    half = np.zeros((1, 8, 8, 1), np.uint8)
    half[:, :4] = 200
    kept = corruptions.apply("contrast", half, 5).astype(int)
    assert np.ptp(kept) == pytest.approx(0.15 * 200, abs=1)
    covered = corruptions.apply("occlusion", half, 5)
    assert (covered == 128).sum() == round(0.55 * 8) ** 2
    red = np.zeros((1, 1, 1, 3), np.uint8)
    red[..., 0], red[..., 1] = 100, 50
    assert corruptions.apply("brightness", red, 2)[0, 0, 0].tolist() == [126, 63, 0]
    many = np.full((4, 100, 100, 1), 100, np.uint8)
    # 40,000 values: sd of the share 0.0013, of the noise's sd 0.4 %.
    assert (corruptions.apply("impulse_noise", many, 5) != 100).mean() == pytest.approx(
        0.07, abs=0.006
    )
    noisy = corruptions.apply("gaussian_noise", many, 5).astype(float)
    assert noisy.std() == pytest.approx(25.5, rel=0.02)


def test_names_and_strengths_that_are_not_there(tmp_path: Path) -> None:
    given = images((8, 8, 1), 1)
    with pytest.raises(ValueError, match=r"No 'rotatoin' in corruptions.*'rotation'"):
        corruptions.apply("rotatoin", given, 1)
    with pytest.raises(ValueError, match=r"strength <= 5` must hold\. Received: 6"):
        corruptions.apply("rotation", given, 6)
    own = tmp_path / "own.py"
    own.write_text("STRENGTHS = (1, 2)\ndef corrupt(image, amount, rng):\n    return image\n")
    with pytest.raises(ValueError, match=r"STRENGTHS of .*own.py must be 5 values"):
        corruptions.apply(str(own), given, 1)
