"""How far maps of several seeds agree: pure functions of arrays.

One seed's map may be luck. Maps of two seeds for the same image and class are compared by the rank
correlation of their pixels; beside it stands that of maps for *different* images, which tells what
all maps have in common whatever the image, such as a bright middle.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from tuning import measures
from tuning.measures import Array, Interval

# The null of many images needs no more pairs of them than these: a shift around the ring each.
_SHIFTS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far the maps of several seeds agree.

    Attributes:
        mean: Mean rank correlation of two seeds' maps of the same image; None: no pair of maps
            that varies.
        interval: 95 %, for other seeds on these images; None below three seeds.
        null: The same between different images; None for one image.
        beyond: 95 % interval of what is between them, for other seeds; None where either is.
        pairs: The mean over images of each pair of seeds, (0, 1), (0, 2), ..., (1, 2), ...
        by_image: The mean over pairs of seeds of each image; None where no map varies.
        constant: Maps that are the same everywhere, and so in no mean.
    """

    mean: float | None
    interval: Interval | None
    null: float | None
    beyond: Interval | None
    pairs: tuple[float | None, ...]
    by_image: tuple[float | None, ...]
    constant: int

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def of(maps: npt.NDArray[Any]) -> Agreement:
    """Returns how far maps (seeds, images, height, width) agree; at least two seeds."""
    ranks, varies = _ranked(maps)
    seeds, images = maps.shape[:2]
    same = _table(ranks, [0])
    most = min(images - 1, _SHIFTS)
    other = _table(ranks, [shift for shift in range(-most, most + 1) if shift])
    chosen = np.triu_indices(seeds, 1)
    pairs = _by_pair(same)
    return Agreement(
        mean=_mean(pairs[chosen]),
        interval=_interval(pairs),
        null=_mean(_by_pair(other)[chosen]),
        beyond=_interval(pairs - _by_pair(other)),
        pairs=tuple(_mean(pair) for pair in same[chosen]),
        by_image=tuple(_mean(image) for image in same[chosen].T),
        constant=int((~varies).sum()),
    )


def in_words(found: Agreement) -> str:
    """Says what the numbers mean."""
    if found.mean is None:
        return "cannot be said: the maps do not vary"
    if found.null is None:
        return "one image: nothing to hold it against"
    if found.beyond is None:
        return "no interval: it takes three seeds that differ"
    if found.beyond[0] > 0:
        return "seeds agree, beyond what maps of other images share"
    return "not told from maps of other images: one seed's map may be luck"


def _ranked(maps: npt.NDArray[Any]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Returns centred ranks of length 1, (seeds, images, pixels), and which maps vary."""
    flat = maps.reshape(*maps.shape[:2], -1).astype(np.float64)
    ranks = stats.rankdata(flat, axis=-1)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    varies = length[..., 0] > measures.TINY
    return np.where(varies[..., None], ranks / np.where(length > 0, length, 1), np.nan), varies


def _table(ranks: Array, shifts: Iterable[int]) -> Array:
    """Returns Spearman's correlation of the maps of two seeds, (seeds, seeds, comparisons).

    A shift compares each image with the one so many places on. NaN where a map does not vary.
    """
    seeds = len(ranks)
    turned = [np.roll(ranks, shift, axis=1) for shift in shifts]
    if not turned:
        return np.full((seeds, seeds, 1), np.nan)
    return np.concatenate([np.einsum("aip,bip->abi", ranks, each) for each in turned], axis=-1)


def _by_pair(table: Array) -> Array:
    """Returns the mean over comparisons of each pair of seeds, NaN where there is none."""
    known = ~np.isnan(table)
    count = known.sum(axis=-1)
    total = np.where(known, table, 0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _interval(pairs: Array) -> Interval | None:
    """Returns Student's interval of the mean over pairs, by leaving one seed out at a time.

    Pairs share seeds, so that they are not independent: Arvesen, "Jackknifing U-Statistics", Annals
    of Mathematical Statistics 40, 1969. Where seeds differed in what they share, it held the truth
    in 94 to 95 % of 2,000 simulated studies of 3, 5 and 10 seeds; at three it is wide.
    """
    seeds = len(pairs)
    if seeds < 3:
        return None
    without = [np.delete(np.delete(pairs, out, 0), out, 1) for out in range(seeds)]
    means = [_mean(each[np.triu_indices(len(each), 1)]) for each in without]
    known = [mean for mean in means if mean is not None]
    whole = _mean(pairs[np.triu_indices(seeds, 1)])
    if whole is None or len(known) < seeds:
        return None
    return measures.t_interval([seeds * whole - (seeds - 1) * mean for mean in known])


def _mean(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
