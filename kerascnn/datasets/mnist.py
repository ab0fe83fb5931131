"""MNIST: 60,000 + 10,000 grey images of handwritten digits, 28 x 28 pixels, 10 classes.

LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition,
Proceedings of the IEEE 86(11), 1998. https://doi.org/10.1109/5.726791
Licence: Creative Commons Attribution-Share Alike 3.0; copyright Yann LeCun and Corinna Cortes.
Downloaded by Keras into its cache (11 MB). The official test set is kept.
"""

from pathlib import Path

from kerascnn.datasets import _keras
from kerascnn.datasets._arrays import Images


def identity(source: str) -> str:
    return _keras.identity("mnist")


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Returns images uint8 (70000, 28, 28, 1) and labels 0 to 9; the test images last."""
    return _keras.read("mnist", scratch)
