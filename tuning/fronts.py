"""Several objectives at once: which configurations no other beats in all of them.

By the means a row is on the front if no other is nowhere worse and somewhere better. What of it the
runs tell is decided pair by pair. Parameters and multiply-accumulates are what they are. Of the
first objective the verdict is that of the leader's pairs, at alpha / (K - 1) for K rows; of what
else varies between runs Welch's test, of sds the F-test, both at that level too. Where several
objectives vary each has its share of it. A row's place on the front is decided if against every
other row it is shown to be better in something; a place behind it, if somebody on the front is
shown to be nowhere worse and somewhere better. As every other row has to be beaten, a row that
does not belong there is called decided with a chance of at most alpha / (K - 1).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from scipy import special

from kerascnn import metrics
from tuning import differences, dominance, objectives, pairs
from tuning.gathered import Groups
from tuning.measures import TINY
from tuning.objectives import Objective
from tuning.pairs import Question, Sample
from tuning.rows import Row
from tuning.study import Study

# What is told of a in one objective.
Told = Literal["better", "alike", "worse", "undecided"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a configuration stands among several objectives.

    Attributes:
        values: Objective, "parameters:min" -> mean over the runs, of latency the median; None: not
            known.
        on_front: Whether by the means no other is nowhere worse and somewhere better; None: it is
            not ranked, or something of it is not known.
        decided: Whether the runs tell that; None where `on_front` is.
    """

    values: Mapping[str, float | None]
    on_front: bool | None = None
    decided: bool | None = None


def asked(
    studies: Sequence[Study], metric: str | None, texts: Sequence[str], split: str | None = None
) -> tuple[str | None, tuple[Objective, ...]]:
    """Returns (the metric that ranks, what counts beside it) of a leaderboard.

    Args:
        studies: At least one.
        metric: What the user wants to rank by; None: the studies' objective.
        texts: Objectives the user names, what ranks first; none: the studies'.
        split: The part of the data that the user names.

    Raises:
        ValueError: If both are given, or the studies' own differ, or there is no such objective,
            or two are of different parts.
    """
    if texts:
        if metric is not None:
            raise ValueError("Either --metric or --objective, which ranks by the first: not both.")
        _, further = objectives.parse(texts)
        first = texts[0].partition(":")[0]  # Without a part it is of whichever is asked about.
        return first, _of_one_part(first, tuple(map(objectives.read, further)), texts, split)
    known = {study.spec.further: study for study in reversed(studies)}
    if len(known) > 1:
        one, other = list(known.values())[:2]
        raise ValueError(
            f"Studies of different objectives need --objective: {other.folder} is after "
            f"{_listed(other)}, {one.folder} after {_listed(one)}."
        )
    return metric, tuple(map(objectives.read, next(iter(known))))


def _of_one_part(
    first: str, further: tuple[Objective, ...], texts: Sequence[str], split: str | None
) -> tuple[Objective, ...]:
    """Returns the further objectives; a metric that the user calls by its part is of that."""
    for each, text in zip(further, texts[1:], strict=True):
        named = text.partition(":")[0]
        if named in metrics.names():
            part, _ = metrics.split_name(named)
            wanted = metrics.split_name(first)[0] if first in metrics.names() else split
            if wanted not in (None, part):
                raise ValueError(f"{each.name!r} is of another part of the data than {first!r}.")
    return further


def _listed(study: Study) -> str:
    return ", ".join((study.spec.objective, *study.spec.further))


def on(part: str, name: str, further: Sequence[Objective]) -> tuple[Objective, ...]:
    """Returns all objectives on one part of the data, what ranks first; none if that is alone.

    Args:
        part: Of the data.
        name: The metric that ranks, without its prefix.
        further: What counts beside it; metrics among them are taken on the same part.
    """
    prefix = metrics.prefix_of(part)
    first = Objective(prefix + name, metrics.DIRECTIONS[name])
    moved = [
        each
        if each.name in objectives.COSTS
        else dataclasses.replace(each, name=prefix + metrics.split_name(each.name)[1])
        for each in further
    ]
    others = [each for each in moved if each.name != first.name]
    return (first, *others) if others else ()


