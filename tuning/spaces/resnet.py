"""What to search in a ResNet, at depths and widths that two cores can train."""

from tuning.space import Choice, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "depth": Choice(8, 14, 20),
    "filters": Choice(8, 16, 32),
    "shortcut": Choice("identity", "projection"),
    "activation": Choice("relu", "gelu"),
    **TRAINING,
}
