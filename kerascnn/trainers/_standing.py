"""How far one run has come."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kerascnn.checkpoint import Checkpoint
from kerascnn.spec import RunSpec
from kerascnn.trainers._network import Network
from kerascnn.trainers._patience import Patience

# Losses and hits before the first step.
NONE = np.empty(0, np.float32), np.empty(0, np.int32)


class Steps:
    """What the steps that are made of an epoch gave: losses and hits, the step as first axis."""

    def __init__(self) -> None:
        self._losses: list[npt.NDArray[np.float32]] = []
        self._hits: list[npt.NDArray[np.int32]] = []

    def __len__(self) -> int:
        return sum(len(each) for each in self._losses)

    def add(self, losses: npt.NDArray[np.float32], hits: npt.NDArray[np.int32]) -> None:
        """Adds the next steps."""
        self._losses.append(losses)
        self._hits.append(hits)

    def arrays(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Returns losses and hits of all steps."""
        if not self._losses:
            return NONE
        return np.concatenate(self._losses), np.concatenate(self._hits)


class Standing:
    """One run: its epochs so far, and which of them it would end with.

    Args:
        spec: The run's.
        on_epoch: Called with the number and the metrics of each epoch as it ends.

    Attributes:
        history: Metrics of the epochs that are complete.
        patience: Which epoch's weights count.
        best: The weights of that epoch, if it is not the last.
    """

    def __init__(self, spec: RunSpec, on_epoch: Callable[[int, Mapping[str, float]], None]) -> None:
        self._last = spec.last_epoch
        self._on_epoch = on_epoch
        self.history: list[Mapping[str, float]] = []
        self.patience = Patience(spec.patience)
        self.best: Sequence[np.ndarray] = ()

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return len(self.history)

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.patience.over or self.epoch >= self._last

    def resume(self, checkpoint: Checkpoint) -> None:
        """Goes through the epochs of a checkpoint again, in no time."""
        for metrics in checkpoint.history:
            self.end_epoch(metrics)
        self.best = checkpoint.best

    def end_epoch(self, metrics: Mapping[str, float]) -> bool:
        """Takes the metrics of the next epoch; returns whether to keep the weights as they are."""
        self.history.append(metrics)
        self._on_epoch(self.epoch, metrics)
        return self.patience.take(self.epoch, metrics.get("loss/validation", math.nan))

    def checkpoint(
        self,
        network: Network,
        losses: npt.NDArray[np.float32] = NONE[0],
        hits: npt.NDArray[np.int32] = NONE[1],
    ) -> Checkpoint:
        """Returns where the run stands.

        Args:
            network: As it is now.
            losses, hits: Of the steps that are made of the next epoch.
        """
        model, optimizer = network.snapshot()
        return Checkpoint(
            history=list(self.history),
            losses=losses,
            hits=hits,
            model=model,
            optimizer=optimizer,
            best=self.best,
        )
