"""From what a user asks for to a study: spaces, presets, defaults."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import training
from kerascnn.spec import value_of
from tests import image_files
from tuning import begin, executors, plan, searchable, study
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
    space = searchable.space_of("cnn", {"filters": 8}, {"depth": "2:5", "growth": "1.0:2.0"})
    assert "filters" not in space
    assert space["depth"] == Int(2, 5)
    assert space["growth"] == Float(1.0, 2.0)
    assert set(space) == (set(cnn.SPACE) - {"filters"}) | {"growth"}


def test_choices_are_written_as_runs_write_them() -> None:
    """Or the HParams page, which lists the choices, would hide the runs."""
    vary = {"augmentation": "none,flip+shift,shift+flip"}
    space = searchable.space_of("cnn", {}, vary)
    assert space["augmentation"] == Choice("none", "shift+flip")


def test_a_family_of_ones_own_brings_its_space() -> None:
    Path("own.py").write_text(OWN)
    space = searchable.space_of("own.py", {}, {})
    assert space == {**_training.TRAINING, "width": Int(8, 32, 8)}
    assert "width" not in searchable.space_of("own.py", {"width": 64}, {})
    assert searchable.space_of("own.py", {}, {"width": "1,2"})["width"] == Choice(1, 2)


def test_a_search_of_ones_own_family_keeps_its_code() -> None:
    Path("own.py").write_text(OWN)
    first = plan.new_search("own.py", "synthetic", executor="serial")
    assert Path(first.spec.base.family).read_text() == OWN
    assert Path(first.spec.base.family).is_relative_to(first.folder.resolve())
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
    begun, [point] = plan.new_training(
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


def test_an_edited_file_changes_nothing_in_its_study() -> None:
    Path("own.py").write_text(OWN)
    begun, [point] = plan.new_training("own.py", "synthetic", fixed={"rate": 0.5})
    before = begun.spec.base.configure(begun.located(point))
    Path("own.py").write_text(OWN.replace("width=16", "width=64"))
    after = study.Study(begun.folder)
    spec = after.spec.base.configure(after.located(point))
    assert spec.config_id == before.config_id
    assert value_of(spec, "width") == 16


def test_two_files_of_one_name_stand_side_by_side() -> None:
    for folder, text in (("a", OWN), ("b", OWN + "# other")):
        Path(folder).mkdir()
        Path(folder, "own.py").write_text(text)
    families = set()
    for folder in ("a", "b"):
        begun, [point] = plan.new_training(f"{folder}/own.py", "synthetic", name="both")
        families.add(str(begun.located(point)["family"]))
    assert len(families) == 2
    assert {Path(family).read_text() for family in families} == {OWN, OWN + "# other"}


def test_settings_of_one_train_command_do_not_reach_the_next() -> None:
    ids = set()
    for fixed in ({"learning_rate": 0.05}, {}, {"learning_rate": 0.05}):
        begun, [point] = plan.new_training("linear", "synthetic", fixed=fixed, name="one")
        ids.add(begun.spec.base.configure(begun.located(point)).config_id)
    assert len(ids) == 2


def test_a_pattern_is_part_of_the_data_and_of_every_run() -> None:
    image_files.fill(Path("pets"), count=12)
    pattern = r"(\d)\."  # 0 and 10 of cats and dogs, 1 and 11, 2, ...
    plain = plan.new_search("linear", "pets")
    grouped = plan.new_search("linear", "pets", group_by=pattern)
    assert grouped.folder != plain.folder
    assert any("10, the largest of 4 images" in note for note in grouped.about["data"]["notes"])
    there, here = (re.escape(repr(text)) for text in ("", pattern))
    with pytest.raises(ValueError, match=rf"the data are .*; group_by is {there} there, {here} he"):
        plan.new_search("linear", "pets", group_by=pattern, name=str(plain.folder))
    begun, [point] = plan.new_training("linear", "pets", group_by=pattern)
    spec = study.Study(begun.folder).spec.base.configure(point)
    assert spec.group_by == pattern
    data = training._load(spec)  # Refuses data of another division.
    assert data.fingerprint == spec.fingerprint == grouped.spec.base.fingerprint


def test_data_may_move() -> None:
    arrays = {"x_train": np.arange(480).reshape(60, 8, 1), "x_test": np.zeros((8, 8, 1), int)}
    labels = {"y_train": np.arange(60) % 2, "y_test": np.arange(8) % 2}
    for folder in ("d1", "d2"):
        Path(folder).mkdir()
    np.savez("d1/x.npz", **{k: v % 256 for k, v in arrays.items()}, **labels)
    plan.new_search("linear", "d1/x.npz", name="moved")
    Path("d1/x.npz").rename("d2/x.npz")
    begun = plan.new_search("linear", "d2/x.npz", name="moved")
    assert begun.spec.base.dataset == str(Path("d2/x.npz").resolve())


def test_families_are_named_once_and_share_no_preset() -> None:
    for begin_one in (plan.new_training, plan.new_decomposition):
        with pytest.raises(ValueError, match=r"A preset is of one family\. Received: 'vgg16'"):
            begin_one("cnn,vgg", "synthetic", preset="vgg16")
    with pytest.raises(ValueError, match="'cnn,cnn' names 'cnn' twice"):
        plan.new_search("cnn,cnn", "synthetic")
    assert not Path("runs").exists()


def test_points_are_drawn_by_who_can_for_who_leaves_them() -> None:
    with pytest.raises(ValueError, match=r"hyperband draws its points itself.*--points bayesian"):
        plan.new_search("cnn", "synthetic", oracle="hyperband", points="bayesian")
    with pytest.raises(ValueError, match=r"'bayes' in what draws the points of race.*'bayesian'"):
        plan.new_search("cnn", "synthetic", oracle="race", points="bayes")
    named = plan.new_search("cnn", "synthetic", oracle="race", points="random_search")
    assert named.folder == plan.new_search("cnn", "synthetic", oracle="race").folder
    other = plan.new_search("cnn", "synthetic", oracle="race", points="bayesian")
    assert (other.spec.points, other.folder == named.folder) == ("bayesian", False)


def test_hyperband_chooses_the_epochs() -> None:
    with pytest.raises(ValueError, match="hyperband chooses the epochs itself"):
        plan.new_search("cnn", "synthetic", oracle="hyperband", vary={"epochs": "2:4"})


def test_a_baseline_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"No 'vggg' in models.*Did you mean 'vgg'"):
        plan.new_search("cnn", "synthetic", rules={"baseline": "vggg"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fixed": {"family": "mlp"}}, "No 'family' in the settings of cnn"),
        ({"fixed": {"code": "x"}}, "No 'code' in the settings of cnn"),
        ({"fixed": {"train_size": 10**6}}, "`train_size` must be at most 336"),
        ({"vary": {"train_size": "10:100000"}}, "`train_size` must be at most 336"),
    ],
)
def test_what_cannot_be_is_refused_before_a_study_begins(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan.new_search("cnn", "synthetic", **options)
    assert not Path("runs").exists()


def test_threads_asked_for_make_another_study() -> None:
    names = {plan.new_search("cnn", "synthetic", threads=n).name for n in (None, 1, 2)}
    assert len(names) == 3


def test_the_backend_is_what_keras_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = ["tensorflow", "jax"]
    monkeypatch.setattr(executors, "is_installed", lambda name: name in installed)
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    assert begin._backend(None) == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert begin._backend(None) == "jax"
    assert begin._backend("tensorflow") == "tensorflow"
    monkeypatch.delenv("KERAS_BACKEND")
    assert begin._backend(None) == "tensorflow"


@pytest.mark.parametrize("named", ["", "numpy"])
def test_the_backend_that_alone_is_installed_is_taken(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", named)
    monkeypatch.setattr(executors, "is_installed", lambda name: name == "jax")
    assert begin._backend(None) == "jax"
    with pytest.raises(ValueError, match=r"tensorflow is not installed\. Try: .*install tensorfl"):
        begin._backend("tensorflow")
    monkeypatch.setattr(executors, "is_installed", lambda name: False)
    with pytest.raises(ValueError, match="The backend tensorflow is not installed"):
        begin._backend(None)


def test_names_are_the_users() -> None:
    assert plan.new_search("cnn", "synthetic", name="mine").folder == study.RUNS / "mine"
