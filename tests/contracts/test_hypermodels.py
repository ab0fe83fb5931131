"""The contract of every family as a hypermodel of Keras Tuner."""

import keras_tuner
import numpy as np
import pytest

import tuning
from kerascnn import registry
from kerascnn.spec import CONFIGURABLE, default_of, settings
from tuning import into_keras_tuner, searchable
from tuning.oracles import _keras_tuner

FAMILIES = registry.names("kerascnn.models")
SHAPE = (8, 8, 1)
# What Keras Tuner calls the setting's type -> types of its values.
KINDS = {"Int": {int}, "Float": {float}, "Boolean": {bool}, "Choice": {int, float, str, bool}}


@pytest.fixture(scope="module", params=FAMILIES)
def built(request: pytest.FixtureRequest) -> tuple[str, keras_tuner.HyperParameters, object]:
    """Returns a family, the hyperparameters it declares and its network at their defaults."""
    hp = keras_tuner.HyperParameters()
    model = tuning.hypermodel(request.param, SHAPE, 3).build(hp)
    return request.param, hp, model


def test_the_defaults_are_the_familys(built) -> None:  # type: ignore[no-untyped-def]
    family, hp, model = built
    plain = registry.load("kerascnn.models", family).build(SHAPE, 3)
    assert model.get_config() == plain.get_config()
    for name, value in hp.values.items():
        assert value == default_of(family, name), name
        assert type(value) is type(default_of(family, name)), name


def test_every_hyperparameter_is_a_setting_it_honours(built) -> None:  # type: ignore[no-untyped-def]
    family, hp, _ = built
    ignored = set(CONFIGURABLE) - set(into_keras_tuner.HONOURED)
    assert {each.name for each in hp.space} == set(searchable.space_of(family, {}, {})) - ignored
    assert set(hp.values) <= set(settings(family))


def test_values_are_those_of_the_space(built) -> None:  # type: ignore[no-untyped-def]
    """What a Keras Tuner oracle draws here is what one of ours draws there."""
    family, hp, _ = built
    space = searchable.space_of(family, {}, {})
    theirs = {each.name: each for each in _keras_tuner.hyperparameters(space).space}
    for each in hp.space:
        assert {type(value) for value in each.values} <= KINDS[type(each).__name__], each.name
        assert set(each.values) == set(theirs[each.name].values), each.name
        assert all(value in space[each.name] for value in each.values), each.name


def test_it_is_compiled_to_be_trained(built) -> None:  # type: ignore[no-untyped-def]
    family, _, model = built
    assert model.loss == "sparse_categorical_crossentropy"
    assert float(model.optimizer.learning_rate) == pytest.approx(
        default_of(family, "learning_rate")
    )
    images = np.random.default_rng(0).random((8, *SHAPE), np.float32)
    found = model.evaluate(images, np.arange(8) % 3, verbose=0, return_dict=True)
    assert set(found) == {"loss", "accuracy"}
    probabilities = np.asarray(model(images))
    true = probabilities[np.arange(8), np.arange(8) % 3]
    assert found["loss"] == pytest.approx(float(-np.log(true).mean()), rel=1e-4)
