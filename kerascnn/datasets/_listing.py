"""Which images a folder of class folders holds, from names and file times alone."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One image.

    Attributes:
        path: Relative to the folder that was scanned.
        label: Index into `Listing.class_names`.
        is_test: Whether it lies in `test`.
        size: Bytes.
        changed: Time of the last change, in nanoseconds.
    """

    path: str
    label: int
    is_test: bool
    size: int
    changed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """What there is.

    Attributes:
        class_names: Names of the class folders, sorted.
        files: The images: those of train before those of test, by class, by name.
        has_test: Whether the folder holds `train` and `test`.
        notes: What was passed over, a sentence each.
    """

    class_names: tuple[str, ...]
    files: tuple[File, ...]
    has_test: bool
    notes: tuple[str, ...]


def scan(root: Path) -> Listing:
    """Lists a folder of class folders, or of `train` and `test` that hold them.

    Raises:
        ValueError: If there are fewer than 2 class folders, one without images, images outside
            of them, or if `train` and `test` have different classes.
    """
    passed = _Passed()
    folders, outside = _entries(root)
    has_test = {"train", "test"} <= set(folders)
    sides = ["train", "test"] if has_test else [""]
    if has_test:
        _check_none_outside(root, outside)
        passed.files += outside
        passed.beside += [name for name in folders if name not in sides]
    classes = {side: _class_folders(root / side, passed) for side in sides}
    if has_test:
        _check_same(root, classes["train"], classes["test"])
    files = [
        file
        for side in sides
        for label, name in enumerate(classes[side])
        for file in _images(root, os.path.join(side, name), label, side == "test", passed)
    ]
    return Listing(
        class_names=tuple(classes[sides[0]]),
        files=tuple(files),
        has_test=has_test,
        notes=passed.notes(),
    )


@dataclasses.dataclass
class _Passed:
    """Names that were passed over."""

    files: list[str] = dataclasses.field(default_factory=list)
    folders: list[str] = dataclasses.field(default_factory=list)
    beside: list[str] = dataclasses.field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        sentences = {
            f"Files of other types, not read: {len(self.files):,}.": self.files,
            f"Folders inside class folders, not read: {len(self.folders):,}.": self.folders,
            f"Folders beside train and test, not read: {', '.join(self.beside)}.": self.beside,
        }
        return tuple(sentence for sentence, names in sentences.items() if names)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Returns the sorted names of the folders, and of the files, that are not hidden."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _is_hidden(entry.name):
                (folders if entry.is_dir() else files).append(entry.name)
    return sorted(folders), sorted(files)


def _class_folders(root: Path, passed: _Passed) -> list[str]:
    folders, outside = _entries(root)
    _check_none_outside(root, outside)
    passed.files += outside
    if len(folders) < 2:
        raise ValueError(
            f"{root} must hold a folder of images for each of at least 2 classes. "
            f"Received: {', '.join(map(repr, folders)) or 'no folders'}"
        )
    return folders


def _check_none_outside(root: Path, files: list[str]) -> None:
    images = [name for name in files if _is_image(name)]
    if images:
        raise ValueError(
            f"Images must lie in class folders. {root} itself holds {len(images):,}, "
            f"first {images[0]!r}."
        )


def _check_same(root: Path, train: list[str], test: list[str]) -> None:
    differing = sorted(set(train) ^ set(test))
    if differing:
        raise ValueError(
            f"train and test of {root} must hold the same class folders. "
            f"Only one of them holds: {', '.join(map(repr, differing))}"
        )


def _images(root: Path, folder: str, label: int, is_test: bool, passed: _Passed) -> Iterator[File]:
    found = []
    with os.scandir(root / folder) as entries:
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            if entry.is_dir():
                passed.folders.append(entry.name)
            elif _is_image(entry.name):
                found.append(entry)
            else:
                passed.files.append(entry.name)
    if not found:
        raise ValueError(
            f"Class folder {folder!r} of {root} holds no images. "
            f"Expected files that end in: {', '.join(SUFFIXES)}"
        )
    for entry in sorted(found, key=lambda entry: entry.name):
        status = entry.stat()
        yield File(
            os.path.join(folder, entry.name), label, is_test, status.st_size, status.st_mtime_ns
        )


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _is_hidden(name: str) -> bool:
    """Returns whether a file or folder is not the user's: macOS adds one to its zip archives."""
    return name.startswith(".") or name == "__MACOSX"
