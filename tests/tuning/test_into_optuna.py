"""A study as one of Optuna's: reopened by Optuna itself, its best trial is the board's leader."""

import dataclasses
import statistics
from pathlib import Path
from typing import Any

import pytest

from tests import fake
from tests.tuning.test_search import BASE, HYPERBAND, RACE, SPACE, SPEC, begin, in_one
from tuning import comparison
from tuning.contender import Contender
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Float, Int
from tuning.study import Study

optuna = pytest.importorskip("optuna")
into_optuna: Any = pytest.importorskip("tuning.into_optuna")
COMPLETE, PRUNED, FAIL = (optuna.trial.TrialState[n] for n in ("COMPLETE", "PRUNED", "FAIL"))


def searched(folder: Path, spec: SearchSpec, **options: Any) -> Study:
    study = begin(folder, spec)
    in_one(study, **options)
    return Study(folder)


LOSS = dataclasses.replace(SPEC, trials=16, seeds=3, objective="val_loss")


@pytest.mark.parametrize("spec", [dataclasses.replace(SPEC, trials=16), LOSS, HYPERBAND, RACE])
def test_the_best_trial_is_the_leader(tmp_path: Path, spec: SearchSpec) -> None:
    ours = searched(tmp_path / "s", spec)
    found = into_optuna.study(ours)
    rows = comparison.compare(ours).rows
    assert found.best_trial.user_attrs["config_id"] == rows[0].config_id
    assert found.best_value == rows[0].mean
    assert found.metric_names == [spec.objective]
    states = {trial.user_attrs["config_id"]: trial.state for trial in found.trials}
    assert states == {
        row.config_id: FAIL if row.mean is None else COMPLETE if row.is_ranked else PRUNED
        for row in rows
    }
    assert FAIL in states.values() or spec in (HYPERBAND, RACE)
    assert (PRUNED in states.values()) == (spec in (HYPERBAND, RACE))


def test_of_several_objectives_the_best_trials_are_the_front(tmp_path: Path) -> None:
    further = ("parameters:min", "sd:min")
    spec = dataclasses.replace(SPEC, trials=12, seeds=2, further=further)
    ours = searched(tmp_path / "s", spec)
    found = into_optuna.study(ours)
    board = comparison.compare(ours)
    front = {config for config, place in board.places.items() if place.on_front}
    assert {trial.user_attrs["config_id"] for trial in found.best_trials} == front
    assert found.metric_names == ["val_accuracy", "parameters", "sd"]
    for trial in found.trials:
        place = board.places[trial.user_attrs["config_id"]]
        if trial.state == COMPLETE:
            assert trial.values == list(place.values.values())
        else:
            assert place.on_front is None
    assert 1 < len(front) < len(found.trials)


def test_optuna_itself_opens_what_was_kept(tmp_path: Path) -> None:
    ours = searched(tmp_path / "s", dataclasses.replace(SPEC, trials=5))
    storage = f"sqlite:///{tmp_path}/trials.db"
    made = into_optuna.study(ours, storage=storage)
    found = optuna.load_study(study_name="s", storage=storage)
    leader = comparison.compare(ours).rows[0]
    assert found.best_trial.user_attrs["config_id"] == leader.config_id
    assert found.best_value == leader.mean
    assert [(t.params, t.values, t.user_attrs) for t in found.trials] == [
        (t.params, t.values, t.user_attrs) for t in made.trials
    ]


def test_a_trial_tells_of_its_runs(tmp_path: Path) -> None:
    ours = searched(tmp_path / "s", dataclasses.replace(SPEC, trials=16, seeds=3))
    rows = {row.config_id: row for row in comparison.compare(ours).rows}
    for trial in into_optuna.study(tmp_path / "s").trials:
        told, row = trial.user_attrs, rows[trial.user_attrs["config_id"]]
        records = [record for record in ours.log if record.spec.config_id == row.config_id]
        finished = {r.spec.seed: r for r in records if r.status == "finished"}
        assert trial.params == {name: row.hyperparameters[name] for name in SPACE}
        assert (told["n"], told["failed"], told["sd"]) == (row.n, row.failed, row.sd)
        assert sorted(told["scores"]) == sorted(
            r.metrics["val_accuracy"] for r in finished.values()
        )
        assert told["scores"] == [finished[s].metrics["val_accuracy"] for s in told["seeds"]]
        assert told["family"] == "cnn"
        if trial.state == COMPLETE:
            assert trial.value == statistics.fmean(told["scores"])
            assert (told["epochs"], told["parameters"]) == (9, row.parameters)
            assert "reason" not in told
        else:
            assert told["reason"].startswith(("Boom", "Diverged"))
    assert into_optuna.study(ours).trials[0].params["filters"] == 16  # The baseline is first.


def test_what_epochs_showed_are_means_over_seeds(tmp_path: Path) -> None:
    ours = searched(tmp_path / "s", SPEC, run=with_curves)
    trial = into_optuna.study(ours).trials[0]
    assert trial.intermediate_values == pytest.approx({1: 0.15, 3: 0.45})
    assert trial.last_step == 3


