"""What to search in a multilayer perceptron."""

from tuning.space import Choice, Int, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "depth": Int(1, 3),
    "dense": Choice(32, 64, 128, 256),
    "activation": Choice("relu", "tanh", "gelu"),
    "normalization": Choice("none", "batch"),
    "dropout": Choice(0.0, 0.2, 0.5),
    **TRAINING,
}
