"""The division into train, validation, confirmation and test, drawn from a seed alone."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kerascnn.datasets import _deal
from kerascnn.datasets._arrays import PARTS
from kerascnn.datasets._groups import Groups, Indices

# Part -> its share of each class. Validation and confirmation are 15 % each of what is not test.
_SHARES = {"test": 0.2, "validation": 0.12, "confirmation": 0.12, "train": 0.56}
_SHARES_BESIDE_A_TEST_SET = {"validation": 0.15, "confirmation": 0.15, "train": 0.7}


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
    copies: Indices,
    is_test: npt.NDArray[np.bool_] | None,
    *,
    class_names: Sequence[str],
    seed: int,
    groups: Groups | None = None,
) -> Division:
    """Divides images by class, every image with its exact copies or the whole of its group.

    Args:
        labels: Class indices (n,).
        copies: For each image the index of the first one with the same pixels (n,).
        is_test: The official test images (n,); None: a fifth of each class is drawn.
        class_names: One name per class, for errors.
        seed: Each class is shuffled by a generator of its own, seeded by (seed, class).
        groups: What belongs together besides copies; None: nothing.

    Raises:
        ValueError: If a part would be left without an example of a class.
    """
    official = np.zeros(len(labels), bool) if is_test is None else is_test
    firsts = copies if groups is None else groups.firsts
    # Trained on, these would make a part of the test set easier than new images are.
    left_out = ~official & np.isin(firsts, firsts[official])
    free = ~official & ~left_out
    shares = _SHARES if is_test is None else _SHARES_BESIDE_A_TEST_SET
    if is_test is not None:
        _check_test(labels[official], class_names)
    notes = _notes(labels, copies, official, left_out)
    if groups is None:
        part_of = _by_class(labels, copies, free, shares, class_names=class_names, seed=seed)
    else:
        part_of, uneven = _deal.deal(
            labels,
            groups,
            free,
            shares,
            class_names=class_names,
            seed=seed,
            left_out=int(left_out.sum()),
        )
        notes = (*groups.notes, *notes, *uneven)
    drawn = np.where(free, part_of[firsts], -1)
    parts = {name: np.flatnonzero(drawn == i) for i, name in enumerate(shares)}
    parts.setdefault("test", np.flatnonzero(official))
    return Division(
        parts={name: parts[name] for name in PARTS},
        order=_stratified(parts["train"], labels, seed),
        notes=notes,
    )


def _by_class(
    labels: npt.NDArray[np.int32],
    copies: Indices,
    free: npt.NDArray[np.bool_],
    shares: Mapping[str, float],
    *,
    class_names: Sequence[str],
    seed: int,
) -> Indices:
    """Returns for the first of each image's copies the index of its part, else -1 (n,)."""
    sizes = np.bincount(copies[free], minlength=len(labels))
    part_of = np.full(len(labels), -1)
    for index, name in enumerate(class_names):
        firsts = np.flatnonzero((sizes > 0) & (labels == index))
        _check_class(name, int((labels[free] == index).sum()), len(firsts), list(shares))
        firsts = np.random.default_rng([seed, index]).permutation(firsts)
        part_of[firsts] = _cut(sizes[firsts], list(shares.values()))
    return part_of


def _cut(sizes: npt.NDArray[np.int64], shares: Sequence[float]) -> npt.NDArray[np.int64]:
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
    copies: Indices,
    official: npt.NDArray[np.bool_],
    left_out: npt.NDArray[np.bool_],
) -> tuple[str, ...]:
    free = ~official & ~left_out
    copied = int(free.sum()) - len(np.unique(copies[free]))
    relabelled = int((labels != labels[copies]).sum())
    in_test = int((~official & np.isin(copies, copies[official])).sum())
    related = int(left_out.sum()) - in_test
    sentences = {
        f"Exact copies of other images: {copied:,}; copies are kept in one part.": copied,
        f"Training images left out, as the test set holds exact copies of them: {in_test:,}.": (
            in_test
        ),
        f"Training images left out, as the test set holds others of their groups: {related:,}.": (
            related
        ),
        f"Exact copies with another label: {relabelled:,}; one of the labels is wrong.": relabelled,
    }
    return tuple(sentence for sentence, told in sentences.items() if told)
