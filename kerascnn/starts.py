"""What a network starts from: weights that were trained before, and which layers stay as they are.

There are two kinds of files. HDF5 (`.h5`, `.weights.h5`) is taken to be of keras.applications: its
layers are ours in their order, all but VGG's dense ones must fit, and the preprocessing they were
trained with becomes part of the network. A Keras archive (`.keras`) is of one of our runs: layers
go by their names, from the first on as far as they fit. `logits` always starts anew.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascnn import registry, saved_layers, weights
from kerascnn.saved_layers import Contents, Saved
from kerascnn.spec import RunSpec

_FAMILIES = "kerascnn.models"
# Layers named in an error.
_MOST = 3
# Of ImageNet's pixels from 0 to 1, in EfficientNet's first layer and in Keras' code.
_MEANS = (0.485, 0.456, 0.406)
_DEVIATIONS = (0.229, 0.224, 0.225)

# A network's layer, and that of the file.
Pairs = Sequence[tuple[Any, Saved]]


def check(value: str, family: str) -> None:
    """Refuses weights that no network of a family can start from, as far as the file shows.

    Args:
        value: Of `RunSpec.weights`.
        family: See `RunSpec`.

    Raises:
        ValueError: If the file is gone, changed, damaged or of another kind, or it is of
            keras.applications, which has no such network.
    """
    if value == weights.NONE:
        return
    weights.found(value)
    path = weights.path_of(value)
    with saved_layers.opened(path) as contents:
        if contents.is_archive or _colours(family):
            return
    known = [each for each in registry.names(_FAMILIES) if _colours(each)]
    raise ValueError(
        f"{path} is taken for weights of keras.applications, which are for {', '.join(known)}. "
        f"Received: {Path(family).stem}, which starts from a {weights.NETWORK} of its own."
    )


class Start:
    """What the networks of a configuration start from.

    Args:
        spec: The configuration.

    Attributes:
        settings: Hyperparameters that come with the weights.
        taken: Layers that have their weights from the file, once a network was begun.
        anew: Layers before the logits that have not.

    Raises:
        RuntimeError: If the file is gone, changed or damaged.
    """

    def __init__(self, spec: RunSpec) -> None:
        self._value, self._freeze = spec.weights, spec.freeze
        self._path = None if spec.weights == weights.NONE else weights.path_of(spec.weights)
        self._colours = _colours(spec.family)
        self._is_imagenet = False
        self.settings: dict[str, Any] = {}
        self.taken: tuple[str, ...] = ()
        self.anew: tuple[str, ...] = ()
        if self._path is None:
            return
        try:
            weights.found(self._value)
            with saved_layers.opened(self._path) as contents:
                preprocessed = any(name.startswith("preprocess_") for name in contents.names)
                self._is_imagenet = not contents.is_archive
                if preprocessed or self._is_imagenet:
                    self.settings = {"preprocessing": "imagenet"}
        except ValueError as error:
            raise RuntimeError(str(error)) from None

    def told(self) -> dict[str, Any]:
        """Returns what a record says of it; {} of a network that starts from nothing."""
        if self._path is None:
            return {}
        return {"start": {"from": self._value, "layers": len(self.taken), "anew": [*self.anew]}}

    def check_images(self, channels: int) -> None:
        """Raises ValueError if the weights are of images in colour, and these are not."""
        if self._is_imagenet and channels != 3:
            raise ValueError(
                f"The weights {self._path} are of images in colour, with 3 channels. These have "
                f"{channels}."
            )

    def begin(self, model: Any, *, bare: bool = False) -> None:
        """Gives a freshly built network its weights, and freezes what is to be frozen.

        Args:
            model: The network.
            bare: Whether only to look whether they fit: the network is shapes alone.

        Raises:
            ValueError: If they do not fit, or there is no such layer to freeze.
        """
        frozen = [] if self._freeze == "none" else _freeze(model, self._freeze)
        if self._path is None:
            return
        with saved_layers.opened(self._path) as contents:
            weighted = [layer for layer in model.layers if layer.weights]
            pairs = [pair for pair in contents.pairs(weighted) if pair[0].name != "logits"]
            fitting = self._fitting(contents, weighted, pairs)
            self.taken = tuple(layer.name for layer, _ in pairs[:fitting])
            self.anew = tuple(layer.name for layer, _ in pairs[fitting:])
            if random := [name for name in self.anew if name in frozen]:
                raise ValueError(
                    f"`freeze={self._freeze!r}` would keep {_listed(random)} as a seed makes it: "
                    f"nothing in {self._path} fits there."
                )
            if not bare:
                self._give(contents, pairs[:fitting])

    def _fitting(self, contents: Contents, weighted: Sequence[Any], pairs: Pairs) -> int:
        """Returns how many layers, from the first on, take their weights from the file."""
        fits = [saved.shapes == _shapes(layer) for layer, saved in pairs]
        fitting = fits.index(False) if False in fits else len(fits)
        least = 1
        if not contents.is_archive:
            least = sum(len(_shapes(layer)[0]) != 2 for layer, _ in pairs)  # All but dense ones.
        if fitting < least:
            raise ValueError(_misfit(self._path, pairs, fits))
        if not contents.is_archive and (beyond := contents.beyond(weighted)):
            raise ValueError(f"The weights {self._path} are of more layers: {_listed(beyond)}.")
        return fitting

    def _give(self, contents: Contents, pairs: Pairs) -> None:
        turned = contents.is_archive or self._colours != "bgr"
        for layer, saved in pairs:
            values = saved.read()
            if not turned and values["0"].ndim == 4:  # The first convolution sees colours.
                values["0"] = values["0"][:, :, ::-1]
                turned = True
            if not contents.is_archive and layer.name == "preprocess_norm":
                values["1"] = _variance(values["0"], values["1"])
            layer.load_own_variables(values)


def _freeze(model: Any, name: str) -> list[str]:
    """Freezes a layer and all that lead to it, and returns their names.

    Raises:
        ValueError: If there is no such layer, or nothing is left to train.
    """
    import keras

    known = {e.name: e for e in model.layers if not isinstance(e, keras.layers.InputLayer)}
    if name not in known:
        raise ValueError(registry.unknown(f"the layers of {model.name}", name, known))
    # With a name of its own it leaves the numbers of others' names as they are.
    leading = keras.Model(model.inputs[0], known[name].output, name="frozen").layers
    for layer in leading:
        layer.trainable = False
    if not model.trainable_variables:
        raise ValueError(f"`freeze={name!r}` leaves nothing to train.")
    return [layer.name for layer in leading]


def _variance(mean: Any, variance: Any) -> Any:
    """Returns the variance by whose root EfficientNet's pixels are divided.

    Keras divides those of its ImageNet weights by the roots of the deviations besides, in a layer
    that their files do not show (https://github.com/tensorflow/tensorflow/issues/49930).
    """
    import numpy as np

    of_imagenet = np.allclose(mean, _MEANS, atol=1e-3)
    return variance * np.asarray(_DEVIATIONS, variance.dtype) if of_imagenet else variance


def _misfit(path: Path | None, pairs: Pairs, fits: Sequence[bool]) -> str:
    """Says which layers do not fit, with both shapes."""
    wrong = [pair for pair, fit in zip(pairs, fits, strict=True) if not fit]
    layer, saved = wrong[0]
    ours, theirs = _shapes(layer), saved.shapes
    if layer is pairs[0][0] and _differ_in_channels(ours, theirs):
        return (
            f"The weights {path} are of images with {theirs[0][2]} channels, these have "
            f"{ours[0][2]}: {layer.name} is {_text(ours)} here, {_text(theirs)} there."
        )
    said = [f"{each.name} is {_text(_shapes(each))} here, {_there(each, s)}" for each, s in wrong]
    more = f"; and {len(said) - _MOST} more" if len(said) > _MOST else ""
    return (
        f"The weights {path} do not fit: {'; '.join(said[:_MOST])}{more}. {sum(fits)} of "
        f"{len(fits)} layers fit."
    )


def _differ_in_channels(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Returns whether two convolutions are alike but for the channels they take in."""
    if not theirs or len(ours[0]) != 4 or len(theirs[0]) != 4:
        return False
    plain = [[(*e[:2], *e[3:]) if len(e) == 4 else e for e in each] for each in (ours, theirs)]
    return plain[0] == plain[1]


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(each.shape) for each in layer.weights]


def _there(layer: Any, saved: Saved) -> str:
    if not saved.values:
        return "missing there"
    name = "" if saved.name == layer.name else f" as {saved.name}"
    return f"{_text(saved.shapes)} there{name}"


def _text(shapes: Sequence[tuple[int, ...]]) -> str:
    """Writes shapes: "3x3x1x16 + 16"."""
    return " + ".join("x".join(map(str, shape)) or "1" for shape in shapes)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _colours(family: str) -> str:
    found: str = registry.constant(_FAMILIES, family, "PRETRAINED", "")
    return found
