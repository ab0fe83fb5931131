"""What `robustness` found is kept, read back as it was, and refused where it is damaged."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import boards, recorded
from tuning import figures, robust_kept, robustness
from tuning.study import Study
from tuning.study_findings import StudyFindings

CONFIGS = {filters: boards.record(filters, 0, 0.5).spec.config_id for filters in (8, 16, 32)}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """The more filters the better."""
    rows = {f: np.arange(60).reshape(3, 20) % 20 < f / 2 for f in (8, 16, 32)}
    return boards.scored(tmp_path / "s", rows)


def test_it_is_read_back_as_it_was(study: Study) -> None:
    report = recorded.hold_up(study, [CONFIGS[32], CONFIGS[8]])
    found = robust_kept.read(study)
    assert json.dumps(found.to_json()) == json.dumps(report.to_json())
    assert robust_kept.since(study, found) == []
    assert StudyFindings(study).robustness() == (found, [])


def test_what_has_changed_since_is_said(study: Study) -> None:
    kept = recorded.hold_up(study, [CONFIGS[16], CONFIGS[8]])
    with study.log:
        study.log.append_record(boards.record(8, 3, 0.5))
    second = kept.standings[1]
    lost = dataclasses.replace(second, runs=("gone@9", *second.runs[1:]))
    found = dataclasses.replace(kept, standings=(kept.standings[0], lost))
    leader = CONFIGS[32][:6]
    assert robust_kept.since(study, found) == [
        f"1 of the 3 runs measured of {CONFIGS[8][:6]} are not in the log.",
        f"Of {CONFIGS[8][:6]} 2 finished runs were not measured.",
        f"The leader, {leader}, was not measured.",
        f"The leader is {leader} now.",
    ]
    made = figures.make("robustness", StudyFindings(study))
    assert f"Of {CONFIGS[8][:6]} 1 finished runs were not measured." in made.note


def _without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda fields: fields.pop(name)


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: fields.clear(),
        _without("configurations"),
        lambda fields: fields.update(configurations=[]),
        lambda fields: fields.update(configurations=3),
        lambda fields: fields.update(strengths=[1]),
        lambda fields: fields["configurations"][0]["scores"].pop("clean"),
        lambda fields: fields["configurations"][0]["scores"]["clean"].update(mean=float("nan")),
        lambda fields: fields["configurations"][0]["scores"]["clean"].update(mean="0.5"),
        lambda fields: fields["configurations"][0]["scores"]["clean"].update(interval_seeds=[1]),
        lambda fields: fields["configurations"][0]["strengths"].pop("contrast"),
        lambda fields: fields["configurations"][0]["strengths"].update(contrast=[]),
    ],
)
def test_a_damaged_one_is_refused(study: Study, damage: Callable[[dict[str, Any]], object]) -> None:
    recorded.hold_up(study, [CONFIGS[32]])
    path = study.folder / robustness.FILE
    fields = json.loads(path.read_text())
    damage(fields)
    path.write_text(json.dumps(fields))
    _is_refused(study)


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"[" * 100_000, b"\xff"])
def test_what_is_no_report_is_refused(study: Study, content: bytes) -> None:
    (study.folder / robustness.FILE).write_bytes(content)
    _is_refused(study)


def test_a_link_to_outside_is_not_followed(study: Study, tmp_path: Path) -> None:
    recorded.hold_up(study, [CONFIGS[32]])
    path = study.folder / robustness.FILE
    path.symlink_to(path.rename(tmp_path / "outside.json"))
    _is_refused(study)


def _is_refused(study: Study) -> None:
    with pytest.raises(ValueError, match=r"robustness.json is damaged: `robustness s` measures it"):
        robust_kept.read(study)
    found = StudyFindings(study)
    assert "robustness" in figures.offered(found)
    with pytest.raises(figures.NothingToShow, match="is damaged"):
        figures.make("robustness", found)


def test_where_nothing_was_measured_the_command_is_said(study: Study) -> None:
    found = StudyFindings(study)
    assert "robustness" in figures.offered(found)
    with pytest.raises(figures.NothingToShow, match="Not measured yet: `robustness s` measures it"):
        figures.make("robustness", found)
    assert "training_size" not in figures.offered(found)


def test_a_figure_has_what_was_measured(study: Study) -> None:
    report = recorded.hold_up(study, [CONFIGS[32], CONFIGS[8]])
    made = figures.make("robustness", StudyFindings(study))
    lines = [trace for trace in made.data if trace["mode"] == "lines+markers"]
    assert len(lines) == 2 * len(recorded.NAMES)
    first = report.standings[0]
    levels = [first.scores["clean"], *first.strengths["contrast"]]
    assert lines[0]["y"] == [score.mean for score in levels]
    low, high = levels[3].interval_new_data or (0.0, 0.0)
    assert lines[0]["error_y"]["arrayminus"][3] == pytest.approx(levels[3].mean - max(low, 0))
    assert lines[0]["error_y"]["array"][3] == pytest.approx(min(high, 1) - levels[3].mean)
    assert [trace["name"] for trace in made.data if trace["showlegend"]] == [
        f"{CONFIGS[32][:6]} filters=32 (leader), n=3",
        f"{CONFIGS[8][:6]} filters=8, n=3",
    ]
    assert made.data[len(lines) + 1]["y"] == [
        first.scores[name].mean for name in ("clean", "shifted", "consistency")
    ]
    titles = [each["text"] for each in made.layout["annotations"]]
    assert titles == ["contrast", "occlusion", "shifts", "calibration error"]
