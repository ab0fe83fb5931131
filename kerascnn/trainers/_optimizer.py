"""Keras' optimizers for a `RunSpec`, their learning rates part of their state."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerascnn.spec import RunSpec
from kerascnn.trainers import _schedule

_CLASSES = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


class Optimizer:
    """A Keras optimizer, weight decay decoupled, that can start over.

    Args:
        spec: The run's.
        steps: Steps of an epoch.
        variables: What is trained.

    Attributes:
        keras: The optimizer.
    """

    def __init__(self, spec: RunSpec, steps: int, variables: Sequence[keras.Variable]) -> None:
        momentum = {"momentum": 0.9} if spec.optimizer == "sgd" else {}
        self._steps = steps
        self._rates = None if spec.schedule == "constant" else _Rates()
        self.keras = _CLASSES[spec.optimizer](
            learning_rate=self._rates or spec.learning_rate,
            weight_decay=spec.weight_decay,  # AdamW takes no None.
            **momentum,
        )
        # In a variable it is no part of the compiled program, as little as the learning rate.
        self._decay = None if not spec.weight_decay else self.keras.add_variable((), name="decay")
        self.keras.weight_decay = self._decay
        if self._rates is not None:
            self._rates.table = self.keras.add_variable((spec.epochs * steps,), name="rates")
        self.keras.build(variables)
        self._fresh = [np.array(variable) for variable in self.keras.variables]
        self.start_over(spec)

    def start_over(self, spec: RunSpec) -> None:
        """Forgets all steps, and takes the learning rates and the weight decay of `spec`.

        Optimizer, schedule, number of steps and whether there is weight decay are as they were:
        they are part of the compiled program.
        """
        for variable, value in zip(self.keras.variables, self._fresh, strict=True):
            variable.assign(value)
        if self._decay is not None:
            self._decay.assign(spec.weight_decay)
        if self._rates is None:
            self.keras.learning_rate = spec.learning_rate
        else:
            self._rates.table.assign(_schedule.rates(spec, self._steps))

    def update(self, gradients: Sequence[Any], variables: Sequence[keras.Variable]) -> None:
        """Does what `apply` of the Keras optimizer does, inside a TensorFlow function.

        Keras sums the gradients over replicas first, even where there is one, and TensorFlow then
        keeps the function and its graph for ever: 4 MB a network.
        """
        rate = self.keras.learning_rate
        pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        if self._decay is not None:
            for _, variable in pairs:
                variable.assign(variable - variable * self._decay * rate)
        for gradient, variable in pairs:
            self.keras.update_step(gradient, variable, rate)
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
        self.keras.iterations.assign_add(1)


class _Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Looks a step's learning rate up in a variable of the optimizer.

    What stands in a variable is no part of the compiled program, which runs of other rates share.
    """

    table: keras.Variable

    def __call__(self, step: Any) -> Any:
        return keras.ops.take(self.table, step)
