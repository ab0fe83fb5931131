"""Optuna's samplers as oracles: they learn, and a replay goes on as if nothing had been cut."""

import importlib.util
import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kerascnn import registry
from kerascnn.spec import Value, default_of
from tuning import oracles, plan, repeating
from tuning.oracles import Ask, Oracle
from tuning.space import Choice, Float, Int, Space, size

pytest.importorskip("optuna")

NAMES = ("tpe", "nsga2", "cma_es", pytest.param("gp", marks=pytest.mark.slow))
SPACE: Space = {
    "x": Float(0.0, 1.0),
    "y": Float(1e-4, 1.0, log=True),
    "units": Int(4, 30, 4),
    "batch": Choice(64, 8, 16, 32),
    "pooling": Choice("max", "average"),
    "padded": Choice(True, False),
}
PLANE: Space = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
Event = tuple[str, int, Any]
# Trials of a test that sees them learn. A process takes long, and learns soon.
COUNTS = {"tpe": 60, "gp": 25, "cma_es": 60, "nsga2": 60}
# How much nearer to the best later points are. Generations of 10 have hardly begun after 60.
NEARER = {"tpe": 0.5, "gp": 0.5, "cma_es": 0.5, "nsga2": 0.95}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    if absent := oracles.missing(request.param):
        pytest.skip(f"The oracle {request.param} takes {', '.join(absent)}.")
    return str(request.param)


def make(name: str, space: Space, maximize: Any = True, seed: int = 0) -> Oracle:
    entry = registry.load("tuning.oracles", name)
    oracle: Oracle = entry.oracle(space, maximize=maximize, seed=seed, epochs=9)
    return oracle


def hill(point: Mapping[str, Value]) -> float:
    return 1 - (float(point["x"]) - 0.7) ** 2 - (float(point["y"]) - 0.3) ** 2


def scores_of(trial: int, point: Mapping[str, Value]) -> list[float]:
    """Returns those of two runs; every fifth trial fails."""
    return [] if trial % 5 == 4 else [hill(point), hill(point) + trial / 1000]


def played(oracle: Oracle, count: int, behind: int = 3) -> list[Event]:
    """Returns what happens in a search whose scores come `behind` asks later.

    The first trial, and one in between, are points of the user's own.
    """
    mine = {"x": 0.5, "y": 0.5, "units": 8, "batch": 16, "pooling": "max", "padded": False}
    events: list[Event] = []
    points: list[Mapping[str, Value]] = []
    for trial in range(count):
        if trial in (0, 13):
            ask: Ask | None = Ask(point={**mine, "x": trial / 20})
            oracle.adopt(trial, ask)
        else:
            ask = oracle.ask(trial)
        assert ask is not None
        points.append(ask.point)
        events.append(("ask", trial, ask))
        if trial >= behind:
            told = trial - behind
            events.append(("tell", told, scores_of(told, points[told])))
            oracle.tell(told, events[-1][2])
    return events


def test_a_replay_cut_anywhere_goes_on_as_it_was(name: str) -> None:
    events = played(make(name, SPACE), 29)
    for cut in (9, 42):
        oracle = make(name, SPACE)
        for kind, trial, what in events[:cut]:
            if kind == "ask":
                oracle.adopt(trial, what)
            else:
                oracle.tell(trial, what)
        for kind, trial, what in events[cut:]:
            if kind == "tell":
                oracle.tell(trial, what)
            elif trial == 13:
                oracle.adopt(trial, what)
            else:
                assert oracle.ask(trial) == what, (cut, trial)


