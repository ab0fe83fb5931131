"""The division into train, validation, confirmation and test, drawn from a seed alone."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kerascnn.datasets._arrays import PARTS

# Part -> its share of each class. Validation and confirmation are 15 % each of what is not test.
_SHARES = {"test": 0.2, "validation": 0.12, "confirmation": 0.12, "train": 0.56}
_SHARES_BESIDE_A_TEST_SET = {"validation": 0.15, "confirmation": 0.15, "train": 0.7}

Indices = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Division:
    """Attributes:
    parts: Part -> sorted indices.
    order: The indices of train in an order of which every prefix is stratified.
    notes: What the user should be told, a sentence each.
    """

    parts: Mapping[str, Indices]
    order: Indices
    notes: tuple[str, ...]


def divide(
    labels: npt.NDArray[np.int32],
    groups: Indices,
    is_test: npt.NDArray[np.bool_] | None,
    *,
    class_names: Sequence[str],
    seed: int,
) -> Division:
    """Divides images by class, every image with its exact copies.

    Args:
        labels: Class indices (n,).
        groups: For each image the index of the first one with the same pixels (n,).
        is_test: The official test images (n,); None: a fifth of each class is drawn.
        class_names: One name per class, for errors.
        seed: Each class is shuffled by a generator of its own, seeded by (seed, class).

    Raises:
        ValueError: If a part would be left without an example of a class.
    """
    official = np.zeros(len(labels), bool) if is_test is None else is_test
    # Trained on, these would make a part of the test set easier than new images are.
    left_out = ~official & np.isin(groups, groups[official])
    free = ~official & ~left_out
    shares = _SHARES if is_test is None else _SHARES_BESIDE_A_TEST_SET
    if is_test is not None:
        _check_test(labels[official], class_names)
    sizes = np.bincount(groups[free], minlength=len(labels))
    part_of = np.full(len(labels), -1)  # First image of a group -> index into `shares`
    for index, name in enumerate(class_names):
        firsts = np.flatnonzero((sizes > 0) & (labels == index))
        _check_class(name, int((labels[free] == index).sum()), len(firsts), list(shares))
        firsts = np.random.default_rng([seed, index]).permutation(firsts)
        part_of[firsts] = _deal(sizes[firsts], list(shares.values()))
    drawn = np.where(free, part_of[groups], -1)
    parts = {name: np.flatnonzero(drawn == i) for i, name in enumerate(shares)}
    parts.setdefault("test", np.flatnonzero(official))
    return Division(
        parts={name: parts[name] for name in PARTS},
        order=_stratified(parts["train"], labels, seed),
        notes=_notes(labels, groups, free, left_out),
    )


def _deal(sizes: npt.NDArray[np.int64], shares: Sequence[float]) -> npt.NDArray[np.int64]:
    """Returns the part of each group: cuts at the shares of images, then a group for each part."""
    middles = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
    part = np.searchsorted(np.cumsum(shares)[:-1], middles, side="right")
    for missing in set(range(len(shares))) - set(part.tolist()):
        largest = np.bincount(part).argmax()
        part[np.flatnonzero(part == largest)[-1]] = missing
    return np.asarray(part, np.int64)


def _stratified(train: Indices, labels: npt.NDArray[np.int32], seed: int) -> Indices:
    """Orders images so that each class advances at its own even pace through the whole."""
    shuffled, paces = [], []
    for index in np.unique(labels[train]):
        rng = np.random.default_rng([seed, int(index), 1])
        members = rng.permutation(train[labels[train] == index])
        shuffled.append(members)
        paces.append((np.arange(len(members)) + rng.random(len(members))) / len(members))
    order = np.argsort(np.concatenate(paces), kind="stable")
    return np.concatenate(shuffled)[order].astype(np.int64)


def _check_test(labels: npt.NDArray[np.int32], class_names: Sequence[str]) -> None:
    missing = [name for index, name in enumerate(class_names) if index not in labels]
    if missing:
        raise ValueError(
            f"The test set has no image of class {', '.join(map(repr, missing))}. "
            "It needs at least one of each class."
        )


def _check_class(name: str, count: int, distinct: int, parts: Sequence[str]) -> None:
    if distinct < len(parts):
        raise ValueError(
            f"Class {name!r} has {count} images to divide, {distinct} of them different. "
            f"It needs at least {len(parts)}: one each for {', '.join(parts)}."
        )


def _notes(
    labels: npt.NDArray[np.int32],
    groups: Indices,
    free: npt.NDArray[np.bool_],
    left_out: npt.NDArray[np.bool_],
) -> tuple[str, ...]:
    copies = int(free.sum()) - len(np.unique(groups[free]))
    relabelled = int((labels != labels[groups]).sum())
    sentences = {
        f"Exact copies of other images: {copies:,}; copies are kept in one part.": copies,
        "Training images left out, as the test set holds exact copies of them: "
        f"{left_out.sum():,}.": left_out.any(),
        f"Exact copies with another label: {relabelled:,}; one of the labels is wrong.": relabelled,
    }
    return tuple(sentence for sentence, told in sentences.items() if told)
