"""Whether the mean of simulated values is what it should be."""

import numpy as np
import numpy.typing as npt

# A right mean is further off than this less than once in 15,000 times (normal, two-sided).
STANDARD_ERRORS = 4


def assert_mean(values: npt.ArrayLike, expected: float) -> None:
    """Fails where the mean of `values` (replicates,) is over 4 standard errors off `expected`.

    False-alarm odds: 6e-5 a call, once for all since the generators are seeded.
    """
    x = np.asarray(values, np.float64)
    error = x.std(ddof=1) / np.sqrt(len(x))
    assert error > 0, "nothing varies: compare exactly"
    assert abs(x.mean() - expected) <= STANDARD_ERRORS * error, (
        f"{x.mean()} +- {error} is not {expected}"
    )
