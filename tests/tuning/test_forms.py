"""The form of a trainer that has several: settled once for a study, and what it does to calls."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import costs, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from kerascnn.trainers import vectorized
from tests import fake
from tuning import executors, launch, plan
from tuning.search import Search
from tuning.search_spec import SearchSpec
from tuning.space import Choice
from tuning.study import Study, create

UNDER_JAX = pytest.mark.skipif(
    keras.backend.backend() not in vectorized.BACKENDS, reason="vectorized runs under JAX only"
)
FORM = {"form": "patches:3", "together": 3, "seconds": {"patches": 1.0}}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def begin(folder: Path, seeds: int = 3, trials: int = 2) -> Study:
    base = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)
    space = {"filters": Choice(8, 16, 24, 32)}
    spec = SearchSpec(
        base=base, space=space, trials=trials, seeds=seeds, trainer="vectorized", backend="jax"
    )
    study = create(folder, spec, {"versions": {"keras-tuner": "1"}})
    for part in ("train", "validation"):
        np.save(folder / f"labels-{part}.npy", np.zeros(3, np.int32))
    return study


def calls_of(study: Study, workers: int) -> list[tuple[int, str]]:
    """Runs a study, and returns the number of runs and the trainer of every call."""
    calls = []

    def run(specs: Sequence[RunSpec], *, trainer: str, **options: Any) -> list[RunRecord]:
        calls.append((len(specs), trainer))
        return fake.run(specs, **options)

    with ThreadPoolExecutor(workers) as executor:
        Search(study, executor, workers=workers, run=run)()
    return calls


def test_runs_computed_together_are_not_split_over_workers(tmp_path: Path) -> None:
    """First and last trial go into as many calls as there are workers, else one is idle."""
    split = calls_of(begin(tmp_path / "a"), 2)
    assert sorted(count for count, _ in split) == [1, 1, 2, 2]
    study = begin(tmp_path / "b")
    study.settle(FORM)
    assert calls_of(study, 2) == [(3, "vectorized:patches:3")] * 2


def test_more_runs_than_are_computed_together_go_in_whole_groups(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", seeds=8, trials=1)
    study.settle(FORM)
    assert sorted(count for count, _ in calls_of(study, 2)) == [2, 6]


def test_a_settled_form_stays_in_the_study(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    before = json.loads((study.folder / "study.json").read_bytes())
    assert (study.trainer, study.together) == ("vectorized", 1)
    study.settle(FORM)
    again = Study(study.folder)
    assert (again.trainer, again.together) == ("vectorized:patches:3", 3)
    assert json.loads((study.folder / "study.json").read_bytes()) == {**before, "form": FORM}
    assert again.spec.trainer == "vectorized"


@pytest.mark.skipif(not executors.is_installed("tensorflow"), reason="refused for that first")
@pytest.mark.parametrize("command", [plan.new_search, plan.new_training, plan.new_decomposition])
def test_a_trainer_of_another_backend_is_refused_before_anything_begins(command: Any) -> None:
    expected = r"^The trainer vectorized does not run under tensorflow\. Try: --backend jax$"
    with pytest.raises(ValueError, match=expected):
        command("linear", "synthetic", trainer="vectorized", backend="tensorflow", name="s")
    assert not Path("runs").exists()


@UNDER_JAX
@pytest.mark.parametrize("how", ["search", "train", "decompose"])
def test_the_form_is_timed_once_and_recorded(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"seeds": 2, "epochs": 1, "trainer": "vectorized", "backend": "jax"}
    options |= {"executor": "serial", "name": "s", "threads": 1}
    options |= {"trials": 1} if how == "search" else {}
    options |= {"subsets": 2} if how == "decompose" else {}
    asked: list[int] = []
    took = {"grouped": 2.0, "patches": 1.0, "separate": 3.0}

    def seconds(build: Any, data: Any, specs: Sequence[RunSpec], form: str) -> float:
        asked.append(len(specs))
        return took[form]

    monkeypatch.setattr(vectorized, "_seconds", seconds)
    getattr(launch, how)("linear", "synthetic", **options)
    runs = 4 if how == "decompose" else 2
    assert asked == [runs] * 3
    study = Study("runs/s")
    assert study.about["form"] == {"form": f"patches:{runs}", "together": runs, "seconds": took}
    hosts = [record.host for record in study.log]
    assert [(host["trainer"], host["form"]) for host in hosts] == [
        ("vectorized", f"patches:{runs}")
    ] * runs
    took["separate"] = 0.1
    getattr(launch, how)("linear", "synthetic", **{**options, "seeds": 3})
    assert asked == [runs] * 3
    assert Study("runs/s").about["form"] == study.about["form"]
    assert {record.host["form"] for record in study.log} == {f"patches:{runs}"}


@UNDER_JAX
def test_a_run_outside_a_study_says_its_form(tmp_path: Path) -> None:
    base = RunSpec(family="linear", dataset="synthetic", epochs=1)
    specs = [base.repeated(0, "search", repeat) for repeat in range(2)]
    records = training.run(specs, folder=str(tmp_path), trainer="vectorized", loggers=())
    assert [record.status for record in records] == ["finished"] * 2, records[0].error
    forms = {record.host["form"] for record in records}
    assert len(forms) == 1
    assert forms.pop().partition(":")[0] in vectorized.FORMS
    assert {record.host["trainer"] for record in records} == {"vectorized"}


@UNDER_JAX
def test_what_cannot_be_built_settles_nothing(tmp_path: Path) -> None:
    spec = RunSpec(family="cnn", dataset="synthetic").configure(
        {"kernel_size": 9, "padding": "valid"}
    )
    assert training.choose([spec, spec], trainer="vectorized", ceilings=costs.NONE) == {}
