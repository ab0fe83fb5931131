"""Every explainer: the room's contract, and cases whose answer is known."""

import inspect
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from scipy import signal

from kerascnn import registry
from kerascnn.explainers import (
    _network,
    confusion,
    excite,
    feature_maps,
    filters,
    grad_cam,
    integrated_gradients,
    mistakes,
    occlusion,
    saliency,
)
from kerascnn.models import _layers, cnn, efficientnet, linear, mlp, resnet

ROOM = "kerascnn.explainers"
NAMES = registry.names(ROOM)
MAPS = [name for name in NAMES if registry.constant(ROOM, name, "SHOWN") == "maps"]
DIMENSIONS = {"maps": 3, "images": 4, "weights": 4, "features": 4, "counts": 2}


@pytest.fixture(autouse=True)
def weights() -> None:
    """The same weights every time: a network that is silent would have no map."""
    keras.utils.set_random_seed(0)


def _linear(side: int = 6, channels: int = 1) -> tuple[Any, np.ndarray]:
    """A linear model and its weights as images, (classes, side, side, channels)."""
    model = linear.build((side, side, channels), 3)
    kernel = np.random.default_rng(1).normal(size=(side * side * channels, 3)).astype(np.float32)
    model.get_layer("logits").set_weights([kernel, np.array([1, 2, 3], np.float32)])
    return model, kernel.T.reshape(3, side, side, channels)


def _square() -> tuple[Any, np.ndarray, tuple[slice, slice]]:
    """A network that finds a bright 3x3 square, an image with one, and where it is.

    One filter sums 3x3 pixels and passes what is above 5: other pixels are too dark for it.
    """
    inputs = keras.Input((12, 12, 1), name="image")
    x = layers.Conv2D(1, 3, padding="same", activation="relu", name="conv")(inputs)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    model = _layers.classifier(inputs, x, 2, name="finder")
    model.get_layer("conv").set_weights([np.ones((3, 3, 1, 1), "f"), np.array([-5], "f")])
    model.get_layer("logits").set_weights([np.array([[0, 8]], "f"), np.array([1, 0], "f")])
    image = np.random.default_rng(2).uniform(0, 0.2, (1, 12, 12, 1)).astype(np.float32)
    where = slice(2, 5), slice(7, 10)
    image[0, *where] = 1
    return model, image, where


