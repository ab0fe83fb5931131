"""A study as a search leaves it, recorded by hand: logits, curves, event files, a failed run."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerascnn import attempt
from kerascnn.loggers import tensorboard
from kerascnn.record import RunRecord
from tests import boards
from tuning import robust_runs, robust_scores, robustness, summary
from tuning.robustness import Report, Standing
from tuning.study import Study

CURVES = ("accuracy/train", "accuracy/validation", "loss/train", "loss/validation")
# Filters -> how often it is right.
SHARES = {8: 0.5, 16: 0.65, 32: 0.8, 64: 0.9}
SEEDS = 5
# Corruptions.
NAMES = ("contrast", "occlusion")
EPOCHS = 4


def study(folder: Path) -> Study:
    """Makes a study of four configurations with five seeds; of the last a sixth run failed."""
    draw = np.random.default_rng(0)
    right = {n: draw.random((SEEDS, len(boards.LABELS))) < share for n, share in SHARES.items()}
    made = boards.begin(folder, [])
    summary.describe(folder, made.spec)
    with made.log:
        for filters, runs in right.items():
            for repeat, row in enumerate(runs):
                each = finished(filters, repeat, float(row.mean()))
                boards.with_logits(made, each.spec, row)
                shown(folder, each)
                made.log.append_record(each)
        failed = dataclasses.replace(boards.record(64, SEEDS, None), error="No room.")
        made.log.append_record(failed)
    hold_up(made, [boards.record(filters, 0, 0.5).spec.config_id for filters in (64, 32, 16, 8)])
    return made


def hold_up(made: Study, configs: Sequence[str], names: Sequence[str] = NAMES) -> Report:
    """Leaves what `robustness` would, of votes that are drawn, and returns it."""
    draw = np.random.default_rng(0)
    standings = []
    for config in configs:
        records = [r for c, r in made.identified() if c == config and r.status == "finished"]
        labels = draw.integers(0, 2, 50)
        shape = (len(records), 9 + 5 * len(names), len(labels))
        votes = np.where(draw.random(shape) < 0.8, labels, 1 - labels)
        found = robust_scores.of_votes(votes, labels, names)
        logits = [4 * np.eye(2, dtype=np.float32)[run[0]] for run in votes]
        found["scores"] |= robust_scores.of_logits(logits, labels, seed=0)
        standings.append(
            Standing(
                config_id=config,
                role="leader" if config == configs[0] else "",
                family="cnn",
                hyperparameters=dict(records[0].point),
                n=len(records),
                runs=tuple(map(robustness.named, records)),
                **found,
            )
        )
    report = Report(
        study=made.name,
        split="validation",
        images=50,
        calibration_images=50,
        padding="circular",
        shifts=tuple(robust_runs.shifts((8, 8))),
        strengths=dict.fromkeys(names, (1.0, 2.0, 3.0, 4.0, 5.0)),
        standings=tuple(standings),
    )
    robustness.keep(made, report)
    return report


def finished(filters: int, repeat: int, accuracy: float) -> RunRecord:
    """Returns a run that ended well, with its curves."""
    rising = [accuracy * (epoch + 1) / EPOCHS for epoch in range(EPOCHS)]
    return dataclasses.replace(
        boards.record(filters, repeat, accuracy, parameters=100 * filters),
        epoch=EPOCHS,
        multiply_accumulates=1000 * filters,
        seconds=2.0 + filters / 64 + repeat / 8,
        history=dict.fromkeys(CURVES, rising),
    )


def shown(folder: Path, record: RunRecord, ended: bool = True) -> tensorboard.EventLogger:
    """Writes the event file of a run; `ended` or not, it can be gone on with."""
    run_dir = attempt.run_dir(folder, record.spec)
    log = tensorboard.logger(run_dir, record.spec, shown=dict(record.point))
    for epoch, values in enumerate(zip(*record.history.values(), strict=True), start=1):
        log.epoch(epoch, dict(zip(record.history, values, strict=True)))
    if ended:
        log.close(record)
    return log
