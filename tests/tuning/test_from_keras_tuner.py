"""A study made of a Keras Tuner project: the same numbers, and marked as what they are."""

import json
import math
import re
from pathlib import Path
from typing import Any

import keras_tuner
import pytest

from kerascnn.record import RunRecord
from tests import event_files, keras_tuner_projects
from tests.keras_tuner_projects import search
from tuning import cli, comparison, exporting, from_keras_tuner, study
from tuning.commands import dashboard
from tuning.from_keras_tuner import import_project
from tuning.study import Study

TUNERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "random": (keras_tuner.RandomSearch, {"max_trials": 20}),
    "grid": (keras_tuner.GridSearch, {"max_trials": 20}),
    "bayesian": (keras_tuner.BayesianOptimization, {"max_trials": 7, "num_initial_points": 6}),
    "hyperband": (keras_tuner.Hyperband, {"max_epochs": 9}),
}


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Returns a function that gives the tuner of a name, which has searched, made once."""
    made: dict[str, Any] = {}

    def get(name: str) -> Any:
        if name not in made:
            kind, options = TUNERS[name]
            made[name] = search(kind, tmp_path_factory.mktemp(name), **options)
        return made[name]

    return get


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def folder_of(tuner: Any) -> Path:
    return Path(tuner.project_dir).resolve()


def by_trial(made: Study) -> dict[str, RunRecord]:
    """Returns every record of the log by Keras Tuner's id of the trial."""
    return {record.host["trial"]: record for record in made.log}


@pytest.mark.parametrize("name", TUNERS)
def test_every_trial_is_one_run_with_its_own_numbers(name: str, projects: Any) -> None:
    tuner = projects(name)
    made, new = import_project(folder_of(tuner))
    assert new
    records = by_trial(made)
    assert set(records) == set(tuner.oracle.trials)
    for key, trial in tuner.oracle.trials.items():
        record = records[key]
        values = {k: v for k, v in trial.hyperparameters.values.items() if "tuner/" not in k}
        assert record.point == record.spec.hyperparameters == values
        if trial.status == "COMPLETED":
            assert record.status == "finished"
            assert record.metrics == {
                "val_accuracy": trial.score,
                "val_loss": trial.metrics.get_last_value("val_loss"),
                "train_accuracy": trial.metrics.get_last_value("accuracy"),
            }
        else:
            assert record.status == "failed"
            assert not record.metrics
            assert record.error
    assert made.spec.objective == "val_accuracy"
    assert list(made.spec.space) == [each.name for each in tuner.oracle.get_space().space]


@pytest.mark.parametrize("name", ["random", "grid"])
def test_the_board_is_keras_tuners_order(name: str, projects: Any) -> None:
    tuner = projects(name)
    made, _ = import_project(folder_of(tuner))
    board = comparison.compare(made)
    complete = [t for t in tuner.oracle.trials.values() if t.status == "COMPLETED"]
    means = [row.mean for row in board.rows if row.mean is not None]
    assert means == sorted((trial.score for trial in complete), reverse=True)
    best = tuner.oracle.get_best_trials()[0]
    assert board.rows[0].hyperparameters == best.hyperparameters.values
    for row in board.rows:
        assert row.n + row.failed == 1
        assert (row.interval_seeds, row.interval_new_data, row.sd) == (None, None, None)
        assert (row.parameters, row.seconds, row.in_best_set) == (None, None, None)
    assert len(board.rows) == len(tuner.oracle.trials)
    why = {"RuntimeError: Out of memory.", "Keras Tuner says no more than that it failed."}
    assert set(board.failures.values()) == (why if name == "random" else set())


def test_hyperbands_promotions_continue_a_run(projects: Any) -> None:
    tuner = projects("hyperband")
    made, _ = import_project(folder_of(tuner))
    asks = [line for line in made.log.lines() if line["kind"] == "ask"]
    assert [ask["trial"] for ask in asks] == list(range(len(asks)))
    records = by_trial(made)
    promoted = 0
    for ask, (key, trial) in zip(asks, tuner.oracle.trials.items(), strict=True):
        values = trial.hyperparameters.values
        record = records[key]
        assert record.trial == ask["trial"]
        assert record.spec.epochs == 9
        assert record.spec.last_epoch == values["tuner/epochs"]
        assert ask["epochs"] == (None if values["tuner/epochs"] == 9 else values["tuner/epochs"])
        assert not any("tuner/" in name for name in ask["point"])
        if "tuner/trial_id" in values:
            promoted += 1
            parent = records[values["tuner/trial_id"]]
            assert ask["parent"] == parent.trial
            assert record.spec.run_id == parent.spec.run_id
        else:
            assert ask["parent"] is None
    assert promoted
    # Of a run the record that went furthest counts.
    assert len(made.records()) == made.spec.trials == len(asks) - promoted
    furthest = {r.spec.run_id: r.spec.last_epoch for r in made.records() if r.status == "finished"}
    for record in records.values():
        if record.status == "finished":
            assert furthest[record.spec.run_id] >= record.spec.last_epoch


