"""What figures draw: the numbers of the leaderboard, in the right places."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.boards import begin, record, scored
from tuning import comparison, figures, measures
from tuning.figures import _importance, _marks
from tuning.figures.cost import pareto
from tuning.study import Study
from tuning.study_findings import StudyFindings

RUNS = 5


@pytest.fixture
def study(tmp_path: Path) -> Study:
    draw = np.random.default_rng(1)
    shares = {8: 0.1, 16: 0.5, 32: 0.9}
    return scored(tmp_path / "s", {f: draw.random((RUNS, 20)) < p for f, p in shares.items()})


@pytest.fixture
def found(study: Study) -> StudyFindings:
    return StudyFindings(study)


def _trace(figure: figures.Figure, name: str) -> dict[str, Any]:
    return next(trace for trace in figure.data if trace.get("name") == name)


def test_forest_draws_means_and_runs_of_the_leaderboard(found: StudyFindings) -> None:
    made = figures.make("forest", found)
    assert found.board is not None
    rows = found.board.rows
    means = _trace(made, "mean")
    assert means["x"] == [row.mean for row in rows]
    assert means["customdata"] == [row.config_id for row in rows]
    assert means["marker"]["symbol"] == ["diamond", "diamond-open", "diamond-open"]
    assert _trace(made, "a run")["x"] == [value for row in rows for value in row.values]
    bars = _trace(made, "seeds 95 %")
    low, high = rows[0].interval_seeds or (0, 0)
    assert bars["x"][:3] == [max(low, made.layout["xaxis"]["range"][0]), min(high, 1.0), None]
    band = made.layout["shapes"][0]
    assert (band["x0"] + band["x1"]) / 2 == pytest.approx(rows[0].mean)
    assert band["x1"] - band["x0"] == pytest.approx(2 * found.board.question.margin)


def test_forest_shows_what_failed_at_the_edge(tmp_path: Path) -> None:
    runs = [record(8, 0, 0.5), record(8, 1, 0.6), record(8, 2, None)]
    made = figures.make("forest", StudyFindings(begin(tmp_path / "s", runs)))
    (failed,) = (t for t in made.data if t.get("marker", {}).get("symbol") == "x")
    low, high = made.layout["xaxis"]["range"]
    assert low <= failed["x"][0] < low + 0.05 * (high - low)
    assert "No." in failed["text"][0]


def test_pairs_read_row_against_column(found: StudyFindings) -> None:
    made = figures.make("pairs", found)
    (cells,) = made.data
    assert cells["text"][0][2] == "better"
    assert cells["text"][2][0] == "worse"
    assert cells["z"][0][2] > 0 > cells["z"][2][0]
    assert cells["z"][0][0] is None
    first, _, last = (row.config_id for row in found.board.rows) if found.board else ("", "", "")
    assert cells["customdata"][0][2] == [first, last]


def test_pairs_of_a_loss_favour_the_smaller(study: Study) -> None:
    (cells,) = figures.make("pairs", StudyFindings(study, "loss")).data
    assert cells["z"][0][2] > 0


def test_pairs_are_those_of_compare(study: Study) -> None:
    _, ours = comparison.leading_pairs(study, among=10)
    assert tuple(ours) == comparison.compare(study, all_pairs=True).pairs
    ids, few = comparison.leading_pairs(study, among=2)
    assert (len(ids), len(few)) == (2, 1)


def test_parts_of_a_loss_add_up(found: StudyFindings) -> None:
    for loss in ("zero_one", "brier", "cross_entropy"):
        for config in found.settings:
            shares = found.shares(config, loss)
            assert set(shares) == {"risk", "bias", "seed"}
            total = shares["bias"].value + shares["seed"].value
            assert total == pytest.approx(shares["risk"].value, abs=1e-12)


def test_the_risk_of_zero_one_is_the_error(found: StudyFindings) -> None:
    assert found.board is not None
    for row in found.board.rows:
        risk = found.shares(row.config_id, "zero_one")["risk"].value
        assert risk == pytest.approx(1 - (row.mean or 0))


def test_bars_over_a_setting_stand_in_its_order(found: StudyFindings) -> None:
    made = figures.make("bias_variance", found, over="filters")
    assert made.data[0]["x"] == ["8", "16", "32"]
    lying = figures.make("bias_variance", found)
    assert lying.data[0]["orientation"] == "h"
    assert sorted(lying.data[0]["x"]) == sorted(made.data[0]["y"])


def test_means_of_curves_are_over_the_runs_that_ended(tmp_path: Path) -> None:
    histories = [[0.2, 0.4], [0.4, 0.8], [0.6, None]]
    runs = [
        record(8, i, 0.5).__class__.from_json(
            {**record(8, i, 0.5).to_json(), "history": {"accuracy/validation": h}, "epoch": 2}
        )
        for i, h in enumerate(histories)
    ]
    found = StudyFindings(begin(tmp_path / "s", runs))
    made = figures.make("curves", found)
    line = next(t for t in made.data if t["line"].get("width") == 2.5)
    assert line["y"] == pytest.approx([0.4, 0.6])
    band = next(t for t in made.data if t.get("fill"))
    low, high = measures.t_interval([0.2, 0.4, 0.6]) or (0, 0)
    assert (band["y"][0], band["y"][-1]) == (min(high, 1), max(low, 0))
    chosen = figures.make("curves", found, list(found.settings))
    assert sum(t["line"]["width"] == 1 for t in chosen.data) == len(histories)
    assert not any(t["line"]["width"] == 1 for t in made.data)


def test_the_front_holds_what_nothing_cheaper_equals(tmp_path: Path) -> None:
    runs = [record(8, 0, 0.5, 10), record(16, 0, 0.4, 20), record(32, 0, 0.9, 30)]
    found = StudyFindings(begin(tmp_path / "s", runs))
    assert found.board is not None
    rows = found.board.rows

    def parameters(row: Any) -> float | None:
        return float(row.parameters)

    assert [row.mean for row in pareto(rows, parameters, True)] == [0.5, 0.9]
    assert [row.mean for row in pareto(rows, parameters, False)] == [0.5, 0.4]


def test_names_are_text_for_plotly(tmp_path: Path) -> None:
    assert _marks.text("<b>x</b> & y") == "&lt;b&gt;x&lt;/b&gt; &amp; y"


@pytest.mark.parametrize("many", [False, True])
def test_importance_needs_configurations(many: bool, found: StudyFindings) -> None:
    pytest.importorskip("optuna")
    assert found.board is not None
    rows = list(found.board.rows) * (RUNS if many else 1)
    shares, told = _importance.of(rows, ["filters"])
    assert bool(shares) is many
    assert told
