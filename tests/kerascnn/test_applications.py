"""Presets compute what keras.applications computes, with its weights copied."""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

from kerascnn.models import efficientnet, resnet, vgg

SHAPE = (64, 64, 3)  # The weights of all but VGG's first dense layer do not depend on it.
TOLERANCE = 1e-5

# Preset -> our family, the reference, and the factor from bytes to the pixels it takes.
PAIRS: dict[str, tuple[ModuleType, str, float]] = {
    "vgg16": (vgg, "VGG16", 1 / 255),
    "vgg19": (vgg, "VGG19", 1 / 255),
    "resnet50": (resnet, "ResNet50", 1 / 255),
    "resnet101": (resnet, "ResNet101", 1 / 255),
    "resnet152": (resnet, "ResNet152", 1 / 255),
    # Neither scaled, depth alone, both, and the largest: the table and the counts of all eight are
    # held by test_efficientnet.py and test_published_counts.py.
    **{f"efficientnet_b{i}": (efficientnet, f"EfficientNetB{i}", 1.0) for i in (0, 1, 4, 7)},
}


def images() -> np.ndarray:
    """Returns 4 images of coarse squares, the last the brightest, as whole numbers 0 to 255."""
    coarse = 255 * np.random.default_rng(0).random((4, 8, 8, 3))
    x = coarse.repeat(8, axis=1).repeat(8, axis=2) * np.linspace(0.25, 1, 4)[:, None, None, None]
    return x.round().astype(np.float32)


def enliven(reference: keras.Model, x: np.ndarray) -> None:
    """Gives weights as of a trained network: images lead to different, undecided probabilities.

    Untrained, the deep ones answer every image alike, whatever their layers do. Weights drawn at
    random end in probabilities of 0 and 1, which hide every difference before them, or magnify
    rounding a thousandfold; a half of each normalization's factor, as its offset, does neither.
    """
    rng = np.random.default_rng(1)
    normalized = False
    for layer in reference.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            normalized = True
            layer.gamma.assign(layer.gamma * 0.5)
            layer.beta.assign(layer.beta + 0.5)
            layer.momentum = 0.0
        elif isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    for weight in reference.trainable_variables:
        if len(weight.shape) == 1:
            weight.assign(weight + 0.1 * rng.standard_normal(weight.shape).astype(np.float32))
        elif not normalized:
            weight.assign(weight * np.float32(1.5))
    # Statistics become those of the images, and the answers are those of the finished network.
    logits = np.log(np.asarray(reference(x, training=True)))
    last = reference.layers[-1]
    last.set_weights([weight * np.float32(2 / logits.std()) for weight in last.get_weights()])


def set_pixel_statistics(model: keras.Model) -> None:
    """Gives the first normalization, if any, what no untrained network has."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            count = layer.get_weights()[2]
            layer.set_weights([np.float32([0.1, 0.2, 0.3]), np.float32([0.2, 0.3, 0.4]), count])
            layer.finalize_state()


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    yield
    keras.utils.clear_session()
    gc.collect()


def lively_pair(preset: str) -> tuple[keras.Model, keras.Model]:
    """Returns the reference with telling weights, and ours with its own."""
    family, name, factor = PAIRS[preset]
    keras.utils.set_random_seed(0)
    reference = getattr(keras.applications, name)(weights=None, input_shape=SHAPE, classes=1000)
    set_pixel_statistics(reference)
    enliven(reference, images() * np.float32(factor))
    return reference, family.build(SHAPE, 1000, **family.PRESETS[preset])


def check_equal(preset: str, reference: keras.Model, ours: keras.Model) -> None:
    """Fails unless both give the same probabilities, and these tell the images apart."""
    expected = np.asarray(reference(images() * np.float32(PAIRS[preset][2])))
    found = np.asarray(ours(images() * np.float32(1 / 255)))
    spread = np.ptp(expected, axis=0).max()
    print(f"{preset}: {np.abs(found - expected).max():.1e} of {spread:.1e}")
    assert spread > 1000 * TOLERANCE
    assert expected.max() < 0.5
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PAIRS)
def test_equals_keras_applications(preset: str) -> None:
    reference, ours = lively_pair(preset)
    ours.set_weights(reference.get_weights())
    set_pixel_statistics(ours)  # Keras' layer takes them into use when loaded, not when set.
    check_equal(preset, reference, ours)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["vgg16", "resnet50", "efficientnet_b0"])
def test_loads_weights_files_of_keras_applications(preset: str, tmp_path: Path) -> None:
    """In the old HDF5 layout, which those of ImageNet have, and in the new."""
    reference, ours = lively_pair(preset)
    reference.save(tmp_path / "old.h5")
    reference.save_weights(tmp_path / "new.weights.h5")
    fresh = ours.get_weights()
    for file in ("old.h5", "new.weights.h5"):
        ours.set_weights(fresh)
        ours.load_weights(tmp_path / file)
        check_equal(preset, reference, ours)
