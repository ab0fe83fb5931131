"""The training settings worth searching in any family, and all there are without a space."""

from tuning.space import Choice, Float, Space

# The learning rates are those of adaptive optimizers. SGD is left out: at these it has learned
# next to nothing after a few epochs, and its own, some ten times higher, make adaptive ones
# diverge. Flips are left out: they hurt wherever left and right matter, as in digits.
TRAINING: Space = {
    "learning_rate": Float(5e-4, 1e-2, log=True),
    "batch_size": Choice(32, 64, 128),
    "optimizer": Choice("adam", "rmsprop"),
    "weight_decay": Choice(0.0, 1e-3, 1e-2),
    "augmentation": Choice("none", "shift"),
}
