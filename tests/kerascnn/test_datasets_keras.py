"""The data sets that Keras downloads: read through its loaders, refused in one line offline."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kerascnn
from kerascnn import datasets
from kerascnn.datasets import _keras
from tests import keras_files

NAMES = tuple(keras_files.WRITERS)
# A proxy that refuses at once, whatever the network of the machine.
NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    _set(monkeypatch, keras_files.environment(tmp_path / "home") | NO_NETWORK)
    return tmp_path / "home"


def _set(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", NAMES)
def test_images_labels_and_test_set_are_those_of_the_files(name: str, home: Path) -> None:
    images, labels = keras_files.write(name, home)
    data = datasets.load(name)
    np.testing.assert_array_equal(data.images, images.reshape(data.images.shape))
    np.testing.assert_array_equal(data.labels, labels)
    count = len(data.parts["test"])
    np.testing.assert_array_equal(data.parts["test"], np.arange(len(images) - count, len(images)))
    assert count == {"cifar10": keras_files.CIFAR10_BATCH, "cifar100": 100}.get(name, 40)
    assert not data.notes


def test_class_names_are_in_the_order_of_the_labels() -> None:
    from kerascnn.datasets import cifar10, cifar100, fashion_mnist

    assert fashion_mnist.CLASS_NAMES[::3] == ("T-shirt/top", "Dress", "Shirt", "Ankle boot")
    assert cifar10.CLASS_NAMES[::3] == ("airplane", "cat", "frog", "truck")
    # Krizhevsky's `fine_label_names` are in the order of the alphabet.
    assert len(cifar100.CLASS_NAMES) == 100
    assert list(cifar100.CLASS_NAMES) == sorted(set(cifar100.CLASS_NAMES))
    assert cifar100.CLASS_NAMES[::33] == ("apple", "forest", "raccoon", "worm")


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("mnist", ["mnist.npz"]),
        ("cifar10", ["cifar-10-batches-py-target_archive"]),
        ("cifar100", ["cifar-100-python-target_archive"]),
        (
            "fashion_mnist",
            [
                "fashion-mnist/train-images-idx3-ubyte.gz",
                "fashion-mnist/train-labels-idx1-ubyte.gz",
                "fashion-mnist/t10k-images-idx3-ubyte.gz",
                "fashion-mnist/t10k-labels-idx1-ubyte.gz",
            ],
        ),
    ],
)
def test_without_a_network_one_line_says_where_the_file_goes(
    name: str, paths: list[str], home: Path
) -> None:
    expected = f"The data set {name} is not there and could not be downloaded .URL fetch failure on"
    with pytest.raises(OSError, match=expected) as caught:
        datasets.load(name)
    told = str(caught.value)
    assert "\n" not in told
    assert f" to {', '.join(str(home / 'datasets' / path) for path in paths)}. The path" in told
    assert told.endswith("The path of an .npz file works as a data set too.")
    assert not [path for path in (home / "datasets").rglob("*") if path.is_file()]


def test_a_file_of_another_hash_is_refused_and_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, keras_files.environment(home.parent / "own", checked=True))
    monkeypatch.setenv("PYTHONPATH", "")
    keras_files.write("mnist", home.parent / "own")
    path = home.parent / "own" / "datasets" / "mnist.npz"
    content = path.read_bytes()
    with pytest.raises(ValueError, match=f"mnist cannot be read from {path}: its content is not"):
        datasets.load("mnist")
    assert path.read_bytes() == content


def test_half_a_file_is_refused_and_named(home: Path) -> None:
    keras_files.write("fashion_mnist", home)
    path = home / "datasets" / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"fashion_mnist cannot be read from .*: Compressed file"):
        datasets.load("fashion_mnist")


def test_identity_changes_with_the_file(home: Path) -> None:
    keras_files.write("mnist", home)
    first = _keras.identity("mnist")
    assert _keras.identity("mnist") == first
    path = home / "datasets" / "mnist.npz"
    os.utime(path, ns=(0, 1))
    assert _keras.identity("mnist") != first


def test_the_reading_process_imports_no_keras_and_keeps_its_backend(home: Path) -> None:
    keras_files.write("mnist", home)
    code = (
        "import os, sys; from kerascnn import datasets; print(datasets.load('mnist').num_classes,"
        "os.environ['KERAS_BACKEND'], {'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    )
    paths = [str(Path(kerascnn.__file__).parents[1]), os.environ["PYTHONPATH"]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "10 torch set()\n"
    assert done.stderr == ""


def test_files_lie_in_the_users_home_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _keras.files("mnist") == (tmp_path / ".keras" / "datasets" / "mnist.npz",)
    monkeypatch.setenv("KERAS_HOME", "~/elsewhere")
    assert _keras.files("mnist") == (tmp_path / "elsewhere" / "datasets" / "mnist.npz",)


def test_a_download_is_renamed_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file.gz"

    def stops(url: str, filename: str, *others: object) -> None:
        Path(filename).write_bytes(b"half")
        if url == "stops":
            raise OSError("no more")

    monkeypatch.setattr(_keras, "_urlretrieve", stops)
    with pytest.raises(OSError, match="no more"):
        _keras._retrieve("stops", str(target))
    assert not list(tmp_path.iterdir())
    _keras._retrieve("goes on", str(target))
    assert [path.name for path in tmp_path.iterdir()] == ["file.gz"]
    with pytest.raises(SystemExit, match="its content is not what Keras expects"):
        _keras._retrieve("goes on", str(target))


@pytest.mark.slow
@pytest.mark.skipif(
    "KERASCNN_TEST_MNIST" not in os.environ, reason="KERASCNN_TEST_MNIST names no mnist.npz"
)
def test_mnist_in_full_is_what_the_npz_entry_reads(home: Path) -> None:
    # The hash is not checked, as the same arrays may have been compressed anew.
    (home / "datasets").mkdir()
    file = shutil.copy(os.environ["KERASCNN_TEST_MNIST"], home / "datasets" / "mnist.npz")
    data = datasets.load("mnist")
    assert data.images.shape == (70_000, 28, 28, 1)
    assert data.fingerprint == datasets.load(str(file)).fingerprint
