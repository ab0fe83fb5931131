"""A family as a hypermodel that stock Keras Tuner searches, with its own loop and its own files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from kerascnn import building, quiet, registry
from kerascnn.spec import CONFIGURABLE, RunSpec, Value, default_of
from kerascnn.trainers._optimizer import Optimizer
from tuning.oracles import _keras_tuner
from tuning.searchable import space_of
from tuning.space import Domain, Space

# The training settings that Keras' own `compile` and `fit` can honour.
HONOURED = ("batch_size", "optimizer", "learning_rate", "weight_decay")


def hypermodel(
    family: str,
    input_shape: Sequence[int],
    num_classes: int,
    *,
    fixed: Mapping[str, Value] | None = None,
    vary: Mapping[str, Domain | str] | None = None,
) -> "FamilyModel":
    """Returns a family as a `keras_tuner.HyperModel`; see `tuning.hypermodel`."""
    shape = tuple(int(side) for side in input_shape)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(
            f"`input_shape` must be (height, width, channels). Received: {input_shape}"
        )
    if num_classes < 2:
        raise ValueError(f"`num_classes >= 2` must hold. Received: {num_classes}")
    source = registry.source_file("kerascnn.models", family)
    if family.endswith(".py"):  # Also found once the user's script has changed its folder.
        family = str(source)
    fixed, vary = fixed or {}, vary or {}
    for name in (*fixed, *vary):
        if name in CONFIGURABLE and name not in HONOURED:
            raise ValueError(
                f"Keras Tuner cannot honour {name!r}, which only kerascnn's own trainers know. "
                f"Expected a keyword of the family's `build` or one of: {', '.join(HONOURED)}"
            )
    quiet.import_keras()  # It is there: this puts channels last, whatever keras.json says.
    base = RunSpec(family=family, dataset="").configure(fixed)
    space = {
        name: domain
        for name, domain in space_of(family, fixed, vary).items()
        if name not in CONFIGURABLE or name in HONOURED
    }
    return FamilyModel(base, space, shape, int(num_classes))


class FamilyModel(keras_tuner.HyperModel):  # type: ignore[misc]
    """One family, its settings drawn by Keras Tuner.

    Args:
        base: The family and what is fixed.
        space: Domain by name of the setting.
        input_shape: (height, width, channels) of one image.
        num_classes: Width of the output.
    """

    def __init__(
        self, base: RunSpec, space: Space, input_shape: tuple[int, ...], num_classes: int
    ) -> None:
        super().__init__(name=Path(base.family).stem)
        self._base = base
        self._space = space
        self._input_shape = input_shape
        self._num_classes = num_classes

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Returns the network of the drawn settings, compiled with accuracy as its metric.

        Its loss is that of probabilities, where our trainers train on logits: Keras Tuner saves
        and calls the whole network. With TensorFlow nothing is lost, as Keras finds the logits
        behind the softmax; with JAX it clips the probabilities, so that a network that is surely
        wrong learns from that image no more.

        Raises:
            FailedTrialError: If there is no such network at this size: the trial fails, and is
                not retried.
        """
        spec = self._drawn(hp)
        family = registry.load("kerascnn.models", spec.family)
        try:
            model = family.build(self._input_shape, self._num_classes, **spec.hyperparameters)
        except ValueError as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        building.check_ending(model, spec.family)
        model.compile(
            # Built at once: a trial that Hyperband promotes would go on without its state.
            optimizer=Optimizer(spec, 1, model.trainable_variables).keras,
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            # As in our trainers: TensorFlow's XLA costs seconds of compiling for every trial.
            jit_compile="auto" if keras.backend.backend() == "jax" else False,
        )
        return model

    def fit(
        self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Trains with the drawn batch size, unless the caller of `search` gave one.

        Data that come in batches of their own, such as a `tf.data.Dataset`, keep them.
        """
        if len(args) < 3:  # `fit`'s third is the batch size.
            kwargs.setdefault("batch_size", self._drawn(hp).batch_size)
        return model.fit(*args, **kwargs)

    def _drawn(self, hp: keras_tuner.HyperParameters) -> RunSpec:
        """Registers the settings in `hp` where they are not, and returns their values there."""
        values = {
            name: _keras_tuner.register(hp, name, domain, self._first(name, domain))
            for name, domain in self._space.items()
        }
        # None: within a conditional scope of the user's own that is not active.
        return self._base.configure({k: v for k, v in values.items() if v is not None})

    def _first(self, name: str, domain: Domain) -> Value | None:
        """Returns the family's default, where the user's own domain has it."""
        default = default_of(self._base.family, name)
        return default if default in domain else None
