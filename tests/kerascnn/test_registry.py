"""The registry: names without imports, the user's own files, errors that help."""

from pathlib import Path

import pytest

from kerascnn import registry

OWN = '''"""A family of mine."""
PRESETS = {"tiny": {"units": 2}}

def build(input_shape, num_classes, *, units=8, rate=0.0):
    return units
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "my_model.py"
    path.write_text(OWN)
    return path


def test_names_are_file_names() -> None:
    assert "vgg" in registry.names("kerascnn.models")
    assert not [name for name in registry.names("kerascnn.models") if name.startswith("_")]


def test_load_gives_the_module() -> None:
    assert registry.load("tuning.executors", "serial").__name__ == "tuning.executors.serial"


def test_unknown_name_lists_the_valid_ones_and_the_closest() -> None:
    with pytest.raises(ValueError, match=r"No 'vg' in models\. .*lenet.* Did you mean 'vgg'\?"):
        registry.load("kerascnn.models", "vg")


@pytest.mark.parametrize("name", ["no.such.module", "", "../vgg"])
def test_what_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="Expected one of"):
        registry.load("kerascnn.models", name)


def test_a_file_that_is_not_there_or_not_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file 'gone\.py'"):
        registry.load("kerascnn.models", "gone.py")
    path = tmp_path / "odd.py"
    path.write_text("def build(:")
    with pytest.raises(ValueError, match=r"odd\.py is not valid Python: invalid syntax .*line 1"):
        registry.keywords("kerascnn.models", str(path), "build")


def test_own_file_is_an_entry(own: Path) -> None:
    assert registry.load("kerascnn.models", str(own)).build((), 2) == 8
    assert registry.keywords("kerascnn.models", str(own), "build") == {"units": 8, "rate": 0.0}
    assert registry.constant("kerascnn.models", str(own), "PRESETS") == {"tiny": {"units": 2}}
    assert registry.summary("kerascnn.models", str(own)) == "A family of mine."


def test_own_code_has_a_hash_and_ours_has_none(own: Path) -> None:
    before = registry.code_hash("kerascnn.models", str(own))
    own.write_text(OWN + "\n# changed")
    assert len(before) == 12
    assert registry.code_hash("kerascnn.models", str(own)) != before
    assert registry.code_hash("kerascnn.models", "vgg") == ""


def test_dotted_module_is_an_entry() -> None:
    assert registry.load("kerascnn.models", "kerascnn.spec").__name__ == "kerascnn.spec"


@pytest.mark.parametrize("name", ["parcel.odd", "parcel.none", "parcel.odd.deeper", "parcel"])
def test_looking_for_a_module_imports_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the packages it lies in either: a log may name what it likes."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "__init__.py").write_text("1 / 0")
    (tmp_path / "parcel" / "odd.py").write_text("def build(shape, n, *, units=8): ...")
    if name == "parcel.odd":
        assert registry.keywords("kerascnn.models", name, "build") == {"units": 8}
    else:
        with pytest.raises(ValueError, match="No 'parcel"):
            registry.keywords("kerascnn.models", name, "build")


def test_keywords_need_literal_defaults(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_text("def build(shape, n, *, units=int()): ...")
    with pytest.raises(ValueError, match=r"literal default\. 'units'"):
        registry.keywords("kerascnn.models", str(path), "build")


def test_keywords_need_the_function(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("")
    with pytest.raises(ValueError, match="`build` must be defined"):
        registry.keywords("kerascnn.models", str(path), "build")


def test_a_module_that_fails_to_load_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "breaks.py"
    path.write_text("1 / 0")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            registry.load("kerascnn.models", str(path))
