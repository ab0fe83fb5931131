"""What was typed that wrote to a study: a memo beside its log, of which nothing is computed.

It is no part of the log, since a study that was interrupted is the same as one that was not.
"""

import dataclasses
import datetime
import shlex
import sys

from kerascnn.record import RunLog
from tuning.study import Study


@dataclasses.dataclass(frozen=True, kw_only=True)
class Typed:
    """One command.

    Attributes:
        command: As it was typed, ready for a shell.
        at: When, in UTC; "" if it is not known.
    """

    command: str
    at: str


def command() -> str:
    """Returns what this process was called with; "" if it was no command line."""
    if not sys.argv[0]:
        return ""
    # As the README has it: what is installed goes by its name.
    program = ["python", "run.py"] if sys.argv[0].endswith(".py") else ["kerascnn"]
    return shlex.join([*program, *sys.argv[1:]])


def note(study: Study) -> None:
    """Keeps what this process was called with, before it writes to the study.

    Raises:
        ValueError: If another process is writing the study.
        OSError: If the disk is full.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with study.log, _memo(study) as memo:
        fields = {"name": "typed", "command": command(), "at": now, "lines": _lines(study)}
        memo.append("event", fields)


def read(study: Study) -> list[Typed]:
    """Returns the commands that wrote to the study, the one that began it first.

    A command after which the log was no longer than before wrote nothing.
    """
    began = Typed(command=study.about.get("command", ""), at=study.about.get("created", ""))
    notes = [line for _, line in _memo(study).numbered() if line is not None]
    lengths = [*(line["lines"] for line in notes), _lines(study)]
    found = [
        Typed(command=line["command"], at=line["at"])
        for line, after in zip(notes, lengths[1:], strict=True)
        if after > line["lines"] and line["command"]
    ]
    if began.command and (not found or found[0].command != began.command):
        found = [began, *found]
    return found


def is_kept(study: Study) -> bool:
    """Returns whether commands after the first are known, too."""
    return _memo(study).path.exists()


def _memo(study: Study) -> RunLog:
    return RunLog(study.folder / "commands.jsonl")


def _lines(study: Study) -> int:
    if not study.log.path.exists():
        return 0
    with open(study.log.path, "rb") as file:
        return sum(line.endswith(b"\n") for line in file)
