"""The contract of every oracle."""

import subprocess
import sys
from typing import Any

import pytest

from kerascnn import registry
from tuning import oracles
from tuning.oracles import Ask, Oracle
from tuning.space import Choice, Float, Int, Space, size

SPACE: Space = {
    "filters": Int(8, 24, 8),
    "pooling": Choice("max", "average"),
    "padded": Choice(True, False),
    "dropout": Choice(0.0, 0.25),
}
ENDLESS: Space = {"learning_rate": Float(1e-4, 1e-1, log=True), "dropout": Float(0.0, 0.5)}
# Not the booleans that Python takes them for.
ALIKE: Space = {"depth": Choice(0, 1), "rate": Choice(0.0, 1.0), "bias": Choice(True, False)}
FIXED: Space = {"filters": Int(8, 8), "dropout": Float(0.5, 0.5), "pooling": Choice("max")}


@pytest.fixture(params=registry.names("tuning.oracles"))
def name(request: pytest.FixtureRequest) -> str:
    if absent := oracles.missing(request.param):
        pytest.skip(f"The oracle {request.param} takes {', '.join(absent)}.")
    return str(request.param)


def make(name: str, space: Space, seed: int = 0) -> Oracle:
    oracle: Oracle = registry.load("tuning.oracles", name).oracle(
        space, maximize=True, seed=seed, epochs=9
    )
    return oracle


def points(oracle: Oracle, count: int, first: int = 1) -> list[dict[str, Any]]:
    """Returns the new points of `count` asks, told that every fourth failed."""
    found = []
    for trial in range(first, first + count):
        ask = oracle.ask(trial)
        if ask is None:
            break
        oracle.tell(trial, [float(trial % 5)] if trial % 4 else [])
        if ask.parent is None:
            found.append(dict(ask.point))
    return found


@pytest.mark.parametrize("space", [SPACE, ENDLESS, FIXED, ALIKE])
def test_points_lie_in_the_space(name: str, space: Space) -> None:
    for point in points(make(name, space), 10):
        assert list(point) == list(space)
        for setting, value in point.items():
            assert value in space[setting]
            values = space[setting].values
            assert type(value) is (float if values is None else type(values[0]))


def test_a_space_is_exhausted_without_repetition(name: str) -> None:
    found = points(make(name, SPACE), 100)
    assert len({tuple(point.items()) for point in found}) == len(found) == size(SPACE)


def test_without_a_wish_for_new_points_there_are_none(name: str) -> None:
    oracle, other = make(name, ENDLESS), make(name, ENDLESS)
    assert oracle.ask(1, new=False) is None
    assert points(oracle, 5) == points(other, 5)
    told = oracle.ask(6, new=False)
    assert told is None or told.parent is not None


def test_an_empty_space_has_no_point(name: str) -> None:
    assert make(name, {}).ask(1) is None


def test_the_same_seed_asks_the_same(name: str) -> None:
    for seed in (0, 1):
        assert points(make(name, ENDLESS, seed), 8) == points(make(name, ENDLESS, seed), 8)


def test_another_process_asks_the_same(name: str) -> None:
    code = (
        "from tests.contracts import test_oracles as t\n"
        f"print(t.points(t.make({name!r}, t.ENDLESS), 4))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(points(make(name, ENDLESS), 4))


def test_nothing_is_written(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    points(make(name, SPACE), 5)
    assert not list(tmp_path.iterdir())


def test_random_search_never_asks_an_adopted_point() -> None:
    oracle = make("random_search", SPACE)
    mine = {"filters": 8, "pooling": "max", "padded": True, "dropout": 0.0}
    oracle.adopt(0, Ask(point=mine))
    found = points(oracle, 100)
    assert mine not in found
    assert len(found) == (size(SPACE) or 0) - 1


def test_a_point_outside_the_space_is_not_adopted() -> None:
    oracle = make("random_search", SPACE)
    outside = {"filters": 9, "pooling": "max", "padded": True, "dropout": 0.0}
    oracle.adopt(0, Ask(point=outside))
    assert len(points(oracle, 100)) == size(SPACE)


def test_random_search_depends_on_its_seed() -> None:
    assert points(make("random_search", ENDLESS, 0), 3) != points(
        make("random_search", ENDLESS, 1), 3
    )


def test_random_search_goes_past_keras_tuners_limits() -> None:
    """Its default ends a search after 10 trials, or after 20 collisions."""
    assert len(points(make("random_search", {"filters": Int(1, 60)}), 100)) == 60


def test_bayesian_learns_from_scores_and_shuns_failures() -> None:
    """On a hill with a cliff, its asks after the random ones are nearer the top than they were."""
    space: Space = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
    oracle = make("bayesian", space)
    distances = []
    for trial in range(1, 19):
        ask = oracle.ask(trial)
        assert ask is not None
        x, y = float(ask.point["x"]), float(ask.point["y"])
        distances.append(abs(x - 0.7) + abs(y - 0.3))
        oracle.tell(trial, [] if x < 0.2 else [1 - (x - 0.7) ** 2 - (y - 0.3) ** 2])
    assert sum(distances[10:]) / 8 < sum(distances[:10]) / 10 / 2


def test_bayesian_asks_apart_while_others_run() -> None:
    space: Space = {"x": Float(0.0, 1.0)}
    oracle = make("bayesian", space)
    for trial in range(1, 12):
        ask = oracle.ask(trial)
        assert ask is not None
        oracle.tell(trial, [float(ask.point["x"])])
    running = [oracle.ask(trial) for trial in (12, 13, 14)]
    assert len({ask.point["x"] for ask in running if ask}) == 3


def test_bayesian_continues_by_adoption_past_its_random_phase() -> None:
    first = make("bayesian", ENDLESS)
    told = []
    for trial in range(1, 14):
        ask = first.ask(trial)
        assert ask is not None
        first.tell(trial, [trial % 5 / 5])
        told.append(ask)
    again = make("bayesian", ENDLESS)
    for trial, ask in enumerate(told, start=1):
        again.adopt(trial, ask)
        again.tell(trial, [trial % 5 / 5])
    assert again.ask(14) == first.ask(14)
