"""One leaderboard over several studies, and what cannot be put into one."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from kerascnn.record import RunRecord
from tests.boards import BASE, SPEC, begin, record, with_logits
from tuning import comparison, gathered, measures
from tuning.rules import Rules
from tuning.space import Choice


def test_settings_of_a_family_that_is_not_here_are_those_of_the_log(tmp_path: Path) -> None:
    """Another's own family, of which there is no code: what its record says is shown."""
    base = dataclasses.replace(BASE, family="/no/such/theirs.py", code="0" * 12)
    spec = dataclasses.replace(SPEC, base=base)
    config = dataclasses.replace(base, hyperparameters={"filters": 16})
    made = dataclasses.replace(record(16, 0, 0.5), spec=config.repeated(0, "search", 0))
    left_out = dataclasses.replace(  # At its default it is no hyperparameter.
        record(8, 0, 0.4), spec=base.repeated(0, "search", 0)
    )
    study = begin(tmp_path / "theirs", [made, left_out], spec)
    rows = comparison.compare(study).rows
    assert [row.hyperparameters for row in rows] == [{"filters": 16}, {"filters": 8}]


def other_seed(filters: int, repeat: int, accuracy: float) -> RunRecord:
    """Returns a run of a study with seed 1."""
    made = record(filters, repeat, accuracy)
    spec = BASE.configure({"filters": filters}).repeated(1, "search", repeat)
    return dataclasses.replace(made, spec=spec)


def test_two_studies_are_one_leaderboard(tmp_path: Path) -> None:
    one = begin(tmp_path / "one", [record(8, i, 0.8 + i / 10) for i in range(2)])
    two = begin(tmp_path / "two", [record(16, i, 0.7 + i / 10) for i in range(2)])
    board = comparison.compare([one, two])
    assert board.study == "one, two"
    assert [row.hyperparameters["filters"] for row in board.rows] == [8, 16]
    assert len(board.pairs) == 1
    assert board.repeated == 0


def test_runs_of_one_configuration_are_put_together(tmp_path: Path) -> None:
    """Each study's logits lie in its own folder."""
    rng = np.random.default_rng(0)
    right = rng.random((4, 20)) < 0.8
    records = [
        make(8, i, float(right[2 * j + i].mean()))
        for j, make in enumerate((record, other_seed))
        for i in range(2)
    ]
    one, two = begin(tmp_path / "one", records[:2]), begin(tmp_path / "two", records[2:])
    for study, each, row in zip((one, one, two, two), records, right, strict=True):
        with_logits(study, each.spec, row)
    (row,) = comparison.compare([one, two]).rows
    assert row.n == 4
    assert row.mean == pytest.approx(right.mean())
    assert row.interval_new_data == pytest.approx(measures.new_data_interval(right.astype(float)))


def test_the_same_run_counts_once(tmp_path: Path) -> None:
    short = dataclasses.replace(BASE, stop_epoch=3)
    early = dataclasses.replace(
        record(8, 1, 0.1), spec=short.configure({"filters": 8}).repeated(0, "search", 1)
    )
    one = begin(tmp_path / "one", [record(8, 0, 0.8), early])
    two = begin(tmp_path / "two", [record(8, i, 0.9) for i in range(2)])
    board = comparison.compare([one, two])
    assert board.repeated == 2
    assert board.rows[0].values == (0.8, 0.9)  # The first study's; of repeat 1 the longer run.


def test_runs_that_were_left_behind_do_not_count(tmp_path: Path) -> None:
    """A promotion of which one seed has ended: the other's shorter run is no part of its mean."""
    short = dataclasses.replace(BASE, stop_epoch=3).configure({"filters": 8})
    early = dataclasses.replace(record(8, 1, 0.1), spec=short.repeated(0, "search", 1))
    (row,) = comparison.compare(begin(tmp_path / "one", [record(8, 0, 0.8), early])).rows
    assert (row.values, row.stopped_early) == ((0.8,), False)


def test_settings_in_which_the_studies_differ_are_shown(tmp_path: Path) -> None:
    fixed = dataclasses.replace(BASE, batch_size=32)
    spec = dataclasses.replace(SPEC, base=fixed)
    config = fixed.configure({"filters": 8}).repeated(0, "search", 0)
    two = begin(tmp_path / "two", [dataclasses.replace(record(8, 0, 0.7), spec=config)], spec)
    one = begin(tmp_path / "one", [record(8, 0, 0.8)])
    rows = comparison.compare([one, two]).rows
    assert [row.hyperparameters for row in rows] == [
        {"filters": 8, "batch_size": 64},
        {"filters": 8, "batch_size": 32},
    ]
    assert comparison.compare(two).rows[0].hyperparameters == {"filters": 8}


