"""The cache folder: read once, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerascnn
from kerascnn import datasets
from kerascnn.cache import root
from kerascnn.datasets import _cache, _prepare
from kerascnn.datasets._arrays import Images

HOME = str(Path(kerascnn.__file__).parents[1])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _write_npz(path: Path, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (40, 4, 4), dtype=np.uint8), np.arange(40) % 2
    np.savez(path, x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    return str(path)


def test_the_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert root() == tmp_path / "cache"
    monkeypatch.delenv("KERASCNN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert root() == tmp_path / "xdg" / "kerascnn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert root() == tmp_path / "home" / ".cache" / "kerascnn"


def test_a_source_is_read_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write_npz(tmp_path / "data.npz")
    first = datasets.load(path)
    monkeypatch.setattr(_cache, "_build", None)
    monkeypatch.setattr(_cache._split, "divide", None)
    again = datasets.load(path)
    assert again.fingerprint == first.fingerprint
    assert again.notes == first.notes
    np.testing.assert_array_equal(again.order, first.order)
    assert len(list(cache.iterdir())) == 1


def test_a_changed_source_is_read_again(tmp_path: Path) -> None:
    path = _write_npz(tmp_path / "data.npz")
    first = datasets.load(path).fingerprint
    _write_npz(tmp_path / "data.npz", seed=1)
    os.utime(path, ns=(1, 1))
    assert datasets.load(path).fingerprint != first


def test_the_fingerprint_does_not_depend_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one, two = _write_npz(tmp_path / "a.npz"), _write_npz(tmp_path / "b" / "c.npz")
    assert datasets.load(one).fingerprint == datasets.load(two).fingerprint


@pytest.mark.parametrize(
    "name", ["images.npy", "labels.npy", "names.json", "meta.json", "parts-0.npz"]
)
@pytest.mark.parametrize("content", [None, b"", b"{"])
def test_a_damaged_cache_is_made_again(cache: Path, name: str, content: bytes | None) -> None:
    first = datasets.load("synthetic")
    (damaged,) = cache.glob(f"*/{name}")
    damaged.unlink()
    if content is not None:
        damaged.write_bytes(content)
    assert datasets.load("synthetic").fingerprint == first.fingerprint


def test_a_cut_off_image_file_is_made_again(cache: Path) -> None:
    images = datasets.load("synthetic").images.copy()  # A map would meet what is cut off.
    (path,) = cache.glob("*/images.npy")
    os.truncate(path, path.stat().st_size - 1)
    np.testing.assert_array_equal(datasets.load("synthetic").images, images)


def test_what_dead_processes_left_is_removed(cache: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = cache / f"{_cache._PREFIX}{dead.pid}-abc"
    ours = cache / f"{_cache._PREFIX}{os.getpid()}-abc"
    of_another_host = cache / f".elsewhere-{dead.pid}-abc"
    for path in (left, ours, of_another_host):
        path.mkdir(parents=True)
    datasets.load("synthetic")
    assert not left.exists()
    assert ours.exists()
    assert of_another_host.exists()


@pytest.mark.parametrize("stopped_by", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_is_left_when_reading_is_stopped(
    cache: Path, monkeypatch: pytest.MonkeyPatch, stopped_by: BaseException
) -> None:
    def stop(*args: object) -> None:
        raise stopped_by

    monkeypatch.setattr(_prepare._pixels, "copies", stop)
    with pytest.raises((KeyboardInterrupt, OSError)):
        datasets.load("synthetic")
    assert list(cache.iterdir()) == []


def _run(code: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": HOME, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_full_disk_leaves_nothing(cache: Path) -> None:
    # A limit on the size of a file stands for the disk: both fail in `write`.
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from kerascnn import datasets; datasets.load('synthetic')"
    )
    process = _run(code, PYTHONDONTWRITEBYTECODE="1")
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "OSError" in errors.splitlines()[-1]
    assert list(cache.iterdir()) == []


def test_two_processes_at_once_both_succeed(cache: Path) -> None:
    code = "from kerascnn import datasets; print(datasets.load('synthetic').fingerprint)"
    processes = [_run(code) for _ in range(2)]
    printed = {process.communicate()[0] for process in processes}
    assert printed == {datasets.load("synthetic").fingerprint + "\n"}
    assert len(list(cache.iterdir())) == 1


def test_whoever_is_second_takes_what_the_first_wrote(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = _prepare.write

    def lose(data: Images, folder: Path, **options: Any) -> None:
        write(data, folder, **options)
        monkeypatch.setattr(_prepare, "write", write)
        datasets.load("synthetic", split_seed=7)

    monkeypatch.setattr(_prepare, "write", lose)
    assert datasets.load("synthetic", split_seed=7).num_classes == 4
    assert len(list(cache.iterdir())) == 1


def test_what_cannot_be_read_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_prepare, "open_folder", lambda folder: None)
    with pytest.raises(RuntimeError, match="was written and cannot be read"):
        datasets.load("synthetic")


def test_reading_what_was_prepared_imports_nothing_heavy(tmp_path: Path) -> None:
    path = _write_npz(tmp_path / "data.npz")
    datasets.load(path)
    code = (
        f"import sys; from kerascnn import datasets; datasets.load({path!r});"
        "print([m for m in ('PIL', 'rich', 'sklearn', 'keras') if m in sys.modules])"
    )
    assert _run(code).communicate()[0] == "[]\n"
