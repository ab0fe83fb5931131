"""Where the time of a whole search went, read from what its study left: nothing is instrumented."""

import dataclasses
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tensorboard.compat.proto import event_pb2
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

TRAINING = "training"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run on the clock of the wall, in seconds.

    Attributes:
        worker: Which process trained it.
        begun: When building its network began.
        trained: When its last epoch had ended.
        ended: When its record was there.
    """

    worker: str
    begun: float
    trained: float
    ended: float


def runs(folder: Path) -> list[Run]:
    """Returns the runs of a study, from their event files and records."""
    found = []
    for path in folder.glob("*/*/record.json"):
        (events,) = path.parent.glob("*tfevents*")
        times = _times(events)
        # The last event, the outcome, is written as the record's seconds are taken.
        begun = times[-1] - json.loads(path.read_bytes())["seconds"]
        worker = events.name.rpartition(".")[2]
        ended = path.stat().st_mtime
        found.append(Run(worker=worker, begun=begun, trained=times[-2], ended=ended))
    return found


def shares(start: float, begun: float, end: float, all_runs: Iterable[Run]) -> dict[str, float]:
    """Returns what the seconds between `start` and `end` were spent on, a worker's mean.

    Args:
        start: When the process was started.
        begun: When the study was there: data read, `study.json` written.
        end: When the process had ended.
        all_runs: The study's.
    """
    lanes: dict[str, list[Run]] = defaultdict(list)  # Worker -> its runs
    for run in sorted(all_runs, key=lambda run: run.begun):
        lanes[run.worker].append(run)
    last = max(lane[-1].ended for lane in lanes.values())
    found = {
        "command line, data, study": begun - start,
        "workers: start, imports, data": 0.0,
        TRAINING: 0.0,
        "scoring, logits, model": 0.0,
        "between calls": 0.0,
        "idle at the end": 0.0,
        "leaderboard, exit": end - last,
    }
    for lane in lanes.values():
        gaps = sum(b.begun - a.ended for a, b in itertools.pairwise(lane))
        parts = {
            "workers: start, imports, data": lane[0].begun - begun,
            TRAINING: sum(run.trained - run.begun for run in lane),
            "scoring, logits, model": sum(run.ended - run.trained for run in lane),
            "between calls": gaps,
            "idle at the end": last - lane[-1].ended,
        }
        for name, seconds in parts.items():
            found[name] += seconds / len(lanes)
    return found


def _times(path: Path) -> list[float]:
    """Returns when each event of a file was written."""
    reader, found = PyRecordReader_New(str(path)), []
    try:
        while True:
            reader.GetNext()
            found.append(event_pb2.Event.FromString(reader.record()).wall_time)
    except errors.OutOfRangeError:
        return found
