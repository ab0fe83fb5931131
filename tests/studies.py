"""Two studies compared: what must be the same however they came about."""

import json
from typing import Any

from tuning import comparison
from tuning.study import Study


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
        del row["seconds"], row["images_per_second"], row["peak_memory"]
    return found
