"""A file of weights to start from, named by where it lies and by what it holds.

A setting's value is "none" or "/path/vgg16.h5@3f2a9c1d2e4b": the path finds the file, the hash of
its content is what counts in an identity.
"""

import functools
import hashlib
import re
from pathlib import Path

NONE = "none"
# The network in the folder of a run, and in an export as `keras_archive`.
NETWORK = "model.keras"
_NAMED = re.compile(r"(.+)@([0-9a-f]{12})", re.DOTALL)


def named(typed: str) -> str:
    """Returns the value that a path as typed stands for; a value is returned as it is.

    Args:
        typed: Of a file, or of a folder that holds a `model.keras`: a run's, or an export's.

    Raises:
        ValueError: If there is no such file.
    """
    if typed == NONE or _NAMED.fullmatch(typed):
        return typed
    path = Path(typed).expanduser()
    if path.is_dir() and not (path / NETWORK).is_file():
        raise ValueError(f"The folder {typed!r} holds no {NETWORK}: no weights to start from.")
    path = path / NETWORK if path.is_dir() else path
    if not typed or not path.is_file():
        raise ValueError(f"There is no file of weights {typed!r}.")
    return f"{path.resolve()}@{_hash(path.resolve())}"


def path_of(value: str) -> Path:
    """Returns where the file of a value lies."""
    return Path(_parts(value)[0])


def content(value: str) -> str:
    """Returns what counts of a value: the hash of what the file holds; "none" of none."""
    return value if value == NONE else _parts(value)[1]


def short(value: str) -> str:
    """Returns a value as tables show it: "vgg16.h5@3f2a", of a run's network its folder's name."""
    path, digest = _parts(value)
    name = Path(path).name
    return f"{Path(path).parent.name if name == NETWORK else name}@{digest[:4]}"


def is_value(text: str) -> bool:
    """Returns whether `text` names a file and its content."""
    return _NAMED.fullmatch(text) is not None


def found(value: str, *folders: Path) -> str:
    """Returns the value with the path where the file lies now: there, or in one of `folders`.

    Raises:
        ValueError: If it lies in none of these places, or is another by now.
    """
    if value == NONE:
        return value
    path, digest = _parts(value)
    places = [Path(path), *(folder / Path(path).name for folder in folders)]
    here = {place: _hash(place.resolve()) for place in places if place.is_file()}
    for place, other in here.items():
        if other == digest:
            return f"{place.resolve()}@{digest}"
    if here:
        place, other = next(iter(here.items()))
        raise ValueError(f"The weights {place} changed: hash {other}, the study's {digest}.")
    raise ValueError(f"The weights {path} (hash {digest}) are not there any more.")


def _parts(value: str) -> tuple[str, str]:
    match = _NAMED.fullmatch(value)
    assert match is not None, value
    return match[1], match[2]


def _hash(path: Path) -> str:
    about = path.stat()
    return _hash_of(path, about.st_size, about.st_mtime_ns)


@functools.lru_cache(maxsize=64)  # Files are large, and asked for with every run.
def _hash_of(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
