"""A project of Keras Tuner as a study: its trials compared and shown like runs of one's own.

What it is worth: Keras Tuner keeps one number a trial, the mean over its executions of each one's
own best epoch. That is optimistic, and how many executions there were is not stored. So a trial
is one run without an interval, and the study says of itself that it was imported.
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascnn import attempt
from kerascnn.loggers import tensorboard
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning import keras_tuner_metrics, keras_tuner_project, study, summary
from tuning.keras_tuner_project import KerasTunerTrial, Project
from tuning.search_spec import SearchSpec
from tuning.space import Float
from tuning.study import Study

_FAILED = ("FAILED", "INVALID")


def import_project(
    folder: str | Path, *, name: str | None = None, objective: str | None = None
) -> tuple[Study, bool]:
    """Makes a study of a project of Keras Tuner.

    Args:
        folder: The project's folder, or a folder that holds this one project.
        name: The study's name under `./runs`, or its path; None: the project's name and four
            digits of its content.
        objective: What ranks: "val_accuracy", or "accuracy" for short; None: what ranked there.

    Returns:
        The study, and whether it is new: the same import once more changes nothing.

    Raises:
        ValueError: If there is no project, no trial of it is complete, what ranked is no metric
            of ours, or the name is another study's.
        OSError: If the study cannot be written. Nothing is left.
    """
    project = keras_tuner_project.read(keras_tuner_project.find(folder))
    taken = [trial for trial in project.trials if trial.status in ("COMPLETED", *_FAILED)]
    if not any(trial.status == "COMPLETED" for trial in taken):
        raise ValueError(f"No trial of {project.folder} is complete: there is nothing to compare.")
    if not project.space:
        raise ValueError(f"{project.folder} has no hyperparameters: there is nothing to compare.")
    ranked_by = keras_tuner_metrics.ranked_by(taken)
    chosen = keras_tuner_metrics.objective_of(project.folder, taken, ranked_by, objective)
    spec = _spec(project, taken, chosen)
    lines = [*_lines(project, taken, spec)]
    about = _about(project, taken, ranked_by, _digest(spec, lines))
    word = re.sub(r"[^A-Za-z0-9._-]+", "_", project.folder.name).strip("._-") or "project"
    target = study.folder_of(f"{word}-{about['digest'][:4]}" if name is None else name)
    if (there := _there(target, about)) is not None:
        return there, False
    _write(target, spec, lines, about)
    return Study(target), True


# What is in it.


def _spec(project: Project, trials: Sequence[KerasTunerTrial], objective: str) -> SearchSpec:
    """Returns what the study is: a family of theirs, of which we know the values alone.

    Where the planned length is not stored, it is the latest best epoch there was.
    """
    seen = max(trial.best_step for trial in trials) + 1
    base = RunSpec(
        family=f"keras_tuner:{project.folder.name}",
        dataset="",
        epochs=seen if project.max_epochs is None else project.max_epochs,
    )
    return SearchSpec(
        base=base,
        space=project.space,
        oracle="",
        objective=objective,
        backend="",
        trainer="",
        trials=sum(trial.parent is None for trial in trials) or 1,  # Promotions do not count.
        seeds=1,
    )


def _lines(
    project: Project, trials: Sequence[KerasTunerTrial], spec: SearchSpec
) -> Iterator[tuple[dict[str, Any], RunRecord]]:
    """Yields each trial's ask and record.

    A trial that Hyperband promoted continues its parent's run. One that tries a point once more
    is the next run of that configuration.
    """
    asked: dict[str, tuple[int, RunSpec]] = {}  # Keras Tuner's id -> (trial, run)
    runs: Counter[str] = Counter()  # Configuration -> its runs
    for number, trial in enumerate(trials):
        point = _point(project, trial)
        stop = trial.epochs if trial.epochs != spec.base.epochs else None
        run = dataclasses.replace(spec.base, hyperparameters=point, stop_epoch=stop or 0)
        parent, first = asked.get(trial.parent or "", (None, None))
        if first is not None and first.config_id == run.config_id:
            repeat = first.repeat
        else:
            parent, repeat = None, runs[run.config_id]
            runs[run.config_id] += 1
        run = run.repeated(spec.seed, "search", repeat)
        asked[trial.name] = number, run
        ask = {"trial": number, "point": point, "epochs": stop, "parent": parent}
        ask |= {"told": 0, "new": parent is None}
        yield ask, _record(run, trial, number, point, spec.objective)


def _point(project: Project, trial: KerasTunerTrial) -> dict[str, Value]:
    """Returns the values in the space's order, whole numbers of a `Float` as floats."""
    return {
        name: float(trial.point[name])
        if isinstance(domain, Float) and type(trial.point[name]) is int
        else trial.point[name]
        for name, domain in project.space.items()
        if name in trial.point
    }


