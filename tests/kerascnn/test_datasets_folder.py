"""Folders of class folders: what is found in them, and one line for what cannot be used."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerascnn import datasets
from tests import image_files


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of 8 cats and 8 dogs, in colour, 6 x 6 pixels."""
    image_files.fill(tmp_path / "pets")
    return tmp_path / "pets"


def test_a_folder_is_read_in_the_order_of_names(root: Path) -> None:
    data = datasets.load(str(root))
    assert data.class_names == ("cat", "dog")
    assert data.images.shape == (16, 6, 6, 3)
    np.testing.assert_array_equal(data.labels, [0] * 8 + [1] * 8)
    np.testing.assert_array_equal(data.images[9], np.asarray(Image.open(root / "dog" / "1.png")))
    assert data.notes == ("Images are 6 x 6 pixels.",)
    assert (data.scale, data.offset) == (1 / 255, 0)
    for each in (data, datasets.load(str(root))):  # From the cache, too.
        assert [each.names[index] for index in (0, 9)] == ["cat/0.png", "dog/1.png"]
        assert len(each.names) == 16


def test_images_that_are_no_files_have_no_names() -> None:
    assert datasets.load("digits").names == ()


def test_what_is_passed_over(root: Path) -> None:
    (root / ".hidden").mkdir()
    (root / "cat" / ".hidden.png").write_bytes(b"")
    (root / "cat" / "notes.txt").write_text("")
    (root / "labels.csv").write_text("")
    (root / "cat" / "more").mkdir()
    Image.new("RGB", (6, 6)).save(root / "cat" / "more" / "0.png")
    data = datasets.load(str(root))
    assert len(data.images) == 16
    assert data.notes[1:] == (
        "Files of other types, not read: 2.",
        "Folders inside class folders, not read: 1.",
    )


def test_train_and_test_folders_are_kept(tmp_path: Path) -> None:
    image_files.fill(tmp_path / "pets" / "train")
    image_files.fill(tmp_path / "pets" / "test", count=2, seed=1)
    (tmp_path / "pets" / "extra").mkdir()
    (tmp_path / "pets" / "read.me").write_text("")
    data = datasets.load(str(tmp_path / "pets"))
    np.testing.assert_array_equal(data.parts["test"], np.arange(16, 20))
    np.testing.assert_array_equal(data.labels[16:], [0, 0, 1, 1])
    assert data.class_names == ("cat", "dog")
    assert data.notes[1:] == (
        "Files of other types, not read: 1.",
        "Folders beside train and test, not read: extra.",
    )


def test_train_alone_is_a_class(root: Path) -> None:
    (root / "train").mkdir()
    Image.new("RGB", (6, 6)).save(root / "train" / "0.png")
    with pytest.raises(ValueError, match="Class 'train' has 1 images"):
        datasets.load(str(root))


def test_train_and_test_must_have_the_same_classes(tmp_path: Path) -> None:
    image_files.fill(tmp_path / "pets" / "train")
    image_files.fill(tmp_path / "pets" / "test")
    (tmp_path / "pets" / "train" / "cow").mkdir()
    (tmp_path / "pets" / "test" / "ant").mkdir()
    with pytest.raises(ValueError, match="Only one of them holds: 'ant', 'cow'"):
        datasets.load(str(tmp_path / "pets"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ([], "at least 2 classes. Received: no folders"),
        (["cat/0.png"], "at least 2 classes. Received: 'cat'"),
        (["cat/0.png", "dog/a.txt"], "Class folder 'dog' of .* holds no images. Expected files"),
        (["cat/0.png", "dog/0.png", "b.jpg", "a.jpg"], "itself holds 2, first 'a.jpg'"),
        (
            ["train/cat/0.png", "train/dog/0.png", "test/0.png"],
            r"class folders. .*test itself holds 1",
        ),
        (["train/cat/0.png", "test/cat/0.png"], "train must hold a folder .*Received: 'cat'"),
        (["train/cat/0.png", "test/cat/0.png", "0.png"], "itself holds 1"),
    ],
)
def test_one_line_for_a_folder_that_cannot_be_used(
    tmp_path: Path, make: list[str], message: str
) -> None:
    root = tmp_path / "pets"
    root.mkdir()
    for name in make:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    with pytest.raises(ValueError, match=message) as caught:
        datasets.load(str(root))
    assert "\n" not in str(caught.value)


