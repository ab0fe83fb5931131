"""Several objectives on a leaderboard: who is on the front, and how far the runs tell."""

import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from kerascnn.record import RunRecord
from tests.boards import SPEC, begin, record, with_logits
from tuning import comparison, figures, fronts, wording
from tuning.cli import cli
from tuning.comparison import Board
from tuning.figures import NothingToShow, cost
from tuning.study_findings import StudyFindings

SEVERAL = dataclasses.replace(SPEC, further=("parameters:min",))
# Filters -> (mean, parameters).
WORTH = {8: (0.5, 10), 16: (0.8, 20), 32: (0.79, 30), 64: (0.9, 40)}


def runs(worth: dict[int, tuple[float, int]], *, seeds: int = 4, gap: float) -> list[RunRecord]:
    """Runs that lie `gap` apart around their means."""
    return [
        record(filters, i, mean + gap * (i - (seeds - 1) / 2), parameters)
        for filters, (mean, parameters) in worth.items()
        for i in range(seeds)
    ]


def states(board: Board) -> dict[Any, tuple[bool | None, bool | None]]:
    places = {row.hyperparameters["filters"]: board.places[row.config_id] for row in board.rows}
    return {filters: (place.on_front, place.decided) for filters, place in places.items()}


@pytest.mark.parametrize(
    ("gap", "sure"),
    [(0.0005, {8: True, 16: True, 32: True, 64: True}), (0.1, dict.fromkeys(WORTH, False))],
)
def test_the_front_is_by_means_and_decided_by_runs(
    tmp_path: Path, gap: float, sure: dict[int, bool]
) -> None:
    board = comparison.compare(begin(tmp_path / "s", runs(WORTH, gap=gap), SEVERAL))
    found = states(board)
    assert {f: on for f, (on, _) in found.items()} == {8: True, 16: True, 32: False, 64: True}
    decided = {filters: told for filters, (_, told) in found.items()}
    # Nothing is as cheap as the cheapest, whatever the noise.
    assert decided == {**sure, 8: True}
    assert board.objectives == ("val_accuracy:max", "parameters:min")


def test_a_front_is_that_of_brute_force(tmp_path: Path) -> None:
    rng = random.Random(0)
    for number in range(8):
        worth = {f: (rng.randrange(4) / 4, rng.randrange(1, 4)) for f in WORTH}
        study = begin(tmp_path / str(number), runs(worth, seeds=1, gap=0.0), SEVERAL)
        for filters, (on, decided) in states(comparison.compare(study)).items():
            mean, parameters = worth[filters]
            beaten = any(
                m >= mean and p <= parameters and (m, p) != (mean, parameters)
                for m, p in worth.values()
            )
            cheapest = all(p > parameters for f, (_, p) in worth.items() if f != filters)
            assert on == (not beaten)
            if on:  # One seed tells nothing but the parameters.
                assert decided == cheapest


def test_equals_share_the_front_and_neither_is_sure(tmp_path: Path) -> None:
    worth = {8: (0.5, 10), 16: (0.5, 10)}
    found = states(comparison.compare(begin(tmp_path / "s", runs(worth, gap=0.01), SEVERAL)))
    assert found == {8: (True, False), 16: (True, False)}


def test_one_objective_has_no_front(tmp_path: Path) -> None:
    board = comparison.compare(begin(tmp_path / "s", runs(WORTH, gap=0.01)))
    told = board.to_json()
    assert (board.objectives, board.places) == ((), {})
    assert "objectives" not in told
    assert not {"on_front", "front_decided", "objectives"} & set(told["configurations"][0])


def test_the_leaders_pairs_are_what_they_are_without_a_front(tmp_path: Path) -> None:
    """Though rows are read in another order."""
    draw = np.random.default_rng(0)
    study = begin(tmp_path / "s", [])
    # The second is behind the first, and the last, by its price, before it.
    worth = {8: (0.9, 20), 16: (0.85, 30), 32: (0.7, 40), 64: (0.5, 10)}
    with study.log:
        for filters, (share, parameters) in worth.items():
            for repeat, right in enumerate(draw.random((3, 20)) < share):
                made = record(filters, repeat, float(right.mean()), parameters)
                with_logits(study, made.spec, right)
                study.log.append_record(made)
    plain = comparison.compare(study)
    assert [row.parameters for row in plain.rows] == [20, 30, 40, 10]
    for asked in (["accuracy", "parameters"], ["accuracy", "loss", "parameters"]):
        several = comparison.compare(study, objectives=asked)
        assert [place.on_front for place in several.places.values()] == [True, False, False, True]
        assert several.rows == plain.rows
        assert several.pairs == plain.pairs
        every = comparison.compare(study, objectives=asked, all_pairs=True)
        assert every.pairs == comparison.compare(study, all_pairs=True).pairs


