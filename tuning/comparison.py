"""The leaderboard of a study: which configuration is better, and by more than its own noise?"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascnn import metrics, registry
from tuning import fronts, gathered, measures, pairs, rows
from tuning.fronts import Judge, Place
from tuning.gathered import Groups
from tuning.pairs import Pair, Question, Sample
from tuning.rows import Row
from tuning.study import Study

# Seeds from which on the best-set is shown: with fewer almost nothing can be told apart.
BEST_SET_SEEDS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Board:
    """A leaderboard.

    Attributes:
        study: The study's name; of several, all of them.
        metric: A metric without its prefix.
        split: The part it was measured on.
        rows: Best mean first; then those stopped early, the longest first; those without a mean
            last.
        pairs: The leader against each other that is ranked; or those asked for.
        undecided: How many others that are ranked cannot be told from the leader, nor are
            equivalent to it; None if the leader has one run.
        question: The margin and level that `pairs` and the best-set go by.
        failures: Why runs failed: the last line of the first error of each configuration.
        descriptive: Whether scores decided seeds or epochs, which the intervals know nothing of.
        imported: Where the runs came from, if they are another tool's trials; else None.
        unreadable: Which run's logits are missing or damaged, a phrase a file.
        repeated: Runs left out as they stand in more than one of the studies.
        objectives: If there are several: "val_accuracy:max", which ranks, "parameters:min", ...
        places: Configuration -> where it stands among several.
    """

    study: str
    metric: str
    split: str
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    undecided: int | None
    question: Question
    failures: Mapping[str, str]
    descriptive: bool
    imported: Mapping[str, Any] | None
    unreadable: tuple[str, ...]
    repeated: int
    objectives: tuple[str, ...] = ()
    places: Mapping[str, Place] = dataclasses.field(default_factory=dict)

    def placed(self, row: Row) -> dict[str, Any]:
        """Returns what a row has of several objectives, by name; nothing if there is one."""
        if (place := self.places.get(row.config_id)) is None:
            return {}
        named = {"on_front": place.on_front, "front_decided": place.decided}
        return {"objectives": dict(place.values), **named}

    def to_json(self) -> dict[str, Any]:
        """Returns what `compare --json` prints."""
        rows = [{**dataclasses.asdict(row), **self.placed(row)} for row in self.rows]
        for row in rows:
            del row["values"]
        return {
            "study": self.study,
            "metric": self.metric,
            "split": self.split,
            "imported": self.imported,
            "descriptive": self.descriptive,
            **({"objectives": list(self.objectives)} if self.objectives else {}),
            "configurations": rows,
            "pairs": [dataclasses.asdict(pair) for pair in self.pairs],
        }


def compare(
    study: Study | Sequence[Study],
    metric: str | None = None,
    split: str | None = None,
    *,
    margin: float | None = None,
    pair: tuple[str, str] | None = None,
    all_pairs: bool = False,
    objectives: Sequence[str] = (),
) -> Board:
    """Ranks the configurations of a study, or of several on the same data, that were trained to
    their planned length.

    Those that were not, as an oracle saw no use in it, follow unranked. Logits are read one
    configuration at a time.

    Args:
        study: The study or studies.
        metric: "accuracy" or, with the part, "val_accuracy"; None: the study's objective.
        split: "train" (a fixed sample of it), "validation", "confirmation" or "test"; None: the
            part the metric names, else that of the objective.
        margin: Differences up to it do not matter, in the metric's unit; None: the study's.
        pair: Beginnings of two ids: the one pair that is asked about.
        all_pairs: Whether all pairs are asked about, not only the leader's.
        objectives: Several, of which the front is marked, what ranks first; none: the study's.

    Raises:
        ValueError: If there is no such metric, objective, part or pair, no run has it, the runs
            are of different data, or the margin is not above 0.
    """
    studies = [study] if isinstance(study, Study) else list(study)
    _refuse_others(studies)
    metric, further = fronts.asked(studies, metric, objectives, split)
    part, name = gathered.resolve(studies, metric, split)
    question = _question(studies, name, margin)
    groups, repeated = gathered.gather(studies, part, name)
    board = _from_records(groups, part, name)
    among = fronts.on(part, name, further)
    judge = Judge(board, groups, among, question)
    standing = [row.config_id for row in board if row.is_ranked]
    asked = _asked(board, pair) if pair else tuple(standing) if all_pairs else ()
    complete, samples, contrasts = [], {}, []
    unreadable: dict[str, None] = {}
    for row, sample, wrong in _scored(judge.first(board), groups, part, name):
        complete.append(row)
        unreadable |= dict.fromkeys(wrong)
        # Image by image only what is still to be paired is kept.
        if row.config_id in (*standing[:1], *asked):
            samples[row.config_id] = sample
        if row.is_ranked and len(complete) > 1:
            contrasts.append(pairs.contrast(samples[standing[0]], sample))
        judge.see(sample)
    place = {row.config_id: i for i, row in enumerate(board)}
    complete.sort(key=lambda row: place[row.config_id])
    contrasts.sort(key=lambda each: place[each.b])
    found = leading = pairs.leading(contrasts, question)
    if pair:
        found = [pairs.one(pairs.contrast(*(samples[config] for config in asked)), question)]
    elif all_pairs:
        found = pairs.every([samples[config] for config in standing], question)
    if studies[0].imported is not None:  # A run is the mean of executions that are not counted.
        found = []
    failures = {config: why for config, runs in groups.items() if (why := gathered.reason(runs))}
    return Board(
        study=", ".join(dict.fromkeys(each.name for each in studies)),
        metric=name,
        split=part,
        rows=tuple(with_best_set(complete, question)),
        pairs=tuple(found),
        undecided=undecided(standing, board[0], leading),
        question=question,
        failures=failures,
        descriptive=any(_is_descriptive(each, part) for each in studies),
        imported=studies[0].imported,
        unreadable=tuple(unreadable),
        repeated=repeated,
        objectives=tuple(map(str, among)),
        places=judge.places(),
    )


def _refuse_others(studies: Sequence[Study]) -> None:
    """Refuses studies that have no leaderboard, or none with others."""
    if subsets := [each for each in studies if each.spec.subsets]:
        # Its runs differ by more than their seeds.
        kind = "learning curve" if subsets[0].spec.is_learning_curve else "decomposition"
        made_by = subsets[0].spec.made_by
        raise ValueError(f"{subsets[0].folder} is a {kind}: `{made_by}` prints its table.")
    if len(studies) > 1 and (alone := [each for each in studies if each.imported is not None]):
        raise ValueError(f"{alone[0].folder} was imported, its data are unknown: it stands alone.")


def leading_pairs(
    study: Study, metric: str | None = None, split: str | None = None, *, among: int
) -> tuple[list[str], list[Pair]]:
    """Returns (the ids of the leading configurations, all pairs of them).

    Of so few configurations as there are they are the pairs of `compare(..., all_pairs=True)`; of
    more, their levels are for the pairs among the leading alone.

    Args:
        study, metric, split: See `compare`.
        among: How many lead.
    """
    part, name = gathered.resolve([study], metric, split)
    groups, _ = gathered.gather([study], part, name)
    board = [row for row in _from_records(groups, part, name) if row.is_ranked][:among]
    samples = [sample for _, sample, _ in _scored(board, groups, part, name)]
    return [row.config_id for row in board], pairs.every(samples, _question([study], name, None))


def from_records(study: Study) -> list[Row]:
    """Returns the rows of `compare` as far as the records tell: no logits are read."""
    part, name = gathered.resolve([study])
    groups, _ = gathered.gather([study], part, name)
    return _from_records(groups, part, name)


def _from_records(groups: Groups, part: str, name: str) -> list[Row]:
    settings = gathered.shown(groups)
    # Rows that tie stand in the order in which they were asked for, whoever ended first.
    asked = sorted(groups, key=lambda config: min(r.record.trial or 0 for r in groups[config]))
    found = [rows.from_records(groups[c], part, name, settings[c]) for c in asked]
    return rows.ranked(_left_behind(found, groups), name)


def _left_behind(found: Sequence[Row], groups: Groups) -> list[Row]:
    """Returns the rows, those marked that a race gave fewer seeds than others: they lost it."""
    studies = {run.study for runs in groups.values() for run in runs}
    races = {study for study in studies if study.spec.allots_seeds}
    raced = {
        row.config_id: row.n + row.failed
        for row in found
        if any(run.study in races for run in groups[row.config_id])
        and groups[row.config_id][0].record.spec.phase == "search"
        and not row.stopped_early
    }
    most = max(raced.values(), default=0)
    lost = {config for config, count in raced.items() if count < most}
    return [
        dataclasses.replace(row, stopped_early=row.stopped_early or row.config_id in lost)
        for row in found
    ]


def _is_descriptive(study: Study, part: str) -> bool:
    return study.spec.is_descriptive and gathered.phase_of(study, part) == study.spec.phase


def _question(studies: Sequence[Study], name: str, margin: float | None) -> Question:
    """Returns what is asked of pairs: the studies' margin if none is given, the smallest alpha."""
    rules = [study.spec.rules for study in studies]
    if margin is None:
        margin = rules[0].margin
        if odd := [s for s in studies if s.spec.rules.margin != margin]:
            raise ValueError(
                f"Studies of different margins need --margin: {studies[0].folder} has {margin:g}, "
                f"{odd[0].folder} {odd[0].spec.rules.margin:g}."
            )
    if not 0 < margin < math.inf:
        raise ValueError(f"`0 < margin` must hold, and be finite. Received: {margin!r}")
    alpha = min(each.alpha for each in rules)
    return Question(maximize=metrics.DIRECTIONS[name], margin=margin, alpha=alpha)


