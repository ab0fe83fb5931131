"""A report: everything that a study found and how, as one value that any format can write."""

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from kerascnn import __version__
from kerascnn.record import RunRecord
from tuning import (
    caveats,
    cells,
    confirmation_report,
    confirmation_wording,
    figures,
    provenance,
    tables,
    typed,
    wording,
)
from tuning.comparison import Board
from tuning.confirmation import Attempt
from tuning.confirmation_report import Report as Confirmed
from tuning.figures import Figure
from tuning.rows import Row
from tuning.study import Study
from tuning.study_findings import StudyFindings
from tuning.tables import Table
from tuning.typed import Typed

# What notes say of configurations that were selected.
_OF_SELECTION = (
    r"; select some[^.]*",
    r",? and (of )?those (you select|selected)",
    r" Bars of those selected[^.]*[.](?= |$)",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure, or why there is none.

    Attributes:
        name: The figure's.
        title: What it is called.
        question: What it answers.
        figure: What plotly draws; None: see `absent`.
        absent: Why there is nothing to show; else "".
        sheet: The PNG that the figure's tiles are cut out of; empty without tiles.
    """

    name: str
    title: str
    question: str
    figure: Figure | None
    absent: str
    sheet: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What a study found and how.

    Attributes:
        title: The study's name.
        mark: Of this study: a file that has it is an older report of the same.
        written: When, in UTC, and by which version.
        summary: What was found, in two to four sentences.
        tables: Leaderboard and pairs, confirmation and test, bias and variance: those there are.
        pictures: The dashboard's figures.
        guarantees: What holds of the confirmation and what does not; nothing without one.
        deviations: What did not go as planned.
        untested: What the study does not tell.
        commands: What was typed that wrote to the study.
        all_commands: Whether that is all; older studies kept the first alone.
        facts: Heading -> what is known, by name.
    """

    title: str
    mark: str
    written: str
    summary: tuple[str, ...]
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    guarantees: tuple[str, ...]
    deviations: tuple[str, ...]
    untested: tuple[str, ...]
    commands: tuple[Typed, ...]
    all_commands: bool
    facts: Mapping[str, Mapping[str, str]]


class _AsItStands(Study):
    """A study whose runs are read once: a report is of one moment."""

    def identified(self) -> list[tuple[str, RunRecord]]:
        return list(self._identified)

    @functools.cached_property
    def _identified(self) -> list[tuple[str, RunRecord]]:
        return super().identified()


def gather(study: Study) -> Report:
    """Returns the report of a study.

    Raises:
        ValueError: If there is nothing to report yet.
    """
    study = _AsItStands(study.folder)
    found = StudyFindings(study)
    confirmed = confirmation_report.report(study) if _is_confirmed(study) else None
    apart = tables.decomposition(study) if study.spec.subsets else []
    if found.board is None and not apart and not _is_curve(found):
        raise ValueError(
            f"{study.folder}: no configuration has finished runs of 2 training sets with the same "
            "2 seeds."
            if study.spec.subsets
            else found.missing
        )
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Report(
        title=study.name,
        mark=mark_of(study),
        written=f"{now} by kerascnn {__version__}",
        summary=tuple(_summary(found, confirmed)),
        tables=(*_tables(found.board, confirmed), *apart),
        pictures=tuple(_picture(found, name) for name in figures.offered(found)),
        guarantees=tuple(confirmation_wording.guarantees(confirmed) if confirmed else ()),
        deviations=tuple(caveats.deviations(study, found.board, confirmed)),
        untested=tuple(caveats.untested(study, found.board, confirmed)),
        commands=tuple(typed.read(study)),
        all_commands=typed.is_kept(study),
        facts={
            "Data": provenance.data(study),
            "Training": provenance.training(study),
            "Versions and machines": provenance.machines(study),
        },
    )


def mark_of(study: Study) -> str:
    """Returns what stands in every report of a study and in no other's."""
    known = json.dumps([study.about.get("created"), study.spec.identity()], sort_keys=True)
    return f"kerascnn report {hashlib.sha256(known.encode()).hexdigest()[:12]}"


def _is_curve(found: StudyFindings) -> bool:
    """Returns whether there is a learning curve to show."""
    with contextlib.suppress(ValueError):
        return found.learning_curve() is not None
    return False


def _is_confirmed(study: Study) -> bool:
    return bool(study.spec.oracle) and study.imported is None and Attempt.last(study).ended


def _tables(board: Board | None, confirmed: Confirmed | None) -> list[Table]:
    found = tables.confirmation(confirmed)[::-1] if confirmed else []
    if board is not None:
        leading = tables.pairs(board)
        found += [tables.leaderboard(board), *([leading] if leading else [])]
    return found


def _picture(found: StudyFindings, name: str) -> Picture:
    about = figures.about(name)
    made, absent = None, ""
    try:
        made = figures.make(name, found)
        made = dataclasses.replace(made, note=_still(made.note))
    except figures.NothingToShow as answer:
        ranks_nothing = found.board is None and found.study.spec.subsets and name != "training_size"
        absent = "A decomposition ranks nothing." if ranks_nothing else str(answer)
    return Picture(
        name=name,
        title=about["title"],
        question=about["question"],
        figure=made,
        absent=absent,
        sheet=b"" if made is None else _sheet(found, made),
    )


def _sheet(found: StudyFindings, made: Figure) -> bytes:
    if not made.tiles:
        return b""
    with contextlib.suppress(ValueError, OSError):  # It was removed meanwhile.
        return found.picture()
    return b""


def _still(note: str) -> str:
    """Returns a figure's note without what can be done in the dashboard alone: to select."""
    for part in _OF_SELECTION:
        note = re.sub(part, "", note)
    return note


def _summary(found: StudyFindings, confirmed: Confirmed | None) -> list[str]:
    lines = [*_claimed(confirmed)] if confirmed else []
    if found.board is not None:
        lines += _led(found.board, confirmed is not None)
    if found.study.spec.subsets:
        lines += _taken_apart(found)
    return lines


def _claimed(confirmed: Confirmed) -> list[str]:
    """Returns what can be claimed: the winner's number on the test set."""
    winner = confirmed.winner
    name = _named(winner)
    if winner.mean is None:
        return [f"The winner of the confirmation, {name}, has no number: its runs failed."]
    return [
        f"The winner, {name}, has a mean {confirmed.metric} of {winner.mean:.4f} on the test set: "
        f"{winner.n} runs{_interval(winner.interval_new_data, winner.interval_seeds)}. These "
        "images and seeds chose nothing.",
        confirmation_wording.ahead(confirmed),
    ]


def _led(board: Board, confirmed: bool) -> list[str]:
    leader = board.rows[0]
    if leader.mean is None:
        return [f"No configuration of {len(board.rows)} has a mean: too many of its runs failed."]
    name, many = _named(leader), len(board.rows) > 1
    runs = "one run" if leader.n == 1 else f"{leader.n} runs"
    place = f"Of {len(board.rows)} configurations {name} leads" if many else f"{name} stands alone"
    return [
        f"{place}, with a mean {board.metric} of {leader.mean:.4f} on {board.split}: {runs}"
        + _interval(leader.interval_new_data, leader.interval_seeds)
        + ("; picked for being high, so it is too good." if many else "."),
        _sentence(wording.remarks(board)[-1].removeprefix("* ")),
    ]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _taken_apart(found: StudyFindings) -> list[str]:
    """Says what the error of the configuration with the least consists of."""
    shares = {config: found.shares(config, "zero_one") for config in found.settings}
    known = {config: parts for config, parts in shares.items() if parts}
    if not known:
        return []
    best = min(known, key=lambda config: known[config]["risk"].value)
    parts = known[best]
    told = ", ".join(
        f"{words} {parts[part].value:.4f}"
        for part, words in {
            "bias": "bias and noise of the labels",
            "data": "other training images",
            "seed": "the seed",
            "interaction": "the seed on these images only",
        }.items()
    )
    settings = " ".join(f"{n}={value}" for n, value in found.settings[best].items())
    name = best[:6] + (f" ({settings})" if settings else "")
    return [
        f"Of {len(known)} configurations {name} errs least: a share of {parts['risk'].value:.4f} "
        f"of the images{_interval(parts['risk'].interval, None)}.",
        f"Of that is due to: {told}.",
    ]


def _named(row: Row) -> str:
    return f"{row.config_id[:6]} ({Path(row.family).stem})"


def _interval(new_data: tuple[float, float] | None, seeds: tuple[float, float] | None) -> str:
    if new_data is not None:
        return f", 95 % interval for new data {cells.interval(new_data)}"
    if seeds is not None:
        return f", 95 % interval for other seeds {cells.interval(seeds)}"
    return ", no interval"
