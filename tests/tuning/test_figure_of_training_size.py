"""The figure of a learning curve: runs, means, the law, and no word more than can be said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerascnn.spec import RunSpec
from tests import boards, crossing
from tests.tuning import test_learning_curve
from tests.tuning.test_learning_curve import begun, failing, learn, written
from tuning import curve_wording, figures, learning_curve, report, study
from tuning.study_findings import StudyFindings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crossing.go_elsewhere(tmp_path, monkeypatch)


def _found() -> StudyFindings:
    return StudyFindings(study.find())


def _named(made: figures.Figure, name: str) -> list[dict[str, Any]]:
    return [trace for trace in made.data if trace.get("name") == name]


def test_runs_means_and_what_twice_the_data_would_bring() -> None:
    (curve,) = learn().curves
    found = _found()
    assert figures.offered(found)[0] == "training_size"
    made = figures.make("training_size", found)
    (means,) = _named(made, "cnn: mean, 95 %")
    assert means["x"] == [point.size for point in curve.points]
    assert means["y"] == [point.error for point in curve.points]
    assert set(means["customdata"]) <= set(found.settings)
    low, high = curve.points[0].interval or (0, 0)
    assert means["error_y"]["array"][0] == pytest.approx(high - means["y"][0])
    assert means["error_y"]["arrayminus"][0] == pytest.approx(means["y"][0] - low)
    (runs,) = _named(made, "a run")
    assert len(runs["x"]) == sum(point.n for point in curve.points)
    assert runs["y"][:3] == list(curve.points[0].errors[0])
    (law,) = _named(made, "cnn: law")
    (more,) = _named(made, "cnn: twice the data")
    doubled = curve.extrapolation.doubled
    assert doubled is not None
    assert (more["x"][0], more["x"][-1]) == (law["x"][-1], pytest.approx(doubled.size))
    assert more["y"][-1] == pytest.approx(doubled.then)
    last = curve.extrapolation.places[-1]
    assert last.interval == pytest.approx(doubled.then_interval)
    assert curve_wording.more(curve) in made.note
    chosen = figures.make("training_size", found, [curve.points[1].config_id])
    assert len(chosen.data) == len(made.data) + 1


def test_nothing_is_drawn_beyond_the_data_where_nothing_can_be_said() -> None:
    learn(sizes=[50, 100, 200, 400], seeds=2, subsets=2)
    made = figures.make("training_size", _found())
    assert not _named(made, "cnn: twice the data")
    assert max(x for trace in made.data for x in trace["x"]) <= 400 * (1 + 1e-9)
    assert "cannot be said: it takes 5 sizes over a factor of 30" in made.note


@pytest.mark.parametrize(
    "fails",
    [lambda spec: spec.train_size > 50, lambda spec: spec.repeat or "/0" not in spec.subset],
)
def test_one_size_or_one_seed(fails: Callable[[RunSpec], bool]) -> None:
    learn(crossing.failing(fails, written), seeds=2, subsets=2, sizes=[50, 100])
    made = figures.make("training_size", _found())
    assert not _named(made, "cnn: twice the data")
    assert "cannot be said" in made.note
    shown = {each.name for each in report.gather(study.find()).pictures if each.figure is not None}
    assert "training_size" in shown


def test_no_mistake_has_a_place_on_a_logarithmic_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_learning_curve, "planted_error", lambda spec: 0.0)
    learn(sizes=[50, 100], seeds=2, subsets=2)
    made = figures.make("training_size", _found())
    assert min(y for trace in made.data for y in trace["y"]) == pytest.approx(0.5 / 217)
    assert "No mistake is drawn as half of one." in made.note


def test_before_any_run_has_ended_and_where_some_failed() -> None:
    begun(seeds=2, sizes=[50, 100])
    found = _found()
    assert "training_size" in figures.offered(found)
    with pytest.raises(figures.NothingToShow, match="no run finished"):
        figures.make("training_size", found)
    learn(failing(50), seeds=2, sizes=[50, 100])
    made = figures.make("training_size", _found())
    assert any("runs failed" in text for t in made.data for text in t.get("text", ()))


def test_damaged_logits_are_said() -> None:
    learn(sizes=[50, 100], seeds=2, subsets=2)
    next(study.find().folder.rglob("logits-validation.npy")).write_bytes(b"no")
    with pytest.raises(figures.NothingToShow, match="logits"):
        figures.make("training_size", _found())


def test_other_studies_are_none(tmp_path: Path) -> None:
    made = boards.begin(tmp_path / "s", [boards.record(8, 0, 0.5)])
    with pytest.raises(figures.NothingToShow, match="`learning-curve FAMILY DATASET` makes"):
        figures.make("training_size", StudyFindings(made))
    with pytest.raises(ValueError, match="not by `learning-curve`"):
        learning_curve.report(made)
