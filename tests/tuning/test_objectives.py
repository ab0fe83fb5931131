"""What may be an objective, and what it is of a configuration's runs."""

import dataclasses
import math
import statistics
from typing import Any

import pytest

from kerascnn import registry
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests.boards import record
from tuning import objectives, plan, study
from tuning.search_spec import SearchSpec
from tuning.space import Int

BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)
SPEC = SearchSpec(base=BASE, space={"filters": Int(4, 32, 4)})
SEVERAL = dataclasses.replace(SPEC, further=("parameters:min", "val_loss:min"))


def test_one_is_what_it_always_was() -> None:
    assert objectives.parse("accuracy") == ("accuracy", ())
    assert objectives.parse(["val_loss"]) == ("val_loss", ())
    assert objectives.parse(["accuracy:max"]) == ("val_accuracy", ())


def test_several_have_one_spelling() -> None:
    given = ["accuracy", "loss", "parameters:min", "macs", "seconds", "latency", "sd"]
    further = ("val_loss:min", "parameters:min", "macs:min", "seconds:min", "latency:min", "sd:min")
    assert objectives.parse(given) == ("val_accuracy", further)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([], "At least one objective"),
        (["accuracy", "acuracy"], "Did you mean 'val_accuracy'"),
        (["accuracy", "params"], "Did you mean 'parameters'"),
        (["accuracy", "parameters:max"], "less is better: parameters:min"),
        (["accuracy:min"], "more is better: val_accuracy:max"),
        (["accuracy", "loss:less"], "No 'less' in the directions of val_loss"),
        (["accuracy", "val_accuracy:max"], "'val_accuracy' is named twice"),
        (["accuracy", "macs", "macs"], "'macs' is named twice"),
        (["parameters"], "The first objective ranks"),
        (["parameters", "accuracy"], "The first objective ranks"),
    ],
)
def test_others_are_refused(given: list[str], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        objectives.parse(given)


def test_a_search_sees_validation_alone_and_an_sd_takes_seeds() -> None:
    with pytest.raises(ValueError, match="No 'test_loss' in objectives"):
        dataclasses.replace(SPEC, further=("test_loss:min",))
    with pytest.raises(ValueError, match="sd takes 2 seeds"):
        dataclasses.replace(SPEC, further=("sd:min",), seeds=1)


def test_one_objective_leaves_no_trace_in_the_identity() -> None:
    assert SPEC.identity()["objective"] == "val_accuracy"
    assert "further" not in SPEC.identity()
    assert "objective" not in SPEC.distinctions()
    assert study.default_name(SPEC) == "cnn-digits-92dd"  # As it was before there were several.


def test_several_make_another_study() -> None:
    assert SearchSpec.from_json(SEVERAL.to_json()) == SEVERAL
    other = dataclasses.replace(SEVERAL, further=("macs:min",))
    assert len({study.default_name(each) for each in (SPEC, SEVERAL, other)}) == 3
    assert study.differences(SPEC, SEVERAL) == [
        "objective is 'val_accuracy' there, 'val_accuracy,parameters:min,val_loss:min' here"
    ]
    assert study.differences(SEVERAL, other)


@pytest.mark.parametrize("name", registry.names("tuning.oracles"))
def test_an_oracle_that_takes_one_is_refused_with_those_that_take_several(name: str) -> None:
    if registry.constant("tuning.oracles", name, "SEVERAL", False):
        plan._check_several(name, None)
        return
    with pytest.raises(ValueError, match=f"{name} goes by one objective.*race, random_search"):
        plan._check_several(name, None)
    with pytest.raises(ValueError, match=name):
        plan._check_several("race", name)


def test_an_oracle_that_learns_from_time_asks_otherwise_anew() -> None:
    for further, oracle, expected in (
        (("seconds:min",), "race", True),
        (("latency:min",), "race", True),
        (("seconds:min",), "random_search", False),
        (("sd:min", "macs:min"), "race", False),
        ((), "bayesian", False),
    ):
        spec = dataclasses.replace(SPEC, further=further, oracle=oracle)
        assert spec.goes_by_time == expected


def runs(**host: Any) -> list[RunRecord]:
    made = [record(8, i, value, parameters=99) for i, value in enumerate((0.5, 0.7, 0.9))]
    made = [dataclasses.replace(r, seconds=1.0 + i, host=host) for i, r in enumerate(made)]
    return [dataclasses.replace(r, multiply_accumulates=7) for r in made]


def test_values_are_of_the_runs() -> None:
    batches = [{"batch": 1, "median": 0.25}, {"batch": 64, "median": 4.0}]
    known = runs(latency={"threads": 1, "batches": batches})
    found = {
        name: objectives.values(name, known, "val_accuracy")
        for name in (*objectives.COSTS, "val_loss")
    }
    assert found == {
        "parameters": [99] * 3,
        "macs": [7] * 3,
        "seconds": [1, 2, 3],
        "latency": [0.25] * 3,
        "sd": [pytest.approx(statistics.stdev([0.5, 0.7, 0.9]))] * 3,
        "val_loss": [1 - 0.5, 1 - 0.7, 1 - 0.9],
    }


def test_what_is_not_known_is_nan() -> None:
    (one,) = runs()[:1]
    bare = dataclasses.replace(one, seconds=0.0, parameters=0)
    for name, run in {"latency": one, "sd": one, "seconds": bare, "parameters": bare}.items():
        (found,) = objectives.values(name, [run], "val_accuracy")
        assert math.isnan(found), name
    assert objectives.values("sd", [], "val_accuracy") == []
    assert math.isnan(objectives.mean([math.nan]))
    assert objectives.mean([math.nan, 1.0, 2.0]) == 1.5
