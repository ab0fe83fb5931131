"""What a reader must know besides the numbers: what went otherwise, and what is not known."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from kerascnn import durations
from kerascnn.record import RunRecord
from tuning import comparison, confirmation_wording, decomposition_report, wording
from tuning import decomposition_wording as decomposing
from tuning.comparison import Board
from tuning.confirmation_report import Report
from tuning.decomposition import crossings, shown, varied
from tuning.study import Study

# Reasons that are told one by one.
_FEW = 5


def deviations(study: Study, board: Board | None, confirmed: Report | None) -> list[str]:
    """Returns what did not go as planned, a sentence each."""
    lines = confirmation_wording.deviations(confirmed) if confirmed else []
    if confirmed and confirmed.openings > 1:
        lines.append(f"The test set was opened {confirmed.openings} times.")
    if confirmed and confirmed.attempt > 1:
        lines.append(f"This is confirmation {confirmed.attempt} of the study.")
    lines += _failed(study)
    if study.spec.subsets:
        lines += _left_out(study)
    lines += _missing(study)
    lines += wording.notes(board) if board else []
    events = [line for line in study.log.lines() if line["kind"] == "event"]
    lines += [_WORDS[each["name"]](each) for each in events if each["name"] in _WORDS]
    lines += _counted(events, study)
    return list(dict.fromkeys(lines))


def untested(study: Study, board: Board | None, confirmed: Report | None) -> list[str]:
    """Returns what the study does not tell, a sentence each."""
    lines = _about_test(study, confirmed)
    if board is not None:
        lines += _about_intervals(study, board)
    if study.imported is None:
        lines += _about_data(study)
        lines.append(
            "Other backends, versions, numbers of threads and kinds of machine: numbers differ "
            "there, most often by little."
        )
    return lines


# Name of an event -> what it says.
_WORDS: Mapping[str, Callable[[Any], str]] = {
    "extended": lambda e: (
        f"Raised after it began, maybe for what it had shown: {e['trials']} trials, "
        f"{e['seeds']} seeds."
    ),
    "budget_spent": lambda e: (
        f"A time budget of {durations.text(e['seconds'])} was spent with {e['unfinished']} runs "
        "unfinished."
    ),
    "run_limit": lambda e: (
        "From then on no run had a limit of time."
        if e["seconds"] is None
        else f"Runs of more than {durations.text(e['seconds'])} were stopped, and have failed."
    ),
}


def _counted(events: list[dict[str, Any]], study: Study) -> list[str]:
    counts = Counter(event["name"] for event in events)
    lost = sum(line["kind"] == "lost" for line in study.log.lines())
    told = {
        "tried once more, as their worker died or hung": counts["retried"],
        "put in line by the user or from an older study, not drawn by the oracle": counts[
            "enqueued"
        ],
        "of the log, damaged, given up and done again": lost,
    }
    nouns = ("run", "point", "line")
    return [
        f"{count} {noun}{'s' if count > 1 else ''} {words}."
        for noun, (words, count) in zip(nouns, told.items(), strict=True)
        if count
    ]


def _failed(study: Study) -> list[str]:
    """Says how many runs failed and points were infeasible, and why the first ones."""
    lines = []
    for status, words in {"failed": "runs failed", "infeasible": "points cannot be built"}.items():
        found = [(c, r) for c, r in study.identified() if r.status == status]
        reasons: dict[str, RunRecord] = {}
        for config, record in found:
            reasons.setdefault(f"{config[:6]}: {record.reason}", record)
        if found:
            few = "; ".join(list(reasons)[:_FEW]) + ("; ..." if len(reasons) > _FEW else "")
            lines.append(f"{len(found)} {words}. {few}.")
    return lines


def _left_out(study: Study) -> list[str]:
    """Says which training sets and seeds of a decomposition are left out."""
    known = crossings(study)
    names, lines = varied(known), []
    for each in known:
        subsets, repeats = decomposition_report.in_full(study, each)
        seeds = sorted({repeat for _, repeat in each.runs})
        gone = [
            *(f"training set {s}" for s in study.spec.training_sets if s not in subsets),
            *(f"seed {repeat}" for repeat in seeds if repeat not in repeats),
        ]
        name = decomposing.name(each.config.family, shown(each, names))
        if not subsets:
            lines.append(f"{name} has fewer than 2 x 2 finished runs and is not shown.")
        elif gone:
            lines.append(f"{name} is without {', '.join(gone)}, of which not all runs finished.")
    return lines


def _missing(study: Study) -> list[str]:
    """Says what was planned and is not there."""
    spec = study.spec
    if not spec.oracle or study.imported is not None:
        return []
    trials, seeds = spec.trials, spec.seeds
    for line in study.log.lines():
        if line["kind"] == "event" and line["name"] == "extended":
            trials, seeds = line["trials"], line["seeds"]
    counts = Counter(
        config
        for config, record in study.identified()
        if record.spec.phase == spec.phase and record.status != "infeasible"
    )
    lines = []
    if len(counts) < trials:
        lines.append(
            f"{len(counts)} of {trials} configurations have ended runs: the search was stopped, "
            "is under way, or has no other point to try."
        )
    short = sum(count < seeds for count in counts.values())
    if short and not spec.allots_seeds:
        lines.append(f"{short} configurations have fewer than the {seeds} runs that were planned.")
    return lines


def _about_test(study: Study, confirmed: Report | None) -> list[str]:
    if confirmed is not None:
        return []
    if study.spec.phase == "final":
        return [
            "Whichever leads is picked for leading on this very test set: among several, its "
            "number is too good."
        ]
    lines = ["The test set was not opened: no number here is of images that chose nothing."]
    if any(line.get("name") == "test_opened" for line in study.log.lines()):
        lines = ["The test set was opened by a confirmation that has not ended."]
    if study.spec.oracle and study.imported is None:
        lines.append(
            "Nothing is confirmed: the leader was picked for being high, so its mean is too good. "
            "`confirm` measures it anew."
        )
    return lines


def _about_intervals(study: Study, board: Board) -> list[str]:
    lines = []
    ranked = [row for row in board.rows if row.is_ranked]
    if board.descriptive:
        lines.append(
            "Scores decided which runs went on, which the intervals of the search know nothing of: "
            "they describe and test nothing."
        )
    if study.spec.goes_by_time:
        lines.append(
            f"What {study.spec.oracle} would try elsewhere, or anew: it went by seconds or "
            "latency, which depend on the machine and on what else that does."
        )
    if any(row.n < comparison.BEST_SET_SEEDS for row in ranked) and study.imported is None:
        lines.append(
            f"With fewer than {comparison.BEST_SET_SEEDS} seeds there is no best-set: which "
            "configurations may be the best is not known."
        )
    if any(row.n < 2 for row in ranked):
        lines.append("Of one seed nothing is known of how runs vary.")
    if study.imported is not None:
        lines.append("A run is another tool's best epoch: optimistic, with no interval for images.")
    return lines


def _about_data(study: Study) -> list[str]:
    base = study.spec.base
    lines = []
    if not study.spec.subsets:
        lines.append(
            "All runs saw the same training images: what others would change is in no interval. "
            "`decompose` measures it."
        )
    lines.append(f"Other divisions of the data: there was one, of seed {base.split_seed}.")
    if base.group_by:
        lines.append(
            "Intervals count images, not the groups that were kept together: where groups are few "
            "they are too narrow."
        )
    else:
        lines.append(
            "Images count as independent of each other. Where several show one thing or person, "
            "`--group-by` keeps them together; here nothing did."
        )
    lines.append("How it does on images from elsewhere: another camera, another year.")
    return lines
