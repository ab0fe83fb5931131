"""Where a run stands, as one `.npz`: what it needs to go on as if it had never stopped.

A cache and no more: a run whose checkpoint is missing, damaged or of something else starts over,
and ends with the same numbers.
"""

import dataclasses
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascnn.record import written_whole

if TYPE_CHECKING:
    import numpy as np

# Lists of arrays in the file; of each, array 3 is called "model/3".
_LISTS = ("model", "optimizer", "best", "before")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A run between two steps.

    Attributes:
        history: The metrics of every epoch that is complete, by name.
        losses: Of the steps that are made of the next epoch, float32 (steps,).
        hits: Images that each of them got right, int32 (steps,).
        model: The values of `model.variables`: weights, statistics and the states of seed
            generators, which a `.keras` file leaves out.
        optimizer: Those of `optimizer.variables`.
        best: The weights that `patience` would go back to; none if there are none.
        before: `model` as it was after the last epoch that is complete, of a run that is watched,
            where steps of the next are made; see `signals`.
        seen: Of a run that is watched, epoch -> what was measured after it.
    """

    history: Sequence[Mapping[str, float]]
    losses: "np.ndarray"
    hits: "np.ndarray"
    model: Sequence["np.ndarray"]
    optimizer: Sequence["np.ndarray"]
    best: Sequence["np.ndarray"] = ()
    before: Sequence["np.ndarray"] = ()
    seen: Mapping[int, dict[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return len(self.history)

    @property
    def reach(self) -> tuple[int, int]:
        """Epochs that are complete, and steps of the next."""
        return self.epoch, len(self.losses)


def write(path: Path, checkpoint: Checkpoint, *, made: Mapping[str, Any], seconds: float) -> None:
    """Writes a checkpoint, in place of one that is there.

    Args:
        path: Its file.
        checkpoint: The run.
        made: Whose it is, and with what it was made; JSON values.
        seconds: How long the run took until here.

    Raises:
        OSError: If the disk is full. What was there before is then as it was.
    """
    import numpy as np

    lists = {name: getattr(checkpoint, name) for name in _LISTS}
    counts = {name: len(arrays) for name, arrays in lists.items()}
    about = {"made": made, "seconds": seconds, "history": checkpoint.history, "counts": counts}
    about["seen"] = checkpoint.seen
    arrays = {
        f"{name}/{i}": each for name, values in lists.items() for i, each in enumerate(values)
    }
    arrays |= {"losses": checkpoint.losses, "hits": checkpoint.hits}
    with written_whole(path) as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


def read(path: Path, *, made: Mapping[str, Any]) -> tuple[Checkpoint, float] | None:
    """Returns the checkpoint in a file, and the seconds it took; None if it is of no use.

    Args:
        path: Its file.
        made: As `write` was given it: another run's is of no use, nor one that was made otherwise.
    """
    import numpy as np

    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["made"] != json.loads(json.dumps(made)):
                return None
            lists = {
                name: [file[f"{name}/{i}"] for i in range(about["counts"][name])] for name in _LISTS
            }
            seen = {int(epoch): values for epoch, values in about["seen"].items()}
            found = Checkpoint(
                history=about["history"],
                losses=file["losses"],
                hits=file["hits"],
                seen=seen,
                **lists,
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return found, float(about["seconds"])
