"""Studies on disk: names, identity, refusals."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from kerascnn.spec import RunSpec
from tuning import study
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Float, Int
from tuning.study import Study

SPEC = SearchSpec(
    base=RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64),
    space={
        "filters": Int(8, 32, 8),
        "dropout": Float(0.0, 0.5),
        "pooling": Choice("max", "average"),
    },
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_specs_round_trip() -> None:
    assert SearchSpec.from_json(SPEC.to_json()) == SPEC


def test_a_study_is_written_once_and_opened_again() -> None:
    first = study.create(Path("runs/one"), SPEC, {"command": "x"})
    written = (first.folder / "study.json").read_bytes()
    again = study.create(Path("runs/one"), dataclasses.replace(SPEC, trials=99, seeds=9), {})
    assert (again.folder / "study.json").read_bytes() == written
    assert again.about["command"] == "x"


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"seed": 1}, "seed is 0 there, 1 here"),
        ({"oracle": "grid_search"}, "oracle is 'random_search' there, 'grid_search' here"),
        ({"threads": 2}, "threads is 1 there, 2 here"),
        ({"space": {}}, "space of"),
        ({"base": dataclasses.replace(SPEC.base, epochs=3)}, "epochs is 9 there, 3 here"),
        (
            {"base": dataclasses.replace(SPEC.base, fingerprint="0")},
            "the data are f+ there, 0 here",
        ),
        (
            {"base": dataclasses.replace(SPEC.base, fingerprint="0", group_by=r"a(b)")},
            r"the data are f+ there, 0 here; group_by is '' there, 'a\(b\)' here\.",
        ),
    ],
)
def test_another_study_is_refused_with_the_differences(
    change: dict[str, object], phrase: str
) -> None:
    study.create(Path("runs/one"), SPEC, {})
    other = dataclasses.replace(SPEC, **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"holds another study: .*{phrase}"):
        study.create(Path("runs/one"), other, {})
    assert study.default_name(other, other.threads) != study.default_name(SPEC, SPEC.threads)


def test_a_pattern_that_changes_no_data_makes_no_other_study() -> None:
    base = dataclasses.replace(SPEC.base, group_by="x")
    other = dataclasses.replace(SPEC, base=base)
    assert study.differences(SPEC, other) == []
    assert study.default_name(other) == study.default_name(SPEC)


def test_train_commands_share_a_study_across_families() -> None:
    spec = dataclasses.replace(SPEC, oracle="", space={})
    other = dataclasses.replace(spec, base=dataclasses.replace(spec.base, family="vgg", epochs=2))
    study.create(Path("runs/one"), spec, {})
    study.create(Path("runs/one"), other, {})
    assert study.default_name(other) != study.default_name(spec)


def test_a_folder_of_other_files_is_refused() -> None:
    Path("mine").mkdir()
    Path("mine/thesis.tex").touch()
    with pytest.raises(ValueError, match="mine exists and is not a study"):
        study.create(Path("mine"), SPEC, {})


def test_what_a_killed_beginning_left_is_in_nobodys_way() -> None:
    Path("runs/one").mkdir(parents=True)
    Path("runs/one/.study.json.123").write_text("{")
    assert study.create(Path("runs/one"), SPEC, {}).spec == SPEC
    assert [path.name for path in Path("runs/one").iterdir()] == ["study.json"]


def test_a_full_disk_leaves_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(study, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        study.create(Path("runs/one"), SPEC, {})
    assert not Path("runs/one").exists()


def test_default_names_are_readable_and_reach_does_not_count() -> None:
    name = study.default_name(SPEC)
    # Pinned: a setting that comes later, at its default, must not give studies another name.
    assert name == "cnn-digits-b25f"
    assert study.default_name(dataclasses.replace(SPEC, trials=50, seeds=5)) == name
    scheduled = SPEC.base.configure({"schedule": "cosine"})
    assert study.default_name(dataclasses.replace(SPEC, base=scheduled)) != name
    base = dataclasses.replace(SPEC.base, dataset="/data/my photos")
    assert study.default_name(dataclasses.replace(SPEC, base=base)).startswith("cnn-my_photos-")


@pytest.mark.parametrize("name", ["a b", "", "ü", "a\\b", "-x"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="A study's name is letters"):
        study.folder_of(name)


def test_names_lie_under_runs_and_paths_anywhere() -> None:
    assert study.folder_of("one") == Path("runs/one")
    assert study.folder_of("elsewhere/one") == Path("elsewhere/one")


def test_the_study_written_last_is_found() -> None:
    for number, name in enumerate(("b", "a")):
        made = study.create(Path("runs") / name, SPEC, {})
        os.utime(made.folder / "study.json", (number, number))
    assert study.find().name == "a"
    with study.find("b").log:
        pass
    assert study.find().name == "b"
    assert study.find("runs/a").name == "a"


def test_studies_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="No study under"):
        study.find()
    study.create(Path("runs/cnn-digits"), SPEC, {})
    with pytest.raises(ValueError, match="Did you mean 'cnn-digits'"):
        study.find("cnn-digit")
    Path("empty").mkdir()
    with pytest.raises(ValueError, match=r"No study at empty: it has no study\.json"):
        study.find("empty")


@pytest.mark.parametrize("text", ["", "{", "{}", '{"spec": {}}', '{"spec": {"base": 3}}', "[]"])
def test_a_damaged_study_is_named(text: str) -> None:
    made = study.create(Path("runs/one"), SPEC, {})
    (made.folder / "study.json").write_text(text)
    with pytest.raises(ValueError, match=r"study\.json is damaged"):
        Study(made.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "`trials >= 1`"),
        ({"seeds": 0}, "`seeds >= 1`"),
        ({"threads": 0}, "`threads >= 1`"),
        ({"seed": -1}, "`seed >= 0`"),
        ({"objective": "val_acuracy"}, "Did you mean 'val_accuracy'"),
        (
            {"objective": "test_accuracy"},
            "A search sees the validation part only. Expected one of: val_accuracy",
        ),
    ],
)
def test_bad_searches_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SPEC, **change)  # type: ignore[arg-type]


def test_labels_are_kept_once() -> None:
    made = study.create(Path("runs/one"), SPEC, {})
    study.save_labels(made.folder, "validation", np.arange(3, dtype=np.int32))
    study.save_labels(made.folder, "validation", np.zeros(3, np.int32))
    assert np.load(made.folder / "labels-validation.npy").tolist() == [0, 1, 2]
