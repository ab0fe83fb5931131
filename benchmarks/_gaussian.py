"""What scikit-learn's Gaussian process predicts, in a tenth of the time for one point.

Keras Tuner's Bayesian optimization asks its process some ten thousand times for one ask, a point
each, and nearly all of that time goes into checking arguments. The numbers are the same but for
their last bits.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

Array = npt.NDArray[np.float64]


def predict(process: Any, x: Array, return_std: bool = False) -> tuple[Array, Array]:
    """Returns mean and standard deviation at `x`, (points, settings), as `process.predict` does.

    Args:
        process: Fitted, with a Matern 2.5 kernel.
        x: Where.
        return_std: Always so; the argument is scikit-learn's.
    """
    known, inverse = _prepared(process)
    apart = (np.atleast_2d(x)[:, None] - known) / process.kernel_.length_scale
    far = np.sqrt(5) * np.sqrt((apart**2).sum(axis=2))
    kernel = (1 + far + far**2 / 3) * np.exp(-far)
    mean = kernel @ process.alpha_
    explained = kernel @ inverse.T
    variance = np.maximum(1 - (explained**2).sum(axis=1), 0)
    scale = process._y_train_std
    return mean * scale + process._y_train_mean, np.sqrt(variance) * scale


def _prepared(process: Any) -> tuple[Array, Array]:
    """Returns where the process was fitted, and the inverse of its factor, made once a fit."""
    kept = getattr(process, "kept_", None)
    if kept is None or kept[0] is not process.L_:
        inverse = linalg.solve_triangular(process.L_, np.eye(len(process.L_)), lower=True)
        kept = process.kept_ = process.L_, process.X_train_, inverse
    return kept[1], kept[2]
