"""Corruptions: one file each, at five strengths.

Contract of every public module here:

    STRENGTHS = (a, b, c, d, e)          a literal: what strengths 1 to 5 are
    def corrupt(image, amount, rng) -> np.ndarray

`image` is float64 (height, width, channels) in [0, 1], `amount` one of `STRENGTHS`, `rng` a
`numpy.random.Generator`: nothing else is drawn from. It returns the same shape, any range: `apply`
clips and rounds. The more strength, the further from the image on average.

The same image gets the same draws at every strength, whoever asks, so that strengths and networks
are compared on like images. Strength 0 leaves an image as it is. Those that D. Hendrycks and
T. Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
ICLR 2019, arxiv.org/abs/1903.12261, have are at the strengths of their CIFAR-10-C, made for images
of side 32. Lengths grow with the shorter side from there on, and are not less below: a fraction of
a pixel would be nothing. The code and the draws are ours: compare numbers here, not with published
ones.
"""

from typing import TYPE_CHECKING

from kerascnn import registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEVELS = 5


def apply(
    name: str, images: "npt.NDArray[np.uint8]", strength: int, *, seed: int = 0
) -> "npt.NDArray[np.uint8]":
    """Returns corrupted copies of images.

    Args:
        name: An entry of this folder, or the user's own module (a path or a dotted name).
        images: uint8 (n, height, width, channels).
        strength: 0 (none) to 5.
        seed: With an image's position it decides what is drawn for it.

    Raises:
        ValueError: If there is no such corruption or strength.
    """
    import numpy as np

    if not 0 <= strength <= LEVELS:
        raise ValueError(f"`0 <= strength <= {LEVELS}` must hold. Received: {strength}")
    strengths = registry.constant("kerascnn.corruptions", name, "STRENGTHS", ())
    if len(strengths) != LEVELS:
        raise ValueError(f"STRENGTHS of {name} must be {LEVELS} values. Received: {strengths}")
    out = images.copy()
    if not strength:
        return out
    room = registry.load("kerascnn.corruptions", name)
    for index, image in enumerate(images):
        rng = np.random.default_rng([seed, index])
        changed = room.corrupt(image / 255, strengths[strength - 1], rng)
        out[index] = np.rint(np.clip(changed, 0, 1) * 255)
    return out
