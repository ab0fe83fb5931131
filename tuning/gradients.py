"""What passed through a configuration's networks: its runs' `gradients.json`, seeds together."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerascnn import attempt
from kerascnn.loggers import gradients
from tuning import measures
from tuning.measures import Interval
from tuning.study import Study

# What is measured, in the order in which it is shown.
QUANTITIES = ("norm", "update", "dead", "saturated")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mean:
    """One number over the seeds.

    Attributes:
        mean: None if no run has the number.
        interval: Its 95 % interval for other seeds.
    """

    mean: float | None
    interval: Interval | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What was measured of one configuration.

    Attributes:
        config_id: The configuration.
        family: Its family.
        n: Runs that were measured.
        unmeasured: Runs that finished and were not: they had been trained before.
        layers: Layer -> quantity, one of `QUANTITIES` -> (at first, at last): of update, which
            takes two, after the first epoch; of the others before it.
        ratio: The norm of the gradient of the first layer with weights over that of the last, at
            first and at last: geometric means.
        ends: These two layers.
    """

    config_id: str
    family: str
    n: int
    unmeasured: int
    layers: Mapping[str, Mapping[str, tuple[Mean, Mean]]]
    ratio: tuple[Mean, Mean]
    ends: tuple[str, str]

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values; of a pair, "first" and "last"."""

        def pair(means: tuple[Mean, Mean]) -> dict[str, Any]:
            first, last = (dataclasses.asdict(each) for each in means)
            return {"first": first, "last": last}

        layers = {
            layer: {name: pair(means) for name, means in known.items()}
            for layer, known in self.layers.items()
        }
        return {**vars(self), "layers": layers, "ratio": pair(self.ratio)}


def read(study: Study, config_id: str) -> Found:
    """Returns what the logger `gradients` left of a configuration's runs.

    Args:
        study: The study.
        config_id: The configuration.
    """
    records = [
        record
        for config, record in study.identified()
        if config == config_id and record.status == "finished"
    ]
    runs = []
    for record in sorted(records, key=lambda record: record.spec.repeat):
        path = attempt.run_dir(study.folder, record.spec) / gradients.FILE
        if path.exists():
            runs.append(json.loads(path.read_bytes())["layers"])
    names = list(runs[0]) if runs else []
    layers = {
        layer: {
            name: _pair([run[layer][name] for run in runs])
            for name in QUANTITIES
            if name in runs[0][layer]
        }
        for layer in names
    }
    weighted = [layer for layer in names if "norm" in layers[layer]] or [""]
    return Found(
        config_id=config_id,
        family=records[0].spec.family if records else "",
        n=len(runs),
        unmeasured=len(records) - len(runs),
        layers=layers,
        ratio=_ratio(runs, weighted[0], weighted[-1]),
        ends=(weighted[0], weighted[-1]),
    )


def _pair(values: Sequence[Sequence[float | None]]) -> tuple[Mean, Mean]:
    """Returns the means of every run's first and last number."""
    ends = [[each for each in run if each is not None] for run in values]
    first, last = (_mean([run[i] for run in ends if run]) for i in (0, -1))
    return first, last


def _ratio(runs: Sequence[Any], first: str, last: str) -> tuple[Mean, Mean]:
    def logs(run: Any) -> list[float | None]:
        pairs = zip(run[first]["norm"], run[last]["norm"], strict=True)
        return [math.log(a / b) if a and b else None for a, b in pairs]

    found = _pair([logs(run) for run in runs])
    return _changed(found[0], math.exp), _changed(found[1], math.exp)


def _changed(mean: Mean, function: Callable[[float], float]) -> Mean:
    low, high = mean.interval or (None, None)
    return Mean(
        mean=None if mean.mean is None else function(mean.mean),
        interval=None if low is None or high is None else (function(low), function(high)),
    )


def _mean(values: Sequence[float]) -> Mean:
    if not values:
        return Mean(mean=None, interval=None)
    return Mean(mean=math.fsum(values) / len(values), interval=measures.t_interval(values))
