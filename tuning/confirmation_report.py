"""What a confirmation found, read from the log: every number of it, and what it guarantees."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kerascnn import metrics
from tuning import comparison, differences
from tuning.comparison import Row
from tuning.confirmation import Attempt, candidates
from tuning.measures import Interval
from tuning.rules import Rules
from tuning.shortlisting import Candidate
from tuning.study import Study


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """One confirmation that has ended.

    Attributes:
        study: The study's name.
        metric: Without its prefix.
        attempt: Which confirmation of the study, from 1.
        rules: What it went by.
        deviates: The rules that are not those fixed when the search began, by name.
        openings: How often the test set has been opened, this time included.
        confirmed: The shortlist and the baseline on fresh seeds and the confirmation images, best
            first.
        looks: Ids that could not be told from the best at each look.
        winner: On new seeds and the test images.
        baseline: Likewise; None if it is the winner.
        search_mean: What the search had reported of the winner; None if it was not searched.
        tied: Ids that could not be told from the winner; it has the fewest parameters of them.
        difference: Winner minus baseline; None if they are one.
        interval_new_data: Its 95 % interval for other images and seeds.
        interval_seeds: Its 95 % interval for other seeds on these images.
        verdict: "better", "worse", "equivalent" (within the margin) or "undecided".
    """

    study: str
    metric: str
    attempt: int
    rules: Rules
    deviates: dict[str, Any]
    openings: int
    confirmed: tuple[Row, ...]
    looks: tuple[tuple[str, ...], ...]
    winner: Row
    baseline: Row | None
    search_mean: float | None
    tied: tuple[str, ...]
    difference: float | None
    interval_new_data: Interval | None
    interval_seeds: Interval | None
    verdict: str | None

    def to_json(self) -> dict[str, Any]:
        """Returns what `confirm --json` prints."""
        return dataclasses.asdict(self)


def report(study: Study) -> Report:
    """Returns what the last confirmation of a study found.

    Raises:
        ValueError: If none has ended.
    """
    attempt = Attempt.last(study)
    if not attempt.ended:
        raise ValueError(f"{study.folder} is not confirmed.")
    begun, looks = attempt.events("confirmation")[0], attempt.events("look")
    chosen = attempt.events("chosen")[0]
    found = candidates(study, begun)
    name = metrics.split_name(study.spec.objective)[1]
    searched = {row.config_id: row for row in comparison.compare(study).rows}
    final = {
        config: _row(study, found[config], "final", repeats)
        for config, repeats in attempt.repeats("final").items()
    }
    winner = final[chosen["config_id"]]
    other = None if begun["baseline"] == winner.config_id else final[begun["baseline"]]
    confirmed = [
        _row(study, found[config], "confirm", repeats)
        for config, repeats in attempt.repeats("confirm").items()
    ]
    return Report(
        study=study.name,
        metric=name,
        attempt=attempt.number,
        rules=Rules(**begun["rules"]),
        deviates=begun["deviates"],
        openings=attempt.events("test_opened")[0]["times"],
        confirmed=tuple(comparison.ranked(confirmed, name)),
        looks=tuple(tuple(look["in"]) for look in looks),
        winner=winner,
        baseline=other,
        search_mean=getattr(searched.get(winner.config_id), "mean", None),
        tied=tuple(chosen["tied"]),
        **_difference(study, attempt, found, winner, other, Rules(**begun["rules"])),
    )


def _row(study: Study, candidate: Candidate, phase: str, repeats: Sequence[int]) -> Row:
    part = {"confirm": "confirmation", "final": "test"}[phase]
    runs = [candidate.runs[phase, r] for r in repeats if (phase, r) in candidate.runs]
    return comparison.row_of(study, runs, part, metrics.split_name(study.spec.objective)[1])


def _difference(
    study: Study,
    attempt: Attempt,
    found: dict[str, Candidate],
    winner: Row,
    other: Row | None,
    rules: Rules,
) -> dict[str, Any]:
    """Returns the fields of a `Report` that say how far the winner is ahead of the baseline."""
    nothing = dict.fromkeys(("difference", "interval_new_data", "interval_seeds", "verdict"))
    if other is None or winner.mean is None or other.mean is None:
        return nothing
    name = metrics.split_name(study.spec.objective)[1]
    sign = 1 if metrics.DIRECTIONS[name] else -1
    seeds = differences.welch(winner.values, other.values)
    scores = []
    for config in (winner.config_id, other.config_id):
        runs = [found[config].runs["final", repeat] for repeat in attempt.repeats("final")[config]]
        finished = [run for run in runs if run.status == "finished"]
        scores.append(comparison.scores_of(study, finished, "test", name))
    ours, theirs = scores
    both = None if ours is None or theirs is None else differences.new_data(ours, theirs)
    interval = seeds.interval if both is None else both.interval
    signed = None
    if interval is not None:
        signed = min(sign * end for end in interval), max(sign * end for end in interval)
    return {
        "difference": winner.mean - other.mean,
        "interval_new_data": None if both is None else both.interval,
        "interval_seeds": seeds.interval,
        "verdict": differences.verdict(signed, rules.margin),
    }
