"""The race, asked one by one: who goes on, for how long, with how many seeds."""

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from tuning.oracles import Ask, race
from tuning.oracles._race import Field, Rung, Runner
from tuning.oracles.race import RaceOracle
from tuning.space import Choice, Float, Space

SPACE: Space = {"rate": Float(0.0, 1.0)}
Score = Callable[[float, int, int], float]


def exactly(rate: float, epochs: int, repeat: int) -> float:
    """What a configuration is worth, without noise."""
    return rate * epochs / 9


def noisily(rate: float, epochs: int, repeat: int, sd: float = 0.02) -> float:
    return exactly(rate, epochs, repeat) + random.Random(f"{rate}/{epochs}/{repeat}").gauss(0, sd)


def loudly(rate: float, epochs: int, repeat: int) -> float:
    return noisily(rate, epochs, repeat, sd=1.0)


class Race:
    """A race run to its end, one trial at a time."""

    def __init__(
        self,
        trials: int,
        *,
        seeds: int = 3,
        score: Score = noisily,
        sign: int = 1,
        failing: Sequence[int] = (),
        space: Space = SPACE,
    ) -> None:
        self.oracle = race.oracle(space, maximize=sign > 0, seed=1, epochs=9, seeds=seeds)
        self.asks: list[Ask] = []
        self.scores: list[list[float]] = []
        self._seeds = seeds
        while True:
            begun = sum(ask.parent is None for ask in self.asks)
            ask = self.oracle.ask(len(self.asks), new=begun < trials)
            if ask is None:
                return
            self.asks.append(ask)
            rate, number = float(ask.point["rate"]), len(self.asks) - 1
            found = [sign * score(rate, ask.epochs or 9, i) for i in range(ask.seeds or seeds)]
            self.scores.append([] if number in failing else found)
            self.oracle.tell(number, self.scores[-1])

    def seeds_of(self) -> dict[float, int]:
        """Seeds of each rate that came to the end."""
        return {
            float(ask.point["rate"]): ask.seeds or self._seeds
            for ask in self.asks
            if ask.epochs is None
        }


def rungs(asks: Sequence[Ask]) -> Counter[int | None]:
    return Counter(ask.epochs for ask in asks if ask.epochs or ask.seeds == 1)


def test_many_begin_and_a_third_goes_on_from_rung_to_rung() -> None:
    found = rungs(Race(27, score=loudly).asks)
    assert found[2] == 27
    assert 8 <= found[4] <= 15  # Some went on before all others had begun.
    assert 2 <= found[None] <= 6


def test_whoever_goes_on_is_of_the_best_third_then() -> None:
    held = Race(27)
    shown: dict[int, list[float]] = {2: [], 4: []}
    for ask, scores in zip(held.asks, held.scores, strict=True):
        if ask.parent is not None and (ask.epochs or ask.seeds == 1):
            parent = held.asks[ask.parent]
            assert ask.point == parent.point
            assert parent.epochs is not None
            score = held.scores[ask.parent][0]
            better = sum(each > score for each in shown[parent.epochs])
            assert better < math.ceil(len(shown[parent.epochs]) / 3)
        if ask.epochs is not None:
            shown[ask.epochs].append(scores[0])


@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_wins_with_all_seeds(sign: int) -> None:
    held = Race(40, sign=sign)
    rates = sorted(float(ask.point["rate"]) for ask in held.asks if ask.parent is None)
    best = rates[-1]
    assert held.seeds_of()[best] == 3


def test_only_whom_noise_does_not_tell_from_the_best_gets_further_seeds() -> None:
    oracle = race.oracle(SPACE, epochs=9, seeds=5)
    scores = {0.1: [0.90, 0.92], 0.2: [0.89, 0.92], 0.3: [0.60, 0.62], 0.4: [0.85, 0.83]}
    for number, (rate, found) in enumerate(scores.items()):
        oracle.adopt(number, Ask(point={"rate": rate}, seeds=len(found)))
        oracle.tell(number, found)
    seeds = Counter({rate: len(found) for rate, found in scores.items()})
    number = len(scores)
    while (ask := oracle.ask(number, new=False)) is not None:
        rate = float(ask.point["rate"])
        seeds[rate] = ask.seeds or 5
        oracle.tell(number, [*scores[rate], 0.91, 0.90, 0.91][: seeds[rate]])
        number += 1
    assert seeds == {0.1: 5, 0.2: 5, 0.3: 2, 0.4: 2}


def test_seeds_come_one_at_a_time_and_continue_the_trial_before() -> None:
    held = Race(30, seeds=4)
    further = [ask for ask in held.asks if ask.epochs is None and ask.seeds != 1]
    assert further
    for ask in further:
        assert ask.parent is not None
        parent = held.asks[ask.parent]
        assert parent.epochs is None
        assert (ask.seeds or 4) == (parent.seeds or 4) + 1


def test_one_seed_is_no_race_of_seeds() -> None:
    for ask in Race(9, seeds=1).asks:
        assert ask.seeds == (1 if ask.epochs else None)  # None: as many as there will be.


def test_only_whom_the_noise_of_a_rung_may_bring_to_the_lead_goes_on() -> None:
    """Once some went on, and showed how far a reading there is to be trusted."""
    reliable, loud = (rungs(Race(60, score=score).asks) for score in (exactly, loudly))
    assert reliable[4] < loud[4]
    assert reliable[None] < loud[None]


