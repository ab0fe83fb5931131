"""Keras Tuner's folders: what is read is what it wrote, and what is damaged is named."""

import json
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
from keras_tuner.engine.trial import Trial

from tests import keras_tuner_projects
from tuning import keras_tuner_project, keras_tuner_space
from tuning.space import Choice, Domain, Float, Int


@pytest.fixture(scope="module")
def tuner(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("random")
    return keras_tuner_projects.search(keras_tuner.RandomSearch, folder, max_trials=30)


def copied(tuner: Any, folder: Path) -> Path:
    """Returns a copy of the project that a test may damage."""
    for path in Path(tuner.project_dir).rglob("*.json"):
        target = folder / "project" / path.relative_to(tuner.project_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder / "project"


def test_every_trial_is_what_keras_tuner_holds(tuner: Any) -> None:
    project = keras_tuner_project.read(Path(tuner.project_dir))
    assert [trial.name for trial in project.trials] == tuner.oracle.start_order
    assert {trial.status for trial in project.trials} == {"COMPLETED", "FAILED"}
    for trial in project.trials:
        theirs = tuner.oracle.trials[trial.name]
        assert trial.point == theirs.hyperparameters.values
        assert ("layers" in trial.point) == (trial.point["kind"] == "deep")
        assert trial.status == theirs.status
        assert trial.message == (theirs.message or "")
        if trial.status == "COMPLETED":
            assert trial.score == theirs.score
            for name, value in trial.metrics.items():
                assert value == theirs.metrics.get_last_value(name)
            assert trial.metrics["val_auc"] == pytest.approx(0.6)
    assert (project.max_epochs, project.damaged) == (None, {})


def test_of_several_epochs_the_best_counts(tmp_path: Path) -> None:
    """Some report every epoch to the oracle."""
    trial = Trial(keras_tuner_projects.space(), "0", "COMPLETED")
    for step, accuracy in enumerate((0.5, 0.75, 0.25)):
        trial.metrics.update("val_accuracy", accuracy, step)
        trial.metrics.update("val_loss", step, step)
    trial.metrics.update("val_top5", 1.0, 2)
    trial.score = trial.metrics.get_best_value("val_accuracy")
    trial.best_step = trial.metrics.get_best_step("val_accuracy")
    (tmp_path / "trial_0").mkdir()
    trial.save(str(tmp_path / "trial_0/trial.json"))
    (found,) = keras_tuner_project.read(tmp_path).trials
    assert found.metrics == {"val_accuracy": 0.75, "val_loss": 1.0, "val_top5": 1.0}
    assert (found.score, found.best_step) == (0.75, 1)


def test_every_domain_has_keras_tuners_values(tuner: Any) -> None:
    found = keras_tuner_project.read(Path(tuner.project_dir)).space
    assert list(found) == [each.name for each in tuner.oracle.hyperparameters.space]
    assert found["units"] == Int(8, 64, 8)
    assert found["rate"] == Float(1e-4, 1e-1, log=True)
    assert found["momentum"] == Float(0.1, 0.9)
    assert found["norm"] == Choice(True, False)
    assert found["activation"] == Choice("relu")
    assert found["deep/skip"] == Choice(0, 1)
    for each in tuner.oracle.hyperparameters.space:
        if getattr(each, "step", 1) is not None:
            assert found[each.name].values == tuple(each.values), each.name
    for trial in keras_tuner_project.read(Path(tuner.project_dir)).trials:
        assert all(value in found[name] for name, value in trial.point.items())


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"min_value": 1, "max_value": 100, "sampling": "log", "step": None}, Int(1, 100)),
        ({"min_value": 1, "max_value": 9, "sampling": None, "step": None}, Int(1, 9)),
        ({"min_value": 1, "max_value": 27, "sampling": "log", "step": 3}, Choice(1, 3, 9, 27)),
    ],
)
def test_whole_numbers_on_a_log_scale(numbers: dict[str, Any], expected: Domain) -> None:
    entry = {"class_name": "Int", "config": {"name": "n", **numbers}}
    assert keras_tuner_space.space_of([entry], []) == {"n": expected}


def test_a_range_of_very_many_steps_stays_a_range() -> None:
    config = {"name": "x", "min_value": 0.0, "max_value": 1.0, "step": 1e-6, "sampling": "linear"}
    entry = {"class_name": "Float", "config": config}
    assert keras_tuner_space.space_of([entry], []) == {"x": Float(0.0, 1.0)}


def _int(low: int, high: int, step: int) -> dict[str, Any]:
    config = {"name": "n", "min_value": low, "max_value": high, "step": step, "sampling": "linear"}
    return {"class_name": "Int", "config": config}


def _choice(*values: Any) -> dict[str, Any]:
    return {"class_name": "Choice", "config": {"name": "n", "values": list(values)}}


