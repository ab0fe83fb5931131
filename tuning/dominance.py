"""Who is beaten by nobody: Pareto fronts and non-dominated ranks. More is better everywhere."""

import math
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=int | str)
Point = Sequence[float]


def dominates(a: Point, b: Point) -> bool:
    """Returns whether `a` is nowhere worse than `b`, and somewhere better."""
    return all(x >= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def front(points: Sequence[Point]) -> list[int]:
    """Returns the places of the points that no other dominates, in their order; equals share it."""
    kept: list[int] = []
    # In falling order nobody is dominated by one who comes later.
    for place in sorted(range(len(points)), key=lambda i: tuple(points[i]), reverse=True):
        if not any(dominates(points[other], points[place]) for other in kept):
            kept.append(place)
    return sorted(kept)


class Levels(Generic[Name]):
    """Named points by their non-dominated rank, kept up as points come.

    Level 0 is the front, level 1 the front of the others, and so on: the ranks of Deb, Pratap,
    Agarwal & Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE
    Transactions on Evolutionary Computation 6, 2002. A new point enters the first level where
    nobody dominates it, and those it dominates there move on by one, as in Li, Deb, Zhang & Zhang,
    "Efficient Nondomination Level Update Method for Steady-State Evolutionary Multiobjective
    Optimization", IEEE Transactions on Cybernetics 47, 2017.
    """

    def __init__(self) -> None:
        self._levels: list[dict[Name, Point]] = []
        self._known: dict[Name, Point] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def put(self, name: Name, point: Point) -> bool:
        """Puts a point in its level; one of the same name leaves. Returns whether that is new."""
        if self._known.get(name) == point:
            return False
        if name in self._known:
            del self._known[name]
            self._levels = []
            for each, known in self._known.items():
                self._enter(each, known)
        self._known[name] = point
        self._enter(name, point)
        return True

    def levels(self) -> list[Mapping[Name, Point]]:
        """Returns name -> point of each level."""
        return list(self._levels)

    def first(self, count: int) -> list[Name]:
        """Returns `count` names, level by level and `spread` in each; all, if there are fewer."""
        found: list[Name] = []
        for level in self._levels:
            if len(found) >= count:
                break
            found += spread(level)
        return found[:count]

    def _enter(self, name: Name, point: Point) -> None:
        place = 0
        while place < len(self._levels) and any(
            dominates(each, point) for each in self._levels[place].values()
        ):
            place += 1
        moving: dict[Name, Point] = {name: point}
        while moving:
            if place == len(self._levels):
                self._levels.append({})
            held = self._levels[place]
            beaten = {
                each: known
                for each, known in held.items()
                if any(dominates(one, known) for one in moving.values())
            }
            self._levels[place] = {n: p for n, p in held.items() if n not in beaten} | moving
            moving, place = beaten, place + 1


def spread(points: Mapping[Name, Point]) -> list[Name]:
    """Returns the names such that however few are taken from the first on, they lie apart.

    The best in the first coordinate comes first, then always the one that lies furthest from
    those before it, each coordinate scaled to what the points span; ties go by name. Of what
    breaks ties within a level this does better than crowding distance, which leaves a group of
    near points whole or out: Schmucker, Donini, Zafar, Salinas & Archambeau, "Multi-objective
    Asynchronous Successive Halving", 2021, https://arxiv.org/abs/2106.12639, section 3.
    """
    names = sorted(points)
    if len(names) < 2:
        return names
    scaled = dict(zip(names, _scaled([points[name] for name in names]), strict=True))
    best = max(range(len(names)), key=lambda i: (tuple(points[names[i]]), -i))
    found = [names.pop(best)]
    apart = dict.fromkeys(names, math.inf)
    while names:
        last = scaled[found[-1]]
        apart = {name: min(apart[name], math.dist(scaled[name], last)) for name in names}
        found.append(max(names, key=lambda name: apart[name]))
        names.remove(found[-1])
    return found


def _scaled(points: Sequence[Point]) -> list[list[float]]:
    columns = []
    for values in zip(*points, strict=True):
        known = [value for value in values if math.isfinite(value)]
        low = min(known, default=0.0)
        span = (max(known, default=0.0) - low) or 1.0
        columns.append([(v - low) / span if math.isfinite(v) else 0.0 for v in values])
    return [list(row) for row in zip(*columns, strict=True)]
