"""What a confirmation found, read from the log: every number of it, and what it guarantees."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kerascnn import metrics
from tuning import comparison, gathered, pairs, rows
from tuning.confirmation import Attempt, candidates
from tuning.gathered import Run
from tuning.measures import Interval
from tuning.pairs import Question, Sample
from tuning.rows import Row
from tuning.rules import Rules
from tuning.shortlisting import Candidate
from tuning.study import Study

# Its intervals are of 95 %: the winner and the baseline are one pair, named before the test set.
_ALPHA = 0.05


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
    name = _metric(study)
    searched = {row.config_id: row for row in comparison.from_records(study)}
    final = {
        config: _row(study, found[config], "final", repeats)
        for config, repeats in attempt.repeats("final").items()
    }
    winner, ours = final[chosen["config_id"]]
    other, theirs = None, None
    if begun["baseline"] != winner.config_id:
        other, theirs = final[begun["baseline"]]
    confirmed = [
        _row(study, found[config], "confirm", repeats)[0]
        for config, repeats in attempt.repeats("confirm").items()
    ]
    return Report(
        study=study.name,
        metric=name,
        attempt=attempt.number,
        rules=Rules(**begun["rules"]),
        deviates=begun["deviates"],
        openings=attempt.events("test_opened")[0]["times"],
        confirmed=tuple(rows.ranked(confirmed, name)),
        looks=tuple(tuple(look["in"]) for look in looks),
        winner=winner,
        baseline=other,
        search_mean=getattr(searched.get(winner.config_id), "mean", None),
        tied=tuple(chosen["tied"]),
        **_difference(study, ours, theirs, Rules(**begun["rules"])),
    )


def _row(
    study: Study, candidate: Candidate, phase: str, repeats: Sequence[int]
) -> tuple[Row, Sample | None]:
    """Returns a configuration's row, and what a pair needs of it; None if it has no mean."""
    part, name = {"confirm": "confirmation", "final": "test"}[phase], _metric(study)
    records = [candidate.runs[phase, r] for r in repeats if (phase, r) in candidate.runs]
    runs = [Run(study, candidate.config_id, record) for record in records]
    settings = gathered.shown({candidate.config_id: runs})[candidate.config_id]
    row, marginals, _ = rows.with_scores(
        rows.from_records(runs, part, name, settings), runs, part, name
    )
    return row, None if row.mean is None else Sample(row.config_id, row.values, marginals)


def _metric(study: Study) -> str:
    return metrics.split_name(study.spec.objective)[1]


def _difference(
    study: Study, ours: Sample | None, theirs: Sample | None, rules: Rules
) -> dict[str, Any]:
    """Returns the fields of a `Report` that say how far the winner is ahead of the baseline."""
    if ours is None or theirs is None:
        return dict.fromkeys(("difference", "interval_new_data", "interval_seeds", "verdict"))
    maximize = metrics.DIRECTIONS[_metric(study)]
    question = Question(maximize=maximize, margin=rules.margin, alpha=_ALPHA)
    pair = pairs.one(pairs.contrast(ours, theirs), question)
    return {
        "difference": pair.difference,
        "interval_new_data": pair.interval if pair.target == "new data" else None,
        "interval_seeds": pair.interval_seeds,
        "verdict": pair.verdict,
    }