def timed(each: RunRecord, seconds: float, median: float | None = None) -> RunRecord:
    times = dict.fromkeys(("low", "median", "high"), median)
    told = {"latency": {"batches": [{"batch": 1, **times}]}} if median else {}
    return dataclasses.replace(each, seconds=seconds, host=told)


def test_what_varies_between_runs_is_tested(tmp_path: Path) -> None:
    flat = {8: (0.5, 10), 16: (0.5, 10)}
    for gap, sure in ((0.01, True), (5.0, False)):
        made = [
            timed(each, (1.0 if each.point["filters"] == 8 else 3.0) + gap * each.spec.repeat)
            for each in runs(flat, gap=0.0001)
        ]
        study = begin(tmp_path / str(gap), made)
        board = comparison.compare(study, objectives=["accuracy", "seconds"])
        # Equivalent in accuracy, and faster.
        assert states(board) == {8: (True, sure), 16: (False, sure)}


def test_a_place_on_the_front_is_decided_against_those_behind_it_too(tmp_path: Path) -> None:
    """Of the last only the second, whose seconds vary, may be as fast and better."""
    seconds = {8: (3.0, 0.001), 16: (3.5, 2.0), 32: (2.0, 0.001)}
    worth = {8: (0.95, 1), 16: (0.9, 1), 32: (0.5, 1)}
    made = [
        timed(each, seconds[f][0] + seconds[f][1] * (each.spec.repeat - 1.5))
        for each in runs(worth, gap=0.0001)
        if (f := int(each.point["filters"]))
    ]
    board = comparison.compare(begin(tmp_path / "s", made), objectives=["accuracy", "seconds"])
    assert states(board) == {8: (True, True), 16: (False, False), 32: (True, False)}


def test_sds_are_tested_by_their_ratio(tmp_path: Path) -> None:
    a, b = [0.1, 0.2, 0.4, 0.45, 0.5], [0.1, 0.101, 0.102, 0.1, 0.105]
    found = fronts._f_test(a, b)
    ratio = np.var(a, ddof=1) / np.var(b, ddof=1)
    assert found == pytest.approx(2 * stats.f.sf(ratio, 4, 4))
    assert fronts._f_test(b, a) == pytest.approx(found)
    assert fronts._f_test(a, [0.1]) is None
    assert fronts._f_test(a, [0.1, 0.1]) is None
    made = [record(8, i, v) for i, v in enumerate(a)] + [record(16, i, v) for i, v in enumerate(b)]
    board = comparison.compare(begin(tmp_path / "s", made), objectives=["accuracy", "sd"])
    assert [on for on, _ in states(board).values()] == [True, True]
    values = [board.places[row.config_id].values["sd:min"] for row in board.rows]
    assert values == pytest.approx([row.sd for row in board.rows])


def test_what_is_not_known_is_not_placed_and_named(tmp_path: Path) -> None:
    made = [
        timed(each, 1.0, 0.001 if each.point["filters"] == 8 else None)
        for each in runs(WORTH, gap=0.01)
    ]
    spec = dataclasses.replace(SPEC, further=("latency:min",))
    board = comparison.compare(begin(tmp_path / "s", made, spec))
    assert {on for f, (on, _) in states(board).items() if f != 8} == {None}
    (line,) = (each for each in wording.remarks(board) if "not known" in each)
    assert line.startswith("Not placed, as latency is not known: ")
    none = comparison.compare(begin(tmp_path / "none", runs(WORTH, gap=0.01), spec))
    assert "nobody can be placed yet" in " ".join(wording.remarks(none))
    with pytest.raises(NothingToShow, match="all objectives yet"):
        figures.make("pareto", StudyFindings(begin(tmp_path / "none", [], spec)))


def test_a_stopped_or_failed_row_is_not_placed(tmp_path: Path) -> None:
    made = runs({8: WORTH[8], 16: WORTH[16]}, gap=0.01)
    short = dataclasses.replace(record(32, 0, 0.99).spec, stop_epoch=2)
    made += [dataclasses.replace(record(32, 0, 0.99), spec=short), record(64, 0, None)]
    found = states(comparison.compare(begin(tmp_path / "s", made, SEVERAL)))
    assert (found[32], found[64]) == ((None, None), (None, None))
    assert found[16][0]


