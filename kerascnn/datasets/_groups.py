"""Images that belong together, by a pattern in their paths: they stay in one part."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

# A pattern that matches at most this share of the paths is taken for a mistake in it.
_NEARLY_NONE = 0.01


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Groups:
    """Attributes:
    firsts: For each image the index of the first one of its group (n,).
    made_by: The option and its pattern, for sentences.
    notes: What the user should be told, a sentence each.
    """

    firsts: Indices
    made_by: str
    notes: tuple[str, ...]


def compiled(pattern: str) -> re.Pattern[str]:
    """Returns the pattern, ready to search with.

    Raises:
        ValueError: If it is not a regular expression.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"{_option(pattern)} must be a regular expression. Received: {error}"
        ) from None


def find(names: Sequence[str], copies: Indices, pattern: re.Pattern[str], what: str) -> Groups:
    """Returns the groups: images are in one if a chain of equal keys and exact copies joins them.

    An image without a key is a group of its own, with its copies.

    Args:
        names: The path of each image in the dataset (n,); empty if it is not made of files.
        copies: For each image the index of the first one with the same pixels (n,).
        pattern: What is searched in each path.
        what: What the dataset is called in an error.

    Raises:
        ValueError: If the images have no paths, or the pattern is found in hardly any.
    """
    option = _option(pattern.pattern)
    if not names:
        raise ValueError(
            f"{option} needs images that are files, and {what} is not made of files. Expected a "
            "folder of class folders, or a dataset module that fills `names`."
        )
    keys = [_key(pattern, name) for name in names]
    unmatched = [index for index, key in enumerate(keys) if key is None]
    # One match alone joins nothing.
    if len(keys) - len(unmatched) <= max(1, _NEARLY_NONE * len(keys)):
        raise ValueError(
            f"{option} is found in {len(keys) - len(unmatched):,} of {len(keys):,} paths. "
            f"It is not found in: {names[unmatched[0]]!r}"
        )
    by_key: dict[str, int] = {}  # key -> index of the first image that has it
    same_key = [
        index if key is None else by_key.setdefault(key, index) for index, key in enumerate(keys)
    ]
    firsts = _joined(copies, np.array(same_key, np.int64))
    return Groups(
        firsts=firsts, made_by=option, notes=_notes(option, firsts, copies, len(unmatched))
    )


def _key(pattern: re.Pattern[str], name: str) -> str | None:
    """Returns what a path has in common with those of its group, or None if nothing is found."""
    found = pattern.search(name)
    if found is None:
        return None
    if not pattern.groups:
        return found.group()
    # Only what took part, as in "patient(\d+)|p(\d+)"; no path holds the separator.
    return "\0".join(part for part in found.groups() if part is not None)


def _joined(*neighbours: Indices) -> Indices:
    """Returns for each image the first one that it is joined with, by however many steps.

    Args:
        neighbours: For each image the index of one that it is joined with (n,).
    """
    from scipy import sparse  # A tenth of a second, and only where groups are asked for.

    n = len(neighbours[0])
    rows, columns = np.tile(np.arange(n), len(neighbours)), np.concatenate(neighbours)
    graph = sparse.coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    _, component = sparse.csgraph.connected_components(graph, directed=False)
    _, firsts, inverse = np.unique(component, return_index=True, return_inverse=True)
    return firsts[inverse].astype(np.int64)


def _notes(option: str, firsts: Indices, copies: Indices, unmatched: int) -> tuple[str, ...]:
    sizes = np.bincount(firsts)
    count, largest = int((sizes > 0).sum()), int(sizes.max())
    if np.array_equal(firsts, copies):
        made = f"{option} joins nothing: every image it matches has a key of its own."
    else:
        made = f"Groups made by {option}: {count:,}, the largest of {largest:,} images."
    alone = f"Images that {option} does not match: {unmatched:,}; each is a group of its own."
    return (made, alone) if unmatched else (made,)


def _option(pattern: str) -> str:
    """Returns the pattern as it was typed, in one line."""
    return "--group-by " + (f"'{pattern}'" if pattern.isprintable() else repr(pattern))
