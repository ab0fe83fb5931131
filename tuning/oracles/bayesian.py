"""Bayesian optimization with a Gaussian process, by Keras Tuner.

Snoek, Larochelle & Adams, "Practical Bayesian Optimization of Machine Learning Algorithms",
NeurIPS 2012, https://arxiv.org/abs/1206.2944, with a Matern 2.5 kernel and a lower confidence
bound.

Departure from Keras Tuner: the process takes over after 10 scores, where theirs waits for three
times the number of settings.
"""

from tuning.oracles import Oracle
from tuning.oracles._keras_tuner import LearningOracle
from tuning.space import Space

INITIAL_POINTS = 10


def oracle(space: Space, *, maximize: bool = True, seed: int = 0, epochs: int = 1) -> Oracle:
    """Returns the oracle; every run has the planned length."""
    del epochs
    return LearningOracle(
        "BayesianOptimizationOracle",
        space,
        maximize=maximize,
        seed=seed,
        num_initial_points=INITIAL_POINTS,
    )
