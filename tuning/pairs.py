"""Which of two configurations is better, and if that cannot be told, how many seeds would tell.

The interval of a pair is that for new data where both have scores image by image, else that for
other seeds on the same images. Its level depends on how many pairs are asked about at once:

    one pair, named before looking    alpha
    the leader against K - 1 others   alpha / (K - 1) each, as in the best-set: the true best is
                                      called worse than the leader with a chance of at most alpha
    all pairs                         Holm's: the pair with the smallest p-value at alpha / pairs,
                                      the next at alpha / (pairs - 1), ..., from the first that
                                      fails on all at its level; some true equality is called a
                                      difference with a chance of at most alpha

Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
Statistics 6, 1979. Games-Howell's intervals, the usual choice for all pairs, are narrower, and too
narrow at few runs: of 4,000 simulated sets of ten equal configurations they called some pair
different in 10 % at 3 runs and in 7 % at 5, instead of 5 %; Holm's levels in 2 % and 3 %.
"""

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import special

from tuning import differences, seed_counts
from tuning.differences import Difference, Marginals, Verdict
from tuning.measures import TINY, Interval

# Runs of each beyond which a pair is given up: "more than 100 seeds".
SEEDS_LIMIT = 100
_POWER = 0.8


@dataclasses.dataclass(frozen=True)
class Sample:
    """What pairs need of one configuration.

    Attributes:
        config_id: The configuration.
        values: The metric of each run.
        marginals: Of its scores image by image; None without them.
    """

    config_id: str
    values: Sequence[float]
    marginals: Marginals | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of every pair.

    Attributes:
        maximize: Whether more of the metric is better.
        margin: Differences up to it do not matter; above 0.
        alpha: Chance of a false claim, over all pairs that are asked about.
    """

    maximize: bool
    margin: float
    alpha: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """Two configurations.

    Attributes:
        a: A configuration.
        b: Another.
        difference: Mean of a minus mean of b.
        interval: Its interval for `target`; None where nothing varies or both have one run.
        verdict: On a: "better", "worse", "equivalent" (within the margin) or "undecided".
        seeds_needed: If undecided, how many runs of each, in all, would probably (80 %) tell them
            apart if the difference seen is the true one, or differ by the margin if that is
            more; None if that is not to be had, see `obstacle`.
        obstacle: Why there is no `seeds_needed` of an undecided pair: "seeds", it takes more than
            `SEEDS_LIMIT`; "images", these are too few for any number of seeds; "spread", nothing
            is known of how runs vary. Else "".
        target: What `interval` holds for: "new data" or "seeds".
        confidence: Of `interval` and `interval_seeds`.
        interval_seeds: For other seeds on the same images.
        probability_better: How often a run of a is better than a run of b, ties counting half.
    """

    a: str
    b: str
    difference: float
    interval: Interval | None
    verdict: Verdict
    seeds_needed: int | None
    obstacle: Literal["", "seeds", "images", "spread"]
    target: Literal["new data", "seeds"]
    confidence: float
    interval_seeds: Interval | None
    probability_better: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two configurations at no level yet: a few numbers, whatever the number of images.

    Attributes:
        a: A configuration.
        b: Another.
        seeds: The difference for other seeds on the same images.
        images: The same for other images too, before that of seeds sets a floor to it; None
            where that floor is all there is.
        new_data: Whether both have scores image by image.
        probability_better: As in `Pair`, where more is better.
        runs: Of the one that has more.
        spread: Mean variance between runs; None if both have one run.
    """

    a: str
    b: str
    seeds: Difference
    images: Difference | None
    new_data: bool
    probability_better: float
    runs: int
    spread: float | None

    @property
    def p(self) -> float:
        """The p-value of "no difference"; 1 without a test."""
        found = [each.p for each in (self.seeds, self.images) if each and each.p is not None]
        return max(found, default=1.0)

    @property
    def image_error(self) -> float:
        """The squared standard error that no number of runs takes away."""
        if self.images is None or self.images.error is None:
            return 0.0
        return float(self.images.error**2 - (self.seeds.error or 0.0) ** 2)

    def at(self, alpha: float, question: Question) -> Pair:
        """Returns the pair at level `alpha`."""
        confidence = 1 - alpha
        seeds = self.seeds.at(confidence)
        images = None if self.images is None else self.images.at(confidence)
        interval = max((seeds, images), key=lambda each: each[1] - each[0] if each else 0.0)
        verdict = differences.verdict(_signed(interval, question.maximize), question.margin)
        needed, obstacle = None, ""
        if verdict == "undecided":
            needed, obstacle = self._needed(alpha, question.margin)
        better = self.probability_better
        return Pair(
            a=self.a,
            b=self.b,
            difference=self.seeds.value,
            interval=interval,
            verdict=verdict,
            seeds_needed=needed,
            obstacle=obstacle,  # type: ignore[arg-type]
            target="new data" if self.new_data else "seeds",
            confidence=confidence,
            interval_seeds=seeds,
            probability_better=better if question.maximize else 1 - better,
        )

    def _needed(self, alpha: float, margin: float) -> tuple[int | None, str]:
        """Returns `seeds_needed` and `obstacle`.

        The images' share of the error stays: what it hides of the difference is taken off first.
        """
        if self.spread is None:
            return None, "spread"
        factor = special.ndtri(1 - alpha / 2) + special.ndtri(_POWER)
        left = max(abs(self.seeds.value), margin) ** 2 - factor**2 * self.image_error
        if left <= 0:
            return None, "images"
        if self.spread < TINY**2:
            return None, "spread"
        runs = _fewest(float(np.sqrt(left / self.spread)), alpha)
        return (None, "seeds") if runs is None else (max(runs, self.runs + 1), "")


