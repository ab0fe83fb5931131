"""CIFAR-100: 50,000 + 10,000 colour images, 32 x 32 pixels, 100 classes (the fine labels).

Krizhevsky: Learning Multiple Layers of Features from Tiny Images, technical report, University
of Toronto, 2009. https://www.cs.toronto.edu/~kriz/cifar.html
Licence: none is stated; its authors ask that the report be cited. Downloaded by Keras into its
cache (169 MB). The official test set is kept. The names are `fine_label_names` of the archive's
file `meta`.
"""

from pathlib import Path

from kerascnn.datasets import _keras
from kerascnn.datasets._arrays import Images

# By label, which is also the order of the alphabet.
CLASS_NAMES = (
    *("apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle"),
    *("bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle"),
    *("caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch"),
    *("crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox"),
    *("girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard"),
    *("lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse"),
    *("mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck"),
    *("pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray"),
    *("road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail"),
    *("snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank"),
    *("telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle"),
    *("wardrobe", "whale", "willow_tree", "wolf", "woman", "worm"),
)


def identity(source: str) -> str:
    return _keras.identity("cifar100")


def read(source: str, *, image_size: int, skip_bad: bool, scratch: Path) -> Images:
    """Returns images uint8 (60000, 32, 32, 3), in the order of `CLASS_NAMES`; test images last."""
    return _keras.read("cifar100", scratch, CLASS_NAMES)
