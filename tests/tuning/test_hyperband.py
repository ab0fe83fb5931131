"""Hyperband's brackets, asked one by one."""

import collections
from typing import Any

import pytest

from tuning.oracles import Ask, hyperband
from tuning.space import Choice, Float, Space

SPACE: Space = {"rate": Float(0.0, 1.0)}


def ask_all(
    trials: int, *, epochs: int = 9, maximize: bool = True, failing: Any = (), seed: int = 0
) -> list[Ask]:
    """Runs a search of `trials` configurations, scored by their one setting."""
    oracle = hyperband.oracle(SPACE, maximize=maximize, seed=seed, epochs=epochs)
    asks: list[Ask] = []
    while True:
        begun = sum(ask.parent is None for ask in asks)
        ask = oracle.ask(len(asks), new=begun < trials)
        if ask is None:
            return asks
        asks.append(ask)
        number = len(asks) - 1
        oracle.tell(number, [] if number in failing else [float(ask.point["rate"])])


def lengths(asks: list[Ask]) -> dict[tuple[int | None, bool], int]:
    return collections.Counter((ask.epochs, ask.parent is not None) for ask in asks)


def test_full_brackets_are_the_papers() -> None:
    """Nine epochs: 9, 3, 1; then 5, 2; then 3 for all of them, as Keras Tuner sizes them."""
    assert lengths(ask_all(17)) == {
        (1, False): 9,
        (3, True): 3,
        (None, True): 1 + 2,
        (3, False): 5,
        (None, False): 3,
    }


@pytest.mark.parametrize(("held", "second", "third"), [(1, 1, 1), (2, 1, 1), (4, 2, 1), (7, 3, 1)])
def test_a_bracket_that_is_not_full_promotes_in_proportion(
    held: int, second: int, third: int
) -> None:
    assert lengths(ask_all(held)) == {
        (1, False): held,
        (3, True): second,
        (None, True): third,
    }


@pytest.mark.parametrize("maximize", [True, False])
def test_the_best_of_a_rung_go_on(maximize: bool) -> None:
    asks = ask_all(9, maximize=maximize)
    rates = sorted((float(ask.point["rate"]) for ask in asks[:9]), reverse=maximize)
    promoted = [float(ask.point["rate"]) for ask in asks if ask.epochs == 3]
    assert promoted == rates[:3]
    assert [float(ask.point["rate"]) for ask in asks if ask.epochs is None] == rates[:1]


def test_failed_trials_neither_go_on_nor_stall_the_rung() -> None:
    failing = {0, 1, 2, 4, 5, 6, 7, 8}
    asks = ask_all(9, failing=failing)
    assert [ask.parent for ask in asks if ask.epochs == 3] == [3]
    assert [ask.parent for ask in asks if ask.epochs is None] == [9]
    assert not any(ask.parent for ask in ask_all(9, failing=range(99)))


def test_an_ask_in_vain_leaves_no_trace() -> None:
    plain = hyperband.oracle(SPACE, seed=1, epochs=9)
    asked = hyperband.oracle(SPACE, seed=1, epochs=9)
    found: list[Ask] = []
    in_vain = 0
    for trial in range(25):
        # Scores come two trials late, so that some rungs are not ready to promote.
        if trial >= 2:
            for oracle in (plain, asked):
                oracle.tell(trial - 2, [float(found[trial - 2].point["rate"])])
        early = asked.ask(trial, new=False)
        in_vain += early is None
        ask = early or asked.ask(trial)
        assert ask == plain.ask(trial, new=early is None)
        assert ask is not None
        found.append(ask)
    assert 0 < in_vain < 25


def test_an_exhausted_space_still_promotes() -> None:
    oracle = hyperband.oracle({"rate": Choice(0.1, 0.2, 0.3, 0.4)}, seed=0, epochs=9)
    oracle.adopt(0, Ask(point={"rate": 0.1}))
    oracle.tell(0, [0.1])
    asks = []
    while (ask := oracle.ask(len(asks) + 1)) is not None:
        asks.append(ask)
        oracle.tell(len(asks), [float(ask.point["rate"])])
    assert [ask.point["rate"] for ask in asks if ask.epochs is None] == [0.4]
    assert sorted(ask.point["rate"] for ask in asks if ask.parent is None) == [0.2, 0.3, 0.4]


def test_one_epoch_is_random_search() -> None:
    assert lengths(ask_all(5, epochs=1)) == {(None, False): 5}