def test_a_point_that_was_tried_again_is_another_run_of_it() -> None:
    """As Keras Tuner's Bayesian search does."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [1, 2])
    tuner = search(
        keras_tuner.BayesianOptimization,
        Path("kt"),
        hyperparameters=hp,
        run=lambda values: {"val_accuracy": values["units"] / 10},
        max_trials=6,
        num_initial_points=2,
    )
    made, _ = import_project("kt")
    tried = [trial.hyperparameters.values["units"] for trial in tuner.oracle.trials.values()]
    rows = comparison.compare(made).rows
    assert len(tried) == 6
    assert {row.hyperparameters["units"]: row.n for row in rows} == {
        units: tried.count(units) for units in tried
    }
    assert len({record.spec.run_id for record in made.log}) == 6


def test_the_study_says_that_it_was_imported(projects: Any) -> None:
    tuner = projects("random")
    made, _ = import_project(folder_of(tuner), name="theirs")
    assert made.folder == Path("runs/theirs")
    told = json.loads((made.folder / "study.json").read_text())["imported"]
    states = [trial.status for trial in tuner.oracle.trials.values()]
    assert told["from"] == str(folder_of(tuner))
    assert told["format"] == "Keras Tuner 1"
    assert told["completed"] == states.count("COMPLETED")
    assert told["failed"] == states.count("FAILED") > 0
    assert told["left_out"] == told["damaged"] == {}
    assert told["ranked_by"] == ["val_accuracy"]
    assert told["epochs_known"] is False
    assert comparison.compare(made).to_json()["imported"] == told
    assert study.find("theirs").imported == told
    assert not [path for path in Path("runs").iterdir() if path.name != "theirs"]


def test_it_is_seen_in_tensorboard(projects: Any) -> None:
    made, _ = import_project(folder_of(projects("hyperband")))
    told = event_files.hparams(made.folder)["_hparams_/experiment"].experiment
    assert {info.name for info in told.hparam_infos} == set(made.spec.space)
    for record in made.records():
        run_dir = made.folder / record.spec.config_id / record.spec.run_name
        assert event_files.settings(run_dir) == dict(record.point)
        shown = event_files.scalars(run_dir)
        assert set(shown) == {f"metrics/{name}" for name in record.metrics}
        for name, value in record.metrics.items():
            (drawn,) = shown[f"metrics/{name}"].items()
            assert drawn == (record.spec.last_epoch, pytest.approx(value))
    lines = dashboard.directions(made, "http://127.0.0.1:6006/")
    assert not [line for line in lines if "Mean and band" in line]


def test_the_same_import_again_changes_nothing(projects: Any) -> None:
    folder = folder_of(projects("random"))
    made, _ = import_project(folder, name="one")
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    again, new = import_project(folder.parent, name="one")
    assert not new
    assert again.folder == made.folder
    assert before == {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    default, _ = import_project(folder)
    assert not import_project(folder)[1]
    assert default.name == f"project-{made.imported['digest'][:4]}"  # type: ignore[index]


def test_another_import_of_that_name_is_refused(projects: Any) -> None:
    import_project(folder_of(projects("random")), name="one")
    with pytest.raises(ValueError, match=r"holds another import: 20 trials of .* there, .* here"):
        import_project(folder_of(projects("grid")), name="one")
    with pytest.raises(ValueError, match="holds another import"):
        import_project(folder_of(projects("random")), name="one", objective="loss")


def test_what_is_no_import_is_left_alone(projects: Any) -> None:
    folder = folder_of(projects("random"))
    study.create(Path("runs/mine"), study.SearchSpec(base=_base()), {})
    with pytest.raises(ValueError, match="runs/mine is a study of one's own"):
        import_project(folder, name="mine")
    Path("runs/other").mkdir()
    Path("runs/other/notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="runs/other exists and is not a study"):
        import_project(folder, name="other")
    assert [path.name for path in Path("runs/other").iterdir()] == ["notes.txt"]
    assert sorted(path.name for path in Path("runs").iterdir()) == ["mine", "other"]


def _base() -> Any:
    from kerascnn.spec import RunSpec

    return RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)


def test_a_full_disk_leaves_nothing(projects: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(from_keras_tuner.summary, "describe", full)
    with pytest.raises(OSError, match="No space left"):
        import_project(folder_of(projects("random")), name="one")
    assert not list(Path("runs").iterdir())


def test_nothing_can_be_trained_in_it_or_exported_from_it(projects: Any) -> None:
    made, _ = import_project(folder_of(projects("random")), name="one")
    with pytest.raises(ValueError, match="runs/one was imported from Keras Tuner 1: nothing can"):
        study.create(made.folder, study.SearchSpec(base=_base()), {})
    leader = comparison.compare(made).rows[0].config_id
    with pytest.raises(ValueError, match=r"runs/one was imported .* no network to export"):
        exporting.export(made, leader, "model")
    assert not Path("model").exists()


def test_trials_that_did_not_end_are_left_out_and_counted() -> None:
    tried = []

    def stopped(values: dict[str, Any]) -> Any:
        tried.append(values)
        if len(tried) == 5:
            raise KeyboardInterrupt
        return keras_tuner_projects.results({**values, "drop": 0.0})

    with pytest.raises(KeyboardInterrupt):
        search(keras_tuner.RandomSearch, Path("kt"), run=stopped, max_trials=30)
    made, _ = import_project("kt")
    assert made.imported is not None
    assert made.imported["left_out"] == {"RUNNING": 1}
    assert made.imported["completed"] == len(list(made.log)) == 4


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_trial_that_diverged_failed(value: float) -> None:
    """Keras Tuner takes an infinite score for a complete trial."""

    def run(values: dict[str, Any]) -> Any:
        return {"val_loss": value if values["norm"] else values["drop"]}

    tuner = search(
        keras_tuner.RandomSearch, Path("kt"), run=run, objective="val_loss", max_trials=9
    )
    made, _ = import_project("kt")
    assert made.spec.objective == "val_loss"
    for key, record in by_trial(made).items():
        diverged = tuner.oracle.trials[key].hyperparameters.values["norm"]
        assert record.status == ("failed" if diverged else "finished")
    said = set(comparison.compare(made).failures.values())
    nan = "Keras Tuner says no more than that it failed."
    assert said == {nan if math.isnan(value) else "It has no finite val_loss."}


def test_fewer_is_better_for_a_loss(projects: Any) -> None:
    made, _ = import_project(folder_of(projects("random")), objective="loss")
    assert made.spec.objective == "val_loss"
    means = [row.mean for row in comparison.compare(made).rows if row.mean is not None]
    assert means == sorted(means)


def test_keras_other_names_for_accuracy_are_known() -> None:
    def run(values: dict[str, Any]) -> Any:
        return {"val_sparse_categorical_accuracy": 0.5, "acc": 0.25, "val_top5": 0.75}

    name = "val_sparse_categorical_accuracy"
    search(keras_tuner.RandomSearch, Path("kt"), run=run, objective=name, max_trials=2)
    made, _ = import_project("kt")
    assert made.spec.objective == "val_accuracy"
    assert next(iter(made.log)).metrics == {
        "val_accuracy": 0.5,
        "train_accuracy": 0.25,
        "val_top5": 0.75,
    }


def test_an_objective_that_is_not_known_is_asked_for() -> None:
    objective = keras_tuner.Objective("val_auc", "max")
    search(keras_tuner.RandomSearch, Path("kt"), objective=objective, max_trials=4)
    with pytest.raises(
        ValueError,
        match=r"project was ranked by val_auc, which is not known here\. "
        r"Choose with --objective what its trials have: val_accuracy, val_loss\.",
    ):
        import_project("kt")
    made, _ = import_project("kt", objective="accuracy")
    assert made.spec.objective == "val_accuracy"
    assert made.imported is not None
    assert made.imported["ranked_by"] == ["val_auc"]
    with pytest.raises(
        ValueError, match=r"No 'val_f1_macro' in the metrics of project\. .*val_loss"
    ):
        import_project("kt", objective="val_f1_macro")


def test_several_objectives_are_none_of_ours() -> None:
    both = [
        keras_tuner.Objective("val_accuracy", "max"),
        keras_tuner.Objective("val_loss", "min"),
    ]

    def run(values: dict[str, Any]) -> Any:
        (first, _) = keras_tuner_projects.results({**values, "drop": 0.0})
        return {**first, "multi_objective": first["val_loss"] - first["val_accuracy"]}

    search(keras_tuner.RandomSearch, Path("kt"), run=run, objective=both, max_trials=3)
    with pytest.raises(ValueError, match="was ranked by multi_objective, which is not known"):
        import_project("kt")
    assert import_project("kt", objective="val_loss")[0].spec.objective == "val_loss"


def test_metrics_that_are_all_unknown_are_named() -> None:
    def run(values: dict[str, Any]) -> float:
        return float(values["drop"])

    search(keras_tuner.RandomSearch, Path("kt"), run=run, objective=None, max_trials=2)
    with pytest.raises(
        ValueError, match=r"no metric that is known .*They have: default_objective\."
    ):
        import_project("kt")


def _write(folder: str, name: str, content: Any) -> None:
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def _trial(**fields: Any) -> dict[str, Any]:
    observed = {"direction": "max", "observations": [{"value": [0.5], "step": 0}]}
    return {
        "hyperparameters": {"space": [], "values": {"units": 3}},
        "metrics": {"metrics": {"val_accuracy": observed}},
        "score": 0.5,
        "status": "COMPLETED",
        **fields,
    }


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({}, ["gone"], "There is no folder .*gone"),
        ({"kt/notes.txt": "x"}, ["kt/notes.txt"], "There is no folder .*notes.txt"),
        ({"kt/notes.txt": "x"}, ["kt"], "kt is no project of Keras Tuner"),
        ({"kt/oracle.json": {}}, ["kt"], "kt has no trial that can be read. oracle.json: it lacks"),
        (
            {"kt/oracle.json": ""},
            ["kt"],
            "kt has no trial that can be read. oracle.json: it is emp",
        ),
        ({"kt/trial_0/trial.json": "{"}, ["kt"], "kt has no trial that can be read"),
        (
            {"kt/trial_0/trial.json": _trial(status="RUNNING")},
            ["kt"],
            "No trial of .*kt is complete",
        ),
        (
            {"kt/trial_0/trial.json": _trial(status="FAILED")},
            ["kt"],
            "No trial of .*kt is complete",
        ),
        (
            {"kt/trial_0/trial.json": _trial(hyperparameters={"space": [], "values": {}})},
            ["kt"],
            "kt has no hyperparameters",
        ),
        (
            {"kt/a/trial_0/trial.json": "", "kt/b/trial_0/trial.json": ""},
            ["kt"],
            "kt holds 2 projects. Name one of them: a, b.",
        ),
        (
            {"kt/trial_0/trial.json": _trial()},
            ["kt", "--objective", "val_acuracy"],
            "No 'val_acuracy' in the metrics of kt. .* Did you mean 'val_accuracy'?",
        ),
        (
            {"kt/trial_0/trial.json": _trial()},
            ["kt", "--study", "a b"],
            "A study's name is letters",
        ),
        ({"kt/trial_0/trial.json": _trial()}, ["kt", "--study", "kt"], None),
        ({}, [], "Missing argument 'DIR'"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_leaves_nothing(
    files: dict[str, Any],
    arguments: list[str],
    message: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, content in files.items():
        _write(".", name, content)
    if message is None:
        assert _main(capsys, "import-tuner", *arguments)[0] == 0
        return
    code, out, err = _main(capsys, "import-tuner", *arguments)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    assert re.search(message.replace("?", r"\?"), err), err
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def _main(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def test_the_command_says_what_it_took_and_what_not(
    projects: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in folder_of(projects("random")).rglob("*.json"):
        _write("kt", str(path.relative_to(folder_of(projects("random")))), path.read_text())
    _write("kt", "oracle.json", "")
    _write("kt", "trial_03/trial.json", '{"trial_id"')
    _write("kt", "trial_20/trial.json", _trial(status="RUNNING"))
    code, out, err = _main(capsys, "import-tuner", "kt", "--study", "theirs")
    assert code == 0, err
    taken, left, oracle, torn = err.splitlines()
    assert taken.startswith("Study runs/theirs: ")
    assert left == "Left out, as they did not end: 1 running."
    assert oracle == "oracle.json is damaged, and its space is read from the trials: it is empty."
    assert torn.startswith("trial_03/trial.json is damaged, and left out: it is torn")
    assert "Imported from Keras Tuner 1: a run is one trial's best epoch" in out
    assert "compare theirs" in out
    assert "export" not in out
    _, board, _ = _main(capsys, "compare", "theirs")
    assert board.strip() in out
    code, out, err = _main(capsys, "import-tuner", "kt", "--study", "theirs", "--json")
    assert code == 0
    assert ", there already." in err
    found = json.loads(out)
    assert found["imported"]["damaged"].keys() == {"oracle.json", "trial_03/trial.json"}
    assert found == json.loads(_main(capsys, "compare", "theirs", "--json")[1])


def test_the_command_is_typed_with_a_hyphen(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _main(capsys, "import_tuner", "kt")
    assert code == 2
    assert "Did you mean 'import-tuner'?" in err
    assert "import-tuner" in _main(capsys, "--help")[1]
    assert "import-tuner" in cli.names()
