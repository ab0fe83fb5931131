"""One built network with its optimizer, which run after run starts over on."""

from collections.abc import Sequence

import keras
import numpy as np

from kerascnn.checkpoint import Checkpoint
from kerascnn.spec import RunSpec
from kerascnn.trainers._optimizer import Optimizer


class Network:
    """A network, its half that ends in logits, and its optimizer.

    Args:
        model: Images in [0, 1] to probabilities, the layer `logits` before them.
        spec: Of the first run on it.
        steps: Steps of an epoch.

    Attributes:
        model: As given.
        logits: Images in [0, 1] to logits; its variables are the model's.
        optimizer: Of the trainable variables.
    """

    def __init__(self, model: keras.Model, spec: RunSpec, steps: int) -> None:
        self.model = model
        self.logits = keras.Model(model.inputs[0], model.get_layer("logits").output)
        self.optimizer = Optimizer(spec, steps, self.logits.trainable_variables)

    def start_over(self, fresh: keras.Model, spec: RunSpec) -> None:
        """Takes every variable of a freshly initialised model, and a fresh optimizer state.

        Every one: normalisation statistics and the states of seed generators are variables too.
        """
        for ours, theirs in zip(self.model.variables, fresh.variables, strict=True):
            ours.assign(theirs)
        self.optimizer.start_over(spec)

    def resume(self, checkpoint: Checkpoint) -> bool:
        """Takes every variable of a checkpoint; returns whether it is one of such a network."""
        ours = [*self.model.variables, *self.optimizer.keras.variables]
        theirs = [*checkpoint.model, *checkpoint.optimizer]
        if [tuple(each.shape) for each in ours] != [each.shape for each in theirs]:
            return False
        for variable, value in zip(ours, theirs, strict=True):
            variable.assign(value)
        return True

    def snapshot(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Returns copies of all variables of the model and of the optimizer."""
        variables = self.model.variables, self.optimizer.keras.variables
        model, optimizer = ([np.array(variable) for variable in each] for each in variables)
        return model, optimizer

    def weights(self) -> list[np.ndarray]:
        """Returns copies of the weights and normalisation statistics."""
        return [np.array(variable) for variable in self.model.weights]

    def restore(self, weights: Sequence[np.ndarray]) -> None:
        """Takes what `weights` returned."""
        self.model.set_weights(weights)


def baked(spec: RunSpec, steps: int) -> tuple[object, ...]:
    """Returns what is part of a compiled step besides the network: runs alike in it may share one.

    Learning rate and weight decay are not, since they stand in variables; whether there is any
    weight decay is.
    """
    planned = 0 if spec.schedule == "constant" else spec.epochs * steps
    return spec.optimizer, spec.weight_decay > 0, spec.label_smoothing, spec.schedule, planned
