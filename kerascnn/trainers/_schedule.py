"""The learning rate of every step: a function of the planned epochs, never of where one stops."""

import numpy as np
import numpy.typing as npt

from kerascnn.spec import RunSpec

# The numbers of fastai and of PyTorch's OneCycleLR.
_WARM_UP = 0.3
_FIRST = 1 / 25
_LAST = _FIRST / 10_000


def rates(spec: RunSpec, steps: int) -> npt.NDArray[np.float64]:
    """Returns the learning rate of every planned step, float64 (epochs * steps,).

    Args:
        spec: The run's; `RunSpec.schedule` says what each schedule is.
        steps: Steps of an epoch: those of epoch e begin at (e - 1) * steps.
    """
    planned = spec.epochs * steps
    step = np.arange(planned, dtype=np.float64)
    if spec.schedule == "cosine":
        shares = _cosine(1.0, 0.0, step / planned)
    elif spec.schedule == "one_cycle":
        top, last = _WARM_UP * planned - 1, planned - 1
        up = _cosine(_FIRST, 1.0, step / top)
        down = _cosine(1.0, _LAST, (step - top) / (last - top))
        shares = np.where(step <= top, up, down)
    else:
        shares = np.ones(planned)
    return np.asarray(spec.learning_rate * shares, np.float64)


def _cosine(start: float, end: float, progress: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Goes from `start` to `end` along half a cosine as `progress` goes from 0 to 1."""
    return np.asarray(end + (start - end) * (1 + np.cos(np.pi * progress)) / 2, np.float64)
