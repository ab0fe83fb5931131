"""The arithmetic a network is built with: Keras' policy, set for that moment and never left."""

import contextlib
from collections.abc import Iterator
from typing import Any

from kerascnn import quiet

# Precision -> Keras' policy for it.
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Has layers that are made meanwhile compute in `precision`; their weights are float32.

    A layer that says a `dtype` of its own keeps it.

    Args:
        precision: One of `checks.PRECISIONS`.
    """
    config = quiet.import_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        config.set_dtype_policy(before)


def end_in_float32(model: Any) -> None:
    """Has a network built in mixed precision give logits and probabilities in float32.

    A user's family need not know of precisions: it may leave the type of its last layers open,
    and logits rounded to bfloat16's three digits would blur loss and ranking.
    """
    for layer in model.layers[-2:]:
        if layer.compute_dtype != "float32":
            layer.dtype_policy = "float32"
