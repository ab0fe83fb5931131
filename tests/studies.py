"""Two studies compared: what must be the same however they came about."""

import json
from typing import Any

from tuning import comparison
from tuning.study import Study

# Fields of a leaderboard's row that are the machine's: no two studies share them.
OF_MACHINE = (
    "seconds",
    "images_per_second",
    "peak_memory",
    "latency",
    "latency_interval",
    "latency_64",
    "latency_64_interval",
)


def essence(study: Study) -> tuple[list[Any], list[str], list[str]]:
    """The log, times, host and order of `run` lines aside."""
    lines = list(study.log.lines())
    runs = [
        json.dumps({k: v for k, v in line.items() if k not in ("seconds", "host")}, sort_keys=True)
        for line in lines
        if line["kind"] == "run"
    ]
    events = [json.dumps(line, sort_keys=True) for line in lines if line["kind"] == "event"]
    return [line for line in lines if line["kind"] == "ask"], sorted(runs), events


def board(study: Study) -> dict[str, Any]:
    found = comparison.compare(study).to_json()
    found["study"] = ""
    for row in found["configurations"]:
        for name in OF_MACHINE:
            del row[name]
    return found
