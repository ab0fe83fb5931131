"""A study as lines: of its runs, or of its configurations; for a CSV file, or as a DataFrame."""

import dataclasses
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kerascnn import latency, metrics
from kerascnn.record import RunRecord
from kerascnn.spec import CONFIGURABLE, settings, value_of
from tuning import comparison
from tuning.comparison import Board
from tuning.study import Study

if TYPE_CHECKING:
    import pandas as pd

Line = dict[str, Any]
# What a setting's column begins with: "epochs" are those trained, "hyperparameters.epochs" planned.
_SETTING = "hyperparameters."
# Columns that may be empty throughout -> what they hold.
_KINDS = {
    "trial": int,
    "parameters": int,
    "multiply_accumulates": int,
    "seconds": float,
    "images_per_second": float,
    "peak_memory": int,
    "latency": float,
    "latency_interval_low": float,
    "latency_interval_high": float,
    "latency_64": float,
    "latency_64_interval_low": float,
    "latency_64_interval_high": float,
    "mean": float,
    "sd": float,
    "sd_floor": float,
    "in_best_set": bool,
    "on_front": bool,
    "front_decided": bool,
    **{
        f"{name}_{end}": float
        for name in ("interval_seeds", "interval_new_data", "sd_interval")
        for end in ("low", "high")
    },
}
# Kind -> pandas' type, which has a place for what is missing.
_TYPES = {bool: "boolean", int: "Int64", float: "float64", str: "string"}


def runs(study: Study | Sequence[Study]) -> "pd.DataFrame":
    """Returns a row a run, as `compare --csv runs` has them.

    Raises:
        ValueError: If pandas is not installed, or no run has ended.
    """
    return _frame(of_runs(_several(study)))


def configurations(
    study: Study | Sequence[Study], metric: str | None = None, split: str | None = None
) -> "pd.DataFrame":
    """Returns a row a configuration, best first, as `compare --csv configurations` has them.

    Args:
        study, metric, split: See `comparison.compare`.

    Raises:
        ValueError: If pandas is not installed, or as `comparison.compare` does.
    """
    return _frame(of_configurations(comparison.compare(_several(study), metric, split)))


def of_runs(studies: Sequence[Study]) -> list[Line]:
    """Returns a line a run of every phase, whatever came of it; all have the same columns.

    A run that was trained further counts once, as it ended. None is what is not known, or what a
    family does not have.

    Raises:
        ValueError: If no run has ended.
    """
    found = [_runs(study) for study in studies]
    if not any(found):
        raise ValueError(f"No run of {', '.join(str(s.folder) for s in studies)} has ended yet.")
    return _filled([line for lines in found for line in lines])


def of_configurations(board: Board) -> list[Line]:
    """Returns a line a row of a leaderboard, with every field; all have the same columns."""
    rows = [{**dataclasses.asdict(row), **board.placed(row)} for row in board.rows]
    return _filled([_configuration(row) for row in rows])


def _runs(study: Study) -> list[Line]:
    known = study.identified()
    # Of our own metrics first, in their order.
    measured = dict.fromkeys(name for _, record in known for name in record.metrics)
    names = sorted(measured, key=lambda name: (name not in metrics.names(), name))
    return [_run(study, config, record, names) for config, record in known]


def _run(study: Study, config: str, record: RunRecord, measured: Sequence[str]) -> Line:
    spec, host = record.spec, record.host
    return {
        "study": study.name,
        "config_id": config,
        "run_id": spec.run_id,
        "family": spec.family,
        "dataset": spec.dataset,
        "fingerprint": spec.fingerprint,
        "phase": spec.phase,
        "subset": spec.subset,
        "repeat": spec.repeat,
        "seed": spec.seed,
        "trial": record.trial,
        "status": record.status,
        "reason": record.reason,
        "epochs": record.epoch,
        "scored_epoch": record.scored_epoch,
        **{name: record.metrics.get(name) for name in measured},
        **{f"{_SETTING}{name}": value for name, value in _settings(study, record).items()},
        "parameters": record.parameters or None,
        "multiply_accumulates": record.multiply_accumulates or None,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "peak_memory": record.peak_memory,
        **_latency(host),
        **{name: host.get(name) for name in ("trainer", "form", "backend", "threads", "machine")},
        "python": host.get("python"),
        "ended": host.get("ended"),
        **{f"versions.{name}": each for name, each in host.get("versions", {}).items()},
    }


def _settings(study: Study, record: RunRecord) -> dict[str, Any]:
    """Returns every setting of a run, defaults included; of another tool's trial, its point."""
    spec = record.spec
    if study.imported is not None:
        return dict(record.point)
    try:
        names = settings(spec.family)
    except ValueError:  # A family that is not there any more.
        own = {**record.point, **spec.hyperparameters}
        return {**own, **{name: getattr(spec, name) for name in CONFIGURABLE}}
    return {name: value_of(spec, name) for name in names}


def _latency(host: Mapping[str, Any]) -> Line:
    found: Line = {}
    for batch in latency.BATCHES:
        name = "latency" if batch == 1 else f"latency_{batch}"
        each = latency.of(host, batch) or {}
        found[name] = each.get("median")
        found |= {f"{name}_interval_{end}": each.get(end) for end in ("low", "high")}
    return found


def _configuration(row: Mapping[str, Any]) -> Line:
    line: Line = {}
    for name, value in row.items():
        if name in ("hyperparameters", "objectives"):
            line |= {f"{name}.{setting}": each for setting, each in value.items()}
        elif "interval" in name:
            low, high = value or (None, None)
            line |= {f"{name}_low": low, f"{name}_high": high}
        elif name == "values":  # One a run, by repeat.
            line[name] = " ".join(map(repr, value))
        else:
            line[name] = value
    return line


def _filled(lines: Sequence[Line]) -> list[Line]:
    """Returns lines that all have the columns of all, settings together."""
    columns = list(dict.fromkeys(name for line in lines for name in line))
    asked = [name for name in columns if name.startswith(_SETTING)]
    if asked:
        at = columns.index(asked[0])
        before = [name for name in columns[:at] if name not in asked]
        columns = [*before, *asked, *(name for name in columns[at:] if name not in asked)]
    return [{name: line.get(name) for name in columns} for line in lines]


def _several(study: Study | Sequence[Study]) -> list[Study]:
    return [study] if isinstance(study, Study) else list(study)


def _frame(lines: Sequence[Line]) -> "pd.DataFrame":
    if importlib.util.find_spec("pandas") is None:
        raise ValueError("pandas is not installed. Try: python -m pip install -e '.[pandas]'")
    import pandas as pd

    columns = {
        name: pd.array(values, dtype=kind)
        if (kind := _type(name, values)) is not None
        else pd.Series(values, dtype="object")
        for name in lines[0]
        for values in [[line[name] for line in lines]]
    }
    return pd.DataFrame(columns)


def _type(name: str, values: Iterable[Any]) -> str | None:
    """Returns pandas' type of a column; None: values of several kinds, which stay what they are."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return _TYPES[_KINDS.get(name, str)]
    if kinds == {int, float} or (kinds == {int} and _KINDS.get(name) is float):
        return "float64"
    return _TYPES.get(next(iter(kinds))) if len(kinds) == 1 else None