def _scored(
    board: Sequence[Row], groups: Groups, part: str, name: str
) -> Iterator[tuple[Row, Sample, list[str]]]:
    """Yields each row with what its logits add, what pairs need, and what could not be read."""
    for row in board:
        row, marginals, unreadable = rows.with_scores(row, groups[row.config_id], part, name)
        yield row, Sample(row.config_id, row.values, marginals), unreadable


def _asked(board: Sequence[Row], pair: tuple[str, str]) -> tuple[str, str]:
    """Returns the ids that two beginnings mean."""
    a, b = (_meant(board, beginning) for beginning in pair)
    if a == b:
        raise ValueError(f"A pair is of two configurations. Received {a[:6]} twice.")
    return a, b


def _meant(board: Sequence[Row], beginning: str) -> str:
    found = [row for row in board if row.config_id.startswith(beginning)]
    if not found:
        known = [row.config_id[:6] for row in board]
        raise ValueError(registry.unknown("configurations", beginning, known))
    if len(found) > 1:
        ids = ", ".join(row.config_id for row in found)
        raise ValueError(f"{beginning!r} begins several configurations: {ids}.")
    if not found[0].is_ranked:
        why = "was stopped early" if found[0].stopped_early else "has no mean: its runs failed"
        raise ValueError(f"{beginning!r} cannot be compared: it {why}.")
    return found[0].config_id


def undecided(standing: Sequence[str], leader: Row, leading: Sequence[Pair]) -> int | None:
    """Returns `Board.undecided` of the ids that are ranked, the leader's row, and its pairs."""
    if not standing or leader.n < 2:
        return None
    return sum(pair.verdict == "undecided" for pair in leading)


def with_best_set(board: Sequence[Row], question: Question) -> list[Row]:
    """Returns the rows, with the best-set marked where all that are ranked have enough seeds."""
    standing = [row for row in board if row.is_ranked]
    if not standing or any(row.n < BEST_SET_SEEDS for row in standing):
        return list(board)
    values = [row.values for row in standing]
    members = measures.best_set(values, maximize=question.maximize, alpha=question.alpha)
    flags = dict(zip((row.config_id for row in standing), members, strict=True))
    return [
        row
        if row.stopped_early
        else dataclasses.replace(row, in_best_set=flags.get(row.config_id, False))
        for row in board
    ]
