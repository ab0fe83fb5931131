"""What to search in an AlexNet, at widths that two cores can train."""

from tuning.space import Choice, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "filters": Choice(12, 24, 48),
    "groups": Choice(1, 2),
    "activation": Choice("relu", "gelu"),
    "dense": Choice(64, 128, 256),
    "dropout": Choice(0.0, 0.25, 0.5),
    **TRAINING,
}
