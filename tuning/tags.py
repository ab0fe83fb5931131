"""What the tags of event files mean, by their names alone: which is better, which matter most."""

import re
from collections.abc import Mapping


def _words(tag: str) -> set[str]:
    """Returns the words of "valLoss", "epoch_accuracy" or "val/Top-1"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", tag)
    return set(re.findall(r"[a-z]+[0-9]*", apart.lower()))


# Words of a tag of which less is better.
_LESS = _words(
    "loss losses error errors err mse mae rmse mape nll bce ce crossentropy perplexity ppl wer cer "
    "fid brier ece regret divergence kl latency seconds time cost"
)
# Words of a tag whose values are shares, 0 to 1 or in per cent.
_SHARES = _words("accuracy acc top1 top5 f1 auc precision recall iou dice map miou accuracies")
_HELD_OUT = _words("val valid validation eval evaluation test dev heldout")
_TRAINED_ON = _words("train training")
# Words of what a run logs besides: how fast, how far, and Keras' second curve of the same.
_BESIDES = _words("lr learning iterations step steps epochs time seconds latency memory grad norm")


def maximize(tag: str) -> bool:
    """Returns whether more of it is better, as its name says: not of a loss or an error."""
    words = _words(tag)
    return not words & _LESS and not {"cross", "entropy"} <= words


def is_share(tag: str) -> bool:
    """Returns whether its values are shares, such as an accuracy."""
    return bool(_words(tag) & _SHARES) and maximize(tag)


def ordered(counts: Mapping[str, int]) -> list[str]:
    """Returns tags, that by which runs are best compared first.

    What fewer than half as many runs have as the commonest comes later. Then accuracies on held-out
    images come first, then losses on them, then what was measured on training images.

    Args:
        counts: Tag -> how many runs have it.
    """
    most = max(counts.values(), default=0)
    return sorted(counts, key=lambda t: (2 * counts[t] < most, _rank(t), -counts[t], t))


def _rank(tag: str) -> int:
    words = _words(tag)
    if words & _BESIDES:
        return 8
    part = 0 if words & _HELD_OUT else 2 if words & _TRAINED_ON else 1
    if words & _SHARES:
        return (0, 1, 4)[part]
    return (2, 3, 5)[part] if not maximize(tag) else 6
