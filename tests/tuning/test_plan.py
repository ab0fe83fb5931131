"""From what a user asks for to a study: spaces, presets, defaults."""

import json
from pathlib import Path

import pytest

from tuning import plan, study
from tuning.space import Choice, Float, Int
from tuning.spaces import _training, cnn

OWN = '''"""Mine."""
SPACE = {"width": "8:32:8"}

def build(input_shape, num_classes, *, width=16, rate=0.0):
    ...
'''


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_fixed_settings_leave_the_space_and_varied_ones_join_it() -> None:
    space = plan.space_of("cnn", {"filters": 8}, {"depth": "2:5", "growth": "1.0:2.0"})
    assert "filters" not in space
    assert space["depth"] == Int(2, 5)
    assert space["growth"] == Float(1.0, 2.0)
    assert set(space) == (set(cnn.SPACE) - {"filters"}) | {"growth"}


def test_a_family_of_ones_own_brings_its_space() -> None:
    Path("own.py").write_text(OWN)
    space = plan.space_of("own.py", {}, {})
    assert space == {**_training.TRAINING, "width": Int(8, 32, 8)}
    assert "width" not in plan.space_of("own.py", {"width": 64}, {})
    assert plan.space_of("own.py", {}, {"width": "1,2"})["width"] == Choice(1, 2)


def test_a_search_of_ones_own_family_keeps_its_code() -> None:
    Path("own.py").write_text(OWN)
    first = plan.new_search("own.py", "synthetic", executor="serial")
    assert (first.folder / "code/own.py").read_text() == OWN
    Path("own.py").write_text(OWN + "# changed\n")
    other = plan.new_search("own.py", "synthetic", executor="serial")
    assert other.folder != first.folder
    with pytest.raises(ValueError, match="holds another study: code is"):
        plan.new_search("own.py", "synthetic", name=str(first.folder))


def test_a_study_says_what_it_is_of() -> None:
    begun = plan.new_search("cnn", "synthetic", trials=3, seeds=2, seed=7, epochs=4)
    about = json.loads((begun.folder / "study.json").read_text())
    assert about["data"]["parts"]["validation"] == 72
    assert about["versions"]["keras-tuner"]
    assert begun.spec.base.split_seed == begun.spec.seed == 7
    assert (begun.spec.base.epochs, begun.spec.threads) == (4, 1)
    assert len(begun.spec.base.fingerprint) == 64
    assert (begun.folder / "labels-validation.npy").exists()


def test_epochs_may_be_varied() -> None:
    begun = plan.new_search("cnn", "synthetic", vary={"epochs": "2:4"})
    assert begun.spec.space["epochs"] == Int(2, 4)


def test_presets_are_settings_that_can_be_overridden() -> None:
    begun, point = plan.new_training(
        "resnet", "synthetic", preset="resnet20", fixed={"filters": 4}, epochs=2
    )
    assert (point["depth"], point["filters"], point["epochs"]) == (20, 4, 2)
    assert begun.spec.base.configure(point).hyperparameters["depth"] == 20


def test_train_shares_the_cores_out_and_a_study_keeps_its_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan.executors, "cores", lambda: 8)
    begun, _ = plan.new_training("linear", "synthetic", seeds=2, name="s")
    assert begun.spec.threads == 4
    again, _ = plan.new_training("linear", "synthetic", seeds=8, name="s")
    assert again.spec.threads == 4
    with pytest.raises(ValueError, match="threads is 4 there, 1 here"):
        plan.new_training("linear", "synthetic", threads=1, name="s")


def test_paths_are_kept_absolute() -> None:
    Path("own.py").write_text(OWN)
    begun = plan.new_search("own.py", "synthetic")
    assert begun.spec.base.family == str(Path("own.py").resolve())


def test_the_backend_is_what_keras_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert plan._backend(None) == "tensorflow"
    monkeypatch.setattr(plan.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install jax"):
        plan._backend("jax")


def test_names_are_the_users() -> None:
    assert plan.new_search("cnn", "synthetic", name="mine").folder == study.RUNS / "mine"
