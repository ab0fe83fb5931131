"""What Keras Tuner 1 leaves in a folder, read from its JSON files alone: it is not imported.

A project is a folder with an `oracle.json` and, for each trial, a `trial_<id>/trial.json`. None of
them is written whole: a kill leaves one empty or torn, and Keras Tuner then opens the project no
more. Here a damaged file is left out and named.
"""

import dataclasses
import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascnn.spec import Value
from tuning import keras_tuner_space
from tuning.space import Space

# What reading a file of the wrong shape raises.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasTunerTrial:
    """One trial, as its `trial.json` has it.

    Attributes:
        name: Its id, such as "0007".
        status: "COMPLETED", "FAILED", "INVALID", "RUNNING", ...
        point: Value by name of the setting; inactive ones are not in it.
        score: What ranks; None: it has none, or none that is finite.
        best_step: The epoch the metrics are of, from 0: the mean over executions.
        metrics: Value by name, the mean over executions of each one's best epoch; finite.
        message: Why it failed, or "".
        epochs: Epochs it was trained to in all, by Hyperband; None: not stored.
        parent: The trial whose weights it began with, by Hyperband.
    """

    name: str
    status: str
    point: Mapping[str, Value]
    score: float | None
    best_step: int
    metrics: Mapping[str, float]
    message: str
    epochs: int | None
    parent: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """A folder of Keras Tuner's.

    Attributes:
        folder: Where it lies.
        trials: In the order they were begun.
        space: Domain by name of the setting, of every conditional scope.
        max_epochs: Hyperband's planned length; None: another tuner's, which does not store it.
        damaged: Reason by file left out, relative to the folder.
    """

    folder: Path
    trials: tuple[KerasTunerTrial, ...]
    space: Space
    max_epochs: int | None
    damaged: Mapping[str, str]


def find(folder: str | Path) -> Path:
    """Returns the project at `folder`: itself, or the one right in it.

    Raises:
        ValueError: If there is none, or more than one.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}.")
    if _is_project(folder):
        return folder
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and _is_project(path))
    if not inside:
        raise ValueError(
            f"{folder} is no project of Keras Tuner: it has neither oracle.json nor trial_*."
        )
    if len(inside) > 1:
        names = ", ".join(path.name for path in inside)
        raise ValueError(f"{folder} holds {len(inside)} projects. Name one of them: {names}.")
    return inside[0]


def _is_project(folder: Path) -> bool:
    return (folder / "oracle.json").exists() or any(folder.glob("trial_*/trial.json"))


def read(folder: Path) -> Project:
    """Reads a project; what is damaged in it is left out.

    Raises:
        ValueError: If not one trial can be read.
    """
    damaged: dict[str, str] = {}
    oracle = _object(folder, "oracle.json", damaged)
    trials: list[KerasTunerTrial] = []
    if "oracle.json" not in damaged and "hyperparameters" not in oracle:
        damaged["oracle.json"] = "it lacks 'hyperparameters'"
    entries = list(keras_tuner_space.entries(oracle))
    for path in sorted(folder.glob("trial_*"), key=_order):
        file = f"{path.name}/trial.json"
        fields = _object(folder, file, damaged)
        if file in damaged:
            continue
        try:
            trials.append(_trial(_id(path), fields))
        except _DAMAGE as error:
            damaged[file] = _words(error)
        else:
            entries += keras_tuner_space.entries(fields)
    if not trials:
        torn = "".join(f" {file}: {reason}" for file, reason in list(damaged.items())[:1])
        raise ValueError(f"{folder} has no trial that can be read.{torn}")
    epochs = [trial.epochs for trial in trials if trial.epochs is not None]
    planned = oracle.get("max_epochs")
    return Project(
        folder=folder,
        trials=tuple(trials),
        space=keras_tuner_space.space_of(entries, [trial.point for trial in trials]),
        max_epochs=max([*epochs, *([planned] if type(planned) is int else [])], default=None),
        damaged=damaged,
    )


def _object(folder: Path, file: str, damaged: dict[str, str]) -> Mapping[str, Any]:
    """Reads a JSON object; if it cannot be read it is noted as damaged, and empty."""
    try:
        fields = json.loads((folder / file).read_bytes())
        if isinstance(fields, dict):
            return fields
        damaged[file] = "it holds no JSON object"
    except FileNotFoundError:
        damaged[file] = "it is not there"
    except _DAMAGE as error:
        damaged[file] = _words(error)
    return {}


def _words(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "it is empty" if not error.doc else f"it is torn: {error.msg} at {error.pos}"
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _order(path: Path) -> tuple[bool, int, str]:
    name = _id(path)
    return not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def _id(path: Path) -> str:
    return path.name.removeprefix("trial_")


def _trial(name: str, fields: Mapping[str, Any]) -> KerasTunerTrial:
    values = fields["hyperparameters"]["values"]
    best_step = int(fields.get("best_step") or 0)
    return KerasTunerTrial(
        name=name,
        status=str(fields["status"]),
        point=keras_tuner_space.point_of(values, keras_tuner_space.entries(fields)),
        score=_finite(fields.get("score")),
        best_step=best_step,
        metrics={
            metric: value
            for metric, history in fields["metrics"]["metrics"].items()
            if (value := _observed(history["observations"], best_step)) is not None
        },
        message=str(fields.get("message") or ""),
        epochs=int(values["tuner/epochs"]) if "tuner/epochs" in values else None,
        parent=values.get("tuner/trial_id"),
    )


def _observed(observations: list[Mapping[str, Any]], best_step: int) -> float | None:
    """Returns a metric's mean over executions at the best step, else at the last."""
    if not observations:
        return None
    at_best = [each for each in observations if each["step"] == best_step]
    values = (at_best or observations)[-1]["value"]
    return _finite(statistics.fmean(values if isinstance(values, list) else [values]))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
