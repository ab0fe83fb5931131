"""What `robustness` found last, read back from a study's folder, which may be a stranger's."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn import corruptions
from tuning import comparison, gathered, robustness
from tuning.robust_runs import PART
from tuning.robust_scores import Score
from tuning.robustness import FILE, Report, Standing
from tuning.study import Study


def read(study: Study) -> Report:
    """Returns what was measured last.

    Raises:
        ValueError: If nothing was, or the file is damaged; the message says what to do.
    """
    path = study.folder / FILE
    again = f"`robustness {study.name}` measures it"
    try:
        if not path.resolve().is_relative_to(study.folder.resolve()):
            raise ValueError("A link leads outside of the study.")
        return _report(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise ValueError(f"Not measured yet: {again}.") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError):
        raise ValueError(f"{path} is damaged: {again} anew.") from None


def since(study: Study, report: Report) -> list[str]:
    """Returns what is otherwise in the study now than it was measured, a sentence each."""
    groups, _ = gathered.gather([study], PART, "accuracy")
    lines = []
    for each in report.standings:
        runs = [run.record for run in groups.get(each.config_id, ())]
        now = {robustness.named(record) for record in runs if record.status == "finished"}
        name = each.config_id[:6]
        if lost := len(set(each.runs) - now):
            lines.append(f"{lost} of the {each.n} runs measured of {name} are not in the log.")
        if more := len(now.difference(each.runs)):
            lines.append(f"Of {name} {more} finished runs were not measured.")
    leader = comparison.from_records(study)[0].config_id
    if all(each.config_id != leader for each in report.standings):
        lines.append(f"The leader, {leader[:6]}, was not measured.")
    if any("leader" in each.role and each.config_id != leader for each in report.standings):
        lines.append(f"The leader is {leader[:6]} now.")
    return lines


def _report(fields: Mapping[str, Any]) -> Report:
    strengths = {str(n): tuple(map(_number, v)) for n, v in fields["strengths"].items()}
    found = Report(
        study=str(fields["study"]),
        split=str(fields["split"]),
        images=int(fields["images"]),
        calibration_images=int(fields["calibration_images"]),
        padding=str(fields["padding"]),
        shifts=tuple((int(down), int(right)) for down, right in fields["shifts"]),
        strengths=strengths,
        standings=tuple(_standing(each, strengths) for each in fields["configurations"]),
    )
    if not found.standings or not found.shifts:
        raise ValueError("There is nothing in it.")
    return found


def _standing(fields: Mapping[str, Any], names: Mapping[str, Any]) -> Standing:
    runs = tuple(map(str, fields["runs"]))
    scores = {str(name): _score(each) for name, each in fields["scores"].items()}
    for name in ("clean", "shifted", "consistency"):
        scores[name]  # Always there.
    return Standing(
        config_id=str(fields["config_id"]),
        role=str(fields["role"]),
        family=str(fields["family"]),
        hyperparameters=dict(fields["hyperparameters"]),
        n=len(runs),
        runs=runs,
        scores=scores,
        corruptions={name: _score(fields["corruptions"][name]) for name in names},
        strengths={name: _levels(fields["strengths"][name]) for name in names},
    )


def _levels(fields: Sequence[Any]) -> tuple[Score, ...]:
    if len(fields) != corruptions.LEVELS:
        raise ValueError(f"Expected {corruptions.LEVELS} strengths. Received: {len(fields)}")
    return tuple(map(_score, fields))


def _score(fields: Mapping[str, Any]) -> Score:
    return Score(
        values=tuple(map(_number, fields["values"])),
        mean=_number(fields["mean"]),
        interval_seeds=_interval(fields["interval_seeds"]),
        interval_new_data=_interval(fields["interval_new_data"]),
    )


def _interval(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = map(_number, value)
    return low, high


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"Expected a number. Received: {value!r}")
    return float(value)
