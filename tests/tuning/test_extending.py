"""A finished study goes on to more trials and seeds, with every oracle, in many parts or one."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kerascnn import registry
from tests import fake
from tests.tuning.test_limits import LOOKS, after, without_budgets
from tests.tuning.test_search import SPEC, begin, board, essence, in_one, in_two
from tuning import comparison, oracles
from tuning.search import Search
from tuning.search_spec import SearchSpec
from tuning.study import Study

# The Bayesian oracle fits its model anew for every ask, and in every part for all before.
ORACLES = [
    pytest.param(
        name,
        marks=[
            *([pytest.mark.slow] if name == "bayesian" else []),
            pytest.mark.skipif(bool(oracles.missing(name)), reason=f"{name} takes an extra."),
        ],
    )
    for name in registry.names("tuning.oracles")
]


def spec_of(oracle: str) -> SearchSpec:
    return dataclasses.replace(SPEC, oracle=oracle, trials=8, seeds=2)


def asks(study: Study) -> list[dict[str, Any]]:
    return [line for line in study.log.lines() if line["kind"] == "ask"]


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("run", [in_one, in_two])
def test_a_finished_study_goes_on_to_more_trials_and_seeds(
    tmp_path: Path, oracle: str, run: Any
) -> None:
    study = begin(tmp_path / "s", spec_of(oracle))
    run(study)
    before = asks(study)
    run(study, trials=16, seeds=5)
    assert asks(study)[: len(before)] == before
    assert sum(ask["parent"] is None for ask in asks(study)) == 16
    events = [line for line in study.log.lines() if line["kind"] == "event"]
    assert events == [{"kind": "event", "name": "extended", "trials": 16, "seeds": 5}]
    continued = {ask["parent"] for ask in asks(study)}
    counts = {number: 0 for number in range(len(asks(study))) if number not in continued}
    for record in study.log:
        if record.trial in counts:
            counts[record.trial] += 1
    if study.spec.allots_seeds:  # Whoever has all that there were to get, gets those that came.
        most = [row for row in comparison.compare(study).rows if row.is_ranked]
        assert {row.n + row.failed for row in most} == {5}
    else:
        assert set(counts.values()) == {5}
    ended = essence(study)
    run(study, trials=8, seeds=2)
    assert essence(study) == ended


@pytest.mark.parametrize("oracle", ORACLES)
def test_what_is_extended_in_many_parts_ends_as_if_it_was_not(tmp_path: Path, oracle: str) -> None:
    whole, study = (
        begin(tmp_path / "whole", spec_of(oracle)),
        begin(tmp_path / "s", spec_of(oracle)),
    )
    for each in (whole, study):
        in_one(each)
    in_two(whole, trials=16, seeds=3)
    for looks in (0, 2, 7, 12, LOOKS):
        with ThreadPoolExecutor(2) as executor:
            search = Search(
                study,
                executor,
                workers=2,
                run=fake.run,
                trials=16,
                seeds=3,
                spent=after(looks),
            )
            search()
    assert search.unfinished is None
    assert without_budgets(study) == essence(whole)
    assert board(study) == board(whole)
