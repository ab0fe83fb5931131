"""Softmax regression has nothing to search but how it is trained: at higher rates than most."""

from tuning.space import Float, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {**TRAINING, "learning_rate": Float(1e-3, 1e-1, log=True)}
