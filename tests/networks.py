"""Networks and data that tests of trainers use."""

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import keras

from kerascnn.datasets._arrays import Dataset
from kerascnn.models import mlp


def builder(data: Dataset, family: Any = mlp, **settings: Any) -> Callable[[int], keras.Model]:
    """Returns what builds the network of a seed, whatever a spec says."""

    def build(seed: int) -> keras.Model:
        random.seed(seed)
        return family.build(data.input_shape, data.num_classes, **settings)

    return build


def misleading(data: Dataset) -> Dataset:
    """Returns data where validation gets the worse, the better train is learned: wrong labels."""
    labels = data.labels.copy()
    validation = data.parts["validation"]
    labels[validation] = (labels[validation] + 1) % data.num_classes
    return dataclasses.replace(data, labels=labels)
