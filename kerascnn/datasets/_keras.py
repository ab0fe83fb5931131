"""Datasets that Keras downloads: its own loaders and its own cache, used in a process apart.

A process apart, because importing Keras fixes a backend, reads KERAS_HOME and takes seconds: the
process that asks for the data may want another backend, or none. Keras keeps the files in
$KERAS_HOME/datasets, else ~/.keras/datasets, and checks the SHA-256 of all but fashion_mnist's.
"""

import importlib.util
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn import quiet
from kerascnn.datasets._arrays import Images

# Entry -> the files in Keras' cache (Keras 3.6 to 3.15). CIFAR's are the .tar.gz, renamed.
FILES = {
    "mnist": ("mnist.npz",),
    "fashion_mnist": (
        "fashion-mnist/train-images-idx3-ubyte.gz",
        "fashion-mnist/train-labels-idx1-ubyte.gz",
        "fashion-mnist/t10k-images-idx3-ubyte.gz",
        "fashion-mnist/t10k-labels-idx1-ubyte.gz",
    ),
    "cifar10": ("cifar-10-batches-py-target_archive",),
    "cifar100": ("cifar-100-python-target_archive",),
}
# Seconds without an answer, or without a byte, after which a download is given up.
_TIMEOUT = 20.0
_urlretrieve = urllib.request.urlretrieve


def identity(name: str) -> str:
    """Returns sizes and times of the files in Keras' cache; downloads them if they are not there.

    Raises:
        OSError: If they are not there and cannot be downloaded.
    """
    if missing(name):
        _run(name, None)
    found = (path.stat() for path in files(name) if path.exists())
    return " ".join(f"{status.st_size} {status.st_mtime_ns}" for status in found)


def read(name: str, scratch: Path, class_names: tuple[str, ...] = ()) -> Images:
    """Returns the training images, then the official test images: uint8, 0 to 255.

    Raises:
        OSError: If the files are not there and cannot be downloaded.
        ValueError: If they are there and cannot be read.
    """
    _run(name, scratch)
    return Images(
        images=np.load(scratch / "images.npy", mmap_mode="r"),
        labels=np.load(scratch / "labels.npy"),
        is_test=np.load(scratch / "is_test.npy"),
        class_names=class_names,
    )


def files(name: str) -> tuple[Path, ...]:
    """Returns where Keras keeps the files of a dataset, whether they are there or not."""
    home = os.path.expanduser("~")
    keras = os.environ.get("KERAS_HOME")
    if keras is None:
        keras = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    folder = Path(os.path.expanduser(keras)).absolute()
    # What Keras does with a home that it cannot write to.
    if folder.exists() and not os.access(folder, os.W_OK):
        folder = Path("/tmp/.keras")
    return tuple(folder / "datasets" / file for file in FILES[name])


def missing(name: str) -> list[Path]:
    """Returns the files of a dataset that Keras would have to download."""
    return [path for path in files(name) if not path.exists()]


def _run(name: str, scratch: Path | None) -> None:
    """Runs `_store` in a process apart, and words its failure."""
    command = [sys.executable, "-P", "-m", __name__, name, *([str(scratch)] if scratch else [])]
    # Keras' bar of a download; on a terminal only, and never on stdout, which may be JSON.
    shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    done = subprocess.run(
        command, env=_environment(), stdout=shown, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        # "Exception: URL fetch failure on https://...: None -- [Errno -2] ..."
        reason = last.partition(": ")[2].replace("None -- ", "") or last
        raise _failure(name, reason.rstrip("."))


def _failure(name: str, reason: str) -> OSError | ValueError:
    absent = missing(name)
    where = ", ".join(str(path) for path in absent or files(name))
    if not absent:
        return ValueError(
            f"{name} cannot be read from {where}: {reason}. A damaged file must be deleted, to be "
            "downloaded again. The path of an .npz file works as a data set too."
        )
    its = "Its file goes" if len(absent) == 1 else "Its files go"
    return OSError(
        f"The data set {name} is not there and could not be downloaded ({reason}). "
        f"{its} to {where}. The path of an .npz file works as a data set too."
    )


def _environment() -> dict[str, str]:
    home = str(Path(__file__).parents[2])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    # Any backend can load a file. Keras' NumPy backend, half the time to import, needs JAX.
    has_jax = importlib.util.find_spec("jax") is not None
    environment["KERAS_BACKEND"] = "numpy" if has_jax else "tensorflow"
    return environment


def _retrieve(url: str, filename: str, reporthook: Any = None, data: Any = None) -> None:
    """Downloads to a file beside and renames it: half a file would pass for one without a hash.

    A file that is there has another hash. It may be the user's own: Keras would overwrite it, or
    delete it where there is no network. Of what is raised, Keras lets SystemExit alone pass.
    """
    if os.path.exists(filename):
        sys.exit("its content is not what Keras expects")
    beside = f"{filename}.{os.getpid()}"
    try:
        _urlretrieve(url, beside, reporthook, data)
        os.replace(beside, filename)
    finally:
        Path(beside).unlink(missing_ok=True)


def _store(name: str, scratch: Path | None) -> None:
    """Loads a dataset through Keras, and writes it as three arrays if there is a folder for them:
    images uint8 (n, height, width, channels), labels (n,) and is_test bool (n,).
    """
    socket.setdefaulttimeout(_TIMEOUT)
    # Before Keras takes it.
    urllib.request.urlretrieve = _retrieve  # type: ignore[assignment]
    loader = getattr(quiet.import_keras().datasets, name)
    (x_train, y_train), (x_test, y_test) = loader.load_data()
    if scratch is None:
        return
    images = np.concatenate([x_train, x_test])
    np.save(scratch / "images.npy", images if images.ndim == 4 else images[..., np.newaxis])
    np.save(scratch / "labels.npy", np.concatenate([y_train, y_test]).reshape(-1))
    np.save(scratch / "is_test.npy", np.arange(len(images)) >= len(x_train))


if __name__ == "__main__":
    _store(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)