def _images(model: Any, n: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((n, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_of_and_how_it_is_shown(name: str) -> None:
    assert registry.constant(ROOM, name, "OF") in ("network", "images", "part")
    assert registry.constant(ROOM, name, "SHOWN") in DIMENSIONS
    assert registry.summary(ROOM, name).endswith(".")


@pytest.mark.parametrize(
    "build",
    [
        lambda: cnn.build((8, 8, 1), 3, normalization="batch", dropout=0.5),
        lambda: resnet.build((8, 8, 3), 3),
    ],
    ids=["cnn", "resnet"],
)
@pytest.mark.parametrize("name", NAMES)
def test_arrays_are_as_the_contract_says(name: str, build: Callable[[], Any]) -> None:
    model = build()
    room = registry.load(ROOM, name)
    images, classes = _images(model), np.array([0, 1, 2, 0])
    before = model.get_weights()
    arrays, numbers = room.explain(model, images.copy(), classes)
    again, _ = room.explain(model, images.copy(), classes)
    assert arrays
    for key, array in arrays.items():
        assert array.ndim == DIMENSIONS[room.SHOWN]
        assert array.dtype == (np.int64 if room.SHOWN == "counts" else np.float32)
        assert np.isfinite(array).all()
        assert np.array_equal(array, again[key])
    if room.SHOWN == "maps":
        assert {key: array.shape for key, array in arrays.items()} == {"maps": images.shape[:3]}
    assert isinstance(numbers, dict)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    if hasattr(room, "check"):
        ours = registry.keywords(ROOM, name, "check")
        assert ours.items() <= registry.keywords(ROOM, name, "explain").items()
        assert inspect.signature(room.check).return_annotation is None
        room.check(model)


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_of_its_image_and_class_alone(name: str) -> None:
    model = cnn.build((8, 8, 1), 3)
    explain = registry.load(ROOM, name).explain
    images, classes = _images(model), np.array([2, 1, 0, 1])
    arrays, _ = explain(model, images, classes)
    alone, _ = explain(model, images[2:3], classes[2:3])
    other, _ = explain(model, images, (classes + 1) % 3)
    assert np.allclose(alone["maps"][0], arrays["maps"][2], atol=1e-5)
    assert not np.allclose(arrays["maps"], other["maps"], atol=1e-5)


def test_saliency_of_a_linear_model_is_its_weights() -> None:
    model, weights = _linear(channels=3)
    arrays, _ = saliency.explain(model, _images(model, 3), np.array([2, 0, 1]))
    assert np.allclose(arrays["maps"], np.abs(weights[[2, 0, 1]]).max(axis=-1), atol=1e-6)


def test_integrated_gradients_of_a_linear_model_are_its_terms() -> None:
    model, weights = _linear(channels=3)
    images = _images(model, 3)
    arrays, numbers = integrated_gradients.explain(model, images, np.array([2, 0, 1]))
    terms = weights[[2, 0, 1]] * images
    assert np.allclose(arrays["maps"], terms.sum(axis=-1), atol=1e-5)
    assert np.allclose(numbers["sums"], terms.sum(axis=(1, 2, 3)), atol=1e-5)
    assert max(numbers["gaps"]) < 1e-5


def test_integrated_gradients_are_complete_where_the_network_bends() -> None:
    model = cnn.build((8, 8, 1), 3, activation="tanh")
    images = _images(model)
    _, numbers = integrated_gradients.explain(model, images, np.array([0, 1, 2, 0]))
    network = keras.Model(model.inputs[0], model.get_layer("logits").output)
    differences = np.asarray(network(images)) - np.asarray(network(np.zeros((1, 8, 8, 1), "f")))
    expected = differences[np.arange(4), [0, 1, 2, 0]]
    assert np.allclose(numbers["differences"], expected, atol=1e-5)
    assert max(numbers["gaps"]) < 1e-3
    _, rough = integrated_gradients.explain(model, images, np.array([0, 1, 2, 0]), steps=1)
    assert max(rough["gaps"]) > 10 * max(numbers["gaps"])


@pytest.mark.parametrize("name", MAPS)
def test_a_planted_square_is_found(name: str) -> None:
    model, image, where = _square()
    assert np.asarray(model(image)).argmax() == 0  # Dimmed by the mean: still the class asked for.
    arrays, _ = registry.load(ROOM, name).explain(model, image, np.array([1]))
    found = arrays["maps"][0]
    inside = np.zeros((12, 12), bool)
    inside[where] = True
    peak = np.unravel_index(found.argmax(), found.shape)
    assert inside[peak]
    assert found[inside].mean() > 5 * np.abs(found[~inside]).mean()


def test_grad_cam_by_hand() -> None:
    model, image, _ = _square()
    arrays, numbers = grad_cam.explain(model, image, np.array([1]))
    sums = signal.convolve2d(image[0, :, :, 0], np.ones((3, 3)), mode="same")
    assert np.allclose(arrays["maps"][0], 8 / 144 * np.maximum(sums - 5, 0), atol=1e-6)
    assert numbers == {"layer": "conv", "places": [12, 12], "empty": [False]}
    _, numbers = grad_cam.explain(model, image, np.array([0]))
    assert numbers["empty"] == [True]  # Nothing speaks for class 0 but its bias.


def test_grad_cam_takes_a_layer_that_branches_pass_by() -> None:
    model = resnet.build((16, 16, 1), 3)
    inner = [layer.name for layer in model.layers if isinstance(layer, layers.Conv2D)][1]
    image, nudge = _images(model, 1), np.zeros((1, 16, 16, 16), "f")
    _, numbers = grad_cam.explain(model, image, np.array([1]), layer=inner)
    assert numbers["layer"] == inner
    call = _network.nudged(model, model.get_layer(inner))
    logits = _network.logits(model)
    assert np.allclose(np.asarray(call(nudge, image)[0]), np.asarray(logits(image)), atol=1e-5)
    nudge[0, 3, 4] = 1  # Of all channels: behind some, at one place, a unit may be silent.
    moved = np.asarray(call(nudge, image)[0]) - np.asarray(logits(image))
    assert np.abs(moved).max() > 1e-4


def test_occlusion_of_a_linear_model_by_hand() -> None:
    model, weights = _linear(side=4)
    image = _images(model, 1)
    arrays, numbers = occlusion.explain(model, image, np.array([1]), window=2, stride=2)
    assert numbers == {"window": 2, "stride": 2, "patches": 4}
    terms = (weights[1] * (image[0] - image[0].mean()))[:, :, 0]
    patches = terms.reshape(2, 2, 2, 2).sum(axis=(1, 3))
    assert np.allclose(arrays["maps"][0], np.kron(patches, np.ones((2, 2))), atol=1e-5)


@pytest.mark.parametrize(("side", "window", "stride"), [(8, 3, 2), (5, 5, 1), (7, 2, 5), (9, 4, 4)])
def test_patches_cover_every_pixel(side: int, window: int, stride: int) -> None:
    starts = occlusion._starts(side, window, stride)
    assert starts[0] == 0
    assert starts[-1] == side - window
    model, image = _linear(side)[0], np.ones((1, side, side, 1), "f")
    arrays, numbers = occlusion.explain(model, image, np.array([0]), window=window, stride=stride)
    assert np.isfinite(arrays["maps"]).all()
    assert numbers["stride"] == min(stride, window)


def test_filters_are_the_kernel() -> None:
    model = cnn.build((8, 8, 3), 3, filters=5)
    arrays, numbers = filters.explain(model, _images(model), np.zeros(4))
    kernel = np.asarray(model.get_layer("block1_conv1").kernel)
    assert arrays.keys() == {"block1_conv1"}
    for i in range(5):
        assert np.array_equal(arrays["block1_conv1"][i], kernel[..., i])
    assert numbers["norms"][0] == pytest.approx(np.sqrt((kernel[..., 0] ** 2).sum()))
    arrays, _ = filters.explain(model, _images(model), np.zeros(4), layer="block2_conv1")
    assert arrays["block2_conv1"].shape == (10, 3, 3, 5)


def test_filters_of_a_depthwise_convolution_see_one_channel_each() -> None:
    model = efficientnet.build((32, 32, 3), 3)
    name = next(a.name for a in model.layers if isinstance(a, layers.DepthwiseConv2D))
    kernel = np.asarray(model.get_layer(name).get_weights()[0])
    arrays, _ = filters.explain(model, _images(model, 1), np.zeros(1), layer=name)
    assert arrays[name].shape == (kernel.shape[2], *kernel.shape[:2], 1)
    assert np.array_equal(arrays[name][4, :, :, 0], kernel[:, :, 4, 0])


def test_feature_maps_are_the_convolution_by_hand() -> None:
    model = cnn.build((8, 8, 1), 3, filters=2, depth=1)
    image = _images(model, 1)
    arrays, numbers = feature_maps.explain(model, image, np.zeros(1))
    kernel, bias = model.get_layer("block1_conv1").get_weights()
    assert arrays.keys() == {"block1_conv1_act"}
    for i in range(2):
        hand = signal.correlate2d(image[0, :, :, 0], kernel[:, :, 0, i], mode="same") + bias[i]
        assert np.allclose(arrays["block1_conv1_act"][0, :, :, i], np.maximum(hand, 0), atol=1e-5)
    assert numbers["channels"] == [2]
    model.get_layer("block1_conv1").set_weights([kernel, np.array([-100, bias[1]], "f")])
    assert feature_maps.explain(model, image, np.zeros(1))[1]["silent"] == [1]


def test_feature_maps_go_from_the_first_layer_to_the_last() -> None:
    model = cnn.build((16, 16, 1), 3, depth=3, convolutions=3)
    arrays, _ = feature_maps.explain(model, _images(model, 1), np.zeros(1), most=4)
    names = [f"block{i}_conv{j}_act" for i in (1, 2, 3) for j in (1, 2, 3)]
    assert list(arrays) == [names[0], names[3], names[5], names[8]]
    arrays, _ = feature_maps.explain(model, _images(model, 1), np.zeros(1), layer="block2_pool")
    assert arrays["block2_pool"].shape == (1, 4, 4, 32)


def test_the_best_input_of_a_linear_unit_is_proportional_to_its_weights() -> None:
    model, weights = _linear(channels=3)
    images = _images(model)
    arrays, numbers = excite.explain(model, images, np.zeros(4), seed=5)
    for unit in range(3):
        best = arrays["logits"][unit] - 0.5
        assert np.sqrt((best**2).mean()) == pytest.approx(0.2, rel=1e-3)
        ratio = best / weights[unit]
        assert np.allclose(ratio, ratio.mean(), rtol=1e-3)
        assert ratio.mean() > 0
    scores = images.reshape(4, -1) @ weights.reshape(3, -1).T + [1, 2, 3]
    assert np.allclose(numbers["images"], scores.max(axis=0), atol=1e-4)
    assert np.all(np.array(numbers["reached"]) > numbers["started"])


def test_a_unit_is_the_same_alone_and_a_seed_decides_the_noise() -> None:
    model = cnn.build((8, 8, 1), 3)
    images, classes = _images(model), np.zeros(4)
    all_units, _ = excite.explain(model, images, classes, layer="block1_conv1_act", steps=4)
    alone, numbers = excite.explain(
        model, images, classes, layer="block1_conv1_act", unit=3, steps=4
    )
    assert numbers["units"] == [3]
    assert np.allclose(alone["block1_conv1_act"][0], all_units["block1_conv1_act"][3], atol=1e-5)
    other, _ = excite.explain(model, images, classes, seed=1, steps=4)
    same, _ = excite.explain(model, images, classes, seed=0, steps=4)
    assert not np.allclose(other["logits"], same["logits"])


def _reader() -> Any:
    """A network of 3 pixels whose logits they are."""
    inputs = keras.Input((1, 3, 1), name="image")
    model = _layers.classifier(inputs, layers.Flatten(name="flatten")(inputs), 3, name="reader")
    model.get_layer("logits").set_weights([np.eye(3, dtype="f"), np.zeros(3, "f")])
    return model


ROWS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 9], [0, 5, 0], [0, 2, 0], [0, 0, 3]], np.float32)
LABELS = np.array([0, 1, 0, 0, 1, 0])


