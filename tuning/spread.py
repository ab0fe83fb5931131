"""How the runs of one configuration differ, as TensorBoard is told: name -> number.

What the data cannot support is left out. The names are listed in docs/comparing.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import metrics
from kerascnn.record import RunRecord
from tuning import bias_variance, differences, measures, scores
from tuning.measures import Interval


def of_records(runs: Sequence[RunRecord], objective: str) -> dict[str, float]:
    """Returns what the runs' metrics tell: mean, standard deviation, intervals, gap.

    Args:
        runs: Finished runs of one configuration, at least one, that have the objective.
        objective: A metric with its prefix.
    """
    values = [run.metrics[objective] for run in runs]
    part, name = metrics.split_name(objective)
    found = {"mean": float(np.mean(values))}
    if (sd := measures.sd(values)) is not None:
        found["sd"] = sd
    found |= _ends("interval", measures.t_interval(values))
    found |= _ends("sd", measures.sd_interval(values))
    train = metrics.prefix_of("train") + name
    if part != "train" and all(train in run.metrics for run in runs):
        on_train = [run.metrics[train] for run in runs]
        found["generalization_gap"] = differences.generalization_gap(on_train, values).value
    return found


def of_logits(folder: Path, runs: Sequence[RunRecord], objective: str) -> dict[str, float]:
    """Returns what their logits tell besides; nothing for one run, or if any are unreadable.

    Args:
        folder: The study's.
        runs: As in `of_records`.
        objective: A metric with its prefix; the variances are of the part it is measured on.
    """
    part, name = metrics.split_name(objective)
    if len(runs) < 2:
        return {}
    files = scores.logits_files([(folder, run.spec) for run in runs], part)
    labels = scores.read_labels(scores.labels_file(folder, part))
    if labels is None or scores.problems(labels, files):
        return {}
    found = _variances(labels, files)
    images, _ = scores.read(scores.labels_file(folder, part), files, name)
    if images is None:
        return found
    found |= _ends("new_data", measures.new_data_interval(images))
    if (parts := measures.components(images)) is not None:
        found["sd_run"] = float(np.sqrt(max(0.0, parts.run)))
    floor = measures.sd_floor(images) if name in metrics.RIGHT_OR_WRONG else None
    return found if floor is None else {**found, "sd_floor": floor}


def _variances(labels: npt.NDArray[np.integer[Any]], files: Sequence[Path]) -> dict[str, float]:
    """Returns the variances of 0-1 loss and of cross-entropy, averaged over images."""
    sums = {"kw_variance": 0.0, "ce_variance": 0.0}
    for images, logits in scores.blocks(len(labels), files):
        truth = labels[images]
        votes = bias_variance.kohavi_wolpert(logits.argmax(axis=2), truth)
        cross_entropy = bias_variance.cross_entropy(logits, truth)
        for name, parts in (("kw_variance", votes), ("ce_variance", cross_entropy)):
            assert parts is not None  # There are two runs or more.
            sums[name] += float(parts.variance.sum())
    return {name: total / len(labels) for name, total in sums.items()}


def _ends(name: str, interval: Interval | None) -> dict[str, float]:
    return {} if interval is None else {f"{name}_low": interval[0], f"{name}_high": interval[1]}
