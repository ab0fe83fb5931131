"""Fashion-MNIST: 60,000 + 10,000 grey images of clothes, 28 x 28 pixels, 10 classes.

Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms, 2017. https://arxiv.org/abs/1708.07747
Licence: MIT; copyright Zalando SE. Downloaded by Keras into its cache (30 MB). The official test
set is kept.
"""

from pathlib import Path

from kerascnn.datasets import _keras
from kerascnn.datasets._arrays import Images

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def identity(source: str) -> str:
    return _keras.identity("fashion_mnist")


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Returns images uint8 (70000, 28, 28, 1), in the order of `CLASS_NAMES`; test images last."""
    return _keras.read("fashion_mnist", scratch, CLASS_NAMES)