def test_confusion_by_hand() -> None:
    arrays, numbers = confusion.explain(_reader(), ROWS[:, None, :, None], LABELS)
    assert arrays["counts"].tolist() == [[1, 1, 2], [0, 2, 0], [0, 0, 0]]
    assert numbers["accuracy"] == 0.5
    assert numbers["recall"] == [0.25, 1.0, None]


def test_mistakes_by_hand() -> None:
    images = ROWS[:, None, :, None]
    arrays, numbers = mistakes.explain(_reader(), images, LABELS)
    assert numbers["indices"] == [2, 3, 5]
    assert numbers["answers"] == [2, 1, 2]
    assert numbers["labels"] == [0, 0, 0]
    e = np.exp
    expected = [e(9) / (e(9) + 2), e(5) / (e(5) + 2), e(3) / (e(3) + 2)]
    assert numbers["probabilities"] == pytest.approx(expected, rel=1e-5)
    assert np.array_equal(arrays["mistakes"], images[[2, 3, 5]])
    assert (numbers["count"], numbers["of"]) == (3, 6)
    arrays, numbers = mistakes.explain(_reader(), images, LABELS, most=1)
    assert numbers["indices"] == [2]
    assert numbers["count"] == 3
    none, _ = mistakes.explain(_reader(), images[:2], LABELS[:2])
    assert none["mistakes"].shape == (0, 1, 3, 1)


