"""CIFAR-10: 50,000 + 10,000 colour images of animals and vehicles, 32 x 32 pixels, 10 classes.

Krizhevsky: Learning Multiple Layers of Features from Tiny Images, technical report, University
of Toronto, 2009. https://www.cs.toronto.edu/~kriz/cifar.html
Licence: none is stated; its authors ask that the report be cited. Downloaded by Keras into its
cache (170 MB). The official test set is kept.
"""

from pathlib import Path

from kerascnn.datasets import _keras
from kerascnn.datasets._arrays import Images

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def identity(source: str) -> str:
    return _keras.identity("cifar10")


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Returns images uint8 (60000, 32, 32, 3), in the order of `CLASS_NAMES`; test images last."""
    return _keras.read("cifar10", scratch, CLASS_NAMES)