@pytest.mark.parametrize("maximize", [True, False])
def test_it_learns_and_shuns_failures(name: str, maximize: bool) -> None:
    """On a hill with a cliff, or in such a valley, later points are better than random ones."""
    oracle = make(name, PLANE, maximize)
    far: list[float] = []
    for trial in range(1, COUNTS[name] + 1):
        ask = oracle.ask(trial)
        assert ask is not None
        x, y = float(ask.point["x"]), float(ask.point["y"])
        far.append(abs(x - 0.7) + abs(y - 0.3))
        height = hill(ask.point)
        oracle.tell(trial, [] if x < 0.2 else [height if maximize else -height])
    late = statistics.fmean(far[-len(far) // 3 :])
    assert late < statistics.fmean(far[:10]) * NEARER[name]


@pytest.mark.parametrize(
    ("maximize", "told", "known"),
    [
        (True, {0: [0.9, 0.7], 1: [0.2], 2: []}, [[0.8], [0.2], [0.2], None]),
        (False, {0: [0.9, 0.7], 1: [0.2], 2: []}, [[0.8], [0.2], [0.8], None]),
        (True, {2: []}, [None, None, [0.0], None]),
        (
            (True, False),
            {0: [(1.0, 5.0), (3.0, 5.0)], 1: [(4.0, 6.0)], 2: []},
            [[2.0, 5.0], [4.0, 6.0], [2.0, 6.0], None],
        ),
    ],
)
def test_a_failed_trial_counts_as_the_worst_of_each_objective(
    maximize: Any, told: Mapping[int, list[Any]], known: list[Any]
) -> None:
    """What has no score yet runs, to Optuna."""
    oracle: Any = make("tpe", PLANE, maximize)
    for trial in range(4):
        oracle.ask(trial)
    for trial, scores in told.items():
        oracle.tell(trial, scores)
    trials = oracle._so_far(1).trials
    assert [trial.values for trial in trials] == known
    assert [trial.state.name == "RUNNING" for trial in trials] == [each is None for each in known]


@pytest.mark.parametrize("scores", [[math.nan], [0.5, math.inf], []])
def test_what_is_no_number_is_a_failure_and_all_may_fail(
    name: str, scores: Sequence[float]
) -> None:
    oracle = make(name, SPACE)
    for trial in range(1, 14):
        assert oracle.ask(trial) is not None
        oracle.tell(trial, scores)


@pytest.mark.parametrize("maximize", [(True, False), (False, True)])
def test_several_objectives_are_traded_off(name: str, maximize: tuple[bool, bool]) -> None:
    """Of x and x + y, one large and the other small, what remains is y at its end."""
    if not registry.constant("tuning.oracles", name, "SEVERAL", False):
        assert name == "cma_es"
        return
    oracle = make(name, PLANE, maximize)
    ys = []
    for trial in range(1, COUNTS[name] + 1):
        ask = oracle.ask(trial)
        assert ask is not None
        x, y = float(ask.point["x"]), float(ask.point["y"])
        ys.append(y)
        one, other = (x, x + y), (x + 0.01, x + y)  # Of two runs
        oracle.tell(trial, [one, other] if trial % 6 else [])
    late = statistics.fmean(ys[-len(ys) // 3 :])
    assert late < 0.35 if maximize[0] else late > 0.65


def test_running_trials_are_kept_away_from(name: str) -> None:
    """Ten asked for at once, of a model that has one favourite, are ten points."""
    space: Space = {"x": Int(0, 400)}
    oracle = make(name, space)
    for trial in range(1, 13):
        ask = oracle.ask(trial)
        assert ask is not None
        oracle.tell(trial, [-abs(int(ask.point["x"]) - 200) / 400])
    running = [oracle.ask(trial) for trial in range(13, 23)]
    assert len({ask.point["x"] for ask in running if ask}) == 10


def test_a_setting_that_ends_where_no_step_lands_and_numbers_in_any_order_are_drawn(
    name: str,
) -> None:
    space: Space = {"units": Int(1, 6, 4), "batch": Choice(64, 8, 16), "rate": Choice(0.5, 0.1)}
    oracle, points = make(name, space), set()
    for trial in range(20):
        if (ask := oracle.ask(trial)) is not None:
            points.add(tuple(ask.point.values()))
            oracle.tell(trial, [float(trial)])
    assert len(points) == size(space) == 12
    assert {point[0] for point in points} == {1, 5}
    assert all(
        type(value) is kind for point in points for value, kind in zip(point, TYPES, strict=True)
    )


TYPES = (int, int, float)


def test_the_order_of_numbers_is_learned() -> None:
    """From ends and middle of a choice in no order, that its small values are good."""
    values = (512, 2, 64, 8, 256, 1, 32, 4, 128, 16)
    oracle = make("cma_es", {"n": Choice(*values), "x": Float(0.0, 1.0)})
    drawn = []
    for trial in range(1, 61):
        ask = oracle.ask(trial)
        assert ask is not None
        drawn.append(int(ask.point["n"]))
        oracle.tell(trial, [-math.log2(drawn[-1])])
    assert sum(n <= 8 for n in drawn[-20:]) > 12


def test_another_trial_or_seed_draws_otherwise(name: str) -> None:
    found = [make(name, PLANE, seed=seed).ask(trial) for seed in (0, 1) for trial in (1, 2)]
    assert len({str(ask) for ask in found}) == 4


def test_optuna_says_nothing_and_its_voice_is_left_as_it_was(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    import optuna

    optuna.logging.set_verbosity(logging.INFO)  # Whatever was asked for in this process before.
    played(make(name, SPACE), 14)
    assert optuna.logging.get_verbosity() == logging.INFO
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "packages", "message"),
    [
        ("tpe", ("optuna",), r"tpe takes optuna, not installed here\. .*'\.\[optuna\]'$"),
        ("cma_es", ("cmaes",), r"cma_es takes cmaes, not .*'\.\[optuna\]'$"),
        ("gp", ("torch", "greenlet"), r"gp takes torch, greenlet, .*'\.\[gp\]'$"),
    ],
)
def test_what_is_not_installed_is_said(
    name: str, packages: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda each: None if each in packages else find(each)
    )
    with pytest.raises(ValueError, match=message):
        oracles.check(name, [SPACE])
    oracles.check("random_search", [SPACE])


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"pooling": Choice("max", "average"), "n": Int(3, 3)}, r"none varies here: pooling, n\."),
        ({"padded": Choice(True, False), "rate": Choice(0.1)}, r"none varies here: padded, rate\."),
        ({}, r"none varies here: nothing does\."),
    ],
)
def test_a_space_without_numbers_is_none_for_cma_es(space: Space, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        oracles.check("cma_es", [SPACE, space])
    oracles.check("tpe", [space])
    for enough in (Int(1, 2), Float(0.0, 1.0), Choice(1, 2)):
        oracles.check("cma_es", [{**space, "more": enough}])


def test_what_cannot_be_searched_is_refused_before_a_study_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("learning_rate", "weight_decay", "batch_size")
    fixed = {name: default_of("linear", name) for name in names}
    with pytest.raises(ValueError, match="cma_es learns numbers alone"):
        plan.new_search("linear", "synthetic", oracle="cma_es", fixed=fixed)
    find = importlib.util.find_spec
    theirs = plan.new_search("linear", "synthetic", oracle="race", points="tpe", name="theirs")
    assert theirs.about["versions"]["optuna"]  # What draws points is told where they are kept.
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda each: None if each == "optuna" else find(each)
    )
    for options in ({"oracle": "tpe"}, {"oracle": "race", "points": "nsga2"}):
        with pytest.raises(ValueError, match=r"takes optuna, not installed here"):
            plan.new_search("linear", "synthetic", **options)
    with pytest.raises(ValueError, match="The oracle tpe takes optuna"):
        repeating.read(str(theirs.folder))
    assert [path.name for path in Path("runs").iterdir()] == ["theirs"]
