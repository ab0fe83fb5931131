"""What to search in a VGG, at widths that two cores can train.

Normalization stays at its default: without it, five blocks often learn nothing at the higher
learning rates.
"""

from tuning.space import Choice, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "depth": Choice(11, 13, 16),
    "filters": Choice(8, 16, 32),
    "pooling": Choice("max", "average"),
    "activation": Choice("relu", "gelu"),
    "dense": Choice(64, 128, 256),
    "dropout": Choice(0.0, 0.25, 0.5),
    **TRAINING,
}
