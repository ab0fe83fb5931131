"""Labels of any kind become class indices 0 to C - 1."""

import numpy as np
import numpy.typing as npt

# Beyond it a float no longer tells neighbouring whole numbers apart.
_LARGEST_WHOLE = 2.0**53


def flat(labels: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    """Returns labels as integers or strings (n,), and a note ("" if there is nothing to say).

    Args:
        labels: (n,) or (n, 1): whole numbers from 0 up, or strings; or one-hot rows (n, classes).
        what: What the labels are called in an error.

    Raises:
        ValueError: If a label is negative or fractional, or the array is none of these.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    note = ""
    if labels.ndim == 2 and _is_one_hot(labels):
        note = f"One-hot labels of {labels.shape[1]} classes are read as class numbers."
        labels = labels.argmax(axis=1)
    if labels.ndim != 1:
        raise ValueError(
            f"{what} must be (n,), (n, 1) or one-hot (n, classes). Received: {labels.shape}"
        )
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8"), note
    if labels.dtype.kind == "U":
        return labels, note
    return _whole(labels, what), note


def classes(
    labels: np.ndarray, names: tuple[str, ...], what: str
) -> tuple[npt.NDArray[np.int32], tuple[str, ...], tuple[str, ...]]:
    """Returns class indices int32 (n,), the class names, and notes.

    Args:
        labels: As `flat` takes them.
        names: Names of the sorted distinct labels; empty: the labels themselves.
        what: What the labels are called in an error.

    Raises:
        ValueError: If `flat` does, there are fewer than 2 classes, or `names` does not fit.
    """
    labels, note = flat(labels, what)
    distinct, indices = np.unique(labels, return_inverse=True)
    if len(distinct) < 2:
        raise ValueError(
            f"{what} must be of at least 2 classes. Received: {[str(v) for v in distinct]}"
        )
    if names and len(names) != len(distinct):
        raise ValueError(
            f"{what} must be of as many classes as there are names. "
            f"Received: {len(distinct)} classes, {len(names)} names"
        )
    notes = [note, "" if names else _mapping_note(distinct)]
    return (
        indices.astype(np.int32).reshape(-1),
        tuple(names) or tuple(str(value) for value in distinct),
        tuple(note for note in notes if note),
    )


def _is_one_hot(labels: np.ndarray) -> bool:
    if labels.dtype.kind not in "biuf" or not labels.size:
        return False
    return bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def _whole(labels: np.ndarray, what: str) -> np.ndarray:
    if labels.dtype.kind not in "biuf":
        raise ValueError(f"{what} must be whole numbers or strings. Received: {labels.dtype}")
    if labels.dtype.kind == "f":
        fractional = ~np.isfinite(labels) | (labels != np.trunc(labels))
        fractional |= np.abs(labels) > _LARGEST_WHOLE
        if fractional.any():
            raise ValueError(
                f"{what} must be whole numbers or strings. Received: {labels[fractional][0]} "
                f"and others, {int(fractional.sum())} in all"
            )
    if labels.dtype.kind in "if" and labels.size and labels.min() < 0:
        raise ValueError(f"{what} must not be negative. Received: {labels.min():g}")
    return labels if labels.dtype == np.uint64 else labels.astype(np.int64)


def _mapping_note(distinct: np.ndarray) -> str:
    count = len(distinct)
    if distinct.dtype.kind != "U" and np.array_equal(distinct, np.arange(count)):
        return ""
    shown = [str(value) for value in distinct]
    listed = ", ".join(shown if count <= 6 else [*shown[:3], "...", shown[-1]])
    kind = "string labels" if distinct.dtype.kind == "U" else "labels"
    return f"The {count} {kind} ({listed}) are mapped to 0 to {count - 1}, in sorted order."
