"""Every figure: on a study with seeds, without, on the logs of others, and on very little."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import boards, logs, recorded
from tuning import figures, logged
from tuning.event_logs import LogFindings
from tuning.figures import NothingToShow
from tuning.findings import Course, Findings
from tuning.logged import Reader
from tuning.study_findings import StudyFindings

NAMES = figures.names()
RIGHT = {8: 0.5, 16: 0.7, 32: 0.9}


def _study(folder: Path, right: dict[int, Any]) -> StudyFindings:
    return StudyFindings(boards.scored(folder, right))


def _logs(folder: Path, right: dict[int, Any]) -> LogFindings:
    for filters, runs in right.items():
        for i, row in enumerate(runs):
            logs.write(
                folder / f"f{filters}-seed{i}",
                {"val/acc": [0.1, float(row.mean())], "val/loss": [3.0, 1.5, 1 - row.mean()]},
                hparams=("", {"filters": filters}),
            )
    reader = Reader(logs.provider(folder))
    return LogFindings("logs", reader, logged.pattern_of(r"seed\d$"), now=logs.LATER)


def _measured(folder: Path, right: dict[int, Any]) -> StudyFindings:
    """Its robustness is known too."""
    made = boards.scored(folder, right)
    recorded.hold_up(made, [boards.record(filters, 0, 0.5).spec.config_id for filters in right][1:])
    return StudyFindings(made)


@pytest.fixture(params=[_study, _logs, _measured])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Findings:
    """Three configurations of three runs, better and better."""
    draw = np.random.default_rng(0)
    right = {filters: draw.random((3, 20)) < share for filters, share in RIGHT.items()}
    made: Findings = request.param(tmp_path / "runs", right)
    return made


def _made(name: str, found: Findings, *selected: str, **chosen: str) -> dict[str, Any]:
    try:
        return figures.make(name, found, selected, **chosen).to_json()
    except NothingToShow:
        return {}


def _ids(figure: dict[str, Any]) -> set[str]:
    """Returns what a click can select."""
    found: set[str] = set()
    left: list[Any] = [trace.get("customdata", []) for trace in figure.get("data", ())]
    while left:
        each = left.pop()
        if isinstance(each, list | tuple):
            left += each
        else:
            found.add(each)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_answers(name: str) -> None:
    about = figures.about(name)
    assert about["question"].endswith("?")
    assert about["title"]


@pytest.mark.parametrize("name", NAMES)
def test_plotly_takes_it_with_every_option(name: str, found: Findings) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    first = next(iter(found.settings))
    for option, values in {"": ("",), **figures.options(name, found)}.items():
        for value in values:
            made = _made(name, found, first, **({option: value} if option else {}))
            graph_objects.Figure(data=made.get("data"), layout=made.get("layout"))
            json.dumps(made, allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_click_selects_configurations_and_nothing_else(name: str, found: Findings) -> None:
    assert _ids(_made(name, found)) <= set(found.settings)


@pytest.mark.parametrize("name", NAMES)
def test_the_selected_stand_out(name: str, found: Findings) -> None:
    plain = _made(name, found)
    if plain and _ids(plain):
        assert _made(name, found, list(found.settings)[-1]) != plain


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("runs", [[(8, 0, 0.5)], [(8, 0, None), (16, 0, 0.5)], [(8, 0, None)]])
def test_it_copes_with_little(name: str, runs: list[Any], tmp_path: Path) -> None:
    made = boards.begin(tmp_path / "study", [boards.record(*run) for run in runs])
    _made(name, StudyFindings(made))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("curves", [{}, {"acc": [0.5]}, {"acc": [float("nan")]}, {"lr": [1, 1]}])
def test_it_copes_with_little_in_logs(name: str, curves: dict[str, Any], tmp_path: Path) -> None:
    logs.write(tmp_path / "a", curves)
    for now in (None, logs.LATER):
        _made(name, LogFindings("logs", Reader(logs.provider(tmp_path)), now=now))


@pytest.mark.parametrize("name", NAMES)
def test_unknown_options_are_refused(name: str, found: Findings) -> None:
    with pytest.raises(ValueError, match="No 'sideways' in options of"):
        figures.make(name, found, sideways="yes")
    for option in figures.options(name, found):
        with pytest.raises(ValueError, match="No 'none_such' in"):
            figures.make(name, found, **{option: "none_such"})


def test_an_unknown_figure_is_refused(found: Findings) -> None:
    with pytest.raises(ValueError, match="Did you mean 'forest'"):
        figures.make("florest", found)


def test_what_has_only_begun_is_in_the_forest(tmp_path: Path) -> None:
    made = boards.begin(tmp_path / "study", [boards.record(8, i, 0.5 + i / 10) for i in range(2)])
    history = {"accuracy/validation": [0.1, 0.55]}
    begun = Course(config_id="ab", name="search0", state="running", history=history, seconds=1)
    figure = figures.make("forest", StudyFindings(made, under_way=[begun]))
    (hollow,) = (trace for trace in figure.data if "is running: 0.5500" in str(trace))
    assert (hollow["x"], hollow["y"], hollow["customdata"]) == ([0.55], [1], ["ab"])
    assert figure.layout["yaxis"]["ticktext"][1] == "ab"
