"""How well configurations hold up: shifts, corruptions, and whether probabilities mean it."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import registry
from kerascnn.exporters import _check
from kerascnn.record import RunRecord, write_file
from kerascnn.spec import Value
from tuning import comparison, gathered, leaving, robust_runs, robust_scores, scores
from tuning.executors import HERE, Machines
from tuning.gathered import Run
from tuning.robust_runs import PART, Protocol
from tuning.robust_scores import Score
from tuning.study import Study
from tuning.trial import Progress

# In a study's folder: what was measured last.
FILE = "robustness.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """How one configuration holds up.

    Attributes:
        config_id: The configuration.
        role: "leader", "baseline", "leader, baseline" or "".
        family: Its family.
        hyperparameters: The settings that vary in the study.
        n: Runs.
        runs: Of each, by repeat, its id and for how many epochs it was trained: "<run_id>@9".
        scores: Measure -> score: "clean", "shifted", "consistency", "corrupted" (over all
            corruptions and strengths), "calibration_error", "by_chance" and
            "squared_calibration_error".
        corruptions: Corruption -> its accuracy over the five strengths.
        strengths: Corruption -> its accuracy at each.
    """

    config_id: str
    role: str
    family: str
    hyperparameters: dict[str, Value]
    n: int
    runs: tuple[str, ...]
    scores: dict[str, Score]
    corruptions: dict[str, Score]
    strengths: dict[str, tuple[Score, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Configurations side by side.

    Attributes:
        study: The study's name.
        split: The part that was shifted and corrupted.
        images: How many of its images.
        calibration_images: How many calibration was measured on: all of the part.
        padding: What came in where a shift left a gap.
        shifts: Each (down, right) in pixels.
        strengths: Corruption -> what its strengths are.
        standings: In the order they were asked for.
    """

    study: str
    split: str
    images: int
    calibration_images: int
    padding: str
    shifts: tuple[tuple[int, int], ...]
    strengths: dict[str, tuple[float, ...]]
    standings: tuple[Standing, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns what `robustness --json` prints."""
        fields = dataclasses.asdict(self)
        return {("configurations" if n == "standings" else n): v for n, v in fields.items()}


def measure(
    study: Study,
    beginnings: Sequence[str] = (),
    *,
    protocol: Protocol | None = None,
    seeds: int | None = None,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Report:
    """Measures how configurations hold up on shifted and corrupted validation images.

    What it finds is kept in the study's folder, in place of what was found before.

    Args:
        study: The study.
        beginnings: Of configurations' ids; none: the leader and the baseline, the first that was
            asked for and finished.
        protocol: What is done to which images; None: all corruptions, circular shifts, all images.
        seeds: At most so many runs of each; None: all that finished.
        workers, executor, machines, watch: See `robust_runs.measure`.

    Raises:
        ValueError: If there is no such configuration, it has no finished run, or the study's runs
            were not scored on validation alone.
    """
    _refuse(study)
    protocol = protocol or Protocol(corruptions=registry.names(robust_runs.ROOM))
    groups, _ = gathered.gather([study], PART, "accuracy")
    chosen = _chosen(study, beginnings)
    moves = robust_runs.shifts(study.about["data"]["input_shape"], protocol.shift)
    records = {config: _records(groups.get(config, ()), config, seeds) for config in chosen}
    asked = [record for own in records.values() for record in own]
    where: dict[str, Any] = {"workers": workers, "executor": executor, "machines": machines}
    robust_runs.measure(study, asked, protocol, **where, watch=watch)
    labels = scores.read_labels(scores.labels_file(study.folder, PART))
    if labels is None:
        raise ValueError(f"{scores.labels_file(study.folder, PART)} is missing or damaged.")
    settings = gathered.shown(groups)
    positions = robust_runs.positions(labels, protocol.images)
    report = Report(
        study=study.name,
        split=PART,
        images=len(positions),
        calibration_images=len(labels),
        padding=protocol.padding,
        shifts=tuple(moves),
        strengths={
            n: registry.constant(robust_runs.ROOM, n, "STRENGTHS") for n in protocol.corruptions
        },
        standings=tuple(
            Standing(
                config_id=config,
                role=chosen[config],
                family=own[0].spec.family,
                hyperparameters=settings[config],
                n=len(own),
                runs=tuple(map(named, own)),
                **_measured(study, own, protocol, labels, positions),
            )
            for config, own in records.items()
        ),
    )
    keep(study, report)
    return report


def keep(study: Study, report: Report) -> None:
    """Leaves a report in the study's folder, whole or not at all."""
    write_file(study.folder / FILE, json.dumps(report.to_json()).encode())


def named(record: RunRecord) -> str:
    """Returns what tells a run from others, and from itself trained for longer."""
    return f"{record.spec.run_id}@{record.spec.last_epoch}"


def _refuse(study: Study) -> None:
    if study.imported is not None:
        raise ValueError(
            f"{study.folder} was imported from {study.imported['format']}: it holds no networks."
        )
    if study.spec.subsets:
        raise ValueError(
            f"{study.folder} was made by `{study.spec.made_by}`: its networks are of parts of the "
            "data. Train the configuration: train"
        )
    if study.spec.phase == "final":
        raise ValueError(
            f"{study.folder} was trained on the {PART} images too (`train --test`), which are what "
            "is shifted and corrupted."
        )


def _chosen(study: Study, beginnings: Sequence[str]) -> dict[str, str]:
    """Returns configuration -> its role."""
    leader = comparison.from_records(study)[0].config_id
    phase = study.spec.phase
    tried = [r for r in study.records() if r.spec.phase == phase and r.status == "finished"]
    first = min(tried, key=lambda r: -1 if r.trial is None else r.trial).spec.config_id
    roles = {leader: "leader"}
    roles[first] = ", ".join(filter(None, (roles.get(first), "baseline")))
    if not beginnings:
        return roles
    found = [leaving.find(study, beginning) for beginning in beginnings]
    return {config: roles.get(config, "") for config in found}


def _records(runs: Sequence[Run], config: str, seeds: int | None) -> list[RunRecord]:
    found = [run.record for run in runs if run.record.status == "finished"]
    if not found:
        raise ValueError(f"No run of configuration {config} has finished.")
    return sorted(found, key=lambda record: record.spec.repeat)[:seeds]


def _measured(
    study: Study,
    records: Sequence[RunRecord],
    protocol: Protocol,
    labels: npt.NDArray[np.integer[Any]],
    positions: npt.NDArray[np.int64],
) -> dict[str, Any]:
    """Returns the fields of a `Standing` that its runs give."""
    kept = [robust_runs.read_votes(study, record.spec, protocol) for record in records]
    votes = np.stack([each for each in kept if each is not None])
    specs = [(study.folder, record.spec) for record in records]
    logits = [_check.read_logits(file) for file in scores.logits_files(specs, PART)]
    found = robust_scores.of_votes(votes, labels[positions], protocol.corruptions)
    found["scores"] |= robust_scores.of_logits(logits, labels, seed=protocol.seed)
    return found
