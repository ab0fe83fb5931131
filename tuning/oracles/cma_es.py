"""CMA-ES: a normal distribution that moves to where scores are good, by Optuna.

Hansen, "The CMA Evolution Strategy: A Tutorial", https://arxiv.org/abs/1604.00772; with a margin
that keeps whole numbers from settling too soon (Hamano, Saito, Nomura & Shirakawa, "CMA-ES with
Margin", GECCO 2022, https://doi.org/10.1145/3512290.3528827).

It learns numbers alone: ranges, and choices of numbers. Other choices are drawn at random, and a
space of nothing else is refused.
"""

from collections.abc import Sequence

import optuna

from tuning.oracles import Oracle, _optuna
from tuning.space import Space

EXTRA = "optuna"
NEEDS = ("optuna", "cmaes")
NUMBERS = True


def oracle(
    space: Space, *, maximize: bool | Sequence[bool] = True, seed: int = 0, epochs: int = 1
) -> Oracle:
    """Returns the oracle; every run has the planned length."""
    del epochs
    return _optuna.OptunaOracle(
        lambda state: optuna.samplers.CmaEsSampler(
            seed=state, with_margin=True, warn_independent_sampling=False
        ),
        space,
        maximize=maximize,
        seed=seed,
        notes=_optuna.OWN,  # It learns from what it drew from its own distribution.
    )
