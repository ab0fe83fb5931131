"""Do probabilities mean what they say? Calibration of one run, and what it would be by chance.

`confidence` (images,) is the probability of the answer given, `right` (images,) 1 where it is
right. The primary numbers of probabilities are loss and Brier score; these explain them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tuning.measures import Array

Index = npt.NDArray[np.integer[Any]]


def calibration_error(confidence: Array, right: Array, bins: int = 15) -> float:
    """Returns the expected calibration error: mean gap of accuracy and confidence over bins.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: bins of equal width, open
    below. Too high by chance, most of all for the calibrated, and the more so the fewer images:
    show it beside `calibration_error_by_chance` of the same bins and images.
    """
    return float(_gaps(confidence, right[None], bins)[0])


def calibration_error_by_chance(
    confidence: Array, *, seed: int, bins: int = 15, draws: int = 200
) -> float:
    """Returns the calibration error that perfectly calibrated confidences would show.

    The mean over `draws` draws from `seed` of which answers are right.
    """
    rng = np.random.default_rng(seed)
    return float(
        np.mean(
            [
                _gaps(
                    confidence, (rng.random((1, len(confidence))) < confidence).astype(float), bins
                )
                for _ in range(draws)
            ]
        )
    )


def squared_calibration_error(confidence: Array, right: Array, bins: int = 15) -> float | None:
    """Returns the debiased mean squared gap of accuracy and confidence; at times below 0.

    Kumar et al., "Verified Uncertainty Calibration", NeurIPS 2019, and Ferro and Fricker, 2012:
    bins of equally many images, each gap's square less the variance of the bin's accuracy. Fewer
    bins where there are not two images for each; None for fewer than two images.
    """
    images = len(confidence)
    if images < 2:
        return None
    order = np.argsort(confidence, kind="stable")
    total = 0.0
    for own in np.array_split(order, min(bins, images // 2)):
        accuracy = right[own].mean()
        noise = accuracy * (1 - accuracy) / (len(own) - 1)
        total += len(own) * ((accuracy - confidence[own].mean()) ** 2 - noise)
    return float(total / images)


def _gaps(confidence: Array, right: Array, bins: int) -> Array:
    """Returns the calibration error (draws,) of right (draws, images)."""
    bin_of: Index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return np.array(
        [
            np.abs(np.bincount(bin_of, weights=draw - confidence, minlength=bins)).sum() / len(draw)
            for draw in right
        ]
    )
