"""Searches for several objectives, without training: whatever happens, the log ends the same."""

import dataclasses
import functools
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import fake
from tests.studies import essence
from tests.tuning.test_search import RACE, SPEC, _resume_after_every_cut, begin, in_one, in_two
from tuning import dominance
from tuning.asking import Asking
from tuning.oracles import Ask
from tuning.study import Study
from tuning.trials import Trials

FURTHER = ("parameters:min", "sd:min")
SEVERAL = dataclasses.replace(RACE, further=FURTHER)


@pytest.mark.parametrize("run", [in_one, in_two])
def test_a_race_for_several_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, run: Callable[[Study], Any]
) -> None:
    _resume_after_every_cut(tmp_path, dataclasses.replace(SEVERAL, trials=9), run, step=9)


def test_workers_do_not_change_the_numbers(tmp_path: Path) -> None:
    one, two = begin(tmp_path / "one", SEVERAL), begin(tmp_path / "two", SEVERAL)
    in_one(one)
    in_two(two)
    assert essence(one) == essence(two)


def test_those_that_do_not_learn_ask_what_they_ask_for_one(tmp_path: Path) -> None:
    one, several = begin(tmp_path / "one"), dataclasses.replace(SPEC, further=FURTHER)
    other = begin(tmp_path / "several", several)
    in_one(one)
    in_one(other)
    assert essence(one)[0] == essence(other)[0]


def test_a_race_for_several_asks_otherwise_than_for_one(tmp_path: Path) -> None:
    spec = dataclasses.replace(RACE, trials=30)
    one, other = begin(tmp_path / "1", spec), begin(tmp_path / "2", _after(spec, "parameters:min"))
    in_one(one, run=_wide)
    in_one(other, run=_wide)
    ended = [
        {r.spec.config_id: r for r in study.log if r.spec.last_epoch == 9} for study in (one, other)
    ]
    assert ended[0].keys() != ended[1].keys()
    fronts = [
        len(dominance.front([(r.metrics["val_accuracy"], -r.parameters) for r in found.values()]))
        for found in ended
    ]
    assert fronts[1] > fronts[0]


def _after(spec: Any, *further: str) -> Any:
    return dataclasses.replace(spec, further=further)


def _wide(specs: Sequence[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """Accuracy that filters buy, at a price."""
    return [_bought(spec) for spec in specs]


def _bought(spec: RunSpec) -> RunRecord:
    filters = int(spec.hyperparameters.get("filters", 32))
    value = filters / 64 + int(spec.config_id, 16) % 100 / 1000 + spec.seed % 10 / 10_000
    return RunRecord(
        spec=spec,
        epoch=spec.last_epoch,
        metrics={"val_accuracy": value, "val_loss": 1 - value},
        parameters=100 * filters,
        seconds=1.0,
    )


def test_a_race_by_seconds_goes_on_from_what_its_log_says(tmp_path: Path) -> None:
    """Seconds never come again: what was asked stays, and what is asked next follows from it."""
    spec = _after(RACE, "seconds:min")
    study = begin(tmp_path / "s", spec)
    clock = random.Random(0)
    run = functools.partial(_timed, clock=clock)
    in_one(study, run=run)
    asks = essence(study)[0]
    lines = study.log.path.read_bytes().splitlines(keepends=True)
    for cut in (len(lines) // 3, len(lines)):
        again = begin(tmp_path / f"cut{cut}", spec)
        again.log.path.write_bytes(b"".join(lines[:cut]))
        kept = essence(again)[0]
        in_one(again, run=run)
        assert essence(again)[0][: len(kept)] == kept == asks[: len(kept)]
        in_one(again, run=run, trials=RACE.trials + 6)
        ended = essence(again)[0]
        assert sum(ask["parent"] is None for ask in ended) == RACE.trials + 6


def _timed(
    specs: Sequence[RunSpec], *, folder: str, clock: random.Random, **options: Any
) -> list[RunRecord]:
    return [dataclasses.replace(fake.scored(spec), seconds=1 + clock.random()) for spec in specs]


def test_what_is_not_known_is_told_as_nan_or_as_a_failure(tmp_path: Path) -> None:
    """The sd of one run: whether one was asked for, or one of two failed."""
    point = {"filters": 4}
    for oracle, expected in {"race": [(0.5, 10.0, None)], "random_search": []}.items():
        spec = dataclasses.replace(SEVERAL, oracle=oracle, seeds=2)
        study = begin(tmp_path / oracle, spec)
        trials = Trials(study)
        asking = Asking(spec, trials, {})
        trial = trials.enter(Ask(point=point))
        run = trial.config.repeated(0, "search", 0)
        made = RunRecord(spec=run, metrics={"val_accuracy": 0.5}, parameters=10)
        failed = RunRecord(spec=trial.config.repeated(0, "search", 1), status="failed")
        trials.take(trial, made)
        trials.take(trial, failed)
        told = asking.scores_of(trial)
        assert [tuple(None if math.isnan(v) else v for v in each) for each in told] == expected


def test_when_all_fail_a_race_for_several_ends(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", SEVERAL)
    in_one(study, run=_failing)
    assert len(essence(study)[0]) == SEVERAL.trials


def _failing(specs: Sequence[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    return [RunRecord(spec=spec, status="failed", error=spec.run_id) for spec in specs]