def _record(
    run: RunSpec, trial: KerasTunerTrial, number: int, point: Mapping[str, Value], objective: str
) -> RunRecord:
    found = keras_tuner_metrics.ours(trial.metrics)
    error = ""
    if trial.status in _FAILED:
        error = trial.message or "Keras Tuner says no more than that it failed."
    elif objective not in found:
        error = f"It has no finite {objective}."
    return RunRecord(
        spec=run,
        status="failed" if error else "finished",
        epoch=0 if error else run.last_epoch,
        metrics={} if error else found,
        error=error,
        trial=number,
        point=point,
        host={"trainer": "keras_tuner", "trial": trial.name},
    )


def _about(
    project: Project, trials: Sequence[KerasTunerTrial], ranked_by: Sequence[str], digest: str
) -> dict[str, Any]:
    """Returns what `study.json` says of the import."""
    states = Counter(trial.status for trial in trials)
    left_out = Counter(trial.status for trial in project.trials if trial not in trials)
    return {
        "from": str(project.folder),
        "format": "Keras Tuner 1",
        "digest": digest,
        "completed": states["COMPLETED"],
        "failed": len(trials) - states["COMPLETED"],
        "left_out": dict(left_out),
        "damaged": dict(project.damaged),
        "ranked_by": list(ranked_by),
        "epochs_known": project.max_epochs is not None,
    }


def _digest(spec: SearchSpec, lines: Sequence[tuple[dict[str, Any], RunRecord]]) -> str:
    content = [spec.to_json(), *([ask, record.to_json()] for ask, record in lines)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


# Where it goes.


def _there(target: Path, about: Mapping[str, Any]) -> Study | None:
    """Returns the study at `target` if it is this import; None if nothing is there."""
    if (target / "study.json").exists():
        found = Study(target)
        if found.imported is None:
            raise ValueError(f"{target} is a study of one's own. Try another --study.")
        if found.imported["digest"] != about["digest"]:
            raise ValueError(
                f"{target} holds another import: {_words(found.imported)} there, "
                f"{_words(about)} here. Try another --study."
            )
        return found
    if target.exists() and any(target.iterdir()):
        raise ValueError(f"{target} exists and is not a study: it has no study.json.")
    return None


def _words(imported: Mapping[str, Any]) -> str:
    trials = imported["completed"] + imported["failed"]
    return f"{trials} trials of {imported['from']}"


def _write(
    target: Path,
    spec: SearchSpec,
    lines: Sequence[tuple[dict[str, Any], RunRecord]],
    about: Mapping[str, Any],
) -> None:
    """Writes the study two folders down beside `target`, where none is looked for, and renames."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        made = study.create(beside / target.name, spec, {"imported": dict(about)})
        with made.log:
            for ask, record in lines:
                made.log.append("ask", ask)
                made.log.append_record(record)
        summary.describe(made.folder, spec)
        for record in made.records():
            run_dir = attempt.run_dir(made.folder, record.spec)
            tensorboard.logger(run_dir, record.spec, shown=record.point).close(record)
        os.rename(made.folder, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
