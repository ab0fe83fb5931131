"""What to search in a plain convolutional network.

Small, for two cores and small images. Stride, growth and "valid" padding are left out: most of
their combinations shrink an 8x8 image to nothing.
"""

from tuning.space import Choice, Int, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "filters": Choice(8, 16, 32),
    "depth": Int(1, 3),
    "kernel_size": Choice(3, 5),
    "pooling": Choice("max", "average", "stride"),
    "activation": Choice("relu", "tanh", "gelu", "silu"),
    "normalization": Choice("none", "batch"),
    "dense": Choice(32, 64, 128),
    "dropout": Choice(0.0, 0.25, 0.5),
    **TRAINING,
}
