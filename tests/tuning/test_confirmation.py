"""Confirmation, without training: every step in the log, the test set opened once."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import metrics, training
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, value_of
from tuning import confirmation_report, executors, launch, repair, shortlisting
from tuning.confirmation import EVENTS, Attempt, Confirmation
from tuning.executors import serial
from tuning.rules import Rules
from tuning.search import Search
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Float
from tuning.study import Study, create

BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)
SPEC = SearchSpec(
    base=BASE,
    space={"filters": Choice(4, 8, 16, 32, 64), "dropout": Float(0.0, 0.5)},
    trials=12,
    seeds=3,
    rules=Rules(shortlist=3),
)
NOISE = 0.004


def run(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """More filters are better, by more than the seeds; dropout does not matter."""
    return [_scored(spec, value_of(spec, "filters") / 100) for spec in specs]


def tied_run(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    """All are equal, whatever their size."""
    return [_scored(spec, 0.5) for spec in specs]


def _scored(spec: RunSpec, mean: Any, size: int | None = None) -> RunRecord:
    name = metrics.prefix_of(training.SCORED_PARTS[spec.phase][0]) + "accuracy"
    value = mean + np.random.default_rng(spec.seed).normal(0, NOISE)
    size = int(value_of(spec, "filters")) if size is None else size
    return RunRecord(spec=spec, metrics={name: float(value)}, parameters=size)


def searched(folder: Path, spec: SearchSpec = SPEC, how: Any = run) -> Study:
    study = create(folder, spec, {})
    with serial.executor(environment={}) as executor:
        Search(study, executor, run=how)()
    return study


def confirm(study: Study, how: Any = run, **options: Any) -> Any:
    with serial.executor(environment={}) as executor:
        Confirmation(study, executor, run=how, **options)()
    return confirmation_report.report(study)


def events(study: Study) -> list[dict[str, Any]]:
    return [line for line in study.log.lines() if line["kind"] == "event"]


def test_the_winner_is_found_on_fresh_seeds_and_measured_on_others(tmp_path: Path) -> None:
    study = searched(tmp_path / "s")
    report = confirm(study)
    assert [event["name"] for event in events(study)] == list(EVENTS)
    assert value_of(_config(study, report.winner.config_id), "filters") == 64
    seeds = {}
    for record in study.log:
        seeds.setdefault(record.spec.phase, set()).add(record.spec.seed)
    assert not seeds["search"] & seeds["confirm"]
    assert not seeds["final"] & (seeds["search"] | seeds["confirm"])
    assert (report.winner.n, report.baseline.n, report.openings) == (5, 5, 1)
    assert {row.n for row in report.confirmed} == {5}
    assert len(report.confirmed) == 4
    assert report.difference == pytest.approx(report.winner.mean - report.baseline.mean)
    assert report.verdict == "better"
    assert report.search_mean is not None
    assert json.loads(json.dumps(report.to_json()))["winner"]["n"] == 5


def _config(study: Study, config_id: str) -> RunSpec:
    return next(record.spec for record in study.log if record.spec.config_id == config_id)


def test_a_tie_goes_to_the_smaller_network(tmp_path: Path) -> None:
    report = confirm(searched(tmp_path / "s", how=tied_run), tied_run)
    assert report.tied
    others = [row.parameters for row in report.confirmed if row.config_id in report.tied]
    assert report.winner.parameters == min([report.winner.parameters, *others])


def test_extra_seeds_are_trained_only_where_they_can_decide(tmp_path: Path) -> None:
    wide = dataclasses.replace(SPEC, rules=Rules(shortlist=3, margin=0.006))
    study = searched(tmp_path / "wide", wide, tied_run)
    report = confirm(study, tied_run)
    extra = events(study)[1]["extra"]
    assert 0 < extra <= 15
    counts = {row.config_id: row.n for row in report.confirmed}
    assert {counts[config] for config in report.looks[0]} == {5 + extra}
    assert len(report.looks) == 2
    assert set(report.looks[1]) <= set(report.looks[0])
    narrow = dataclasses.replace(SPEC, rules=Rules(shortlist=3, margin=0.0005))
    hopeless = searched(tmp_path / "narrow", narrow, tied_run)
    assert len(confirm(hopeless, tied_run).looks) == 1
    assert events(hopeless)[1]["needed"] is None


def test_cut_anywhere_it_ends_as_if_it_was_not(tmp_path: Path) -> None:
    study = searched(tmp_path / "whole", how=tied_run)
    search = len(study.log.path.read_bytes().splitlines())
    expected = confirm(study, tied_run).to_json()
    lines = study.log.path.read_bytes().splitlines(keepends=True)
    for cut in range(search, len(lines) + 1):
        again = create(tmp_path / f"cut{cut}", SPEC, {})
        again.log.path.write_bytes(b"".join(lines[:cut]) + b'{"kind":"ev')
        found = confirm(again, tied_run).to_json()
        assert _timeless(found) == _timeless(expected), cut
        names = [event["name"] for event in events(again)]
        assert names.count("test_opened") == 1


def _timeless(report: dict[str, Any]) -> str:
    text = json.loads(json.dumps({**report, "study": ""}))
    for row in (*text["confirmed"], text["winner"], text["baseline"] or {}):
        row.pop("seconds", None)
    return json.dumps(text)


def test_the_test_set_is_opened_again_only_if_asked_and_counted(tmp_path: Path) -> None:
    study = searched(tmp_path / "s")
    first = confirm(study)
    size = study.log.path.stat().st_size
    assert confirm(study).to_json() == first.to_json()
    assert study.log.path.stat().st_size == size
    second = confirm(study, again=True)
    assert (second.attempt, second.openings) == (2, 2)
    ids = [r.spec.run_id for r in study.log if r.spec.phase != "search"]
    assert len(ids) == len(set(ids))
    counts = Counter(record.spec.phase for record in study.log)
    assert (counts["confirm"], counts["final"]) == (2 * 4 * 5, 2 * 2 * 5)
    assert not set(second.winner.values) & set(first.winner.values)
    assert Attempt.last(study).number == 2


def test_other_rules_are_a_deviation_that_is_said(tmp_path: Path) -> None:
    study = searched(tmp_path / "s")
    with pytest.raises(ValueError, match=r"fixed margin=0\.005 when it began.*margin=0\.02.*--dev"):
        launch.confirm(study, rules={"margin": 0.02})
    assert not events(study)
    report = confirm(study, rules=Rules(shortlist=3, margin=0.02))
    assert report.deviates == {"margin": 0.02}
    assert confirmation_report.report(study).rules.margin == 0.02


def test_rules_cannot_change_on_the_way(tmp_path: Path) -> None:
    study = searched(tmp_path / "s")

    def stopped(specs: list[RunSpec], **options: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        confirm(study, stopped)
    with pytest.raises(ValueError, match=r"began with other rules than alpha=0\.1"):
        confirm(study, rules=Rules(shortlist=3, alpha=0.1))
    assert confirm(study).attempt == 1


def test_another_family_may_be_the_baseline(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, rules=Rules(shortlist=2, baseline="mlp"))
    study = searched(tmp_path / "s", spec)

    def both(specs: list[RunSpec], **options: Any) -> Any:
        if specs[0].family == "mlp":
            return [_scored(each, 0.1, size=7) for each in specs]
        return run(specs, **options)

    report = confirm(study, both)
    assert report.baseline.family == "mlp"
    assert report.baseline.n == 5


def test_a_winner_that_is_the_baseline_is_trained_once(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, base=BASE.configure({"filters": 64, "dropout": 0.25}))
    study = searched(tmp_path / "s", dataclasses.replace(spec, space={"filters": Choice(4, 8, 64)}))
    report = confirm(study)
    assert report.baseline is None
    assert report.verdict is None
    assert sum(record.spec.phase == "final" for record in study.log) == 5


def test_failed_runs_are_counted_and_a_lost_configuration_is_out(tmp_path: Path) -> None:
    study = searched(tmp_path / "s")

    def failing(specs: list[RunSpec], **options: Any) -> Any:
        return [
            RunRecord(spec=spec, status="failed", error="no")
            if spec.phase == "confirm" and value_of(spec, "filters") == 64 and spec.repeat
            else record
            for spec, record in zip(specs, run(specs, **options), strict=True)
        ]

    report = confirm(study, failing)
    assert value_of(_config(study, report.winner.config_id), "filters") < 64
    lost = [row for row in report.confirmed if row.failed]
    assert {(row.n, row.failed, row.mean) for row in lost} == {(1, 4, None)}


def test_a_study_whose_backend_is_not_installed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come from another machine: its workers would fail, one and all."""
    study = create(tmp_path / "s", dataclasses.replace(SPEC, backend="jax"), {})
    monkeypatch.setattr(executors, "is_installed", lambda name: name == "tensorflow")
    with pytest.raises(ValueError, match="The backend jax is not installed"):
        launch.run(study)
    assert not list(study.log.lines())