def test_the_metric_that_is_asked_for_ranks_and_is_no_objective_twice(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, further=("val_loss:min", "parameters:min"))
    study = begin(tmp_path / "s", runs(WORTH, gap=0.01), spec)
    assert comparison.compare(study, "loss").objectives == ("val_loss:min", "parameters:min")
    only = begin(
        tmp_path / "t", runs(WORTH, gap=0.01), dataclasses.replace(spec, further=("val_loss:min",))
    )
    assert comparison.compare(only, "loss").objectives == ()
    assert comparison.compare(study, objectives=["loss"]).objectives == ()
    assert fronts.on("test", "accuracy", fronts.asked([study], None, ())[1])[1].name == "test_loss"


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    one, several = (
        begin(tmp_path / name, runs(WORTH, gap=0.01), spec)
        for name, spec in (("one", SPEC), ("several", SEVERAL))
    )
    with pytest.raises(ValueError, match="Either --metric or --objective"):
        comparison.compare(one, "loss", objectives=["accuracy", "parameters"])
    with pytest.raises(ValueError, match=r"need --objective: .*one is after val_accuracy, .*sever"):
        comparison.compare([one, several])
    board = comparison.compare([one, several], objectives=["accuracy", "macs"])
    assert board.repeated
    with pytest.raises(ValueError, match="Did you mean 'parameters'"):
        comparison.compare(one, objectives=["accuracy", "parametres"])
    with pytest.raises(ValueError, match="'val_loss' is of another part"):
        comparison.compare(one, objectives=["accuracy", "val_loss"], split="test")
    with pytest.raises(ValueError, match="'test_loss' is of another part"):
        comparison.compare(one, objectives=["val_accuracy", "test_loss"])
    with pytest.raises(ValueError, match=r"No run of .* was scored on test yet"):
        comparison.compare(one, objectives=["accuracy", "macs"], split="test")


def told(*arguments: str) -> str:
    ran = CliRunner().invoke(cli, ["compare", *arguments])
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_it_is_told_in_text_json_and_csv(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", runs(WORTH, gap=0.1), SEVERAL)
    text = told(str(study.folder))
    assert text.count("front (undecided)") == 2
    assert "front of val_accuracy:max, parameters:min: 3 of 4 that can be placed" in text
    assert "of 2 on the front the runs do not tell whether they belong there" in text
    assert "export --config ID" in text
    found = json.loads(told(str(study.folder), "--json"))
    assert found["objectives"] == ["val_accuracy:max", "parameters:min"]
    assert sum(row["on_front"] for row in found["configurations"]) == 3
    first = found["configurations"][0]
    assert first["objectives"] == {"val_accuracy:max": pytest.approx(0.9), "parameters:min": 40}
    asked = told(str(study.folder), "--objective", "accuracy", "--objective", "macs")
    assert "nobody can be placed yet" in asked


def marks(figure: Any) -> list[dict[str, Any]]:
    return [trace for trace in figure.data if trace["mode"] == "markers"]


def test_the_figure_draws_a_panel_an_objective(tmp_path: Path) -> None:
    made = [timed(each, 1.0 + each.spec.repeat) for each in runs(WORTH, gap=0.1)]
    spec = dataclasses.replace(SPEC, further=("parameters:min", "val_loss:min", "seconds:min"))
    found = StudyFindings(begin(tmp_path / "s", made, spec))
    figure = figures.make("pareto", found)
    assert len(marks(figure)) == 3
    assert [figure.layout[f"xaxis{i}"].get("type") for i in ("", "2", "3")] == ["log", None, "log"]
    board = found.board
    assert board is not None
    symbols: Sequence[str] = marks(figure)[0]["marker"]["symbol"]
    on = [bool(board.places[row.config_id].on_front) for row in board.rows]
    assert [symbol != "circle-open" for symbol in symbols] == on
    line = figure.data[0]
    assert line["x"] == sorted(line["x"])
    assert line["line"]["shape"] == "hv"
    spec = dataclasses.replace(SPEC, objective="val_loss", further=("val_accuracy:max",))
    other = figures.make("pareto", StudyFindings(begin(tmp_path / "other", made, spec)))
    assert other.data[0]["line"]["shape"] == "vh"
    assert "pareto" in figures.offered(found)
    alone = StudyFindings(begin(tmp_path / "one", made))
    assert "pareto" not in figures.offered(alone)
    with pytest.raises(NothingToShow, match="There is one objective"):
        figures.make("pareto", alone)


def test_cost_and_front_agree(tmp_path: Path) -> None:
    found = StudyFindings(begin(tmp_path / "s", runs(WORTH, gap=0.01), SEVERAL))
    assert found.board is not None
    rows = found.board.rows
    drawn = cost.pareto(rows, lambda row: row.parameters, True)
    assert {row.config_id for row in drawn} == {
        row.config_id for row in rows if found.board.places[row.config_id].on_front
    }