def _damage(root: Path) -> None:
    (root / "dog" / "3.png").write_bytes(b"no image")
    whole = (root / "dog" / "5.png").read_bytes()
    (root / "dog" / "5.png").write_bytes(whole[: len(whole) // 2])
    (root / "cat" / "9.png").write_bytes(b"")


def test_unreadable_images_are_named_and_counted(root: Path, tmp_path: Path) -> None:
    _damage(root)
    with pytest.raises(
        ValueError, match=r"3 of 17 images .*--skip-bad .*first cat/9\.png: not an image"
    ) as caught:
        datasets.load(str(root))
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_changed_file_is_read_again(root: Path) -> None:
    first = datasets.load(str(root)).fingerprint
    Image.new("RGB", (6, 6), "red").save(root / "cat" / "0.png")
    second = datasets.load(str(root)).fingerprint
    (root / "cat" / "1.png").unlink()
    assert len({first, second, datasets.load(str(root)).fingerprint}) == 3


def test_options_are_not_confused_in_the_cache(root: Path) -> None:
    assert datasets.load(str(root)).input_shape == (6, 6, 3)
    assert datasets.load(str(root), image_size=5).input_shape == (5, 5, 3)
    (root / "cat" / "0.png").write_bytes(b"")
    assert len(datasets.load(str(root), skip_bad=True).images) == 15
    with pytest.raises(ValueError, match="1 of 16 images"):
        datasets.load(str(root))


def test_unreadable_images_are_left_out_on_demand(root: Path) -> None:
    good = datasets.load(str(root)).images.copy()
    _damage(root)
    data = datasets.load(str(root), skip_bad=True)
    np.testing.assert_array_equal(data.images, np.delete(good, [11, 13], axis=0))
    np.testing.assert_array_equal(data.labels, [0] * 8 + [1] * 6)
    assert data.notes[1] == ("Unreadable images left out: 3 (cat/9.png, dog/3.png, dog/5.png).")


def test_many_unreadable_images_are_named_in_short(root: Path) -> None:
    for index in range(5):
        (root / "cat" / f"bad{index}.png").write_bytes(b"")
    note = datasets.load(str(root), skip_bad=True).notes[1]
    assert note.endswith("left out: 5 (cat/bad0.png, cat/bad1.png, cat/bad2.png, and 2 more).")


def test_a_class_without_a_readable_image_is_refused(root: Path) -> None:
    for path in (root / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"Class folder 'dog' of .* holds no readable image"):
        datasets.load(str(root), skip_bad=True)
    for path in (root / "cat").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="16 of 16 images"):
        datasets.load(str(root))


def test_unbalanced_classes_are_said(root: Path) -> None:
    for index in range(4):
        (root / "dog" / f"{index}.png").unlink()
    assert datasets.load(str(root)).notes[-1] == (
        "The classes are unbalanced: from 4 images (dog) to 8 (cat)."
    )


@pytest.mark.slow
@pytest.mark.skipif("KERASCNN_TEST_CIFAR10" not in os.environ, reason="needs CIFAR-10's folder")
def test_cifar10() -> None:
    data = datasets.load(os.environ["KERASCNN_TEST_CIFAR10"])
    sizes = {name: len(part) for name, part in data.parts.items()}
    assert sizes["test"] == 10_000
    assert sum(sizes.values()) == 60_000
    assert data.input_shape == (32, 32, 3)
    assert data.num_classes == 10
