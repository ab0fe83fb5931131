"""The benchmark of the Compare tab, run small."""

import os
from pathlib import Path

import pytest

from benchmarks import dashboard as benchmark
from kerascnn import attempt
from tests import browser
from tuning import comparison
from tuning.study import Study


def test_what_it_makes_is_a_study_with_curves(tmp_path: Path) -> None:
    benchmark.make(tmp_path / "s", 2, epochs=3)
    study = Study(tmp_path / "s")
    records = study.records()
    assert len(records) == 2 * benchmark.SEEDS
    assert all(len(curve) == 3 for record in records for curve in record.history.values())
    for record in records:
        assert any(attempt.run_dir(study.folder, record.spec).glob("events.out.tfevents.*"))
    assert all(row.interval_new_data for row in comparison.compare(study).rows)


def test_processes_are_weighed_and_timed() -> None:
    assert 10 < benchmark.resident(os.getpid()) < 10_000
    assert benchmark.processor(os.getpid()) > 0
    assert os.getpid() in benchmark.family(os.getppid())


@pytest.mark.slow
def test_it_looks_at_a_study(tmp_path: Path) -> None:
    browser.require()
    benchmark.make(tmp_path / "s", 3, epochs=3)
    seen = benchmark.look(tmp_path / "s", ["forest"])
    assert set(seen.seconds) == {"TensorBoard's page", "leaderboard", "forest"}
    assert seen.seconds["leaderboard"] > seen.seconds["TensorBoard's page"] > 0
    assert set(seen.frames) == set(seen.tasks) == {"leaderboard", "list", "forest"}
    assert min(seen.frames.values()) > 0
    assert min(seen.megabytes.values()) > 10
    assert "aim" not in benchmark.report(15, [seen], [])
    assert "aim: 2 s" in benchmark.report(1000, [seen], [100.0])
