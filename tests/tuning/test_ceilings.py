"""What a network may cost: points above it are infeasible before anything is trained."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kerascnn import memory, training
from kerascnn.costs import Ceilings
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, value_of
from tests import fake
from tests.tuning.test_search import SPACE, SPEC, begin, board, essence, in_one, in_two
from tuning import comparison, plan, pools, study
from tuning.executors.serial import SerialExecutor
from tuning.search_spec import SearchSpec
from tuning.space import Int


def run(
    specs: Sequence[RunSpec], *, folder: str, ceilings: Ceilings, **options: Any
) -> list[RunRecord]:
    """Says that a network has 100 parameters a filter, as `training.run` would."""
    parameters = 100 * int(value_of(specs[0], "filters"))
    if parameters > ceilings.parameters > 0:
        error = f"It has {parameters:,} parameters, over the {ceilings.parameters:,} of --max-p."
        failed = {"status": "infeasible", "error": error, "parameters": parameters}
        return [RunRecord(spec=spec, **failed) for spec in specs]
    return [dataclasses.replace(fake.scored(spec), parameters=parameters) for spec in specs]


SMALL = functools.partial(run, ceilings=Ceilings(parameters=2000))


def test_what_costs_too_much_is_not_counted_and_the_search_goes_on(tmp_path: Path) -> None:
    one, two = begin(tmp_path / "one"), begin(tmp_path / "two")
    done = in_one(one, run=SMALL)
    in_two(two, run=SMALL)
    rows = comparison.compare(one).rows
    assert len(rows) == 6
    assert all(row.parameters <= 2000 for row in rows if row.parameters is not None)
    assert done.infeasible
    assert all("over the 2,000 of --max-p" in reason for reason in done.infeasible)
    assert board(one) == board(two)


def test_a_baseline_that_costs_too_much_is_left_out(tmp_path: Path) -> None:
    """The user wants small networks: that the defaults are none is no reason to stop."""
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, trials=3))
    for _ in range(2):
        in_one(study, run=functools.partial(run, ceilings=Ceilings(parameters=800)))
    first = next(iter(study.log))
    assert (first.trial, first.status) == (0, "infeasible")
    assert len(comparison.compare(study).rows) == 3
    asks = essence(study)[0]
    assert sum(ask["parent"] is None for ask in asks) > 3


def test_a_given_point_that_costs_too_much_is_refused(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, oracle="", space={}, trials=1))
    tight = functools.partial(run, ceilings=Ceilings(parameters=1))
    with pytest.raises(ValueError, match=r"The network is infeasible: It has 1,600 parameters"):
        in_one(study, points=[{"family": "cnn", "filters": 16}], run=tight)


def test_where_everything_costs_too_much_the_limit_is_named(tmp_path: Path) -> None:
    space = {**SPACE, "filters": Int(24, 32, 8)}
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, space=space))
    match = r"100 points in a row are infeasible.* The last: It has .* over the 2,000 of --max-p"
    with pytest.raises(RuntimeError, match=match):
        in_one(study, run=SMALL)


def test_what_a_network_may_cost_is_part_of_what_a_study_is_once_it_is_said() -> None:
    usual = SearchSpec(base=SPEC.base, space=SPACE)
    assert not {"max_params", "max_macs"} & set(usual.distinctions())
    limited = dataclasses.replace(usual, max_params=10_000)
    assert limited.distinctions()["max_params"] == 10_000
    assert study.default_name(limited) != study.default_name(usual)
    assert study.differences(usual, limited) == ["max_params is 0 there, 10000 here"]
    # A study.json that was written before there was such a limit.
    fields = usual.to_json()
    del fields["max_params"], fields["max_macs"]
    assert SearchSpec.from_json(fields) == usual


@pytest.mark.parametrize("name", ["max_params", "max_macs"])
def test_less_than_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"`{name} >= 0` must hold\. Received: -1"):
        SearchSpec(base=SPEC.base, **{name: -1})


def test_the_memory_is_shared_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "total", lambda: 12_000)
    spec = dataclasses.replace(SPEC, max_params=5, max_macs=7)
    assert pools.ceilings_of(spec, SerialExecutor(), 3) == Ceilings(
        parameters=5, multiply_accumulates=7, memory=4000, workers=3
    )


def test_real_networks_are_weighed_before_they_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begun = plan.new_search("mlp", "synthetic", epochs=1, fixed={"train_size": 100})
    spec = begun.spec.base.repeated(0, "search", 0)

    def ended(**ceilings: int) -> RunRecord:
        [record] = training.run(
            [spec], folder=str(tmp_path / str(ceilings)), ceilings=Ceilings(**ceilings)
        )
        return record

    finished = ended()
    assert (finished.status, finished.epoch) == ("finished", 1)
    # 8x8 images, two layers of 128 units, 4 classes.
    assert finished.multiply_accumulates == 64 * 128 + 128 * 128 + 128 * 4
    assert finished.parameters == finished.multiply_accumulates + 128 + 128 + 4
    for limit in ("parameters", "multiply_accumulates"):
        assert ended(**{limit: getattr(finished, limit)}).status == "finished"
        refused = ended(**{limit: getattr(finished, limit) - 1})
        assert (refused.status, refused.epoch) == ("infeasible", 0)
        assert refused.parameters == finished.parameters
        assert "over the" in refused.error
    assert "here, framework included" in ended(memory=1000).error
    assert training.choose([spec], trainer="compiled", ceilings=Ceilings(parameters=1)) == {}
