"""A network that answers: with the weights it has, as it would be exported, and not kept alive."""

import gc
import weakref

import keras
import numpy as np

from kerascnn import answers, registry


def test_answers_are_the_networks_as_it_is_now() -> None:
    model = registry.load("kerascnn.models", "mlp").build((4, 4, 1), 3)
    answer = answers.of(model)
    assert answers.of(model) is answer
    draw = np.random.default_rng(0)
    for count in (1, 5):
        images = draw.integers(0, 256, (count, 4, 4, 1)).astype(np.uint8)
        expected = model.predict_on_batch(images.astype(np.float32) / 255)
        np.testing.assert_allclose(answer(images), expected, atol=1e-5)
        model.set_weights([draw.normal(size=each.shape) for each in model.get_weights()])


def test_a_network_is_not_kept_for_its_answers() -> None:
    inputs = keras.Input((2, 2, 1))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    gone = weakref.ref(model)
    answers.of(model)(np.zeros((1, 2, 2, 1), np.uint8))
    del model, inputs
    keras.utils.clear_session(free_memory=False)
    gc.collect()
    assert gone() is None
