"""Fronts and ranks, against their definitions."""

import itertools
import math
import random

import pytest

from tuning import dominance
from tuning.dominance import Levels, dominates

Points = list[tuple[float, ...]]


def drawn(rng: random.Random, count: int, places: int) -> Points:
    """Points with ties, equals among them."""
    return [tuple(float(rng.randrange(5)) for _ in range(places)) for _ in range(count)]


def by_definition(points: Points) -> list[int]:
    """The rank of each: one more than the highest of those that dominate it."""
    ranks: dict[int, int] = {}
    while len(ranks) < len(points):
        left = [i for i in range(len(points)) if i not in ranks]
        front = [i for i in left if not any(dominates(points[j], points[i]) for j in left)]
        ranks |= dict.fromkeys(front, max(ranks.values(), default=-1) + 1)
    return [ranks[i] for i in range(len(points))]


def test_to_dominate_is_to_be_nowhere_worse_and_somewhere_better() -> None:
    assert dominates((1, 2), (1, 1))
    assert not dominates((1, 2), (1, 2))
    assert not dominates((1, 2), (2, 1))
    for a, b in itertools.product(itertools.product(range(3), repeat=3), repeat=2):
        better = sum(x > y for x, y in zip(a, b, strict=True))
        worse = sum(x < y for x, y in zip(a, b, strict=True))
        assert dominates(a, b) == (better > 0 and not worse)


@pytest.mark.parametrize("places", [1, 2, 3, 4])
def test_fronts_and_ranks_are_those_of_the_definition(places: int) -> None:
    rng = random.Random(places)
    for count in (0, 1, 2, 7, 40):
        points = drawn(rng, count, places)
        ranks = by_definition(points)
        assert dominance.front(points) == [i for i, rank in enumerate(ranks) if not rank]
        levels: Levels[int] = Levels()
        for name in rng.sample(range(count), count):
            assert levels.put(name, points[name])
        assert [sorted(level) for level in levels.levels()] == [
            [i for i in range(count) if ranks[i] == rank] for rank in range(len(levels.levels()))
        ]
        assert len(levels) == count


def test_whoever_shows_something_else_changes_place() -> None:
    rng = random.Random(0)
    levels: Levels[int] = Levels()
    points = drawn(rng, 30, 2)
    for _ in range(4):
        for name, point in enumerate(points):
            levels.put(name, point)
            assert not levels.put(name, point)
        points = drawn(rng, 30, 2)
    for name, point in enumerate(points):
        levels.put(name, point)
    fresh: Levels[int] = Levels()
    for name, point in enumerate(points):
        fresh.put(name, point)
    assert [sorted(level) for level in levels.levels()] == [sorted(o) for o in fresh.levels()]
    assert levels.first(30) == fresh.first(30)


def test_the_first_are_of_the_lowest_ranks() -> None:
    points = drawn(random.Random(2), 50, 3)
    ranks = by_definition(points)
    levels: Levels[int] = Levels()
    for name, point in enumerate(points):
        levels.put(name, point)
    for count in (0, 1, 10, 50, 60):
        found = levels.first(count)
        assert len(found) == len(set(found)) == min(count, 50)
        assert sorted(ranks)[: len(found)] == [ranks[name] for name in found]


def test_few_of_a_rank_lie_apart_and_the_best_in_the_first_place_leads() -> None:
    points = {i: (float(i), 10.0 - i) for i in range(11)}
    found = dominance.spread(points)
    assert found[:3] == [10, 0, 5]
    assert sorted(found) == sorted(points)
    crowd = {0: (1.0, 0.0), 1: (0.99, 0.01), 2: (0.98, 0.02), 3: (0.0, 1.0)}
    assert dominance.spread(crowd)[:2] == [0, 3]


def test_what_is_the_worst_there_can_be_changes_no_order() -> None:
    points = {i: (float(i), 10.0 - i, -math.inf) for i in range(11)}
    plain = {name: point[:2] for name, point in points.items()}
    assert dominance.spread(points) == dominance.spread(plain)
    assert dominance.spread({1: (0.0,)}) == [1]
    assert dominance.spread({}) == []
