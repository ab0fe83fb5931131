"""The race for several objectives: whom the ranks, and the noise, let go on."""

import dataclasses
import math
import random
from collections.abc import Callable, Sequence

import pytest

from tuning import dominance
from tuning.oracles import Ask, race
from tuning.oracles._race import Runner
from tuning.oracles._race_several import FrontField, FrontRung, together
from tuning.space import Float, Space

SPACE: Space = {"width": Float(0.0, 1.0), "skill": Float(0.0, 1.0)}
Score = Callable[[Ask, int], tuple[float, ...]]


def worth(ask: Ask, repeat: int, sd: float = 0.0) -> tuple[float, float]:
    """Accuracy, of which width buys some, and a cost that is width."""
    width, skill = float(ask.point["width"]), float(ask.point["skill"])
    noise = random.Random(f"{width}/{ask.epochs}/{repeat}").gauss(0, sd) if sd else 0.0
    return (width + skill) * ((ask.epochs or 9) / 9) ** 0.5 / 2 + noise, width


def noisily(ask: Ask, repeat: int) -> tuple[float, float]:
    return worth(ask, repeat, sd=0.02)


class Race:
    """A race run to its end, one trial at a time."""

    def __init__(
        self, trials: int, *, score: Score = noisily, seeds: int = 3, failing: Sequence[int] = ()
    ) -> None:
        self.oracle = race.oracle(SPACE, maximize=(True, False), seed=1, epochs=9, seeds=seeds)
        self.asks: list[Ask] = []
        self.scores: list[list[tuple[float, ...]]] = []
        self._seeds = seeds
        while True:
            begun = sum(ask.parent is None for ask in self.asks)
            ask = self.oracle.ask(len(self.asks), new=begun < trials)
            if ask is None:
                return
            self.asks.append(ask)
            found = [score(ask, i) for i in range(ask.seeds or seeds)]
            self.scores.append([] if len(self.asks) - 1 in failing else found)
            self.oracle.tell(len(self.asks) - 1, self.scores[-1])

    def ended(self) -> dict[tuple[float, float], int]:
        """(width, skill) of those that came to the end -> their seeds."""
        return {key(ask): ask.seeds or self._seeds for ask in self.asks if ask.epochs is None}


def key(ask: Ask) -> tuple[float, float]:
    return float(ask.point["width"]), float(ask.point["skill"])


def test_the_front_goes_on_and_not_the_most_accurate_alone() -> None:
    held = Race(60, score=worth)
    ended = held.ended()
    assert len(ended) < 25
    points = [(width + skill, -width) for width, skill in ended]
    assert len(dominance.front(points)) > 2
    widths = [width for width, _ in ended]
    assert min(widths) < 0.1
    assert max(width + skill for width, skill in ended) > 1.5
    one = race.oracle(SPACE, maximize=True, seed=1, epochs=9, seeds=3)
    assert type(one._rungs[0]) is not FrontRung  # type: ignore[attr-defined]


def test_whoever_goes_on_is_of_the_lowest_ranks_then() -> None:
    held = Race(40)
    shown: dict[int, dict[int, tuple[float, ...]]] = {2: {}, 4: {}}
    for number, (ask, scores) in enumerate(zip(held.asks, held.scores, strict=True)):
        if ask.parent is not None and (ask.epochs or ask.seeds == 1):
            parent = held.asks[ask.parent]
            assert parent.epochs is not None
            there = shown[parent.epochs]
            own = there[ask.parent]
            better = [p for p in there.values() if dominance.dominates(p, own)]
            assert len(better) < math.ceil(len(there) / 3)
        if ask.epochs is not None:
            accuracy, cost = scores[0]
            shown[ask.epochs][number] = accuracy, -cost


def test_those_that_nobody_is_shown_to_dominate_get_all_seeds() -> None:
    held = Race(60, score=worth)
    ended = held.ended()
    points = {each: (sum(each), -each[0]) for each in ended}
    for each, point in points.items():
        dominated = any(dominance.dominates(other, point) for other in points.values())
        if not dominated:
            assert ended[each] == 3


def test_an_sd_is_not_known_at_one_seed_and_has_its_say_later() -> None:
    def score(ask: Ask, repeat: int) -> tuple[float, float]:
        sd = float(ask.point["width"])
        return noisily(ask, repeat)[0], sd if (ask.seeds or 3) > 1 else math.nan

    held = Race(40, score=score)
    assert all(seeds > 1 for seeds in held.ended().values())
    assert len(held.ended()) > 1


def test_what_failed_goes_nowhere() -> None:
    held = Race(12, failing=range(0, 40, 2))
    assert all(ask.parent is None or ask.parent % 2 for ask in held.asks)
    assert len(Race(5, failing=range(100)).asks) == 5


