"""What names a dataset, the embedded ones, and the user's own modules."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import datasets
from kerascnn.datasets import _prepare
from kerascnn.datasets._arrays import Images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


MODULE = """
import numpy as np
from kerascnn.datasets._arrays import Images

def read(source, *, image_size, skip_bad, scratch):
    images = np.random.default_rng(0).random((40, 4, 4, 1), np.float32) * 8 - 4
    return Images(images=images, labels=np.arange(40) % 2, class_names=("a", "b"), notes=("Hi.",))
"""


def _read(images: Any = None, **fields: Any) -> Images:
    images = np.zeros((40, 4, 4, 1), np.uint8) if images is None else images
    return Images(**{"images": images, "labels": np.arange(40) % 2, **fields})


@pytest.mark.parametrize("name", ["npz", "folder"])
def test_an_entry_that_needs_a_path_says_so(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' needs a path: the path of an .npz file or"):
        datasets.load(name)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("digitz", "Did you mean 'digits'"),
        ("no/such/folder", "or of a folder"),
        ("../no.such", "or of a folder"),
        ("./no", "or of a folder"),
        ("my_data.py", "or of a folder"),
        ("no_lab.my_data", "or of a folder"),
        ("", "or of a folder"),
    ],
)
def test_an_unknown_name_lists_what_there_is(typed: str, hint: str) -> None:
    with pytest.raises(
        ValueError,
        match=rf"No '{re.escape(typed)}' in datasets\. Expected one of: .*digits, .*syn.*{hint}",
    ) as caught:
        datasets.load(typed)
    assert "\n" not in str(caught.value)


def test_a_missing_npz_is_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no file 'no/such\.npz'"):
        datasets.load("no/such.npz")


def test_a_name_wins_over_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert datasets.load("digits").images.shape == (1797, 8, 8, 1)
    with pytest.raises(ValueError, match="at least 2 classes"):
        datasets.load("./digits")


def test_digits_are_spread_over_0_to_255() -> None:
    from sklearn.datasets import load_digits

    data = datasets.load("digits")
    levels = load_digits().images[:, :, :, None]
    np.testing.assert_array_equal(data.images, np.rint(levels * 255 / 16))
    assert data.images.max() == 255


def test_synthetic_classes_are_the_brightest_quadrants() -> None:
    data = datasets.load("synthetic")
    quadrants = data.images.reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4)
    np.testing.assert_array_equal(quadrants.argmax(axis=1), data.labels)
    assert np.bincount(data.labels).tolist() == [150] * 4


@pytest.mark.parametrize("option", ["image_size", "split_seed"])
def test_options_out_of_range_are_refused(option: str) -> None:
    with pytest.raises(ValueError, match=f"`{option} >= 0` must hold. Received: -1"):
        datasets.load("digits", **{option: -1})  # type: ignore[arg-type]


def test_a_path_to_a_module_is_a_dataset(tmp_path: Path) -> None:
    path = tmp_path / "my_data.py"
    path.write_text(MODULE)
    data = datasets.load(str(path))
    assert data.class_names == ("a", "b")
    assert data.notes == ("Hi.", "Pixels from -3.99759 to 3.98454 are scaled to 0 to 1.")
    assert data.images.dtype == np.float32
    assert data.scale == pytest.approx(1 / 8, rel=0.05)
    # Stretched over the whole of the training images, as there is no test set to keep out.
    pixels = data.pixels(np.arange(40))
    assert pixels.min() == pytest.approx(0, abs=1e-6)
    assert pixels.max() == pytest.approx(1)


def test_a_dotted_module_is_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_lab").mkdir()
    (tmp_path / "my_lab" / "my_data.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    assert datasets.load("my_lab.my_data", image_size=3).input_shape == (3, 3, 1)


def test_a_changed_module_is_read_again(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "my_data.py"
    for text in (MODULE, MODULE + "\n# Changed.\n"):
        path.write_text(text)
        datasets.load(str(path))
    assert len(list(cache.iterdir())) == 2


def test_a_module_without_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ValueError, match=r"must define `read`\. Found none in .*empty\.py"):
        datasets.load(str(tmp_path / "empty.py"))


def test_a_module_that_returns_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("def read(source, **options):\n    return 3\n")
    with pytest.raises(ValueError, match=r"must return Images\. Received: int"):
        datasets.load(str(tmp_path / "other.py"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_read(np.zeros((40, 4, 4), np.uint8)), r"Images of mine .*Received: \(40, 4, 4\)"),
        (_read(np.zeros((40, 4, 4, 1))), "must be uint8 or float32. Received: float64"),
        (_read(np.full((40, 4, 4, 1), np.inf, np.float32)), "Pixels of mine must be finite"),
        (_read(labels=np.arange(3)), "40 images, 3 labels"),
        (_read(labels=np.zeros(40)), "Labels of mine must be of at least 2 classes"),
        (_read(class_names=("a", "b", "c")), "2 classes, 3 names"),
        (_read(is_test=np.zeros(40)), r"`is_test` of mine must be bool .*Received: float64"),
        (_read(names=("a", "b")), "a name for each image, or none at all.*40 images, 2 names"),
        (_read(names=(Path("a"),) * 40), "`names` of mine must be strings"),
        (_read(is_test=np.arange(40) % 2 == 0), "Test images of mine .*no training image is of: 0"),
    ],
)
def test_images_that_break_the_contract_are_refused(
    tmp_path: Path, data: Images, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _prepare.write(data, tmp_path, image_size=0, what="mine")
