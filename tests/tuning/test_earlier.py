"""`search --after`: what an older study found best is tried first in a new one."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.test_search import BASE, FAMILIES, SPACE, SPEC, begin, in_one
from tuning import comparison, earlier
from tuning.space import Choice, Int
from tuning.study import Study

OTHER_DATA = dataclasses.replace(BASE, dataset="mnist", fingerprint="a" * 64)


@pytest.fixture
def older(tmp_path: Path) -> Study:
    study = begin(tmp_path / "older", dataclasses.replace(SPEC, trials=8, seeds=1))
    in_one(study)
    return study


def fresh(folder: Path, **changes: Any) -> Study:
    return begin(folder, dataclasses.replace(SPEC, **{"base": OTHER_DATA, "seed": 9, **changes}))


def after(study: Study, text: str) -> str:
    return earlier.add(study, earlier.read(text))


def points(study: Study) -> list[dict[str, Any]]:
    return [line["point"] for line in study.log.lines() if line["kind"] == "ask"]


def best(study: Study) -> list[dict[str, Any]]:
    """The settings of ranked configurations, best first, the defaults left out."""
    rows = [row.hyperparameters for row in comparison.from_records(study) if row.is_ranked]
    return [row for row in rows if row != SPEC.contenders[0].defaults()]


def test_the_best_are_tried_first_and_it_is_on_record(tmp_path: Path, older: Study) -> None:
    study = fresh(tmp_path / "new")
    said = after(study, str(older.folder))
    assert said.startswith(f"Tried first are 3 of {older.folder}, there of rank ")
    in_one(study)
    assert points(study)[1:4] == best(older)[:3]
    events = [line for line in study.log.lines() if line["kind"] == "event"]
    assert [event["point"] for event in events] == best(older)[:3]
    origin = events[0]["origin"]
    rows = comparison.from_records(older)
    assert (origin["study"], origin["fingerprint"]) == ("older", BASE.fingerprint)
    assert origin["config_id"] == rows[origin["rank"] - 1].config_id
    assert origin["mean"] == rows[origin["rank"] - 1].mean


def test_the_same_command_adds_nothing(tmp_path: Path, older: Study) -> None:
    study = fresh(tmp_path / "new")
    for _ in range(2):
        said = after(study, f"{older.folder}:2")
        in_one(study)
    assert said.startswith("Tried first were 2 of")
    assert len(points(study)) == SPEC.trials
    after(study, f"{older.folder}:4")
    in_one(study)
    assert points(study)[SPEC.trials :] == best(older)[2:4]


def test_what_the_older_study_finds_later_is_not_taken_in(tmp_path: Path, older: Study) -> None:
    study = fresh(tmp_path / "new")
    after(study, str(older.folder))
    taken = best(older)[:3]
    in_one(older, trials=30)
    assert best(older)[:3] != taken
    after(study, str(older.folder))
    assert [line["point"] for line in study.log.lines()] == taken


def test_what_does_not_lie_in_the_space_is_passed_over(tmp_path: Path, older: Study) -> None:
    leader = best(older)[0]
    filters = [value for value in SPACE["filters"].values or () if value != leader["filters"]]
    study = fresh(tmp_path / "new", space={**SPACE, "filters": Choice(*filters)})
    after(study, f"{older.folder}:1")
    in_one(study)
    expected = next(row for row in best(older) if row["filters"] != leader["filters"])
    assert points(study)[1] == expected


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"space": {**SPACE, "filters": Int(100, 108)}}, r"filters=\d+ is not in 100:108\."),
        ({"base": OTHER_DATA.configure({"dense": 7})}, r"dense is 64 there, 7 here\."),
        ({"base": dataclasses.replace(OTHER_DATA, family="mlp")}, r"cnn is not searched\."),
    ],
)
def test_where_nothing_fits_that_is_said(
    tmp_path: Path, older: Study, changes: Any, why: str
) -> None:
    study = fresh(tmp_path / "new", **changes)
    said = after(study, str(older.folder))
    assert said.startswith(f"Nothing of {older.folder} is tried first, as none lies in this space")
    assert re.search(why, said)
    assert not list(study.log.lines())


def test_families_are_matched_by_name(tmp_path: Path) -> None:
    older = begin(tmp_path / "older", FAMILIES)
    in_one(older)
    study = fresh(tmp_path / "new", others=FAMILIES.others[1:])
    after(study, f"{older.folder}:20")
    waiting = [line["point"]["family"] for line in study.log.lines()]
    assert set(waiting) == {"cnn", "linear"}
    alone = begin(tmp_path / "alone", dataclasses.replace(FAMILIES, others=(), base=OTHER_DATA))
    after(alone, f"{older.folder}:20")
    assert all("family" not in line["point"] for line in alone.log.lines())


def test_a_study_does_not_follow_itself(older: Study) -> None:
    with pytest.raises(ValueError, match="--after takes another study"):
        after(older, str(older.folder))


def test_what_is_no_older_study_is_refused(
    tmp_path: Path, older: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="No study 'gone'"):
        earlier.read("gone")
    with pytest.raises(ValueError, match=r"--after takes STUDY:N with N above 0"):
        earlier.read("older:0")
    begin(tmp_path / "empty")
    with pytest.raises(ValueError, match="No run of empty has ended yet"):
        earlier.read("empty")