def test_only_a_search_can_be_confirmed(tmp_path: Path) -> None:
    study = create(tmp_path / "s", dataclasses.replace(SPEC, oracle="", space={}), {})
    with pytest.raises(ValueError, match="has searched nothing"):
        launch.confirm(study)
    empty = create(tmp_path / "e", SPEC, {})
    with pytest.raises(ValueError, match=r"No run of .* has ended yet"):
        confirm(empty)
    with pytest.raises(ValueError, match="is not confirmed"):
        confirmation_report.report(empty)


def test_a_mean_of_few_runs_has_to_be_better_by_more(tmp_path: Path) -> None:
    def row(name: str, values: list[float]) -> Any:
        full = searched_row(tmp_path)
        mean = float(np.mean(values))
        return dataclasses.replace(
            full, config_id=name, values=tuple(values), n=len(values), mean=mean
        )

    rows = [
        row("lucky", [0.925]),
        row("steady", [0.92, 0.925, 0.93, 0.925, 0.922]),
        row("low", [0.90, 0.91]),
    ]
    assert shortlisting.shortlist(rows, 2, maximize=True) == ["steady", "lucky"]
    assert shortlisting.shortlist(rows, 1, maximize=False) == ["low"]


def searched_row(folder: Path) -> Any:
    from tuning import comparison

    if not (folder / "rows").exists():
        searched(folder / "rows")
    return comparison.compare(Study(folder / "rows")).rows[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": 0}, "`margin > 0`"),
        ({"margin": float("nan")}, "`margin > 0`"),
        ({"alpha": 0.5}, "`0 < alpha < 0.5`"),
        ({"shortlist": 0}, "`shortlist >= 1`"),
        ({"confirmation_seeds": 1}, "`confirmation_seeds >= 2`"),
        ({"final_seeds": 1}, "`final_seeds >= 2`"),
    ],
)
def test_rules_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rules(**changes)


