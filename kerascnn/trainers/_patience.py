"""Which epoch's weights a run ends with: a rule on the validation loss, fixed in advance."""

import math


class Patience:
    """Follows the validation loss of one run.

    Args:
        patience: `RunSpec.patience`; with 0 it is the last epoch whose weights count.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._last = 0
        self._best = 0
        self._least = math.inf

    def take(self, epoch: int, loss: float) -> bool:
        """Takes the validation loss after an epoch (1, 2, ...).

        Returns:
            Whether the trainer should keep a copy of the weights, statistics included, as they
            are now: the loss is finite and below all before.
        """
        self._last = epoch
        if not self._patience or not math.isfinite(loss) or loss >= self._least:
            return False
        self._best, self._least = epoch, loss
        return True

    @property
    def over(self) -> bool:
        """Whether to stop."""
        return 0 < self._patience <= self._last - self._best

    @property
    def epoch(self) -> int:
        """The epoch whose weights the run ends with; the last if none had a finite loss."""
        return self._best or self._last
