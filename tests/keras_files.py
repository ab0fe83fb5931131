"""Tiny files in the formats of Keras' data sets, which Keras' own loaders then read.

Two things in the loaders know the real files, and are changed in the processes that import Keras
(by a `sitecustomize`, as they are processes of their own): the check of the SHA-256, which is
passed, and CIFAR-10's five batches of 10,000, which are of `CIFAR10_BATCH` images here.
"""

import gzip
import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

CIFAR10_BATCH = 20

_SITE = f'''
import importlib.machinery
import sys

EDITS = {{
    "keras.src.utils.file_utils": lambda text: text + "\\ndef validate_file(*a, **k): return True",
    "keras.src.datasets.cifar10": lambda text: text.replace("50000", "{5 * CIFAR10_BATCH}").replace(
        "10000", "{CIFAR10_BATCH}"
    ),
}}

class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, name):
        return compile(EDITS[name](self.get_source(name)), self.path, "exec")

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in EDITS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        spec.loader = Loader(name, spec.origin)
        return spec

sys.meta_path.insert(0, Finder)
'''


def environment(home: Path, *, checked: bool = False) -> dict[str, str]:
    """Returns what a process needs to find the files of `home`, and to take them as they are.

    Args:
        home: The folder to be KERAS_HOME.
        checked: Whether the SHA-256 is checked all the same.
    """
    paths = filter(None, [os.environ.get("PYTHONPATH")])
    if not checked:
        site = home / "site"
        site.mkdir(parents=True, exist_ok=True)
        (site / "sitecustomize.py").write_text(_SITE)
        paths = filter(None, [str(site), *paths])
    return {"KERAS_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}


def write(name: str, home: Path) -> tuple[np.ndarray, np.ndarray]:
    """Writes the files of one data set; returns its images (n, ...), test last, and labels."""
    (home / "datasets").mkdir(parents=True, exist_ok=True)
    return WRITERS[name](home / "datasets")


def _mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = _random(60, 40, 10, (28, 28))
    np.savez(folder / "mnist.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    return x, y


def _fashion_mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = _random(60, 40, 10, (28, 28))
    folder = folder / "fashion-mnist"
    folder.mkdir(exist_ok=True)
    for part, images, labels in (("train", x[:60], y[:60]), ("t10k", x[60:], y[60:])):
        header = struct.pack(">4I", 2051, len(images), 28, 28)
        _gzip(folder / f"{part}-images-idx3-ubyte.gz", header + images.tobytes())
        _gzip(
            folder / f"{part}-labels-idx1-ubyte.gz",
            struct.pack(">2I", 2049, len(labels)) + labels.tobytes(),
        )
    return x, y


def _cifar10(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    size = CIFAR10_BATCH
    x, y = _random(5 * size, size, 10, (3, 32, 32))
    starts = range(0, 6 * size, size)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    batches = {
        f"cifar-10-batches-py/{name}": {
            b"data": x[start : start + size].reshape(size, -1),
            b"labels": y[start : start + size].tolist(),
        }
        for name, start in zip(names, starts, strict=True)
    }
    _tar(folder / "cifar-10-batches-py-target_archive", batches)
    return x.transpose(0, 2, 3, 1), y


def _cifar100(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = _random(500, 100, 100, (3, 32, 32))
    batches = {
        f"cifar-100-python/{name}": {
            b"data": images.reshape(len(images), -1),
            b"fine_labels": labels.tolist(),
            b"coarse_labels": [0] * len(labels),
        }
        for name, images, labels in (("train", x[:500], y[:500]), ("test", x[500:], y[500:]))
    }
    _tar(folder / "cifar-100-python-target_archive", batches)
    return x.transpose(0, 2, 3, 1), y


WRITERS: dict[str, Callable[[Path], tuple[np.ndarray, np.ndarray]]] = {
    "mnist": _mnist,
    "fashion_mnist": _fashion_mnist,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
}


def _random(
    train: int, test: int, classes: int, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (train + test, *shape), dtype=np.uint8)
    labels = [rng.permutation(np.arange(count) % classes) for count in (train, test)]
    return images, np.concatenate(labels).astype(np.uint8)


def _gzip(path: Path, content: bytes) -> None:
    with gzip.open(path, "wb") as file:
        file.write(content)


def _tar(path: Path, contents: Mapping[str, Any]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, value in contents.items():
            content = pickle.dumps(value, protocol=3)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
