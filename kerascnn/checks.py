"""What the values of a `RunSpec` may be, and the one way each is written."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from kerascnn import registry

PHASES = ("search", "confirm", "final", "decompose")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine", "one_cycle")
AUGMENTATIONS = ("shift", "flip", "rotation", "crop", "cutout")
# Ways to draw several training sets from the training images.
SCHEMES = ("disjoint", "bootstrap", "subsample")
# The way a learning curve does: `train_size` images, drawn anew for each.
DRAW = "draw"
BALANCES = ("none", "weights", "sampling")
PRECISIONS = ("float32", "bfloat16")

# Field -> the words it may be.
_WORDS = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "balance": BALANCES,
    "precision": PRECISIONS,
    "phase": PHASES,
}
# Field -> the least it may be.
_LEAST = {
    "image_size": 0,
    "split_seed": 0,
    "train_size": 0,
    "epochs": 1,
    "batch_size": 1,
    "weight_decay": 0,
    "label_smoothing": 0,
    "patience": 0,
    "repeat": 0,
    "seed": 0,
    "stop_epoch": 0,
}


def plain(name: str, value: Any) -> Any:
    """Turns a NumPy scalar into Python's own, and refuses what JSON cannot hold."""
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, int | float | str | bool):
        raise TypeError(
            f"`{name}` must be an int, a float, a string or a bool. Received: {value!r}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite. Received: {value!r}")
    return value


def is_plain(value: Any, expected: Any) -> bool:
    """Returns whether `plain` and `typed` would leave `value` as it is."""
    return type(value) is expected and (expected is not float or math.isfinite(value))


def typed(name: str, expected: Any, value: Any) -> Any:
    """Returns `value` as an `expected`, where nothing is lost: 3.0 is an int, 3 is a float."""
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if expected is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not expected:
        raise ValueError(f"`{name}` must be of type {expected.__name__}. Received: {value!r}")
    return value


def like(name: str, default: Any, value: Any) -> Any:
    """Gives `value` the type of the builder's default, so that 0 and 0.0 are one value."""
    value = plain(name, value)
    return value if default is None else typed(name, type(default), value)


def same(value: Any, default: Any) -> bool:
    """Returns whether they are equal and of one type."""
    return type(value) is type(default) and value == default


def joined(name: str, value: str, known: Iterable[str]) -> str:
    """Returns words joined by "+" in the order of `known`; "none" stands for no word.

    "flip+shift" is "shift+flip".

    Raises:
        ValueError: If a word is unknown, or stands there twice or beside "none".
    """
    words = value.split("+")
    for word in words:
        if word not in ("none", *known):
            raise ValueError(registry.unknown(name, word, ("none", *known)))
        if words.count(word) > 1:
            raise ValueError(f"`{name}` names {word!r} twice. Received: {value!r}")
    if "none" in words and len(words) > 1:
        raise ValueError(f"`{name}` is 'none' or other names, not both. Received: {value!r}")
    return "+".join(word for word in ("none", *known) if word in words)


def ranges(fields: Mapping[str, Any]) -> None:
    """Refuses fields of a `RunSpec` whose values are out of range.

    Raises:
        ValueError: The message names the first.
    """
    for name, low in _LEAST.items():
        if fields[name] < low:
            raise ValueError(f"`{name} >= {low}` must hold. Received: {fields[name]!r}")
    for name, known in _WORDS.items():
        if fields[name] not in known:
            raise ValueError(registry.unknown(name, fields[name], known))
    if not fields["learning_rate"] > 0:
        raise ValueError(f"`learning_rate > 0` must hold. Received: {fields['learning_rate']!r}")
    if not fields["label_smoothing"] < 1:
        raise ValueError(
            f"`label_smoothing < 1` must hold. Received: {fields['label_smoothing']!r}"
        )
    if fields["stop_epoch"] > fields["epochs"]:
        reach = ", ".join(f"{name}={fields[name]!r}" for name in ("stop_epoch", "epochs"))
        raise ValueError(f"`stop_epoch <= epochs` must hold. Received: {reach}")
    subset_parts(fields["subset"])


def subset_parts(subset: str) -> tuple[int, int, str]:
    """Returns (number of subsets, which, how they are drawn); "all" is part 0 of 1.

    Raises:
        ValueError: If `subset` is neither "all" nor `DRAW` or one of `SCHEMES` with K/I,
            0 <= I < K.
    """
    if subset == "all":
        return 1, 0, "disjoint"
    scheme, _, numbers = subset.partition(":")
    count, _, part = numbers.partition("/")
    known = (*SCHEMES, DRAW)
    if scheme in known and count.isdecimal() and part.isdecimal() and int(part) < int(count):
        return int(count), int(part), scheme
    raise ValueError(
        f"`subset` must be 'all' or {'|'.join(known)}:K/I with I < K. Received: {subset!r}"
    )
