"""What a leaderboard tells, in words: the same in the terminal, the dashboard and the report."""

from collections.abc import Sequence
from pathlib import Path

from kerascnn.spec import short
from tuning import pairs
from tuning.comparison import Board
from tuning.pairs import Pair
from tuning.rows import Row

# How many of a kind are named one by one.
_FEW = 5


def remarks(board: Board) -> list[str]:
    """Returns what a leaderboard does and does not tell, a line each; the last sums it up."""
    lines = []
    if early := [row for row in board.rows if row.stopped_early]:
        lines.append(
            f"{len(early)} with fewer epochs or runs than the others, as it says: not ranked."
        )
    if board.descriptive:
        lines.append(
            "The 95 % intervals only describe: scores decided what went on. `confirm` tests."
        )
    if board.split == "test":
        lines.append("Scored on the test set, as the log says before it was trained on the rest.")
    lines += _behind(board)
    lines += [f"{config[:6]} failed: {reason}" for config, reason in board.failures.items()]
    lines += [*notes(board), *_told_of_variation(board), *_legend(board)]
    return [*lines, *_of_front(board), _summary(board)]


def _behind(board: Board) -> list[str]:
    """Says that the leader has fewer runs than others: while a search is under way it often has."""
    ended = [row.n + row.failed for row in board.rows if row.is_ranked]
    if not ended or ended[0] == max(ended):
        return []
    return [
        f"The leader has {ended[0]} of the {max(ended)} runs that others have: with fewer, luck "
        "leads more easily."
    ]


def notes(board: Board) -> list[str]:
    """Returns what was left out of a leaderboard, a line each."""
    lines = [f"No interval for new data: {wrong}." for wrong in board.unreadable[:_FEW]]
    if len(board.unreadable) > _FEW:
        lines.append(f"So it is with {len(board.unreadable) - _FEW} other files.")
    if board.repeated:
        lines.append(f"{board.repeated} runs stand in two of the studies: each counts once.")
    return lines


def settings(row: Row, *, family: bool) -> str:
    """Returns what varies, "filters=8 depth=1"; with `family`, after the family's name."""
    texts = [Path(row.family).stem] if family else []
    return " ".join((*texts, *(f"{k}={short(v)}" for k, v in row.hyperparameters.items())))


def verdict(pair: Pair) -> str:
    """Returns "BETTER", "UNDECIDED (12)": the verdict, with the seeds that would tell."""
    beyond = {"seeds": f" (>{pairs.SEEDS_LIMIT})", "images": " (images)"}
    needed = f" ({pair.seeds_needed})" if pair.seeds_needed else beyond.get(pair.obstacle, "")
    return pair.verdict.upper() + needed


def _told_of_variation(board: Board) -> list[str]:
    """Says of which configurations there is no interval over seeds, and why."""
    alike = [row for row in board.rows if row.n > 1 and row.interval_seeds is None]
    single = [row for row in board.rows if row.n == 1 and not row.stopped_early]
    lines = []
    if alike:
        lines.append(f"All seeds scored alike, so no interval or test over seeds: {_some(alike)}.")
    if single and len(single) < len(board.rows):
        lines.append(f"One seed only, so no interval: {_some(single)}.")
    return lines


def _some(rows: Sequence[Row]) -> str:
    names = ", ".join(row.config_id[:6] for row in rows[:_FEW])
    return names + (f" and {len(rows) - _FEW} more" if len(rows) > _FEW else "")


def _legend(board: Board) -> list[str]:
    """Says what the column of verdicts means."""
    if not board.pairs:
        return []
    targets = " or ".join(dict.fromkeys(pair.target for pair in board.pairs))
    line = f"leader is: for {targets}, equivalent within {board.question.margin:g}"
    if any(pair.seeds_needed or pair.obstacle == "seeds" for pair in board.pairs):
        line += "; (n): the seeds each that would tell"
    if any(pair.obstacle == "images" for pair in board.pairs):
        line += "; (images): no seeds would tell, more images would"
    return [line + "."]


def _of_front(board: Board) -> list[str]:
    """Says of several objectives what the front is, how sure, and who could not be placed."""
    if not board.objectives:
        return []
    places = [board.places[row.config_id] for row in board.rows]
    on, off = ([each for each in places if each.on_front is state] for state in (True, False))
    names = ", ".join(board.objectives)
    lines = [
        f"front of {names}: {len(on)} of {len(on) + len(off)} that can be placed; of each no other "
        "is as good in all of them and better in one."
        if on
        else f"front of {names}: nobody can be placed yet."
    ]
    if unsure := sum(not each.decided for each in on):
        lines.append(
            f"(undecided): of {unsure} on the front the runs do not tell whether "
            + ("it belongs there." if unsure == 1 else "they belong there.")
        )
    if near := sum(not each.decided for each in off):
        lines.append(f"Of {near} behind it the runs do not tell whether they belong on it.")
    for text in board.objectives:
        if lacking := [
            row
            for row in board.rows
            if row.is_ranked and board.places[row.config_id].values[text] is None
        ]:
            name = text.partition(":")[0]
            lines.append(f"Not placed, as {name} is not known: {_some(lacking)}.")
    return [*lines, f"{names.partition(':')[0]} ranks; `export --config ID` takes another."]


def _summary(board: Board) -> str:
    """One line: what the seeds tell apart, and what to do next."""
    if board.imported is not None:
        return (
            f"Imported from {board.imported['format']}: a run is one trial's best epoch, the mean "
            "over executions that are not counted. That is optimistic, and tells nothing apart."
        )
    ranked = [row for row in board.rows if row.is_ranked]
    if not ranked:
        return "No configuration was trained to its planned length yet: these are on their way."
    others = len(ranked) - 1
    leader = ranked[0]
    if board.undecided is None:
        return "One seed shows no variance: nothing can be told apart. Try more: --seeds 3."
    if not others:
        return f"One configuration, {leader.n} seeds."
    counts = sorted({row.n for row in ranked})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    told = f"{board.undecided} of {others} others cannot be told from the leader"
    if leader.in_best_set is not None:
        sure = f"{100 * (1 - board.question.alpha):.4g} %"
        return f"* the best-set: it holds the best on these images with {sure} confidence; {told}."
    return f"With {seeds} seeds {told}.{_advice(board)}"


def _advice(board: Board) -> str:
    undecided = [pair for pair in board.pairs if pair.verdict == "undecided"]
    if not undecided:
        return ""
    if all(pair.obstacle == "images" for pair in undecided):
        return " More seeds would not tell, more images would."
    return " More seeds tell more: --seeds 5."
