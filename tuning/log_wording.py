"""What a leaderboard of anyone's logs tells, in words, and by which rules it was made."""

import dataclasses
from collections.abc import Mapping, Sequence

from tuning import pairs, tags
from tuning.comparison import Board
from tuning.logged import Run
from tuning.rows import Row
from tuning.rules import Rules

HOW_TO_GROUP = (
    "Say what tells the runs of a configuration apart: `kerascnn dashboard LOGDIR --group "
    "'seed\\d+$'`, or `tensorboard --logdir LOGDIR --compare_group 'seed\\d+$'`"
)
# Names of a kind that are listed.
_FEW = 4
# Part of the leader's mean that does not matter, where the tag is no share.
_PART = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grouping:
    """How runs came together.

    Attributes:
        pattern: The regular expression; None: there was none.
        by_hparams: Whether HParams knows of runs.
        left_out: Folders with scalars that the pattern is not in.
    """

    pattern: str | None
    by_hparams: bool
    left_out: Sequence[str]


def margin(metric: str, ranked: Sequence[Row]) -> tuple[float, str]:
    """Returns (the difference that does not matter, what that is in words)."""
    usual = Rules().margin
    values = [value for row in ranked for value in row.values]
    if tags.is_share(metric) and values and min(values) >= 0 and max(values) <= 100:
        return (usual if max(values) <= 1 else 100 * usual), "half a point"
    leader = ranked[0].mean if ranked else None
    if not leader:
        return _PART, "a guess"
    return _PART * abs(leader), f"{_PART:.0%} of the leader's mean"


def nothing(folders: Sequence[str], pattern: "object | None") -> str:
    """Says why there are no runs."""
    if not folders:
        return "There are no scalars in these event files yet."
    text = getattr(pattern, "pattern", "")
    return f"No run's name has '{text}' in it. Runs are called: {_some(folders)}."


def before(grouping: Grouping, runs: Mapping[str, Sequence[Run]], without: int) -> list[str]:
    """Says how runs were grouped, and which are left out, a line each."""
    count, groups = sum(map(len, runs.values())), len(runs)
    if grouping.pattern is not None:
        lines = [f"{count} runs of {groups} configurations, told apart by '{grouping.pattern}'."]
    elif grouping.by_hparams and groups < count:
        lines = [f"{count} runs of {groups} configurations, by their groups in HParams."]
    else:
        lines = [f"Every run stands alone, so there is no spread. {HOW_TO_GROUP}."]
    if grouping.left_out:
        lines.append(
            f"{len(grouping.left_out)} folders have no such name and are left out: "
            f"{_some(grouping.left_out)}."
        )
    if without:
        lines.append(f"{without} runs have no value of this tag and are left out.")
    if any(run.state == "running" for each in runs.values() for run in each):
        lines.append(
            "Runs whose last value is less than a minute old count as running: they are in no mean."
        )
    ends = {max(run.series.steps) for each in runs.values() for run in each if _is_done(run)}
    if len(ends) > 1:
        lines.append(
            f"Runs end at different steps, from {min(ends):g} to {max(ends):g}: a last value is of "
            "as much training as its run had."
        )
    return lines


def remarks(
    board: Board, names: Mapping[str, str], told: Sequence[str], margin_is: str
) -> list[str]:
    """Returns what the leaderboard tells, a line each; the last sums it up.

    Args:
        board: It.
        names: Configuration -> its name.
        told: From `before`.
        margin_is: What the margin is, in words.
    """
    better = "more" if board.question.maximize else "less"
    lines = [
        f"A run's number is its last value of {board.metric}, from event files: descriptive. "
        f"{better.capitalize()} is taken to be better, by the tag's name.",
        *told,
    ]
    lines += [f"{names[config]} failed: {why}" for config, why in board.failures.items()]
    if any(row.seconds for row in board.rows):
        lines.append("Seconds: from a run's first value to its last.")
    return [*lines, *_legend(board, margin_is), _summary(board)]


def _is_done(run: Run) -> bool:
    return run.state == "finished"


def _legend(board: Board, margin_is: str) -> list[str]:
    if not board.pairs:
        return []
    line = f"leader is: for seeds, equivalent within {board.question.margin:.3g}, {margin_is}"
    if any(pair.seeds_needed or pair.obstacle == "seeds" for pair in board.pairs):
        line += f"; (n): the runs each that would tell, (>{pairs.SEEDS_LIMIT}): too many"
    return [line + "."]


def _summary(board: Board) -> str:
    ranked = [row for row in board.rows if row.is_ranked]
    if not ranked:
        return "No configuration has a mean yet: half of its runs must have ended well."
    if board.undecided is None:
        return "One run shows no variance: nothing can be told apart."
    if len(ranked) == 1:
        return f"One configuration, {ranked[0].n} runs."
    counts = sorted({row.n for row in ranked})
    runs = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    told = f"{board.undecided} of {len(ranked) - 1} others cannot be told from the leader"
    if ranked[0].in_best_set is not None:
        sure = f"{100 * (1 - board.question.alpha):.4g} %"
        return f"\u2605 the best-set: it holds the best with {sure} confidence; {told}."
    return f"With {runs} runs each {told}. The best-set is shown from 5 runs on."


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
