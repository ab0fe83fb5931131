"""Decoded images in the user's cache folder, one folder per source, mapped by every process."""

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import shutil
import socket
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn import cache, record
from kerascnn.datasets import _groups, _prepare, _sources, _split
from kerascnn.datasets._arrays import PARTS, Dataset
from kerascnn.datasets._prepare import Stored


def load(
    dataset: str,
    *,
    image_size: int,
    split_seed: int,
    skip_bad: bool,
    group_by: str = "",
    divide: bool = True,
) -> Dataset:
    """Returns the dataset: see `kerascnn.datasets.load`."""
    for name, value in {"image_size": image_size, "split_seed": split_seed}.items():
        if value < 0:
            raise ValueError(f"`{name} >= 0` must hold. Received: {value}")
    pattern = _groups.compiled(group_by) if group_by else None
    source = _sources.resolve(dataset)
    folder = cache.root() / source.key(image_size=image_size, skip_bad=skip_bad)
    stored = _prepare.open_folder(folder)
    if stored is None:
        _build(dataset, source, folder, image_size=image_size, skip_bad=skip_bad)
        stored = _prepare.open_folder(folder)
    if stored is None:
        raise RuntimeError(f"{folder} was written and cannot be read.")
    division, fingerprint = _UNDIVIDED, ""
    if divide:
        division, fingerprint = _divided(stored, folder, split_seed, pattern, dataset)
    return Dataset(
        name=dataset,
        images=stored.images,
        labels=stored.labels,
        parts=division.parts,
        order=division.order,
        class_names=tuple(stored.meta["class_names"]),
        scale=stored.meta["scale"],
        offset=stored.meta["offset"],
        fingerprint=fingerprint,
        notes=(*stored.meta["notes"], *division.notes),
        named=folder / _prepare.NAMES,
    )


_UNDIVIDED = _split.Division(parts={}, order=np.empty(0, np.int64), notes=())


def _build(
    dataset: str, source: _sources.Source, folder: Path, *, image_size: int, skip_bad: bool
) -> None:
    """Reads the source into a folder beside, and renames it: there is all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clean(folder.parent)
    shutil.rmtree(folder, ignore_errors=True)  # Damaged, if it is there at all.
    beside = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder.parent))
    try:
        data = source.read(image_size=image_size, skip_bad=skip_bad, scratch=beside)
        _prepare.write(data, beside, image_size=image_size, what=dataset)
        os.rename(beside, folder)
    except OSError as error:
        # Another process was first, with the same content.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


# The host is in the name, as the cache may be shared and processes are known to their host only.
_PREFIX = f".{socket.gethostname()}-"


def _clean(parent: Path) -> None:
    """Removes what processes of this host that are dead were writing."""
    for left in parent.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not _is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _divided(
    stored: Stored, folder: Path, seed: int, pattern: re.Pattern[str] | None, what: str
) -> tuple[_split.Division, str]:
    """Returns the division of one seed and pattern and the fingerprint, kept beside the images."""
    path = folder / f"parts-{seed}{'' if pattern is None else _short(pattern)}.npz"
    with contextlib.suppress(FileNotFoundError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return _read_division(path)
    groups = None
    if pattern is not None:
        groups = _groups.find(stored.names, stored.copies, pattern, what)
    division = _split.divide(
        stored.labels,
        stored.copies,
        stored.is_test,
        class_names=stored.meta["class_names"],
        seed=seed,
        groups=groups,
    )
    fingerprint = _fingerprint(stored, division)
    told = json.dumps({"fingerprint": fingerprint, "notes": division.notes})
    arrays: dict[str, Any] = {**division.parts, "order": division.order, "told": np.array(told)}
    file = io.BytesIO()
    np.savez(file, **arrays)
    record.write_file(path, file.getvalue())
    return division, fingerprint


def _short(pattern: re.Pattern[str]) -> str:
    digest = hashlib.sha256(ascii(pattern.pattern).encode())  # A path's odd bytes are no UTF-8.
    return f"-{digest.hexdigest()[:16]}"


def _read_division(path: Path) -> tuple[_split.Division, str]:
    with np.load(path, allow_pickle=False) as file:
        told = json.loads(str(file["told"]))
        division = _split.Division(
            parts={name: file[name] for name in PARTS},
            order=file["order"],
            notes=tuple(told["notes"]),
        )
    return division, str(told["fingerprint"])


def _fingerprint(stored: Stored, division: _split.Division) -> str:
    digest = hashlib.sha256(stored.meta["pixels"].encode())
    arrays: list[np.ndarray] = [stored.labels, *(division.parts[name] for name in PARTS)]
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