def test_few_configurations_come_to_the_end_too() -> None:
    assert rungs(Race(2).asks) == {2: 2, 4: 1, None: 1}
    assert rungs(Race(1).asks) == {2: 1, 4: 1, None: 1}


def test_what_failed_goes_nowhere() -> None:
    held = Race(12, failing=range(0, 40, 2))
    assert all(ask.parent is None or ask.parent % 2 for ask in held.asks)


def test_a_race_of_failures_ends() -> None:
    assert len(Race(5, failing=range(100)).asks) == 5


def test_a_race_that_adopts_its_own_asks_goes_on_as_it_did() -> None:
    """Also in how many further seeds it gave: half as many as came to the end."""
    held = Race(30, score=lambda *args: noisily(*args, sd=0.2))
    for cut in range(1, len(held.asks)):
        again = race.oracle(SPACE, seed=1, epochs=9, seeds=3)
        for number in range(cut):
            again.adopt(number, held.asks[number])
            again.tell(number, held.scores[number])
        begun = sum(ask.parent is None for ask in held.asks[:cut])
        assert again.ask(cut, new=begun < 30) == held.asks[cut]


def test_an_exhausted_space_ends_the_race_like_a_full_one() -> None:
    held = Race(100, space={"rate": Choice(0.1, 0.2, 0.3, 0.4)})
    assert sum(ask.parent is None for ask in held.asks) == 4
    assert held.seeds_of()[0.4] == 3


def test_what_was_adopted_races_for_seeds() -> None:
    oracle = race.oracle(SPACE, epochs=9, seeds=2)
    oracle.adopt(0, Ask(point={"rate": 0.5}, seeds=1))
    assert oracle.ask(1, new=False) is None
    oracle.tell(0, [0.5])
    assert oracle.ask(1, new=False) == Ask(point={"rate": 0.5}, seeds=None, parent=0)


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 9, 50])
def test_rungs_are_of_whole_epochs_that_rise(epochs: int) -> None:
    made = race.oracle(SPACE, epochs=epochs, seeds=2)
    assert isinstance(made, RaceOracle)
    lengths = made._lengths
    assert lengths == sorted(set(lengths))
    assert (lengths[0] >= 1, lengths[-1]) == (True, epochs)


def test_who_draws_the_points_must_be_one_who_can() -> None:
    with pytest.raises(ValueError, match="random_search, bayesian"):
        race.oracle(SPACE, points="grid_search")


def runner(number: int, scores: Sequence[float]) -> Runner:
    """A runner that came to the end."""
    return Runner(number, {}, number, 2, len(scores), pending=False, scores=scores)


def test_the_noise_between_seeds_is_pooled() -> None:
    field = Field()
    runs = [[0.5, 0.7], [0.2, 0.4, 0.3], [0.9]]
    ended = [runner(number, scores) for number, scores in enumerate(runs)]
    for each in ended:
        field.place(each)
    pooled = (statistics.variance(runs[0]) + 2 * statistics.variance(runs[1])) / 3
    assert field.noise == pytest.approx(math.sqrt(pooled))
    ended[0].failed = True
    field.place(ended[0])
    assert field.noise is None
    assert len(field) == 2


def test_whoever_may_lead_stands_in_front() -> None:
    """Whatever the noise, the best of those with as many scores leads them."""
    rng = random.Random(0)
    field = Field()
    ended = [runner(number, [rng.random() for _ in range(1 + number % 3)]) for number in range(60)]
    for each in ended:
        each.pending = each.number % 7 == 0
        field.place(each)
    for sd in (0.0, 0.1, 10.0):
        found, expected = (
            max(some, key=lambda each: each.mean - sd / len(each.scores))
            for some in (field.front(), ended)
        )
        assert found is expected
    assert len(list(field.front())) <= 2 * 3 * 2


@pytest.mark.parametrize("there", [0.5, 0.1])
def test_a_rung_is_trusted_as_far_as_its_gains_say(there: float) -> None:
    """Against the definition, with scores that come in any order and change."""
    rng = random.Random(1)
    rung = Rung()
    ran = [Runner(number, {}, number, 0, 1) for number in range(30)]
    for each in ran:
        rung.place(each, 0)
    assert len(rung.waiting) == 30
    for each in rng.sample(ran, 30) * 2:  # What was shown is shown anew.
        each.pending = False
        each.readings = {0: rng.random()}
        if each.number % 3 == 0:
            each.rung = 1
            each.readings[1] = each.readings[0] + there * rng.random()
        rung.place(each, 0)
    assert not rung.waiting
    order = sorted(ran, key=lambda each: -each.readings[0])
    assert rung.shown.items() == order
    assert rung.ready.items() == [each for each in order if not each.rung]
    on = [each for each in ran if each.rung]
    gains = [each.readings[1] - each.readings[0] for each in on]
    hoped = statistics.fmean(gains) + 2.0 * statistics.stdev(gains)
    lead = max(each.readings[1] for each in on)
    for each in order:
        assert rung.is_beaten(each.readings[0], 2.0) == (each.readings[0] + hoped < lead)
    assert not rung.is_beaten(order[0].readings[0], 2.0)
    assert rung.is_beaten(order[-1].readings[0], 2.0)