def with_curves(specs: Any, *, folder: str, **options: Any) -> Any:
    """Has 0.1 and 0.2 as first epochs of two seeds; the second is not finite in one of them."""
    curves = {0: [0.1, None, 0.4], 1: [0.2, 0.3, 0.5]}
    return [
        dataclasses.replace(
            fake.scored(spec),
            status="finished",
            history={"accuracy/validation": curves[spec.repeat]},
            metrics={"val_accuracy": 0.5},
        )
        for spec in specs
    ]


def test_distributions_are_the_space_and_hold_the_baseline_beside_it(tmp_path: Path) -> None:
    distributions = optuna.distributions
    space = {
        "filters": Int(40, 64, 8),
        "depth": Int(1, 4, 2),
        "dense": Choice(16, 48),
        "dropout": Float(0.2, 0.5),
        "activation": Choice("tanh", "elu"),
        "learning_rate": Float(1e-4, 1e-1, log=True),
    }
    ours = searched(tmp_path / "s", dataclasses.replace(SPEC, space=space, trials=3))
    found = into_optuna.study(ours).trials[0].distributions
    assert found == {
        "filters": distributions.IntDistribution(16, 64),
        "depth": distributions.IntDistribution(1, 4),
        "dense": distributions.CategoricalDistribution((16, 48, 64)),
        "dropout": distributions.FloatDistribution(0.0, 0.5),
        "activation": distributions.CategoricalDistribution(("tanh", "elu", "relu")),
        "learning_rate": distributions.FloatDistribution(1e-4, 1e-1, log=True),
    }


def test_several_families_are_one_study(tmp_path: Path) -> None:
    other = Contender(base=dataclasses.replace(BASE, family="mlp"), space={"depth": Int(2, 6, 2)})
    spec = dataclasses.replace(SPEC, others=(other,), trials=8)
    ours = searched(tmp_path / "s", spec)
    trials = into_optuna.study(ours).trials
    assert {trial.params["family"] for trial in trials} == {"cnn", "mlp"}
    assert all(("filters" in t.params) == (t.params["family"] == "cnn") for t in trials)


def test_optuna_goes_on_with_it(tmp_path: Path) -> None:
    ours = searched(tmp_path / "s", dataclasses.replace(SPEC, trials=16))
    found = into_optuna.study(ours, name="mine")
    assert found.study_name == "mine"
    trial = found.ask(found.trials[0].distributions)
    found.tell(trial, 1.0)
    assert found.best_trial.number == trial.number == 16


def test_what_cannot_be_built_is_a_failed_trial(tmp_path: Path) -> None:
    ours = searched(tmp_path / "s", dataclasses.replace(SPEC, trials=9), run=fake.infeasible_run)
    trials = into_optuna.study(ours).trials
    deep = [trial for trial in trials if trial.params["depth"] == 3]
    assert {(trial.state, trial.user_attrs["reason"]) for trial in deep} == {(FAIL, "Too deep.")}
    assert [trial for trial in trials if trial.state == COMPLETE]


def test_a_name_that_is_taken_or_no_score_is_refused(tmp_path: Path) -> None:
    ours = searched(tmp_path / "s", dataclasses.replace(SPEC, trials=2))
    storage = f"sqlite:///{tmp_path}/trials.db"
    into_optuna.study(ours, storage=storage)
    with pytest.raises(ValueError, match=r"trials\.db has a study 's' already: give another name"):
        into_optuna.study(ours, storage=storage)
    for odd in ("nonsense", f"sqlite:///{tmp_path}/none/trials.db"):
        with pytest.raises(ValueError, match=r"cannot use the storage '(nonsense|sqlite)") as error:
            into_optuna.study(ours, storage=odd)
        assert "\n" not in str(error.value)
    into_optuna.study(ours, storage=storage, name="again")
    assert optuna.get_all_study_names(storage) == ["s", "again"]
    with pytest.raises(ValueError, match=r"No run of .* has ended yet"):
        into_optuna.study(begin(tmp_path / "new"), storage=storage)
    curve = dataclasses.replace(SPEC, oracle="", subsets="disjoint:4")
    with pytest.raises(ValueError, match="is of `decompose`: its runs are of no trials"):
        into_optuna.study(begin(tmp_path / "d", curve))


def test_what_cannot_be_kept_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    ours = searched(tmp_path / "s", dataclasses.replace(SPEC, trials=2))
    storage = f"sqlite:///{tmp_path}/trials.db"

    def fail(self: Any, trials: Any) -> None:
        self.add_trial(trials[0])
        raise OSError("full")

    monkeypatch.setattr(optuna.Study, "add_trials", fail)
    with pytest.raises(OSError, match="full"):
        into_optuna.study(ours, storage=storage)
    assert optuna.get_all_study_names(storage) == []
