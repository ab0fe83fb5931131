"""Whole groups dealt to parts, whatever classes the images of a group are of."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kerascnn.datasets._groups import Groups, Indices

# Orders to begin in, if the groups of one cannot be dealt. Of 1,798 random small cases that can be,
# 1,792 were at the first and all within four.
_ATTEMPTS = 20
# Steps of the distance below this are errors of rounding: true ones are 1 / n and more.
_ROUNDING = 1e-9
# Outside its few largest groups a class must have more than this share of its images.
_HARDLY_ANY = 0.01
# A part with less than this much of its share of a class is worth a sentence.
_SHORT = 0.5


def deal(
    labels: npt.NDArray[np.int32],
    groups: Groups,
    free: npt.NDArray[np.bool_],
    shares: Mapping[str, float],
    *,
    class_names: Sequence[str],
    seed: int,
    left_out: int = 0,
) -> tuple[Indices, tuple[str, ...]]:
    """Returns for each group its part, where its first image is (n,), and notes.

    Args:
        labels: Class indices (n,).
        groups: Of a group all images are free, or none.
        free: The images to divide (n,).
        shares: Part -> its share of each class.
        class_names: One name per class.
        seed: Groups are shuffled by generators seeded by (seed, attempt, 2).
        left_out: Training images that are not free, as test images are of their groups.

    Raises:
        ValueError: If a part would be left without an example of a class.
    """
    firsts, group_of = np.unique(groups.firsts[free], return_inverse=True)
    tallies = _tallies(group_of, labels[free], len(class_names))
    sizes_of: list[list[int]] = [[] for _ in class_names]  # Class index -> its part of each group
    for label, size in itertools.chain.from_iterable(tallies):
        sizes_of[label].append(size)
    for name, sizes in zip(class_names, sizes_of, strict=True):
        _check_class(name, sizes, list(shares), groups.made_by, left_out)
    totals = np.bincount(labels[free])
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, attempt, 2])
        part, held = _attempt(tallies, totals.tolist(), list(shares.values()), rng)
        if held.all():
            break
    else:
        _refuse(held, list(shares), class_names, groups.made_by)
    part_of = np.full(len(labels), -1)
    part_of[firsts] = part
    return part_of, _notes(held, shares, class_names)


# (class index, images of it) for the classes that a group has.
_Tally = list[tuple[int, int]]


def _tallies(group_of: Indices, labels: npt.NDArray[np.int32], num_classes: int) -> list[_Tally]:
    """Returns what each group holds."""
    cells, sizes = np.unique(group_of * num_classes + labels, return_counts=True)
    pairs = list(zip((cells % num_classes).tolist(), sizes.tolist(), strict=True))
    ends = np.searchsorted(cells, np.arange(1, group_of.max(initial=-1) + 2) * num_classes)
    return [pairs[start:end] for start, end in itertools.pairwise([0, *ends.tolist()])]


def _attempt(
    tallies: Sequence[_Tally],
    totals: Sequence[int],
    shares: Sequence[float],
    rng: np.random.Generator,
) -> tuple[list[int], npt.NDArray[np.int64]]:
    """Returns the part of each group, and the images of each part and class (parts, classes).

    In a random order each group goes to the part where the distance to the shares is least then;
    again and again, until none would move. The distance is chi-square's, so that a small part
    counts as much as a large one; beyond any is that of a part without a class.
    """
    # Plain numbers: a group has few classes, and arrays that short are slow.
    targets = [[share * total for total in totals] for share in shares]
    beyond = sum(total / share for total in totals for share in shares)
    held = [[0] * len(totals) for _ in shares]
    part = [-1] * len(tallies)
    moved = True
    while moved:
        moved = False
        for group in rng.permutation(len(part)).tolist():
            was, tally = part[group], tallies[group]
            if was >= 0:
                _add(held[was], tally, -1)
            change = [
                _change(there, wanted, tally, was >= 0, beyond)
                for there, wanted in zip(held, targets, strict=True)
            ]
            best = change.index(min(change))
            if was < 0 or change[best] < change[was] - _ROUNDING:
                part[group], moved = best, True
            _add(held[part[group]], tally, 1)
    return part, np.array(held, np.int64)


def _add(held: list[int], tally: _Tally, times: int) -> None:
    for label, size in tally:
        held[label] += times * size


def _change(
    held: list[int], wanted: list[float], tally: _Tally, is_dealt: bool, beyond: float
) -> float:
    """Returns how much farther from its shares a part is with a group than without."""
    change = 0.0
    for label, size in tally:
        # At first without its own size, or small parts would get the small groups.
        own = size if is_dealt else 0
        change += (2 * (held[label] - wanted[label]) + own) * size / wanted[label]
        if not held[label]:
            change -= beyond
    return change


def _check_class(
    name: str, sizes: Sequence[int], parts: Sequence[str], made_by: str, left_out: int
) -> None:
    most = sorted(sizes)[1 - len(parts) :]
    if len(sizes) >= len(parts) and sum(most) < (1 - _HARDLY_ANY) * sum(sizes):
        return
    where = "in 1 group" if len(sizes) == 1 else f"in {len(sizes)} groups"
    if len(sizes) >= len(parts):
        where += f", {sum(most):,} of them in the {len(most)} largest"
    why = f" {left_out:,} are left out, as test images are of their groups." if left_out else ""
    raise ValueError(
        f"{made_by} puts the {sum(sizes):,} images of class {name!r} that are to be divided "
        f"{where}. At least {len(parts)} are needed: one each for {', '.join(parts)}.{why}"
    )


def _refuse(
    held: npt.NDArray[np.int64], parts: Sequence[str], class_names: Sequence[str], made_by: str
) -> None:
    part, index = np.argwhere(held == 0)[0]
    raise ValueError(
        f"{made_by} makes groups that cannot be divided so that every part has images of every "
        f"class: {parts[part]} is left without class {class_names[index]!r}."
    )


def _notes(
    held: npt.NDArray[np.int64], shares: Mapping[str, float], class_names: Sequence[str]
) -> tuple[str, ...]:
    totals = held.sum(axis=0)
    reached = held / (np.array(list(shares.values()))[:, np.newaxis] * totals)
    part, index = np.unravel_index(reached.argmin(), reached.shape)
    if reached[part, index] >= _SHORT:
        return ()
    name = list(shares)[part]
    return (
        f"Groups are kept whole, so parts are uneven: {name} has {held[part, index]:,} of the "
        f"{totals[index]:,} images of class {class_names[index]!r}, where its share would be "
        f"{shares[name] * totals[index]:,.0f}.",
    )
