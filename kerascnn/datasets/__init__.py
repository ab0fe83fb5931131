"""Datasets: one file each, plus any `.npz` file and any folder of class folders.

Contract of every public module here, and of a user's own dataset module:

    def read(source, *, image_size, skip_bad, scratch) -> Images

`source` is what the user typed: the entry's name, or a path. `image_size` is the side in pixels
to resize to, 0 for the dataset's own rule; what `read` leaves at another size `load` resizes.
`skip_bad` asks to leave unreadable images out. `scratch` is an empty folder; an array larger than
memory is written there as `images.npy`, and returned as a memory map of it. Where images are
files it also gives their `names`, so that `load` can group by them.
It raises ValueError or OSError in one line for anything that cannot be used.

    def identity(source) -> str          optional: changes whenever the content may have changed
    TAKES = ".npz"                       optional, a literal: the suffix, or "folder", of the paths
                                         it reads; `source` is then an absolute path

What is common to all is done once, by `load`: copies and groups found, parts drawn, fingerprint
taken, the images kept as one read-only memory map in the user's cache folder.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from kerascnn import registry

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset


def load(
    dataset: str,
    *,
    image_size: int = 0,
    split_seed: int = 0,
    skip_bad: bool = False,
    group_by: str = "",
    divide: bool = True,
) -> "Dataset":
    """Reads a dataset: from the cache if it was read before, else decoded and kept there.

    Args:
        dataset: An entry of this folder, an `.npz` file, a folder of class folders, or the
            user's own module (a path or a dotted name).
        image_size: Side in pixels to resize to; 0: the dataset's own rule.
        split_seed: Seed of the division into parts.
        skip_bad: Whether unreadable images are left out rather than refused.
        group_by: A regular expression searched in the path of each image in the dataset. Images
            in which its groups capture the same stay in one part; without groups, the match.
        divide: Whether to draw the parts, which every class must have images enough for; else
            there are none, and the fingerprint is "".

    Raises:
        ValueError, OSError: If the data cannot be used; one line says why.
    """
    from kerascnn.datasets import _cache  # NumPy: not on the way to a `--help`.

    return _cache.load(
        dataset,
        image_size=image_size,
        split_seed=split_seed,
        skip_bad=skip_bad,
        group_by=group_by,
        divide=divide,
    )


def is_at_hand(dataset: str) -> bool:
    """Returns whether `load` would download nothing, and run no code but this package's.

    Args:
        dataset: See `load`. Nothing is imported to look it up.
    """
    if dataset in registry.names(__name__):
        from kerascnn.datasets import _keras

        return dataset not in _keras.FILES or not _keras.missing(dataset)
    path = Path(dataset)
    return bool(dataset) and (path.is_dir() or (path.is_file() and path.suffix.lower() == ".npz"))
