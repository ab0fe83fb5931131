"""The network of a run: of its family, settings and seed, with the weights it starts from."""

import contextlib
import random
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kerascnn import precision, registry
from kerascnn.spec import RunSpec
from kerascnn.starts import Start

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset


class InfeasibleError(Exception):
    """The network cannot be built for these images, or costs more than it may."""


class Builder:
    """Builds the network of a seed for images of `data`, as trainers call it.

    Args:
        spec: The run, or any other of its configuration.
        data: Of the images.

    Attributes:
        start: What its networks start from.
    """

    def __init__(self, spec: RunSpec, data: "Dataset") -> None:
        self._spec, self._data = spec, data
        self._family = _family(spec)
        self.start = Start(spec)

    def __call__(self, seed: int) -> Any:
        """Returns the network with the weights that it begins with."""
        return self._built(seed, bare=False)

    def bare(self, seed: int) -> Any:
        """Returns the network without what weights it starts from, for its shapes."""
        return self._built(seed, bare=True)

    def _built(self, seed: int, *, bare: bool) -> Any:
        spec, data = self._spec, self._data
        settings = {**spec.hyperparameters, **self.start.settings}
        try:
            self.start.check_images(data.input_shape[-1])
            with _python_seed(seed), precision.policy(spec.precision):
                model = self._family.build(data.input_shape, data.num_classes, **settings)
        except ValueError as error:
            raise InfeasibleError(str(error)) from None
        check_ending(model, spec.family)
        precision.end_in_float32(model)
        try:
            self.start.begin(model, bare=bare)
        except ValueError as error:
            raise InfeasibleError(str(error)) from None
        return model


def check_ending(model: Any, family: str) -> None:
    """Refuses the network of a family that does not end as the room's contract says.

    Raises:
        TypeError: If its last layers are not `logits` and `probabilities`.
    """
    last = [layer.name for layer in model.layers[-2:]]
    if last != ["logits", "probabilities"]:
        raise TypeError(
            "A family must end in the layers 'logits' and 'probabilities'. "
            f"Received: {family} with {last}"
        )


def _family(spec: RunSpec) -> ModuleType:
    found = registry.code_hash("kerascnn.models", spec.family)
    if spec.code and found != spec.code:
        raise RuntimeError(f"{spec.family} changed: its hash is {found}, the run's {spec.code}.")
    return registry.load("kerascnn.models", spec.family)


@contextlib.contextmanager
def _python_seed(seed: int) -> Iterator[None]:
    """Seeds what Keras' layers draw their own seeds from, and puts it back as it was."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