def test_a_setting_of_two_scopes_has_the_values_of_both() -> None:
    def joined(*entries: dict[str, Any], tried: Any = ()) -> Any:
        return keras_tuner_space.space_of(entries, [{"n": value} for value in tried]).get("n")

    assert joined(_int(0, 8, 4), _int(2, 20, 6)) == Int(0, 20, 2)
    assert joined(_choice("a", "b"), _choice("b", "c")) == Choice("a", "b", "c")
    assert joined(_choice("a"), _int(1, 2, 1), tried=(1, 2)) == Choice(1, 2)
    assert joined(_choice("a"), _int(1, 2, 1), tried=(1, "a")) == Choice("1", "a")
    assert joined({"class_name": "Mine", "config": {"name": "n"}}, tried=(1, 2.5)) == Float(1, 2.5)
    assert joined({"class_name": "Mine", "config": {"name": "n"}}) is None


def test_values_whose_scope_is_not_active_are_left_out() -> None:
    """Keras Tuner 1.0 kept them."""
    condition = {"class_name": "Parent", "config": {"name": "kind", "values": ["deep"]}}
    inner = {"class_name": "Parent", "config": {"name": "layers", "values": [3]}}
    entries = [
        {"class_name": "Choice", "config": {"name": "kind", "values": ["flat", "deep"]}},
        {"class_name": "Int", "config": {"name": "layers", "conditions": [condition]}},
        {"class_name": "Int", "config": {"name": "width", "conditions": [inner]}},
    ]
    values = {"kind": "flat", "layers": 3, "width": 9, "tuner/epochs": 3}
    assert keras_tuner_space.point_of(values, entries) == {"kind": "flat"}
    values["kind"] = "deep"
    assert keras_tuner_space.point_of(values, entries) == {"kind": "deep", "layers": 3, "width": 9}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ('{"trial_id": "05", "hyper', "it is torn: Unterminated string"),
        ("[]", "it holds no JSON object"),
        ("{}", "it lacks 'hyperparameters'"),
        ('{"hyperparameters": {"values": 3}, "status": "COMPLETED"}', ""),
        ('{"hyperparameters": {"values": {"a": [1]}, "space": []}, "status": ""}', r"'a' is \[1\]"),
        ('{"hyperparameters": {"values": {"a": NaN}, "space": []}, "status": ""}', "'a' is nan"),
        ("\udcff", "utf-8"),
    ],
)
def test_a_damaged_trial_is_left_out_and_named(
    tuner: Any, tmp_path: Path, content: str, reason: str
) -> None:
    folder = copied(tuner, tmp_path)
    (folder / "trial_05/trial.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    project = keras_tuner_project.read(folder)
    assert "05" not in {trial.name for trial in project.trials}
    assert len(project.trials) == 29
    (found,) = project.damaged.items()
    assert found[0] == "trial_05/trial.json"
    assert found[1]
    assert found[1].startswith(reason.replace("\\", "")) or reason in found[1]


def test_a_trial_that_was_never_written_is_named(tuner: Any, tmp_path: Path) -> None:
    folder = copied(tuner, tmp_path)
    (folder / "trial_30").mkdir()
    assert keras_tuner_project.read(folder).damaged == {"trial_30/trial.json": "it is not there"}


@pytest.mark.parametrize("content", ["", '{"hyperparameters": {"sp', "{}", None])
def test_without_the_oracles_file_the_space_is_that_of_the_trials(
    tuner: Any, tmp_path: Path, content: str | None
) -> None:
    folder = copied(tuner, tmp_path)
    whole = keras_tuner_project.read(folder)
    if content is None:
        (folder / "oracle.json").unlink()
    else:
        (folder / "oracle.json").write_text(content)
    project = keras_tuner_project.read(keras_tuner_project.find(folder))
    assert project.space == whole.space
    assert project.trials == whole.trials
    assert list(project.damaged) == ["oracle.json"]


def test_nothing_that_can_be_read_is_said(tuner: Any, tmp_path: Path) -> None:
    folder = copied(tuner, tmp_path)
    for path in folder.rglob("*.json"):
        path.write_text("")
    with pytest.raises(ValueError, match=r"no trial that can be read\. oracle.json: it is empty"):
        keras_tuner_project.read(folder)


def test_a_project_is_found_in_its_parent(tuner: Any, tmp_path: Path) -> None:
    folder = copied(tuner, tmp_path)
    assert keras_tuner_project.find(folder) == keras_tuner_project.find(tmp_path) == folder
    other = tmp_path / "other/trial_0"
    other.mkdir(parents=True)
    (other / "trial.json").write_text(json.dumps({}))
    with pytest.raises(ValueError, match=r"holds 2 projects\. Name one of them: other, project\."):
        keras_tuner_project.find(tmp_path)
    with pytest.raises(ValueError, match="is no project of Keras Tuner"):
        keras_tuner_project.find(folder / "trial_01")
    with pytest.raises(ValueError, match="There is no folder"):
        keras_tuner_project.find(folder / "gone")
    with pytest.raises(ValueError, match="There is no folder"):
        keras_tuner_project.find(folder / "oracle.json")
