"""Studies of Keras image classifiers: search, comparison, export. What a study is."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras_tuner


def hypermodel(
    family: str,
    input_shape: Sequence[int],
    num_classes: int,
    *,
    fixed: Mapping[str, Any] | None = None,
    vary: Mapping[str, Any] | None = None,
) -> "keras_tuner.HyperModel":
    """Returns a family as a hypermodel for stock Keras Tuner, which then trains and keeps it.

    Its hyperparameters are the family's space, each with the family's default: the builder's
    keywords, and of the training settings `batch_size`, `optimizer`, `learning_rate` and
    `weight_decay`. The others (`augmentation`, `train_size`, `epochs`, ...) are left out: only
    kerascnn's own trainers can honour them. Epochs are what `search` is told, or Hyperband's.

    Any tuner takes it. Images are float32 in [0, 1], labels class numbers. A point whose network
    cannot be built at this size fails its trial, and three such trials in a row end the search,
    unless the tuner's `max_consecutive_failed_trials` says otherwise.

    Args:
        family: An entry of `kerascnn/models`, or the user's own (a path or a dotted module).
        input_shape: (height, width, channels) of one image.
        num_classes: Number of classes.
        fixed: Settings that are not searched, by name.
        vary: Domains that replace or join the family's space: "8:64:8", "1e-4:1e-1:log", "a,b".

    Raises:
        ValueError: If there is no such family or setting, a domain has a value it cannot take, or
            Keras Tuner cannot honour the setting.
    """
    from tuning import into_keras_tuner  # Keras and Keras Tuner: not for whoever only looks in.

    return into_keras_tuner.hypermodel(family, input_shape, num_classes, fixed=fixed, vary=vary)
