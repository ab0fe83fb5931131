"""Search spaces: domains, drawing, and what a user may type."""

import random

import pytest

from tuning import space
from tuning.space import Choice, Float, Int

SPACE = {"filters": Int(8, 30, 8), "pooling": Choice("max", "average"), "bias": Choice(True, False)}


def test_int_includes_high_where_a_step_lands_on_it() -> None:
    assert Int(8, 24, 8).values == (8, 16, 24)
    assert Int(8, 30, 8).values == (8, 16, 24)
    assert 16 in Int(8, 24, 8)
    assert 9 not in Int(8, 24, 8)


def test_a_choice_keeps_types_apart() -> None:
    assert True in Choice(True, False)
    assert 1 not in Choice(True, False)
    assert Choice("a", "b", "a").values == ("a", "b")


def test_a_union_holds_what_each_space_holds() -> None:
    one = {"depth": Int(1, 3), "filters": Choice(8, 16), "rate": Float(1e-3, 0.1, log=True)}
    two = {"depth": Int(2, 5), "filters": Choice(16, 32), "rate": Float(1e-4, 1e-2, log=True)}
    other = {"depth": Choice(8, 20), "units": Int(1, 2)}
    assert space.union([one, two]) == {
        "depth": Int(1, 5),
        "filters": Choice(8, 16, 32),
        "rate": Float(1e-4, 0.1, log=True),
    }
    assert space.union([one, other]) == {**one, "depth": Int(1, 20), "units": Int(1, 2)}


def test_sizes() -> None:
    assert space.size(SPACE) == 12
    assert space.size({"x": Float(0, 1)}) is None
    assert space.size({"x": Float(1, 1)}) == 1


def test_nth_counts_through_the_space() -> None:
    points = [space.nth(SPACE, index) for index in range(12)]
    assert len({tuple(point.items()) for point in points}) == 12
    assert points[0] == {"filters": 8, "pooling": "max", "bias": True}
    assert points[1] == {"filters": 8, "pooling": "max", "bias": False}
    with pytest.raises(ValueError, match="no end of values"):
        space.nth({"x": Float(0, 1)}, 0)


def test_samples_lie_in_the_space() -> None:
    domains = {**SPACE, "rate": Float(1e-4, 1e-1, log=True), "dropout": Float(0.0, 0.5)}
    rng = random.Random(0)
    for _ in range(50):
        point = space.sample(domains, rng)
        assert all(point[name] in domain for name, domain in domains.items())


@pytest.mark.parametrize(
    ("text", "default", "domain"),
    [
        ("8:64:8", 16, Int(8, 64, 8)),
        ("1:3", 2, Int(1, 3)),
        ("1e-4:1e-1:log", 1e-3, Float(1e-4, 1e-1, log=True)),
        ("0:1", 0.5, Float(0, 1)),
        ("0.0:0.5", None, Float(0.0, 0.5)),
        ("max,average", "max", Choice("max", "average")),
        ("1,2,4", 2, Choice(1, 2, 4)),
        ("0,0.25", 0.0, Choice(0.0, 0.25)),
        ("true,false", True, Choice(True, False)),
        ("relu", "relu", Choice("relu")),
    ],
)
def test_domains_are_read_as_typed(text: str, default: object, domain: object) -> None:
    assert space.parse(text, default) == domain  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8:2", "`low <= high`"),
        ("8:64:0", "`step > 0`"),
        ("0:1:log", "`low > 0` must hold on a log scale"),
        ("a:b", "Expected low:high"),
        ("1:2:3:4", "Expected low:high"),
        ("0.1:0.5:0.1", "Expected low:high"),
        ("1,a", "values of one type"),
        ("nan:1", "both finite"),
    ],
)
def test_bad_domains_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        space.parse(text)


def test_a_choice_needs_a_value() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        Choice()


@pytest.mark.parametrize(
    "domain",
    [
        Int(1, 9, 2),
        Int(1, 9),
        Float(0.1, 1.0, log=True),
        Float(0.0, 0.5),
        Choice("a", "b"),
        Choice(True, False),
        Choice(0.0, 1e-3),
    ],
)
def test_domains_round_trip(domain: space.Domain) -> None:
    assert space.from_json(space.to_json(domain)) == domain
    assert space.parse(space.text(domain), space.ends(domain)[0]) == domain
