"""What a search is after: the metric that ranks, and what counts beside it."""

import dataclasses
import math
import statistics
from collections.abc import Sequence

from kerascnn import latency, metrics, registry
from kerascnn.record import RunRecord

# What counts beside metrics -> what it is; of all of these less is better.
COSTS = {
    "parameters": "parameters",
    "macs": "multiply-accumulates per image",
    "seconds": "seconds per run",
    "latency": "seconds to answer one image",
    "sd": "sd between runs",
}
# Those of a network, the same in every run; and those that depend on the machine.
EXACT = ("parameters", "macs")
OF_THE_MACHINE = ("seconds", "latency")
_DIRECTIONS = {"max": True, "min": False}


@dataclasses.dataclass(frozen=True)
class Objective:
    """Something to have more or less of.

    Attributes:
        name: "val_accuracy", or one of `COSTS`.
        maximize: Whether more is better.
    """

    name: str
    maximize: bool

    def __str__(self) -> str:
        return f"{self.name}:{'max' if self.maximize else 'min'}"

    @property
    def words(self) -> str:
        """What it is, in words."""
        return COSTS.get(self.name, self.name)

    def better(self, value: float) -> float:
        """Returns a value such that more is better."""
        return value if self.maximize else -value


def read(text: str) -> Objective:
    """Returns the objective that is spelled "parameters", "val_loss:min" or "loss".

    Raises:
        ValueError: If there is none, or its direction is the other.
    """
    name, colon, direction = text.partition(":")
    name = f"val_{name}" if name in metrics.DIRECTIONS else name
    known = [*(f"val_{each}" for each in metrics.DIRECTIONS), *COSTS]
    if name not in (*metrics.names(), *COSTS):
        raise ValueError(registry.unknown("objectives", name, known))
    found = Objective(name, name not in COSTS and metrics.maximize(name))
    if colon and direction not in _DIRECTIONS:
        raise ValueError(registry.unknown(f"the directions of {name}", direction, _DIRECTIONS))
    if colon and _DIRECTIONS[direction] != found.maximize:
        better = "more" if found.maximize else "less"
        raise ValueError(f"Of {name} {better} is better: {found}. Received: {text!r}")
    return found


def parse(given: str | Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Returns (the metric that ranks, the further objectives) of what a user names.

    One alone is left as it is, for whoever knows which metrics there may be; further ones are
    spelled like "parameters:min".

    Raises:
        ValueError: If one of several is none, is named twice, or the first is no metric.
    """
    texts = [given] if isinstance(given, str) else list(given)
    if not texts:
        raise ValueError("At least one objective was expected. Received: none")
    if len(texts) == 1 and ":" not in texts[0] and texts[0] not in COSTS:
        return texts[0], ()
    found = [read(text) for text in texts]
    names = [each.name for each in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]!r} is named twice as an objective.")
    if names[0] in COSTS:
        raise ValueError(
            "The first objective ranks, and is a metric such as val_accuracy. "
            f"Received: {texts[0]!r}"
        )
    return names[0], tuple(map(str, found[1:]))


def values(name: str, runs: Sequence[RunRecord], ranked_by: str) -> list[float]:
    """Returns an objective of each run of one configuration; nan where it is not known.

    Args:
        name: Of the objective.
        runs: Finished ones.
        ranked_by: The metric whose sd "sd" is: that of one run is not known.
    """
    if name == "sd":
        scores = [run.metrics[ranked_by] for run in runs if ranked_by in run.metrics]
        found = statistics.stdev(scores) if len(scores) > 1 else math.nan
        return [found] * len(runs)
    if name in EXACT:
        counts = [r.parameters if name == "parameters" else r.multiply_accumulates for r in runs]
        return [float(max(counts, default=0)) or math.nan] * len(runs)
    if name == "seconds":
        return [run.seconds or math.nan for run in runs]
    if name == "latency":
        known = [latency.of(run.host, 1) for run in runs]
        return [math.nan if each is None else float(each["median"]) for each in known]
    return [run.metrics.get(name, math.nan) for run in runs]


def mean(values: Sequence[float]) -> float:
    """Returns the mean of those that are known; nan if none is."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.fmean(known) if known else math.nan


def over_runs(name: str, values: Sequence[float]) -> float:
    """Returns an objective of a configuration from those of its runs: of latency the median."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known and name == "latency" else mean(known)
