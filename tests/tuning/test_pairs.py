"""Levels, and how many seeds an undecided pair needs."""

import math

import numpy as np
import pytest

from tuning import differences, pairs, seed_counts
from tuning.pairs import Question, Sample

QUESTION = Question(maximize=True, margin=0.001, alpha=0.05)


def sample(name: str, values: list[float]) -> Sample:
    return Sample(name, values, None)


def test_holm_by_hand() -> None:
    """0.01 < 0.05 / 4; 0.02 >= 0.05 / 3: it and all after it stay at a third."""
    third = 0.05 / 3
    assert pairs.holm([0.03, 0.01, 0.02, 1.0], 0.05) == [third, 0.05 / 4, third, third]
    assert pairs.holm([0.001, 0.002], 0.05) == [0.025, 0.05]
    assert pairs.holm([], 0.05) == []


def test_the_leader_is_compared_at_alpha_over_the_others() -> None:
    a, b, c = (sample(n, [v, v + 0.01, v + 0.02]) for n, v in (("a", 0.9), ("b", 0.89), ("c", 0.5)))
    found = pairs.leading([pairs.contrast(a, b), pairs.contrast(a, c)], QUESTION)
    assert [pair.confidence for pair in found] == [0.975, 0.975]
    assert [pair.verdict for pair in found] == ["undecided", "better"]


def test_all_pairs_are_told_apart_at_holms_levels() -> None:
    samples = [sample(str(v), [v, v + 0.001, v + 0.002]) for v in (0.9, 0.7, 0.699)]
    found = pairs.every(samples, QUESTION)
    assert [pair.verdict for pair in found] == ["better", "better", "undecided"]
    assert sorted(1 - pair.confidence for pair in found) == pytest.approx([0.05 / 3, 0.025, 0.05])
    for pair in found:  # An interval leaves out 0 where the pair is told apart.
        assert pair.interval is not None
        assert (pair.interval[0] > 0 or pair.interval[1] < 0) == (pair.verdict != "undecided")


def test_seeds_needed_are_those_of_the_difference_seen() -> None:
    a, b = sample("a", [0.90, 0.92, 0.94]), sample("b", [0.89, 0.91, 0.93])
    found = pairs.one(pairs.contrast(a, b), QUESTION)
    assert found.verdict == "undecided"
    assert found.seeds_needed == seed_counts.seeds_needed(0.01 / 0.02) == 64
    assert found.obstacle == ""


def test_a_difference_below_the_margin_counts_as_the_margin() -> None:
    a, b = sample("a", [0.90, 0.92, 0.94]), sample("b", [0.90, 0.92, 0.94])
    question = Question(maximize=True, margin=0.02, alpha=0.05)
    found = pairs.one(pairs.contrast(a, b), question)
    assert (found.verdict, found.difference) == ("undecided", 0)
    assert found.seeds_needed == seed_counts.seeds_needed(1.0) == 17


def test_the_sd_of_one_run_is_that_of_the_other() -> None:
    found = pairs.contrast(sample("a", [0.9]), sample("b", [0.89, 0.91, 0.93]))
    assert found.spread == pytest.approx(0.02**2)
    assert pairs.one(found, QUESTION).seeds_needed == seed_counts.seeds_needed(0.01 / 0.02)


def test_what_is_hopeless_says_so() -> None:
    a, b = sample("a", [0.90, 0.92, 0.94]), sample("b", [0.90, 0.92, 0.943])
    found = pairs.one(pairs.contrast(a, b), QUESTION)
    assert (found.seeds_needed, found.obstacle) == (None, "seeds")


def test_seeds_cannot_make_up_for_images() -> None:
    """Runs hardly differ, images do, and there are few of them."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (2, 1, 20)) + rng.normal(0, 0.01, (2, 3, 20))
    samples = [
        Sample(name, each.mean(axis=1), differences.marginals(each))
        for name, each in zip("ab", scores, strict=True)
    ]
    found = pairs.one(pairs.contrast(*samples), QUESTION)
    assert (found.verdict, found.target) == ("undecided", "new data")
    assert (found.seeds_needed, found.obstacle) == (None, "images")
    assert found.interval is not None
    assert found.interval_seeds is not None
    assert found.interval[0] < found.interval_seeds[0]


def test_images_that_hide_a_part_cost_seeds() -> None:
    """What images leave uncertain, by hand: (z + z)^2 of it is off the squared difference."""
    rng = np.random.default_rng(4)
    scores = rng.normal(0, 1, (2, 1, 400)) * 0.5 + rng.normal(0, 1, (2, 3, 400))
    scores += rng.normal(0, 1, (2, 3, 1)) * 0.5 + np.array([0.35, 0.0])[:, None, None]
    samples = [
        Sample(name, each.mean(axis=1), differences.marginals(each))
        for name, each in zip("ab", scores, strict=True)
    ]
    contrast = pairs.contrast(*samples)
    found = pairs.one(contrast, QUESTION)
    assert found.verdict == "undecided"
    factor = (1.959964 + 0.841621) ** 2
    assert contrast.image_error > 0
    left = found.difference**2 - factor * contrast.image_error
    assert contrast.spread is not None
    expected = seed_counts.seeds_needed(math.sqrt(left / contrast.spread))
    assert found.seeds_needed == expected
    assert expected != seed_counts.seeds_needed(abs(found.difference) / math.sqrt(contrast.spread))


@pytest.mark.parametrize("effect", [0.41, 0.5, 1.0, 2.0, 30.0])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 9])
def test_bisection_agrees_with_the_direct_search(effect: float, alpha: float) -> None:
    direct = seed_counts.seeds_needed(effect, alpha=alpha, at_most=pairs.SEEDS_LIMIT)
    found = pairs._fewest(effect, alpha)
    assert found == direct


def test_a_loss_turns_the_verdict_and_not_the_difference() -> None:
    a, b = sample("a", [0.1, 0.11]), sample("b", [0.8, 0.81])
    found = pairs.one(pairs.contrast(a, b), Question(maximize=False, margin=0.001, alpha=0.05))
    assert found.difference < 0
    assert (found.verdict, found.probability_better) == ("better", 1)
