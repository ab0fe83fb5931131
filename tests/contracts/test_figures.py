"""Every figure: on a study with seeds, without, and of a stranger who names things as markup."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import boards
from tuning import figures
from tuning.figures import NothingToShow
from tuning.findings import StudyFindings
from tuning.study import Study

NAMES = figures.names()
RIGHT = {8: 0.5, 16: 0.7, 32: 0.9}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three configurations of three runs, better and better."""
    draw = np.random.default_rng(0)
    right = {filters: draw.random((3, 20)) < share for filters, share in RIGHT.items()}
    return boards.scored(tmp_path / "study", right)


def _made(name: str, found: StudyFindings, *selected: str, **chosen: str) -> dict[str, Any]:
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
def test_plotly_takes_it_with_every_option(name: str, study: Study) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    found = StudyFindings(study)
    first = next(iter(found.settings))
    for option, values in {"": ("",), **figures.options(name, found)}.items():
        for value in values:
            made = _made(name, found, first, **({option: value} if option else {}))
            graph_objects.Figure(data=made.get("data"), layout=made.get("layout"))
            json.dumps(made, allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_click_selects_configurations_and_nothing_else(name: str, study: Study) -> None:
    found = StudyFindings(study)
    assert _ids(_made(name, found)) <= set(found.settings)


@pytest.mark.parametrize("name", NAMES)
def test_the_selected_stand_out(name: str, study: Study) -> None:
    found = StudyFindings(study)
    plain = _made(name, found)
    if plain and _ids(plain):
        assert _made(name, found, list(found.settings)[-1]) != plain


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("runs", [[(8, 0, 0.5)], [(8, 0, None), (16, 0, 0.5)], [(8, 0, None)]])
def test_it_copes_with_little(name: str, runs: list[Any], tmp_path: Path) -> None:
    made = boards.begin(tmp_path / "study", [boards.record(*run) for run in runs])
    _made(name, StudyFindings(made))


@pytest.mark.parametrize("name", NAMES)
def test_unknown_options_are_refused(name: str, study: Study) -> None:
    with pytest.raises(ValueError, match="No 'sideways' in options of"):
        figures.make(name, StudyFindings(study), sideways="yes")
    for option in figures.options(name, StudyFindings(study)):
        with pytest.raises(ValueError, match="No 'none_such' in"):
            figures.make(name, StudyFindings(study), **{option: "none_such"})


def test_an_unknown_figure_is_refused(study: Study) -> None:
    with pytest.raises(ValueError, match="Did you mean 'forest'"):
        figures.make("florest", StudyFindings(study))