class Judge:
    """Says who is on the front, and how far that is decided, as rows are read.

    Args:
        rows: In the order of the leaderboard, with their means.
        groups: Their runs.
        among: The objectives, of `on`; none: there is no front.
        question: What is asked of pairs.
    """

    def __init__(
        self, rows: Sequence[Row], groups: Groups, among: Sequence[Objective], question: Question
    ) -> None:
        self._among = among
        self._question = question
        self._runs = {row.config_id: _runs(row, groups, among) for row in rows} if among else {}
        self._means = {
            config: [
                objectives.over_runs(each.name, values)
                for each, values in zip(among, columns, strict=True)
            ]
            for config, columns in self._runs.items()
        }
        known = [r.config_id for r in rows if r.is_ranked and among and self._is_known(r.config_id)]
        points = {
            c: [each.better(v) for each, v in zip(among, self._means[c], strict=True)]
            for c in known
        }
        self._known = points
        # On the front by the means, best first.
        self.members = [known[i] for i in dominance.front(list(points.values()))]
        self._samples: dict[str, Sample] = {}
        self._sure = dict.fromkeys(self.members, True)  # On the front
        self._behind: set[str] = set()  # Shown to be
        self._varying = [i for i, e in enumerate(among) if e.name not in objectives.EXACT]
        self._level = question.alpha / max(1, len(known) - 1) / max(1, len(self._varying))

    def _is_known(self, config: str) -> bool:
        return not any(map(math.isnan, self._means[config]))

    def first(self, board: Sequence[Row]) -> list[Row]:
        """Returns rows in the order in which they are read: the leader, the front, the others."""
        wanted = {board[0].config_id, *self.members}
        return sorted(board, key=lambda row: row.config_id not in wanted)

    def see(self, sample: Sample) -> None:
        """Takes what pairs need of a row: of all that are ranked, those on the front first."""
        config = sample.config_id
        if config not in self._known:
            return
        for member, held in self._samples.items():
            exact = self._exactly(member, config)
            if self._sure[member] and "better" not in exact:
                self._sure[member] = self._is_better(held, sample)
            if config not in self._sure:
                if config not in self._behind and self._is_ahead(held, sample, exact):
                    self._behind.add(config)
            elif self._sure[config] and "worse" not in exact:
                self._sure[config] = self._is_better(sample, held)
        if config in self._sure:
            self._samples[config] = sample

    def places(self) -> dict[str, Place]:
        """Returns configuration -> its place; nothing where there is no front."""
        return {config: self._place(config) for config in self._runs}

    def _place(self, config: str) -> Place:
        names = map(str, self._among)
        found = zip(names, self._means[config], strict=True)
        values = {name: None if math.isnan(value) else value for name, value in found}
        if config not in self._known:
            return Place(values=values)
        on_front = config in self._sure
        decided = self._sure[config] if on_front else config in self._behind
        return Place(values=values, on_front=on_front, decided=decided)

    def _exactly(self, a: str, b: str) -> set[Told]:
        """Returns what is known of a against b without any test."""
        gaps = [
            x - y
            for each, x, y in zip(self._among, self._known[a], self._known[b], strict=True)
            if each.name in objectives.EXACT
        ]
        return {"better" if gap > 0 else "worse" if gap < 0 else "alike" for gap in gaps}

    def _is_better(self, a: Sample, b: Sample) -> bool:
        """Returns whether a is shown to be better in something that varies between runs."""
        return any(self._told(i, a, b) == "better" for i in self._varying)

    def _is_ahead(self, a: Sample, b: Sample, exact: set[Told]) -> bool:
        """Returns whether a is shown to be nowhere worse and somewhere better."""
        found, tests = set(exact), iter(self._varying)
        while not found & {"worse", "undecided"}:
            if (i := next(tests, None)) is None:
                return "better" in found
            found.add(self._told(i, a, b))
        return False

    def _told(self, i: int, a: Sample, b: Sample) -> Told:
        """Returns "better", or "alike" of the first objective, if that is shown of a against b."""
        name, gap = self._among[i].name, self._known[a.config_id][i] - self._known[b.config_id][i]
        if i == 0:
            if gap <= -self._question.margin:  # Nothing could be shown.
                return "undecided"
            verdict = pairs.contrast(a, b).at(self._level, self._question).verdict
            return "alike" if verdict == "equivalent" else verdict
        if gap <= 0:
            return "undecided"
        if name == "sd":
            p = _f_test(a.values, b.values)
        else:
            runs = [_known(self._runs[one.config_id][i]) for one in (a, b)]
            p = differences.welch(runs[0], runs[1]).p
        return "better" if p is not None and p < self._level else "undecided"


def _runs(row: Row, groups: Groups, among: Sequence[Objective]) -> list[list[float]]:
    """Returns the values of a row's finished runs, an objective a place."""
    records = [run.record for run in groups[row.config_id] if run.record.status == "finished"]
    return [objectives.values(each.name, records, among[0].name) for each in among]


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _f_test(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Returns the p-value of "the variances are equal", of normal values; None without a test."""
    if min(len(a), len(b)) < 2:
        return None
    above, below = float(np.var(a, ddof=1)), float(np.var(b, ddof=1))
    if min(above, below) < TINY**2:
        return None
    share = float(special.fdtr(len(a) - 1, len(b) - 1, above / below))
    return 2 * min(share, 1 - share)