def contrast(a: Sample, b: Sample) -> Contrast:
    """Returns two configurations side by side."""
    x, y = np.asarray(a.values, np.float64), np.asarray(b.values, np.float64)
    images, new_data = None, a.marginals is not None and b.marginals is not None
    if a.marginals is not None and b.marginals is not None:
        images = differences.for_images(a.marginals, b.marginals)
    variances = [each.var(ddof=1) for each in (x, y) if len(each) > 1]
    return Contrast(
        a=a.config_id,
        b=b.config_id,
        seeds=differences.welch(x, y),
        images=images,
        new_data=new_data,
        probability_better=differences.probability_better(x, y),
        runs=max(len(x), len(y)),
        spread=float(np.mean(variances)) if variances else None,
    )


def one(found: Contrast, question: Question) -> Pair:
    """Returns a pair that was named before looking, at level alpha."""
    return found.at(question.alpha, question)


def leading(found: Sequence[Contrast], question: Question) -> list[Pair]:
    """Returns the leader against each other at alpha / others: see the module's docstring."""
    return [each.at(question.alpha / len(found), question) for each in found]


def every(samples: Sequence[Sample], question: Question) -> list[Pair]:
    """Returns all pairs, in the order of `samples`, at Holm's levels."""
    found = [contrast(a, b) for a, b in itertools.combinations(samples, 2)]
    levels = holm([each.p for each in found], question.alpha)
    return [each.at(level, question) for each, level in zip(found, levels, strict=True)]


def holm(p: Sequence[float], alpha: float) -> list[float]:
    """Returns the level each of several tests is held at: its p-value is below or it fails."""
    levels, left = [0.0] * len(p), len(p)
    for index in sorted(range(len(p)), key=p.__getitem__):
        levels[index] = alpha / left
        if p[index] < alpha / left:
            left -= 1
    return levels


def _signed(interval: Interval | None, maximize: bool) -> Interval | None:
    return interval if interval is None or maximize else (-interval[1], -interval[0])


def _fewest(effect: float, alpha: float) -> int | None:
    """Returns `seed_counts.seeds_needed`; None beyond `SEEDS_LIMIT`.

    By bisection over effects that are found with a number of runs: of those thousands of pairs
    share the few there are.
    """
    low, high = 1, SEEDS_LIMIT
    if effect < _least_effect(high, alpha):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if effect >= _least_effect(middle, alpha) else (middle, high)
    return high


@functools.cache
def _least_effect(runs: int, alpha: float) -> float:
    found = seed_counts.detectable_difference(runs, alpha=alpha, power_wanted=_POWER)
    assert found is not None  # Only one run detects nothing.
    return found