def test_other_data_are_refused_and_both_runs_named(tmp_path: Path) -> None:
    def of(fingerprint: str, dataset: str, split: int = 0) -> RunRecord:
        base = dataclasses.replace(BASE, fingerprint=fingerprint, dataset=dataset, split_seed=split)
        spec = base.configure({"filters": 8}).repeated(0, "search", 0)
        return dataclasses.replace(record(8, 0, 0.8), spec=spec)

    one = begin(tmp_path / "one", [record(8, 0, 0.8)])
    two = begin(tmp_path / "two", [of("e" * 64, "photos/mnist.npz", 7)])
    with pytest.raises(ValueError, match="of different data, or divided otherwise") as caught:
        comparison.compare([one, two])
    for word in ("search0 of", "/one (digits, split seed 0, fingerprint ffffffff)", "/two (mnist"):
        assert word in str(caught.value)
    assert "split seed 7, fingerprint eeeeeeee" in str(caught.value)
    mixed = begin(tmp_path / "mixed", [record(8, 0, 0.8), of("e" * 64, "digits")])
    with pytest.raises(ValueError, match="of different data"):
        comparison.compare(mixed)
    # The fingerprint stands for the data: another path of the same is no other.
    same = begin(tmp_path / "same", [of("f" * 64, "copy.npz")])
    assert comparison.compare([one, same]).repeated == 1
    # Without fingerprints the division counts.
    plain, divided = (
        begin(tmp_path / name, [of("", "digits", split)]) for name, split in (("a", 0), ("b", 1))
    )
    with pytest.raises(ValueError, match=r"split seed 0.* split seed 1\)"):
        comparison.compare([plain, divided])


def test_objectives_must_agree_or_be_given(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, objective="val_loss")
    one = begin(tmp_path / "one", [record(8, 0, 0.8)])
    two = begin(tmp_path / "two", [record(16, 0, 0.9)], spec)
    with pytest.raises(ValueError, match=r"need --metric: .*one ranks by val_accuracy, .*two by"):
        comparison.compare([one, two])
    assert comparison.compare([one, two], "loss").metric == "loss"
    test = dataclasses.replace(SPEC, oracle="", space={}, objective="test_accuracy")
    three = begin(tmp_path / "three", [], test)
    with pytest.raises(ValueError, match=r"need --split: .*one ranks by val_accuracy, .*three by"):
        gathered.resolve([one, three])
    assert gathered.resolve([one, three], split="test") == ("test", "accuracy")


def test_a_study_with_nothing_to_compare_is_named(tmp_path: Path) -> None:
    one = begin(tmp_path / "one", [record(8, 0, 0.8)])
    with pytest.raises(ValueError, match=r"No run of .*empty has ended yet"):
        comparison.compare([one, begin(tmp_path / "empty", [])])


def test_margins_must_agree_or_be_given_and_the_smallest_alpha_counts(tmp_path: Path) -> None:
    one = begin(tmp_path / "one", [record(8, 0, 0.8)])
    spec = dataclasses.replace(SPEC, rules=Rules(margin=0.01, alpha=0.01))
    two = begin(tmp_path / "two", [record(16, 0, 0.8)], spec)
    with pytest.raises(ValueError, match=r"need --margin: .*one has 0\.005, .*two 0\.01\."):
        comparison.compare([one, two])
    question = comparison.compare([one, two], margin=0.02).question
    assert (question.margin, question.alpha) == (0.02, 0.01)
    assert comparison.compare(two).question.margin == 0.01


def test_families_show_only_settings_they_have(tmp_path: Path) -> None:
    base = dataclasses.replace(BASE, family="mlp")
    spec = dataclasses.replace(SPEC, base=base, space={"depth": Choice(1, 2)})
    config = base.configure({"depth": 1}).repeated(0, "search", 0)
    mlp = dataclasses.replace(record(8, 0, 0.7), spec=config, point={"depth": 1})
    studies = [begin(tmp_path / "a", [record(8, 0, 0.8)]), begin(tmp_path / "b", [mlp], spec)]
    cnn, other = (row.hyperparameters for row in comparison.compare(studies).rows)
    assert "filters" in cnn
    assert "depth" in cnn
    assert "filters" not in other
