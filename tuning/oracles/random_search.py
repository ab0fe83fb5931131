"""Uniform random search without repetition, by Keras Tuner.

Bergstra & Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012,
https://jmlr.org/papers/v13/bergstra12a.html
"""

from tuning.oracles import Oracle
from tuning.oracles._keras_tuner import UnlearningOracle
from tuning.space import Space

LEARNS = False
SEVERAL = True


def oracle(space: Space, *, maximize: bool = True, seed: int = 0, epochs: int = 1) -> Oracle:
    """Returns the oracle; neither scores nor epochs change what it asks."""
    del maximize, epochs
    return UnlearningOracle("RandomSearchOracle", space, seed=seed)
