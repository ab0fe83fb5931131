"""Bayesian optimization with a Gaussian process that knows of noise, by Optuna.

A Matern 2.5 kernel with one length scale a setting, and the logarithm of the expected improvement
(Ament, Daulton, Eriksson, Balandat & Bakshy, "Unexpected Improvements to Expected Improvement for
Bayesian Optimization", NeurIPS 2023, https://arxiv.org/abs/2310.20708), or, of several objectives,
of the expected hypervolume improvement; trials that run are taken into account.

The first 10 points are drawn at random. It computes with PyTorch, on the CPU.
"""

from collections.abc import Sequence

import optuna

from tuning.oracles import Oracle, _optuna
from tuning.space import Space

EXTRA = "gp"
NEEDS = ("optuna", "torch", "greenlet")
SEVERAL = True


def oracle(
    space: Space, *, maximize: bool | Sequence[bool] = True, seed: int = 0, epochs: int = 1
) -> Oracle:
    """Returns the oracle; every run has the planned length."""
    del epochs
    return _optuna.OptunaOracle(
        lambda state: optuna.samplers.GPSampler(seed=state, n_startup_trials=10),
        space,
        maximize=maximize,
        seed=seed,
        draws=5,  # Each fits the process anew.
    )
