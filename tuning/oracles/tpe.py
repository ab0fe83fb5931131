"""Tree-structured Parzen estimator: what good points have that others lack, by Optuna.

Bergstra, Bardenet, Bengio & Kegl, "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011,
https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization; with all settings
taken together where there is one objective (Falkner, Klein & Hutter, ICML 2018), and a trial that
runs taken for a bad one, so that points asked for at once lie apart.

The first 10 points are drawn at random.
"""

import functools
from collections.abc import Sequence

import optuna

from tuning.oracles import Oracle, _optuna
from tuning.space import Space

EXTRA = "optuna"
NEEDS = ("optuna",)
SEVERAL = True


def oracle(
    space: Space, *, maximize: bool | Sequence[bool] = True, seed: int = 0, epochs: int = 1
) -> Oracle:
    """Returns the oracle; every run has the planned length."""
    del epochs
    sampler = functools.partial(
        optuna.samplers.TPESampler,
        n_startup_trials=10,
        multivariate=isinstance(maximize, bool),
        constant_liar=True,
    )
    return _optuna.OptunaOracle(
        lambda state: sampler(seed=state), space, maximize=maximize, seed=seed
    )
