"""NSGA-II: generations of 10 that inherit from the best before them, by Optuna.

Deb, Pratap, Agarwal & Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
IEEE Transactions on Evolutionary Computation 2002, https://doi.org/10.1109/4235.996017

Departure from Optuna: a generation is 10 points, where theirs is 50, more than most searches of
networks ever train.
"""

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
    return _optuna.OptunaOracle(
        lambda state: optuna.samplers.NSGAIISampler(seed=state, population_size=10),
        space,
        maximize=maximize,
        seed=seed,
        notes=_optuna.ALL,  # A point of the user's own may be a parent too.
    )
