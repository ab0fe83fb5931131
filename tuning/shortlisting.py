"""Which configurations of a search are worth confirming, and which of them wins."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning import measures, seed_counts, selection
from tuning.rows import Row
from tuning.rules import Rules
from tuning.trial import has_score

# Extra seeds are trained only where this many times the usual ones are enough to decide.
_PATIENCE = 4


@dataclasses.dataclass
class Candidate:
    """A configuration that is confirmed.

    Attributes:
        config: The configuration, no run of it in particular.
        trial: The trial of the search it is from; None: it was not searched.
        point: What was asked for there.
        runs: (phase, repeat) -> record.
    """

    config: RunSpec
    trial: int | None = None
    point: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    runs: dict[tuple[str, int], RunRecord] = dataclasses.field(default_factory=dict)

    @property
    def config_id(self) -> str:
        return self.config.config_id

    @property
    def parameters(self) -> int:
        return max((run.parameters for run in self.runs.values()), default=0)

    def values(self, phase: str, repeats: Sequence[int], metric: str) -> list[float]:
        """Returns the metric of the finished runs; none if fewer than half of all finished."""
        ended = [self.runs[phase, repeat] for repeat in repeats if (phase, repeat) in self.runs]
        found = [run.metrics[metric] for run in ended if run.status == "finished"]
        return found if has_score(len(found), len(ended)) else []


def shortlist(rows: Sequence[Row], size: int, *, maximize: bool) -> list[str]:
    """Returns the ids of the `size` leading configurations of a search, best first.

    They are ranked by empirical-Bayes means with one variance between runs for all, so that a
    mean of few runs has to be better by more. With single runs there is nothing to shrink by,
    and the means rank.

    Args:
        rows: Of a leaderboard.
        size: How many.
        maximize: Whether more is better.
    """
    ranked = [row for row in rows if row.is_ranked]
    sign = 1 if maximize else -1
    means = np.array([sign * row.mean for row in ranked if row.mean is not None])
    pooled = _pooled_variance([row.values for row in ranked])
    if pooled:
        errors = np.sqrt(pooled / np.array([row.n for row in ranked]))
        means = selection.shrink(means, errors).means
    order = np.argsort(-means, kind="stable")[:size]
    return [ranked[index].config_id for index in order]


def undecided(
    groups: Mapping[str, Sequence[float]], rules: Rules, among: int, *, maximize: bool
) -> list[str]:
    """Returns who cannot be told from the best at one of two looks, each at half of alpha.

    Args:
        groups: Id -> values; one without values is out.
        rules: Whose alpha is spent.
        among: How many were compared at the first look: the level stays that of all of them.
        maximize: Whether more is better.
    """
    present = {name: values for name, values in groups.items() if values}
    share = (len(present) - 1) / max(1, among - 1)
    members = measures.best_set(
        list(present.values()), maximize=maximize, alpha=rules.alpha / 2 * share
    )
    return [name for name, inside in zip(present, members, strict=True) if inside]


def worthwhile_seeds(groups: Sequence[Sequence[float]], rules: Rules, among: int) -> int | None:
    """Returns how many runs of each would tell a difference of the margin; None: too many.

    Args:
        groups: The values of those that cannot be told apart.
        rules: Their margin, alpha and usual number of runs.
        among: How many configurations were compared.
    """
    pooled = _pooled_variance(groups)
    if not pooled:
        return None
    return seed_counts.seeds_needed(
        rules.margin / float(np.sqrt(pooled)),
        alpha=rules.alpha / max(1, among - 1),
        at_most=_PATIENCE * rules.confirmation_seeds,
    )


def winner(
    candidates: Sequence[Candidate], repeats: Mapping[str, Sequence[int]], metric: str
) -> str:
    """Returns the id of the smallest of those that cannot be told apart; then the steadiest."""

    def rank(candidate: Candidate) -> tuple[int, float, str]:
        values = candidate.values("confirm", repeats[candidate.config_id], metric)
        return candidate.parameters, measures.sd(values) or 0.0, candidate.config_id

    return min(candidates, key=rank).config_id


def _pooled_variance(groups: Sequence[Sequence[float]]) -> float:
    """Returns the variance within groups, each weighted by its degrees of freedom; 0 without."""
    dfs = [len(group) - 1 for group in groups if len(group) > 1]
    if not dfs:
        return 0.0
    squares = [np.var(group, ddof=1) * (len(group) - 1) for group in groups if len(group) > 1]
    return float(np.sum(squares) / np.sum(dfs))
