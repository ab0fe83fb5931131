"""Scores image by image, from the logits that runs left: read run by run, in blocks of images.

A file that is gone or damaged is named, and costs the numbers that need it, no others.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import attempt, metrics
from kerascnn.spec import RunSpec

Array = npt.NDArray[np.float64]
# Logits of a run that are held at once: 8 MB in float64.
_BLOCK = 2**20
# Bytes up to which a file is read whole rather than mapped.
_SMALL = 2**18


def logits_files(runs: Sequence[tuple[Path, RunSpec]], part: str) -> list[Path]:
    """Returns where the logits of runs lie, one file a run.

    Args:
        runs: A study's folder and the run, of one configuration.
        part: The part of the data.
    """
    _, first = runs[0]
    # Once a study, for it takes a hash of the configuration.
    home = functools.cache(lambda folder: attempt.run_dir(folder, first).parent)
    return [home(folder).joinpath(spec.run_name, f"logits-{part}.npy") for folder, spec in runs]


def labels_file(folder: Path, part: str) -> Path:
    """Returns where the labels of a part lie in a study's folder, in the order of the logits."""
    return folder / f"labels-{part}.npy"


def read(labels: Path, files: Sequence[Path], name: str) -> tuple[Array | None, list[str]]:
    """Returns (scores (runs, images), what is wrong with which file, a phrase each).

    Args:
        labels: Of `labels_file`.
        files: Of `logits_files`.
        name: A metric without its prefix.

    There are no scores if a file is missing or damaged, or the metric is no mean over images.
    """
    if name not in metrics.OVER_IMAGES or not files:
        return None, []
    if not any(file.exists() for file in files):  # Seen at once, of thousands.
        return None, [f"{_run_of(file)}: {file} is missing" for file in files]
    truth, wrong = _labels(labels)
    if truth is None:
        return None, wrong
    found = np.empty((len(files), len(truth)))
    for row, file in zip(found, files, strict=True):
        logits, problem = _logits(file, truth)
        if logits is None or wrong:
            wrong += [problem] if problem else []
            continue
        step = max(1, _BLOCK // logits.shape[1])
        for start in range(0, len(truth), step):
            images = slice(start, start + step)
            scores = metrics.per_image(logits[images], truth[images], name)
            assert scores is not None  # It is a mean over images.
            row[images] = scores
    return (None, wrong) if wrong else (found, [])


def read_labels(path: Path) -> npt.NDArray[np.integer[Any]] | None:
    """Returns the labels of `labels_file`; None if they are missing or damaged."""
    return _labels(path)[0]


def problems(labels: npt.NDArray[np.integer[Any]], files: Sequence[Path]) -> list[str]:
    """Returns a phrase for each file that does not hold the logits of these labels."""
    return [problem for file in files if (problem := _logits(file, labels)[1])]


def _logits(
    file: Path, labels: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[Any] | None, str]:
    """Returns (the logits of these labels, ""), or (None, what is wrong with the file)."""
    try:
        found = _open(file)
        if found.ndim != 2 or len(found) != len(labels) or found.shape[1] <= labels.max():
            raise ValueError(f"its shape is {found.shape}, there are {len(labels)} labels")
    except FileNotFoundError:
        return None, f"{_run_of(file)}: {file} is missing"
    except (OSError, ValueError) as error:
        return None, f"{_run_of(file)}: {file} is damaged: {error}"
    return found, ""


def votes(
    labels: npt.NDArray[np.integer[Any]], file: Path
) -> tuple[npt.NDArray[np.integer[Any]], int]:
    """Returns (the class that a run gave each image, how many classes there are).

    Raises:
        ValueError: If the file does not hold the logits of these labels: the phrase of `problems`.
    """
    logits, wrong = _logits(file, labels)
    if logits is None:
        raise ValueError(wrong)
    classes = logits.shape[1]
    # Of a thousand runs on many images: as few bytes a vote as there can be.
    return logits.argmax(axis=1).astype(np.min_scalar_type(classes)), classes


def _run_of(file: Path) -> str:
    return f"{file.parent.name} of {file.parent.parent.name[:6]}"


def blocks(
    images: int, files: Sequence[Path]
) -> Iterator[tuple[slice, npt.NDArray[np.floating[Any]]]]:
    """Yields (which images, their logits (runs, images, classes)) of files without problems."""
    step = max(1, _BLOCK // (_open(files[0]).shape[1] * len(files)))
    for start in range(0, images, step):
        which = slice(start, start + step)
        # Opened anew for each block: a thousand runs would be as many open files.
        yield which, np.stack([_open(file)[which] for file in files])


def _labels(path: Path) -> tuple[npt.NDArray[np.integer[Any]] | None, list[str]]:
    try:
        found = np.array(_open(path))
        if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
            raise ValueError(f"it holds {found.dtype} of shape {found.shape}")
    except FileNotFoundError:
        return None, [f"{path} is missing"]
    except (OSError, ValueError) as error:
        return None, [f"{path} is damaged: {error}"]
    return found, []


def _open(path: Path) -> npt.NDArray[Any]:
    """Opens a `.npy` file; one that is cut off is told: a ValueError."""
    if path.stat().st_size > _SMALL:
        return np.lib.format.open_memmap(path, mode="r")
    with open(path, "rb") as file:  # Mapping takes three times as long, of thousands.
        return np.lib.format.read_array(file, allow_pickle=False)
