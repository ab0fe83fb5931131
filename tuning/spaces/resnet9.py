"""What to search in a ResNet-9, at widths that two cores can train."""

from tuning.space import Choice, Space
from tuning.spaces._training import TRAINING

SPACE: Space = {
    "filters": Choice(8, 16, 32),
    "activation": Choice("relu", "gelu"),
    **TRAINING,
}
