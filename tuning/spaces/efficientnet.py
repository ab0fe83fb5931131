"""What to search in an EfficientNet, at sizes that two cores can train.

Width and depth are searched apart: the paper's compound rule scales the images with them, and
here the images are given.
"""

from tuning.space import Choice, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "width": Choice(0.25, 0.5, 0.75),
    "depth": Choice(0.25, 0.5, 1.0),
    "squeeze": Choice(0.0, 0.25),
    "activation": Choice("silu", "relu"),
    "dropout": Choice(0.0, 0.2, 0.5),
    "stochastic_depth": Choice(0.0, 0.2),
    **TRAINING,
}
