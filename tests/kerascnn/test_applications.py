"""Presets compute what keras.applications computes, with its weights copied."""

import gc
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
    "efficientnet_b0": (efficientnet, "EfficientNetB0", 1.0),
    "efficientnet_b1": (efficientnet, "EfficientNetB1", 1.0),
}


def images() -> np.ndarray:
    """Returns 4 images of coarse squares, the last the brightest, as whole numbers 0 to 255."""
    coarse = 255 * np.random.default_rng(0).random((4, 8, 8, 3))
    x = coarse.repeat(8, axis=1).repeat(8, axis=2) * np.linspace(0.25, 1, 4)[:, None, None, None]
    return x.round().astype(np.float32)


def enliven(reference: keras.Model, x: np.ndarray) -> None:
    """Gives untrained weights under which images lead to different probabilities.

    As they are built, the deep ones answer every image alike, whatever their layers do.
    """
    rng = np.random.default_rng(1)
    normalizations = [
        layer for layer in reference.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for weight in reference.trainable_variables:
        if len(weight.shape) > 1 and not normalizations:
            weight.assign(weight * np.float32(1.5))
        elif len(weight.shape) == 1:
            weight.assign(weight + 0.1 * rng.standard_normal(weight.shape).astype(np.float32))
    for layer in normalizations:
        layer.momentum = 0.0
    reference(x, training=True)  # Statistics become those of the images.


def set_pixel_statistics(model: keras.Model) -> None:
    """Gives the first normalization, if any, what no untrained network has."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            count = layer.get_weights()[2]
            layer.set_weights([np.float32([0.1, 0.2, 0.3]), np.float32([0.2, 0.3, 0.4]), count])
            layer.finalize_state()


@pytest.mark.slow
@pytest.mark.parametrize("preset", PAIRS)
def test_equals_keras_applications(preset: str) -> None:
    family, name, factor = PAIRS[preset]
    keras.utils.set_random_seed(0)
    reference = getattr(keras.applications, name)(weights=None, input_shape=SHAPE, classes=1000)
    ours = family.build(SHAPE, 1000, **family.PRESETS[preset])
    x = images() * np.float32(1 / 255)
    pixels = images() * np.float32(factor)
    set_pixel_statistics(reference)
    enliven(reference, pixels)
    ours.set_weights(reference.get_weights())
    set_pixel_statistics(ours)
    expected, found = np.asarray(reference(pixels)), np.asarray(ours(x))
    print(f"{preset}: {np.abs(found - expected).max():.1e} of {np.ptp(expected, axis=0).max():.1e}")
    assert np.ptp(expected, axis=0).max() > 100 * TOLERANCE
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)
    del reference, ours
    keras.utils.clear_session()
    gc.collect()
