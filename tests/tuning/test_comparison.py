"""The leaderboard, from records made by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from kerascnn.record import RunRecord
from tests.boards import BASE, begin, record, scored, with_logits
from tuning import comparison, gathered, measures
from tuning.stops import alike
from tuning.trial import Trial


def test_rows_hold_mean_spread_and_failures_best_first(tmp_path: Path) -> None:
    values = {8: (0.8, 0.9, None), 16: (0.7, None, None), 32: (0.9, 0.95, 0.94)}
    records = [record(f, i, v) for f, runs in values.items() for i, v in enumerate(runs)]
    board = comparison.compare(begin(tmp_path / "s", records))
    assert [row.hyperparameters["filters"] for row in board.rows] == [32, 8, 16]
    best, second, last = board.rows
    assert best.mean == pytest.approx(0.93)
    assert best.interval_seeds == measures.t_interval([0.9, 0.95, 0.94])
    assert (second.n, second.failed, second.mean) == (2, 1, pytest.approx(0.85))
    assert (last.n, last.failed, last.mean) == (1, 2, None)
    assert best.seconds == 2
    assert board.failures == {second.config_id: "No.", last.config_id: "No."}


def test_fewer_is_better_for_a_loss(tmp_path: Path) -> None:
    made = begin(tmp_path / "s", [record(8, 0, 0.8), record(16, 0, 0.9)])
    board = comparison.compare(made, "loss")
    assert [row.mean for row in board.rows] == pytest.approx([0.1, 0.2])
    assert (board.metric, board.split) == ("loss", "validation")


def test_equal_means_rank_by_parameters(tmp_path: Path) -> None:
    made = begin(tmp_path / "s", [record(8, 0, 0.8, 50), record(16, 0, 0.8, 5)])
    assert [row.parameters for row in comparison.compare(made).rows] == [5, 50]


def test_infeasible_points_are_no_rows(tmp_path: Path) -> None:
    odd = dataclasses.replace(record(16, 0, None), status="infeasible")
    made = begin(tmp_path / "s", [record(8, 0, 0.8), odd])
    assert len(comparison.compare(made).rows) == 1


def test_the_longest_record_of_a_run_counts(tmp_path: Path) -> None:
    short, long = record(8, 0, 0.5), record(8, 0, 0.9)
    records = [dataclasses.replace(short, epoch=3), dataclasses.replace(long, epoch=9)]
    assert comparison.compare(begin(tmp_path / "s", records)).rows[0].mean == 0.9


def test_the_new_data_interval_comes_from_the_logits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    right = rng.random((3, 20)) < 0.8
    records = [record(8, i, float(right[i].mean())) for i in range(3)]
    made = begin(tmp_path / "s", records)
    assert comparison.compare(made).rows[0].interval_new_data is None
    for each, row in zip(records, right, strict=True):
        with_logits(made, each.spec, row)
    row = comparison.compare(made).rows[0]
    assert row.interval_new_data == measures.new_data_interval(right.astype(float))
    assert row.sd_floor == measures.sd_floor(right.astype(float))


def test_the_best_set_is_shown_from_five_seeds_on(tmp_path: Path) -> None:
    values = {8: 0.9, 16: 0.5, 32: 0.9}
    records = [record(f, i, v + i / 1000) for f, v in values.items() for i in range(5)]
    board = comparison.compare(begin(tmp_path / "five", records), margin=1e-4)
    assert [row.in_best_set for row in board.rows] == [True, True, False]
    assert board.undecided == 1
    fewer = [each for each in records if each.spec.repeat < 4]
    board = comparison.compare(begin(tmp_path / "four", fewer), margin=1e-4)
    assert {row.in_best_set for row in board.rows} == {None}
    assert board.undecided == 1


def test_one_seed_decides_nothing(tmp_path: Path) -> None:
    board = comparison.compare(begin(tmp_path / "s", [record(8, 0, 0.8), record(16, 0, 0.1)]))
    assert board.undecided is None
    row = board.rows[0]
    assert (row.sd, row.interval_seeds, row.interval_new_data) == (None, None, None)


def test_json_is_what_the_design_promises(tmp_path: Path) -> None:
    found = comparison.compare(begin(tmp_path / "s", [record(8, 0, 0.8)])).to_json()
    names = {"study", "metric", "split", "imported", "descriptive", "configurations", "pairs"}
    assert set(found) == names
    assert "values" not in found["configurations"][0]
    assert found["pairs"] == []


def test_unreadable_logits_are_named_and_cost_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = scored(tmp_path / "s", {f: rng.random((2, 20)) < 0.8 for f in (8, 16, 32)})
    gone, torn, *_ = sorted(made.folder.glob("*/search1/logits-validation.npy"))
    gone.unlink()
    torn.write_bytes(torn.read_bytes()[:-8])
    board = comparison.compare(made)
    wrong = {path.parts[-3]: path for path in (gone, torn)}
    for row in board.rows:
        assert (row.interval_new_data is None) == (row.config_id in wrong)
        assert (row.sd_floor is None) == (row.config_id in wrong)
        assert row.n == 2
        assert row.sd is not None
    assert len(board.unreadable) == 2
    missing, damaged = sorted(board.unreadable, key=lambda text: "damaged" in text)
    assert missing == f"search1 of {gone.parts[-3][:6]}: {gone} is missing"
    assert damaged.startswith(f"search1 of {torn.parts[-3][:6]}: {torn} is damaged: ")
    targets = {pair.target for pair in board.pairs}
    assert targets == {"seeds"}


def test_missing_labels_are_named_once(tmp_path: Path) -> None:
    right = np.random.default_rng(0).random((2, 20)) < 0.8
    made = scored(tmp_path / "s", {8: right, 16: right})
    labels = made.folder / "labels-validation.npy"
    labels.unlink()
    assert comparison.compare(made).unreadable == (f"{labels} is missing",)
    np.save(labels, np.zeros(19, np.int32))
    found = comparison.compare(made).unreadable
    assert len(found) == 4
    assert all("its shape is (20, 2), there are 19 labels" in text for text in found)


def test_a_metric_that_is_no_mean_reads_no_logits(tmp_path: Path) -> None:
    records = [record(8, i, 0.8 + i / 10) for i in range(2)]
    records = [
        dataclasses.replace(r, metrics={"val_f1_macro": 0.5 + i}) for i, r in enumerate(records)
    ]
    board = comparison.compare(begin(tmp_path / "s", records), "f1_macro")
    assert board.unreadable == ()
    assert board.rows[0].interval_new_data is None
    assert board.rows[0].sd is not None


@pytest.mark.parametrize(
    ("metric", "split", "expected"),
    [
        (None, None, ("validation", "accuracy")),
        ("loss", None, ("validation", "loss")),
        ("val_loss", None, ("validation", "loss")),
        ("test_f1_macro", None, ("test", "f1_macro")),
        ("loss", "train", ("train", "loss")),
        (None, "test", ("test", "accuracy")),
    ],
)
def test_metrics_are_asked_for_in_several_words(
    tmp_path: Path, metric: str | None, split: str | None, expected: tuple[str, str]
) -> None:
    assert gathered.resolve([begin(tmp_path / "s", [])], metric, split) == expected


def test_nothing_to_compare_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has ended yet"):
        comparison.compare(begin(tmp_path / "none", []))
    with pytest.raises(ValueError, match=r"Every run of .* failed \(2\)\. The first: No\."):
        comparison.compare(begin(tmp_path / "failed", [record(8, i, None) for i in range(2)]))
    with pytest.raises(ValueError, match=r"No run of .* has val_brier"):
        comparison.compare(begin(tmp_path / "some", [record(8, 0, 0.5)]), "brier")
    with pytest.raises(ValueError, match="was scored on test yet: `confirm` does that"):
        comparison.compare(begin(tmp_path / "unopened", [record(8, 0, 0.5)]), split="test")


def test_a_score_needs_half_of_the_runs() -> None:
    trial = Trial(0, {}, BASE, seeds=3)
    trial.runs = {0: record(8, 0, 0.8), 1: record(8, 1, 0.6)}
    assert not trial.complete
    assert trial.score("val_accuracy") == pytest.approx(0.7)
    trial.runs[2] = record(8, 2, None)
    assert trial.complete
    assert trial.score("val_accuracy") == pytest.approx(0.7)
    trial.runs[1] = record(8, 1, None)
    assert trial.score("val_accuracy") is None


def test_alike_looks_at_the_line_and_the_exception() -> None:
    def raised(line: int, words: str) -> RunRecord:
        text = f'Traceback (most recent call last):\n  File "a.py", line {line}\nKeyError: {words}'
        return dataclasses.replace(record(8, 0, None), error=text)

    assert alike([raised(1, "x"), raised(1, "x")])
    assert not alike([raised(1, "x"), raised(2, "x")])
    assert not alike([raised(1, "x"), raised(1, "y")])
    assert not alike([record(8, 0, None), record(8, 1, None)])
