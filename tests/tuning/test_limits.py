"""Limits on time: what is stopped is gone on with, and no number depends on where that was."""

import dataclasses
import json
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kerascnn import registry
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import fake
from tests.tuning.test_search import HYPERBAND, SPEC, begin, board, essence, in_one
from tuning.executors import serial
from tuning.limits import UNLIMITED, Limits
from tuning.search import Search
from tuning.study import Study

LOOKS = 1000


def after(looks: int) -> Callable[[], bool]:
    """A time budget that is spent once it was looked at so often."""
    left = iter(range(looks))
    return lambda: next(left, None) is None


def without_budgets(study: Study) -> tuple[list[Any], list[str], list[str]]:
    asks, runs, events = essence(study)
    return asks, runs, [event for event in events if '"budget_spent"' not in event]


@pytest.mark.parametrize("oracle", registry.names("tuning.oracles"))
@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_of_many_small_budgets_ends_as_if_it_had_one(
    tmp_path: Path, oracle: str, workers: int
) -> None:
    spec = dataclasses.replace(HYPERBAND if oracle == "hyperband" else SPEC, oracle=oracle)
    whole, study = begin(tmp_path / "whole", spec), begin(tmp_path / "s", spec)
    in_one(whole)
    spent = 0
    for looks in (0, 1, 2, 5, 9, 14, LOOKS):
        with ThreadPoolExecutor(workers) as executor:
            search = Search(study, executor, workers=workers, run=fake.run, spent=after(looks))
            search()
        spent += search.unfinished is not None
    assert search.unfinished is None
    assert spent >= 2
    assert without_budgets(study) == essence(whole)
    assert board(study) == board(whole)


def test_a_spent_budget_is_on_record_and_nothing_more_is_begun(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    called = []

    def run(specs: Sequence[RunSpec], **options: Any) -> list[RunRecord]:
        called.append(specs)
        return fake.run(specs, **options)

    limits = Limits(time_budget=90)
    search = in_one(study, run=run, limits=limits, spent=lambda: len(called) == 2)
    [event] = [line for line in study.log.lines() if line["kind"] == "event"]
    assert event == {
        "kind": "event",
        "name": "budget_spent",
        "seconds": 90,
        "unfinished": search.unfinished,
    }
    assert len(called) == 2
    ended = len(list(study.log))
    assert ended == 4
    assert search.unfinished == 12 - ended


def test_given_points_that_were_not_begun_are_unfinished_too(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, oracle="", space={}, trials=1))
    points: list[dict[str, Any]] = [{"family": "cnn"}, {"family": "mlp"}, {"family": "linear"}]
    search = in_one(study, points=points, seeds=2, spent=after(0))
    assert search.unfinished == 6
    assert in_one(study, points=points, seeds=2).unfinished is None
    assert len(list(study.log)) == 6


def test_a_budget_spent_as_all_is_done_is_not_spent(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    in_one(study)
    assert in_one(study, spent=after(0)).unfinished is None
    assert not [line for line in study.log.lines() if line["kind"] == "event"]


def test_a_clock_counts_from_when_it_is_asked_for() -> None:
    assert Limits(time_budget=1e-9).clock()()
    assert not Limits(time_budget=1e9).clock()()
    assert not UNLIMITED.clock()()


def test_limits_reach_the_worker(tmp_path: Path) -> None:
    seen = []

    def run(specs: Sequence[RunSpec], **options: Any) -> list[RunRecord]:
        seen.append({k: v for k, v in options.items() if k in ("run_limit", "checkpoint_every")})
        return fake.run(specs, **options)

    in_one(begin(tmp_path / "a"), run=run, limits=Limits(run_limit=300, checkpoint_every=5))
    assert all(options == {"run_limit": 300, "checkpoint_every": 5} for options in seen)
    seen.clear()
    in_one(begin(tmp_path / "b"), run=run)
    assert all(options == {"checkpoint_every": 60} for options in seen)
    seen.clear()
    in_one(begin(tmp_path / "c"), run=run, limits=Limits(time_budget=50))
    assert all(options == {"checkpoint_every": 5} for options in seen)
    pickle.dumps(Limits(run_limit=300).of(fake.run))


def test_another_limit_of_runs_is_on_record(tmp_path: Path) -> None:
    """It changes which runs fail, and so what a leaderboard says: not silently."""
    study = begin(tmp_path / "s")
    for seeds, limit in ((2, None), (2, 300), (3, 300), (3, 600), (4, None)):
        limits = Limits(run_limit=limit)
        with serial.executor(environment={}) as executor:
            Search(study, executor, run=fake.run, seeds=seeds, limits=limits)()
    events = [line for line in study.log.lines() if line["kind"] == "event"]
    told = [event["seconds"] for event in events if event["name"] == "run_limit"]
    assert told == [300, 600, None]


@pytest.mark.parametrize("name", ["time_budget", "run_limit", "checkpoint_every"])
def test_no_time_at_all_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"`{name} > 0` must hold\. Received: 0"):
        Limits(**{name: 0})


def test_a_budget_is_no_part_of_what_a_study_is() -> None:
    assert not {"time_budget", "run_limit"} & set(json.dumps(SPEC.identity()).split('"'))