@pytest.mark.parametrize("room", [filters, feature_maps, grad_cam])
def test_a_network_without_convolutions_is_said_plainly(room: Any) -> None:
    model = mlp.build((8, 8, 1), 3)
    with pytest.raises(
        ValueError, match=r"mlp has no convolutions, .* It has: Flatten, Dense, Act"
    ):
        room.check(model)
    with pytest.raises(ValueError, match="mlp has no convolutions"):
        room.explain(model, _images(model), np.zeros(4, int))


@pytest.mark.parametrize("room", [filters, feature_maps, grad_cam, excite])
def test_an_unknown_layer_has_a_closest_match(room: Any) -> None:
    with pytest.raises(ValueError, match=r"the layers of cnn\..* Did you mean 'block1_conv1'"):
        room.check(cnn.build((8, 8, 1), 3), layer="blok1_conv1")


def test_a_layer_of_another_kind_is_refused() -> None:
    model = cnn.build((8, 8, 1), 3)
    with pytest.raises(ValueError, match=r"'block1_pool' has no filters\. Expected .*block2_conv1"):
        filters.check(model, layer="block1_pool")
    with pytest.raises(ValueError, match=r"'dense1' gives no feature maps: its output is 64\. Exp"):
        grad_cam.check(model, layer="dense1")
    with pytest.raises(ValueError, match=r"'logits' has units 0 to 2\. Received: unit 3"):
        excite.check(model, unit=3)
    with pytest.raises(ValueError, match="has units 0 to 2"):
        excite.check(model, unit=-2)


def test_one_place_makes_no_map() -> None:
    model = cnn.build((1, 1, 1), 3)
    with pytest.raises(ValueError, match=r"feature maps of cnn are of one place each: there is no"):
        grad_cam.check(model)


def test_the_backend_is_the_one_asked_for() -> None:
    """The same tests run under JAX: KERAS_BACKEND=jax."""
    assert keras.backend.backend() == os.environ.get("KERAS_BACKEND", "tensorflow")
