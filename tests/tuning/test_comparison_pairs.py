"""Which pairs a leaderboard is asked about, and what it says of them."""

from pathlib import Path

import numpy as np
import pytest

from tests.boards import begin, record, scored
from tuning import comparison, differences
from tuning.pairs import Pair
from tuning.study import Study


def made(folder: Path) -> tuple[Study, dict[int, np.ndarray]]:
    """Three configurations of four runs: 16 is best, 8 nearly so, 32 far behind."""
    rng = np.random.default_rng(1)
    hard = rng.random(20)
    right = {
        f: rng.random((4, 20)) * 0.5 + hard / 2 < p for f, p in ((8, 0.85), (16, 0.9), (32, 0.2))
    }
    return scored(folder, right), right


def names(study: Study) -> dict[str, int]:
    rows = comparison.compare(study).rows
    return {row.config_id: int(row.hyperparameters["filters"]) for row in rows}


def test_by_default_the_leader_against_each_other_on_new_data(tmp_path: Path) -> None:
    study, right = made(tmp_path / "s")
    board, filters = comparison.compare(study), names(study)
    leader = board.rows[0].config_id
    assert [pair.a for pair in board.pairs] == [leader] * 2
    assert [pair.b for pair in board.pairs] == [row.config_id for row in board.rows[1:]]
    for pair in board.pairs:
        ours, theirs = (right[filters[each]].astype(float) for each in (pair.a, pair.b))
        expected = differences.new_data(ours, theirs, 1 - 0.05 / 2)
        assert pair.difference == pytest.approx(expected.value)
        assert pair.interval == pytest.approx(expected.interval)
        assert pair.interval_seeds == pytest.approx(
            differences.welch(ours.mean(axis=1), theirs.mean(axis=1), 1 - 0.05 / 2).interval
        )
        assert (pair.target, pair.confidence) == ("new data", 1 - 0.05 / 2)
    assert board.undecided == sum(pair.verdict == "undecided" for pair in board.pairs)
    assert {pair.verdict for pair in board.pairs} == {"undecided", "better"}


def test_json_holds_the_pairs(tmp_path: Path) -> None:
    found = comparison.compare(made(tmp_path / "s")[0]).to_json()["pairs"]
    wanted = {"a", "b", "difference", "interval", "verdict", "seeds_needed"}
    assert wanted < set(found[0])
    assert len(found) == 2


def test_a_pair_is_named_by_beginnings_and_has_the_whole_level(tmp_path: Path) -> None:
    study, right = made(tmp_path / "s")
    ids = {filters: config for config, filters in names(study).items()}
    (pair,) = comparison.compare(study, pair=(ids[32][:4], ids[8])).pairs
    assert (pair.a, pair.b) == (ids[32], ids[8])
    expected = differences.new_data(right[32].astype(float), right[8].astype(float), 0.95)
    assert pair.interval == pytest.approx(expected.interval)
    assert pair.verdict == "worse"
    assert pair.probability_better == 0
    (turned,) = comparison.compare(study, pair=(ids[8], ids[32])).pairs
    assert (turned.verdict, turned.probability_better) == ("better", 1)


def test_all_pairs_in_the_order_of_the_board(tmp_path: Path) -> None:
    study, _ = made(tmp_path / "s")
    board = comparison.compare(study, all_pairs=True)
    ids = [row.config_id for row in board.rows]
    assert [(pair.a, pair.b) for pair in board.pairs] == [
        (ids[0], ids[1]),
        (ids[0], ids[2]),
        (ids[1], ids[2]),
    ]


def test_less_is_better_for_a_loss(tmp_path: Path) -> None:
    values = {8: (0.8, 0.81), 16: (0.3, 0.31)}
    study = begin(
        tmp_path / "s", [record(f, i, v) for f, runs in values.items() for i, v in enumerate(runs)]
    )
    (pair,) = comparison.compare(study, "loss").pairs
    assert pair.difference == pytest.approx(-0.5)
    assert (pair.verdict, pair.probability_better, pair.target) == ("better", 1, "seeds")


def pair_of(tmp_path: Path, values: dict[int, tuple[float, ...]], margin: float) -> Pair:
    records = [record(f, i, v) for f, runs in values.items() for i, v in enumerate(runs)]
    (pair,) = comparison.compare(begin(tmp_path / "s", records), margin=margin).pairs
    return pair


def test_a_margin_makes_equivalent_what_is_within_it(tmp_path: Path) -> None:
    values = {8: (0.80, 0.81, 0.80), 16: (0.81, 0.80, 0.81)}
    assert pair_of(tmp_path / "wide", values, 0.1).verdict == "equivalent"
    assert pair_of(tmp_path / "narrow", values, 0.001).verdict == "undecided"


def test_constant_scores_and_single_seeds_have_no_test(tmp_path: Path) -> None:
    pair = pair_of(tmp_path / "constant", {8: (0.9, 0.9), 16: (0.5, 0.5)}, 0.1)
    assert (pair.verdict, pair.interval, pair.obstacle) == ("undecided", None, "spread")
    pair = pair_of(tmp_path / "one", {8: (0.9,), 16: (0.5,)}, 0.1)
    assert (pair.verdict, pair.interval, pair.obstacle) == ("undecided", None, "spread")


@pytest.mark.parametrize("margin", [0.0, -0.1, float("nan"), float("inf")])
def test_a_margin_is_above_0(tmp_path: Path, margin: float) -> None:
    study = begin(tmp_path / "s", [record(8, 0, 0.5)])
    with pytest.raises(ValueError, match=r"`0 < margin` must hold, and be finite\. Received"):
        comparison.compare(study, margin=margin)


def test_pairs_that_cannot_be_are_refused(tmp_path: Path) -> None:
    records = [record(f, i, 0.5 + i / 10) for f in (8, 16) for i in range(2)]
    study = begin(tmp_path / "s", [*records, record(32, 0, None)])
    ids = [row.config_id for row in comparison.compare(study).rows]
    with pytest.raises(ValueError, match="No 'xyz' in configurations"):
        comparison.compare(study, pair=("xyz", ids[0]))
    with pytest.raises(ValueError, match="'' begins several configurations"):
        comparison.compare(study, pair=("", ids[0]))
    with pytest.raises(ValueError, match=f"two configurations. Received {ids[0][:6]} twice"):
        comparison.compare(study, pair=(ids[0], ids[0][:8]))
    with pytest.raises(ValueError, match="cannot be compared: it has no mean: its runs failed"):
        comparison.compare(study, pair=(ids[0], ids[2]))
