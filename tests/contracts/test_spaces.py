"""The contract of a search space, held over every file of the room."""

import pytest

from kerascnn import registry, spec
from kerascnn.spec import RunSpec, Value
from tuning import space
from tuning.space import Domain, Float, Space
from tuning.spaces._training import TRAINING

SPACES = registry.names("tuning.spaces")
SHAPES = ((8, 8, 1), (28, 28, 1), (32, 32, 3))


def space_of(family: str) -> Space:
    loaded: Space = registry.load("tuning.spaces", family).SPACE
    return loaded


def values_of(domain: Domain) -> tuple[Value, ...]:
    """Returns every value of a domain; of a `Float` its two ends."""
    return (domain.low, domain.high) if isinstance(domain, Float) else domain.values


@pytest.mark.parametrize("family", SPACES)
def test_is_of_a_family(family: str) -> None:
    assert family in registry.names("kerascnn.models")


@pytest.mark.parametrize("family", SPACES)
def test_names_are_hyperparameters_or_training_settings(family: str) -> None:
    hyperparameters = set(registry.keywords("kerascnn.models", family, "build"))
    assert not hyperparameters & set(spec.CONFIGURABLE)
    assert set(space_of(family)) <= hyperparameters | set(spec.CONFIGURABLE)


@pytest.mark.parametrize("family", SPACES)
def test_the_baseline_is_a_point(family: str) -> None:
    for name, domain in space_of(family).items():
        assert spec.default_of(family, name) in domain, name
        assert all(type(v) is type(spec.default_of(family, name)) for v in values_of(domain)), name


@pytest.mark.parametrize("family", SPACES)
def test_searches_how_it_is_trained(family: str) -> None:
    searched = space_of(family)
    assert set(TRAINING) <= set(searched)
    assert isinstance(searched["learning_rate"], Float)
    assert searched["learning_rate"].log
    assert 0.0 in searched["weight_decay"]


@pytest.mark.parametrize("family", SPACES)
def test_every_value_makes_a_configuration(family: str) -> None:
    base = RunSpec(family=family, dataset="digits")
    for name, domain in space_of(family).items():
        ids = {base.configure({name: v}).config_id for v in values_of(domain)}
        assert len(ids) == len(values_of(domain)), name
        assert space.from_json(space.to_json(domain)) == domain


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", SPACES)
def test_every_value_builds(family: str, shape: tuple[int, int, int]) -> None:
    module = registry.load("kerascnn.models", family)
    defaults = registry.keywords("kerascnn.models", family, "build")
    for name, domain in space_of(family).items():
        for value in values_of(domain) if name in defaults else ():
            model = module.build(shape, 7, **{name: value})
            assert model.output_shape == (None, 7), (name, value)


def test_without_a_space_the_training_settings_are_searched() -> None:
    assert set(TRAINING) <= set(spec.CONFIGURABLE)
    for name, domain in TRAINING.items():
        assert spec.default_of("linear", name) in domain, name
