"""Whether an export gives the probabilities that its run gave: pure functions of arrays."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

# Precision -> largest difference of a probability from the recorded one. Arithmetic in another
# order stays below it; another preprocessing or other weights do not. A bfloat16 has 8 significant
# bits, and each compiler chooses which results in between it rounds to them: one backend repeats
# itself to 1e-6, but what JAX trained differed in TensorFlow by 0.008 (cnn), 0.009 (resnet), 0.033
# (efficientnet) and 0.046 (vgg) on digits. An eighth leaves room for deeper networks.
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.125}


def read_logits(path: Path) -> npt.NDArray[np.float32]:
    """Returns the recorded logits of a run, float32 (n, num_classes).

    Raises:
        ValueError: If the file is missing or damaged.
    """
    try:
        logits: npt.NDArray[np.float32] = np.load(path, allow_pickle=False)
        if logits.ndim == 2 and logits.dtype == np.float32 and np.isfinite(logits).all():
            return logits
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: there is nothing to check an export with.") from None
    except (OSError, ValueError, EOFError):
        pass
    raise ValueError(f"{path} is damaged.")


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Returns the probabilities of logits, float64 of the same shape."""
    return np.asarray(special.softmax(logits.astype(np.float64), axis=1))


def compare(
    answers: npt.NDArray[Any],
    logits: npt.NDArray[np.float32],
    wrong: str,
    *,
    precision: str = "float32",
) -> float:
    """Returns the largest difference from the recorded probabilities.

    Args:
        answers: Probabilities (n, num_classes).
        logits: Those recorded.
        wrong: What it means if they differ, the beginning of the error.
        precision: The run's, if the answers may come from another program than the run's own.

    Raises:
        RuntimeError: If it is above the precision's tolerance, or a class differs where the two
            best are further apart.
    """
    tolerance = TOLERANCES[precision]
    expected = softmax(logits)
    if answers.shape != expected.shape:
        raise RuntimeError(
            f"{wrong}: {answers.shape} probabilities, {expected.shape} are recorded. "
            "Nothing was written."
        )
    difference = float(np.abs(answers - expected).max())
    second, first = np.sort(expected, axis=1)[:, -2:].T
    clear = first - second > tolerance
    others = int((clear & (answers.argmax(axis=1) != expected.argmax(axis=1))).sum())
    if not difference <= tolerance or others:
        raise RuntimeError(
            f"{wrong}: probabilities differ by up to {difference:.2g} (at most {tolerance:g} is "
            f"allowed) and the class of {others} of {len(expected)} images. Nothing was written."
        )
    return difference
