"""The user's own points: tried before an oracle is asked again, and replayed like any other."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from kerascnn import registry
from tests import fake
from tests.tuning.test_search import (
    FAMILIES,
    HYPERBAND,
    SPACE,
    SPEC,
    begin,
    board,
    essence,
    in_one,
    in_two,
)
from tuning import comparison, enqueued
from tuning.search_spec import SearchSpec
from tuning.study import Study

INSIDE = {"filters": 12, "depth": 1}
OUTSIDE = {"filters": 100}
BESIDE = {"filters": 12, "kernel_size": 5}
ORACLES = registry.names("tuning.oracles")


def spec_of(oracle: str) -> SearchSpec:
    spec = HYPERBAND if oracle == "hyperband" else SPEC
    return dataclasses.replace(spec, oracle=oracle)


def put(study: Study, *values: dict[str, Any]) -> list[dict[str, Any]]:
    return enqueued.add(study, [(enqueued.point_of(study, each), {}) for each in values])


def asked(study: Study) -> list[dict[str, Any]]:
    return [line for line in study.log.lines() if line["kind"] == "ask"]


def test_a_point_is_whole_and_of_the_types_that_runs_have(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    point = enqueued.point_of(study, {"learning_rate": 1, "depth": 2.0})
    assert point == {"filters": 16, "depth": 2, "learning_rate": 1.0, "activation": "relu"}
    assert [type(value) for value in point.values()] == [int, int, float, str]
    assert list(point) == list(SPACE)
    beside = enqueued.point_of(study, {"filters": 8, "kernel_size": 5, "dense": 64})
    assert beside == {**study.spec.contenders[0].defaults(), "filters": 8, "kernel_size": 5}


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("run", [in_one, in_two])
def test_own_points_come_first_and_the_rest_is_asked_for(
    tmp_path: Path, oracle: str, run: Any
) -> None:
    spec = spec_of(oracle)
    study = begin(tmp_path / "s", spec)
    put(study, INSIDE, OUTSIDE, BESIDE)
    run(study)
    asks = asked(study)
    assert [ask.get("given", False) for ask in asks[:5]] == [False, True, True, True, False]
    assert [asks[i]["point"]["filters"] for i in (1, 2, 3)] == [12, 100, 12]
    assert "kernel_size" not in asks[1]["point"]
    assert asks[3]["point"]["kernel_size"] == 5
    assert sum(ask["parent"] is None for ask in asks) == spec.trials
    rows = {row.config_id: row.hyperparameters for row in comparison.compare(study).rows}
    assert sum("kernel_size" in settings for settings in rows.values()) == 1
    assert len(rows) == spec.trials


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("run", [in_one, in_two])
def test_a_search_with_own_points_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, oracle: str, run: Any
) -> None:
    spec = dataclasses.replace(spec_of(oracle), seeds=1)
    whole = begin(tmp_path / "whole", spec)
    put(whole, INSIDE, BESIDE)
    run(whole)
    put(whole, OUTSIDE, {"depth": 1, "activation": "tanh"})
    run(whole, trials=spec.trials + 5)
    expected = essence(whole), board(whole)
    lines = whole.log.path.read_bytes().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if b'"event"' in line)
    for cut in range(last + 1, len(lines), 4):
        study = begin(tmp_path / f"cut{cut}", spec)
        study.log.path.write_bytes(b"".join(lines[:cut]))
        run(study)
        assert (essence(study), board(study)) == expected, cut


def test_an_oracle_learns_from_points_of_its_space_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuning.oracles import _keras_tuner

    seen = []
    adopt = _keras_tuner.LearningOracle.adopt

    def spy(self: Any, trial: int, point: Any) -> None:
        adopt(self, trial, point)
        seen.append((trial, trial in self._points))

    monkeypatch.setattr(_keras_tuner.LearningOracle, "adopt", spy)
    study = begin(tmp_path / "s", spec_of("bayesian"))
    put(study, INSIDE, OUTSIDE, BESIDE)
    in_one(study)
    assert seen == [(0, True), (1, True), (2, False), (3, False)]


def test_a_point_put_in_line_while_oracles_are_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than wait for the workers: the oracle is made while some are still in line."""
    from tuning.oracles import _keras_tuner

    adopted: list[int] = []
    adopt = _keras_tuner.UnlearningOracle.adopt

    def spy(self: Any, trial: int, point: Any) -> None:
        adopt(self, trial, point)
        adopted.append(trial)

    monkeypatch.setattr(_keras_tuner.UnlearningOracle, "adopt", spy)
    study, again = begin(tmp_path / "s"), begin(tmp_path / "again")
    many = [{"filters": 40 + i} for i in range(4)] + [{"filters": 4 + 4 * i} for i in range(3)]
    for each in (study, again):
        put(each, *many)
    in_one(study, trials=12)
    assert adopted == list(range(8))
    in_two(again, trials=12)
    assert [ask["point"] for ask in asked(study)] == [ask["point"] for ask in asked(again)]
    assert sum(ask.get("given", False) for ask in asked(study)) == 7
    lines = study.log.path.read_bytes().splitlines(keepends=True)
    cut = begin(tmp_path / "cut")
    cut.log.path.write_bytes(b"".join(lines[: len(lines) * 3 // 4]))
    in_one(cut, trials=12)
    assert essence(cut) == essence(study)


def test_a_finished_study_tries_one_more(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    in_one(study)
    put(study, OUTSIDE)
    in_one(study)
    assert len(asked(study)) == SPEC.trials + 1
    assert len(list(study.log)) == 2 * (SPEC.trials + 1)
    in_one(study)
    assert len(asked(study)) == SPEC.trials + 1


def test_a_configuration_is_put_in_line_once(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    assert len(put(study, INSIDE, {"depth": 1, "filters": 12.0})) == 1
    assert put(study, INSIDE) == []
    in_one(study)
    assert put(study, INSIDE, study.spec.contenders[0].defaults()) == []
    assert enqueued.trial_of(study, enqueued.point_of(study, INSIDE)) == 1
    assert enqueued.trial_of(study, enqueued.point_of(study, OUTSIDE)) is None


def test_of_several_families_one_is_named(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", FAMILIES)
    put(study, {"family": "mlp", "depth": 4}, {"family": "linear", "learning_rate": 0.5})
    in_one(study)
    points = [ask["point"] for ask in asked(study)]
    assert [point["family"] for point in points[:5]] == ["cnn", "mlp", "linear", "mlp", "linear"]
    assert points[3] == {"family": "mlp", "depth": 4}
    with pytest.raises(ValueError, match=r"searches several: family=cnn\|mlp\|linear\."):
        enqueued.point_of(study, {"depth": 4})


def test_an_infeasible_point_is_recorded_and_skipped(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    put(study, {"depth": 3, "filters": 4})
    for _ in range(2):
        done = in_one(study, run=fake.infeasible_run)
        assert "Too deep." in done.infeasible
    assert json.loads(json.dumps(asked(study)[1]))["given"] is True


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "A point needs a setting"),
        ({"family": "cnn"}, "A point needs a setting"),
        ({"filter": 3}, "No 'filter' in the settings of cnn. .*Did you mean 'filters'"),
        ({"filters": "many"}, "`filters` must be of type int. Received: 'many'"),
        ({"learning_rate": -1.0}, "`learning_rate > 0` must hold"),
        ({"family": "mpl", "depth": 1}, "No 'mpl' in the families of"),
        ({"epochs": 3}, "are trained for 9 epochs. Received: epochs=3"),
        ({"dataset": "mnist"}, "No 'dataset' in the settings of cnn"),
    ],
)
def test_what_is_no_point_is_refused(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    study = begin(tmp_path / "s")
    with pytest.raises(ValueError, match=message):
        enqueued.point_of(study, values)
    assert not study.log.path.exists()


def test_only_a_search_takes_points(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, oracle="", space={}))
    with pytest.raises(ValueError, match="is no search: no oracle tries points in it"):
        enqueued.point_of(study, INSIDE)
