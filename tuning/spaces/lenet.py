"""What to search in a LeNet; its "valid" padding leaves nothing of an 8x8 image."""

from tuning.space import Choice, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "filters": Choice(6, 12, 24),
    "kernel_size": Choice(3, 5),
    "pooling": Choice("average", "max"),
    "activation": Choice("tanh", "relu"),
    "dense": Choice(60, 120, 240),
    **TRAINING,
}
