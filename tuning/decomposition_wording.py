"""How a decomposition is written: the same in the terminal and in the report."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kerascnn.spec import Value

if TYPE_CHECKING:
    from tuning.crossed import Estimate

LOSSES = {
    "zero_one": "0-1 loss (share of errors; Kohavi-Wolpert)",
    "brier": "Brier score (squared distance of probabilities)",
    "cross_entropy": "cross-entropy (nats)",
}
PARTS = {
    "risk": "risk =",
    "bias": "bias +",
    "variance": "variance:",
    "data": "data",
    "seed": "seed",
    "interaction": "interaction",
}
_READ = (
    "risk = bias + variance, and variance = data + seed + interaction: what other training images "
    "change, what another seed does, and what this seed does on these images only. The bias "
    "includes the noise of the labels. An estimate of what is really 0 is often negative, and is "
    "shown so."
)
_APPROXIMATE = (
    "± is half of a 95 % interval for other images, training sets and seeds, from leaving out one "
    "training set and one seed at a time: approximate and, with few of them, wide."
)
_FEW = "Below 3 x 3 runs nothing can be left out: such a row has no intervals, and may be far off."
_ENTROPY = (
    "Cross-entropy: the variance is jackknifed over groups of {size} runs that share neither "
    "training set nor seed, and still a little low (about {low} % for logits that differ by 2), "
    "the bias as much too high."
)
# Runs in a group -> how much too low the jackknife is, in per cent, for logits that differ by 2.
_LOW = {2: "8.5", 3: "3.4", 4: "2", 5: "1.1"}


def cell(estimate: "Estimate") -> str:
    """Returns "0.2437 ±.2501", or the value alone."""
    half = estimate.half
    return f"{estimate.value:.4f}" + ("" if half is None else f" ±{half:.4f}".replace("±0.", "±."))


def name(family: str, settings: Mapping[str, Value]) -> str:
    """Returns "cnn filters=4"."""
    return " ".join((Path(family).stem, *(f"{n}={value}" for n, value in settings.items())))


def reading(size: int) -> list[str]:
    """Returns what must be known to read the tables.

    Args:
        size: The fewest training sets, or seeds, that any row has.
    """
    return [
        _READ,
        _APPROXIMATE if size >= 3 else _FEW,
        _ENTROPY.format(size=size, low=_LOW.get(size, "1")),
    ]
