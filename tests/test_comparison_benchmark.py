"""The benchmark of `compare`, run small."""

from pathlib import Path

import pytest

from benchmarks import comparison as benchmark
from tuning import comparison
from tuning.study import Study


def test_what_it_makes_can_be_compared(tmp_path: Path) -> None:
    benchmark.make(tmp_path / "s", configurations=3, seeds=2, images=500, classes=10, logits=True)
    board = comparison.compare(Study(tmp_path / "s"))
    assert [row.n for row in board.rows] == [2, 2, 2]
    assert board.unreadable == ()
    assert all(row.interval_new_data for row in board.rows)
    # The first is made to be the best.
    assert board.rows[0].hyperparameters["filters"] == 1


@pytest.mark.slow
def test_it_measures_a_call(tmp_path: Path) -> None:
    benchmark.make(tmp_path / "s", configurations=2, seeds=2, images=50, classes=3, logits=False)
    seconds, busy, memory = benchmark.measured(str(tmp_path / "s"))
    assert seconds > 0
    assert busy > 0
    assert 0.01 < memory < 4
