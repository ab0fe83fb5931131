"""Every entry of the room keeps its contract."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kerascnn
from kerascnn import datasets, registry
from kerascnn.datasets._arrays import PARTS, Dataset
from tests import keras_files

ROOM = "kerascnn.datasets"
NAMES = registry.names(ROOM)


def _npz(folder: Path) -> str:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 6, 5), dtype=np.uint8)
    y = np.arange(60) % 3
    path = folder / "data.npz"
    np.savez(path, x_train=x[:45], y_train=y[:45], x_test=x[45:], y_test=y[45:])
    return str(path)


def _folder(folder: Path) -> str:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / "images" / name).mkdir(parents=True)
        for index in range(12):
            pixels = rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name / f"{index}.png")
    return str(folder / "images")


# What to type for an entry that needs a path.
SOURCES: dict[str, Callable[[Path], str]] = {"npz": _npz, "folder": _folder}


@pytest.fixture(scope="module")
def keras_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that stay, and with them what was read: every reading takes seconds to import Keras."""
    home = tmp_path_factory.mktemp("keras")
    for name in keras_files.WRITERS:
        keras_files.write(name, home)
    return home


@pytest.fixture
def typed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keras_home: Path,
) -> str:
    name = str(request.param)
    cache = tmp_path / "cache"
    if name in keras_files.WRITERS:
        cache = keras_home / "cache"
        for variable, value in keras_files.environment(keras_home).items():
            monkeypatch.setenv(variable, value)
    monkeypatch.setenv("KERASCNN_CACHE", str(cache))
    if not registry.constant(ROOM, name, "TAKES", ""):
        return name
    if name not in SOURCES:
        pytest.fail(f"{name} needs a path: make one for it in SOURCES of {__file__}.")
    return SOURCES[name](tmp_path)


every_entry = pytest.mark.parametrize("typed", NAMES, indirect=True)


@every_entry
def test_shapes_and_dtypes(typed: str) -> None:
    data = datasets.load(typed)
    n = len(data.images)
    assert data.name == typed
    assert data.images.dtype in (np.uint8, np.float32)
    assert data.images.shape == (n, *data.input_shape)
    assert data.labels.shape == (n,)
    assert data.labels.dtype == np.int32
    assert set(data.labels.tolist()) == set(range(data.num_classes))
    assert all(type(name) is str for name in data.class_names)
    assert len(data.fingerprint) == 64
    assert all(note.endswith(".") and "\n" not in note for note in data.notes)


@every_entry
def test_images_are_a_read_only_memory_map(typed: str) -> None:
    data = datasets.load(typed)
    assert isinstance(data.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0


@every_entry
def test_parts_are_disjoint_and_hold_every_image_and_class(typed: str) -> None:
    data = datasets.load(typed)
    assert tuple(data.parts) == PARTS
    together = np.concatenate([data.parts[name] for name in PARTS])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(data.images)))
    for name in PARTS:
        assert data.parts[name].dtype == np.int64
        np.testing.assert_array_equal(data.parts[name], np.sort(data.parts[name]))
        assert set(data.labels[data.parts[name]].tolist()) == set(range(data.num_classes)), name
    np.testing.assert_array_equal(np.sort(data.order), data.parts["train"])


@every_entry
def test_pixels_are_float32_in_0_to_1(typed: str) -> None:
    data = datasets.load(typed)
    pixels = data.pixels(np.arange(len(data.images)))
    assert pixels.dtype == np.float32
    assert pixels.shape == data.images.shape
    assert pixels.min() >= 0
    assert 0.5 < pixels.max() <= 1


@every_entry
def test_images_are_resized_as_asked(typed: str) -> None:
    assert datasets.load(typed, image_size=9).input_shape[:2] == (9, 9)


@every_entry
def test_split_seed_alone_moves_images(typed: str) -> None:
    first, again, other = (datasets.load(typed, split_seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint
    np.testing.assert_array_equal(first.order, again.order)
    assert first.fingerprint != other.fingerprint
    assert not np.array_equal(first.parts["train"], other.parts["train"])


@every_entry
def test_groups_are_kept_whole_or_there_are_no_files(typed: str) -> None:
    if not Path(typed).is_dir():
        message = f"and {re.escape(typed)} is not made of files. Expected a folder of class folders"
        with pytest.raises(ValueError, match=message) as caught:
            datasets.load(typed, group_by=r"(\d)\.")
        assert "\n" not in str(caught.value)
        return
    data = datasets.load(typed, group_by=r"(\d)\.")
    # Of each class 0 and 10 are one group, and 1 and 11. Files are in the order of the alphabet.
    numbers = np.tile([0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9], 2) % 10
    for part in data.parts.values():
        together = np.isin(numbers, numbers[part])
        np.testing.assert_array_equal(part, np.flatnonzero(together))
        assert set(data.labels[part].tolist()) == set(range(data.num_classes))


@every_entry
def test_another_process_reads_the_same_from_an_empty_cache(typed: str, tmp_path: Path) -> None:
    data = datasets.load(typed)
    assert _elsewhere(typed, tmp_path / "another") == _summary(data)


def _summary(data: Dataset) -> str:
    return f"{data.fingerprint} {data.order.tolist()} {data.scale} {data.notes}"


def _elsewhere(typed: str, cache: Path) -> str:
    code = (
        f"from kerascnn import datasets; data = datasets.load({typed!r});"
        "print(data.fingerprint, data.order.tolist(), data.scale, data.notes)"
    )
    home = str(Path(kerascnn.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "KERASCNN_CACHE": str(cache), "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