def test_adopting_a_race_goes_on_as_the_race_did() -> None:
    held = Race(20)
    for cut in range(1, len(held.asks)):
        again = race.oracle(SPACE, maximize=(True, False), seed=1, epochs=9, seeds=3)
        for number in range(cut):
            again.adopt(number, held.asks[number])
            again.tell(number, held.scores[number])
        begun = sum(ask.parent is None for ask in held.asks[:cut])
        assert again.ask(cut, new=begun < 20) == held.asks[cut]


def runner(number: int, *told: tuple[float, ...], seeds: int = 1) -> Runner:
    """A runner that came to the end."""
    made = Runner(number, {}, number, 2, seeds, pending=False)
    made.told, made.scores = told, [each[0] for each in told]
    return made


def test_who_is_shown_to_be_dominated_is_no_contender() -> None:
    field = FrontField()
    ended = [
        runner(0, (0.90, -100.0), (0.92, -100.0)),
        runner(1, (0.60, -100.0), (0.62, -100.0)),  # Dominated by 0, and shown to be.
        runner(2, (0.895, -100.0), (0.90, -100.0)),  # By 0 too, within the noise.
        runner(3, (0.10, -5.0), (0.12, -5.0)),  # Cheaper.
        runner(4, (0.905, -101.0), (0.905, -101.0)),
    ]
    for each in ended[:2]:
        field.place(each)
    assert field.contenders(2.0) == ended[:2]  # The noise is not known yet.
    for each in ended:
        field.place(each)
    assert field.contenders(2.0) == [ended[0], ended[2], ended[3], ended[4]]
    assert field.contenders(0.0) == [ended[0], ended[3]]
    ended[0].failed = True
    field.place(ended[0])
    assert len(field) == 4
    assert field.contenders(0.0) == [ended[2], ended[3], ended[4]]


def test_what_is_not_known_rules_nobody_out() -> None:
    field = FrontField()
    ended = [
        runner(0, (0.9, -0.1), (0.9, -0.1)),
        runner(1, (0.8, -0.1), (0.8, -0.1)),
        runner(2, (0.8, -0.1), (0.8, -0.1)),
        runner(3, (0.1, math.nan)),
    ]
    for each in ended:
        field.place(each)
    assert field.contenders(2.0) == [ended[0], ended[3]]


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_rung_is_trusted_as_far_as_its_gains_say(noise: float) -> None:
    rng = random.Random(0)
    rung = FrontRung()
    ran = [Runner(number, {}, number, 0, 1) for number in range(30)]
    for each in ran:
        rung.place(each, 0)
    assert len(rung.waiting) == 30
    for each in ran:
        each.pending = False
        each.vectors = {0: (rng.random(), -float(rng.randrange(9)), math.nan)}
        rung.place(each, 0)
    assert (len(rung), rung.waiting) == (30, set())
    vectors = [(*each.vectors[0][:2], -math.inf) for each in ran]
    front = dominance.front(vectors)
    assert [r.number for r in ran if rung.goes_on(0, len(front), 2.0) is r] == [
        max(front, key=lambda i: vectors[i])
    ]
    assert rung.goes_on(0, 0, 2.0) is None
    assert set(rung._shown.first(len(front))) == set(front)
    for each in ran[::3]:
        each.rung = 1
        there = each.vectors[0][0] + 0.1 + noise * rng.random()
        each.vectors[1] = (there, each.vectors[0][1], math.nan)
        rung.place(each, 0)
    gains = [each.vectors[1][0] - each.vectors[0][0] for each in ran[::3]]
    centre = sum(gains) / len(gains)
    sd = math.sqrt(sum((gain - centre) ** 2 for gain in gains) / (len(gains) - 1))
    for each in ran:
        accuracy, cost, _ = each.vectors[0]
        hoped = (accuracy + centre + 2 * sd, cost)
        leads = [other.vectors[1][:2] for other in ran[::3]]
        expected = any(dominance.dominates(lead, hoped) for lead in leads)
        if abs(sd) > 1e-9 or each.number % 3:  # Else it is a matter of the last bit.
            assert rung.is_beaten(each.vectors[0], 2.0) == expected
    beaten = [rung.is_beaten(each.vectors[0], 2.0) for each in ran]
    assert any(beaten)
    assert not all(beaten)


def test_means_are_of_what_is_known() -> None:
    found = together([(1.0, math.nan, 2.0), (2.0, math.nan, math.nan)])
    assert found[::2] == (1.5, 2.0)
    assert math.isnan(found[1])


def test_a_runner_is_placed_again_without_a_trace() -> None:
    field = FrontField()
    one = runner(0, (0.5, 1.0), (0.7, 1.0), seeds=2)
    for _ in range(3):
        field.place(one)
        field.place(dataclasses.replace(one, number=7, told=()))
    assert len(field) == 1
    assert field._noise() is None