@pytest.mark.parametrize("name", [*EVENTS, "a run"])
def test_a_step_that_is_lost_is_taken_again_or_the_confirmation_is_not_gone_on_with(
    tmp_path: Path, name: str
) -> None:
    study = searched(tmp_path / "s")
    before = confirm(study)
    number = _line_of(study, name)
    lines = study.log.path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = b"{damaged\n"
    study.log.path.write_bytes(b"".join(lines))
    with study.log:
        assert repair.repair(study)
    if name in ("a run", "test_opened"):  # What followed from it is there already, and fits.
        assert confirm(study).to_json() == before.to_json()
        return
    with pytest.raises(ValueError, match=r"Steps of the confirmation of .* are lost\. --again"):
        confirm(study)
    again = confirm(study, again=True)
    assert again.openings == 2
    assert again.winner.config_id == before.winner.config_id


def _line_of(study: Study, name: str) -> int:
    """Returns the number of an event's line, or that of a confirming run."""
    for number, line in study.log.numbered():
        if line and name == (line.get("name") or _kind_of(line)):
            return number
    raise AssertionError(name)


def _kind_of(line: dict[str, Any]) -> str:
    confirming = line["kind"] == "run" and line["spec"].get("phase") == "confirm"
    return "a run" if confirming else ""
