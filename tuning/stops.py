"""What stops a study that can come to nothing."""

from collections.abc import Sequence

from kerascnn.record import RunRecord
from tuning.trial import Trial


class ImpossibleError(ValueError):
    """The baseline, or what was asked for, cannot be built; or not all workers see the study."""


def refuse_the_impossible(trial: Trial, *, is_baseline: bool, is_typed: bool) -> None:
    """Refuses a network that cannot be built where the user chose it: that is no point to skip.

    Args:
        trial: What was tried.
        is_baseline: Whether it is a family's defaults. One that can be built, and costs more than
            a network may, is skipped.
        is_typed: Whether the user typed it.

    Raises:
        ImpossibleError: If it cannot be built.
    """
    if not (trial.seeds and trial.infeasible):
        return
    ended = trial.runs[0]
    if is_typed or (is_baseline and not ended.parameters):
        what = "is infeasible" if ended.parameters else "cannot be built"
        raise ImpossibleError(f"The network {what}: {ended.error}")


class FirstRuns:
    """Tells the user's broken code by the first runs: the same exception at the same line.

    Args:
        enough: How many runs it takes.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._records: list[RunRecord] = []

    def add(self, record: RunRecord) -> None:
        """Takes the next run that ended.

        Raises:
            RuntimeError: If it is the last of the first and all failed alike: no run's fault.
        """
        if len(self._records) < self._enough:
            self._records.append(record)
            if len(self._records) == self._enough and alike(self._records):
                raise RuntimeError(
                    f"The first {self._enough} runs failed at the same line. Stopped.\n"
                    f"{record.error}"
                )


def alike(records: Sequence[RunRecord]) -> bool:
    """Returns whether all raised the same exception at the same line."""
    raised = [record.error for record in records if record.error.startswith("Traceback")]
    return len(raised) == len(records) and len({_where(error) for error in raised}) == 1


def _where(error: str) -> tuple[str, ...]:
    """Returns the last line of code in a traceback, and the exception."""
    lines = error.strip().splitlines()
    files = [line for line in lines if line.lstrip().startswith("File ")]
    return (*files[-1:], *lines[-1:])
