"""A damaged line is given up on record; what it said is adopted or done again, the same."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from kerascnn import attempt
from kerascnn.record import RunLog
from tests import fake, killing
from tests.studies import board, essence
from tuning import decomposition, launch, plan, repair
from tuning.cli import cli
from tuning.commands import dashboard
from tuning.decomposition import Decomposition
from tuning.executors import serial
from tuning.search import Search
from tuning.search_spec import SearchSpec
from tuning.study import Study, create, save_labels

DAMAGE = b'{"kind":"run","spec":{"fam\xff\n'


def begin(folder: Path, spec: SearchSpec) -> Study:
    study = create(folder, spec, {"versions": {}})
    for part in ("train", "validation"):
        save_labels(folder, part, np.zeros(3, np.int32))
    return study


def search(study: Study, **options: Any) -> None:
    with serial.executor(environment={}) as executor:
        Search(study, executor, **{"run": fake.working_run, **options})()


def damage(study: Study, *numbers: int) -> list[bytes]:
    """Damages lines, numbered from 1, and returns all as they were."""
    lines = study.log.path.read_bytes().splitlines(keepends=True)
    damaged = [DAMAGE if n in numbers else line for n, line in enumerate(lines, start=1)]
    study.log.path.write_bytes(b"".join(damaged))
    return lines


def mend(study: Study) -> str:
    with study.log:
        return repair.repair(study)


def same(study: Study, whole: Study) -> None:
    asks, runs, events = essence(study)
    expected = essence(whole)
    assert sorted(asks, key=lambda ask: ask["trial"]) == expected[0]
    assert sorted(set(runs)) == expected[1]
    assert events == expected[2]
    assert board(study) == board(whole)


@pytest.mark.slow
@pytest.mark.parametrize("oracle", killing.SPECS)
@pytest.mark.parametrize("outboxes", [True, False])
def test_whatever_line_is_lost_the_study_ends_the_same(
    tmp_path: Path, oracle: str, outboxes: bool
) -> None:
    whole = begin(tmp_path / "whole", killing.SPECS[oracle])
    search(whole)
    count = len(whole.log.path.read_bytes().splitlines())
    for number in (*range(1, count, 1 if outboxes else 5), count):
        folder = tmp_path / f"lost{number}"
        shutil.copytree(whole.folder, folder)
        study = Study(folder)
        before = damage(study, number)
        if not outboxes:
            for path in folder.rglob("record.json"):
                path.unlink()
        with pytest.raises(ValueError, match=rf"Line {number} of .* is damaged.*--repair"):
            search(study)
        told = mend(study)
        assert told.startswith(f"Line {number} of {study.log.path} was damaged and given up")
        kept = study.folder / told.partition("as it was is ")[2].partition(". ")[0]
        assert kept.read_bytes().splitlines(keepends=True)[number - 1] == DAMAGE
        lines = list(study.log.lines())
        assert lines[number - 1]["kind"] == "lost"
        assert (lines[number - 1]["line"], "base64" in lines[number - 1]) == (number, True)
        unchanged = [json.loads(line) for line in before]
        assert all(
            ours in (theirs, lines[i])
            for i, (ours, theirs) in enumerate(zip(lines, unchanged, strict=True))
            if ours["kind"] != "lost"
        )
        search(study)
        same(study, whole)
        search(Study(folder))  # What was appended replays.
        same(study, whole)
        shutil.rmtree(folder)


def test_a_lost_run_counts_for_the_trial_that_gave_it_more_seeds(tmp_path: Path) -> None:
    """Where the study had yet to go on from that trial."""
    whole = begin(tmp_path / "whole", killing.SPECS["race"])
    search(whole)
    lines = list(whole.log.lines())
    asks = {line["trial"]: n for n, line in enumerate(lines, start=1) if line["kind"] == "ask"}
    heir = next(line for line in lines if line["kind"] == "ask" and (line["seeds"] or 3) > 1)
    study = begin(tmp_path / "s", killing.SPECS["race"])
    text = whole.log.path.read_bytes().splitlines(keepends=True)
    study.log.path.write_bytes(b"".join(text[: asks[heir["trial"]] + 2]))
    runs = (n for n, line in enumerate(lines, start=1) if line.get("trial") == heir["parent"])
    lost = next(n for n in runs if lines[n - 1]["kind"] == "run")
    assert lost < asks[heir["trial"]]
    damage(study, lost)
    assert mend(study)
    search(study)
    same(study, whole)


def test_several_lines_may_be_lost(tmp_path: Path) -> None:
    whole = begin(tmp_path / "whole", killing.SPECS["hyperband"])
    search(whole)
    study = begin(tmp_path / "s", killing.SPECS["hyperband"])
    search(study)
    asks = [n for n, line in study.log.numbered() if line and line["kind"] == "ask"]
    damage(study, asks[1], asks[1] + 1, asks[2], asks[7], asks[7] - 1)
    assert mend(study).startswith("Lines ")
    assert mend(study) == ""
    search(study)
    same(study, whole)


def test_a_run_that_is_trained_again_leaves_the_files_of_longer_ones(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", killing.SPECS["hyperband"])
    search(study)
    asks = [line for line in study.log.lines() if line["kind"] == "ask"]
    parent = next(ask["parent"] for ask in asks if ask["parent"] is not None)
    numbers = [
        n
        for n, line in study.log.numbered()
        if line and line["kind"] == "run" and line["trial"] == parent
    ]
    spec = next(run.spec for run in study.log if run.trial == parent)
    record = attempt.run_dir(study.folder, spec) / "record.json"
    longest = record.read_bytes()
    damage(study, numbers[0])
    mend(study)
    search(study)
    assert record.read_bytes() == longest
    assert not study.apart.exists()


def test_given_points_need_no_number(tmp_path: Path) -> None:
    spec = dataclasses.replace(killing.SPEC, oracle="", space={}, trials=1)
    points = [{"family": family} for family in ("cnn", "linear", "mlp")]
    study, whole = begin(tmp_path / "s", spec), begin(tmp_path / "w", spec)
    for each in (study, whole):
        search(each, points=points)
    damage(study, 1)
    mend(study)
    assert len(list(study.log.lines())) == len(list(whole.log.lines()))
    search(study, points=points[2:])
    assert essence(study)[1] == essence(whole)[1]
    search(study, points=points)
    assert essence(study)[1] == essence(whole)[1]
    assert len(essence(study)[0]) == 3


def test_a_decomposition_goes_on_without_its_ask(tmp_path: Path) -> None:
    spec = dataclasses.replace(killing.SPEC, oracle="", space={}, trials=1, subsets="disjoint:2")
    study = begin(tmp_path / "s", spec)
    points = [{"family": "cnn"}, {"family": "linear"}]

    def run() -> None:
        with serial.executor(environment={}) as executor:
            Decomposition(study, executor, points=points, seeds=2, run=fake.working_run)()

    run()
    before = essence(study)[1]
    damage(study, 1)
    mend(study)
    assert [each.config.family for each in decomposition.crossings(study)] == ["linear"]
    run()
    assert essence(study)[1] == before
    assert {each.config.family: len(each.runs) for each in decomposition.crossings(study)} == {
        "cnn": 4,
        "linear": 4,
    }


def test_a_log_that_is_repaired_stays_locked(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    with log:
        log.append("event", {"name": "one"})
        log.append("event", {"name": "two"})
        log.give_up({1: "why"})
        with pytest.raises(ValueError, match="Another process is writing"):
            RunLog(log.path).__enter__()
        log.append("event", {"name": "three"})
    assert [line["kind"] for line in log.lines()] == ["lost", "event", "event"]
    with log:
        assert len(list(log.lines())) == 3
    with pytest.raises(RuntimeError, match="inside `with log:`"):
        log.give_up({1: "why"})


@pytest.mark.parametrize("command", ["compare", "confirm", "export", "search"])
def test_every_command_stops_at_a_damaged_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    study = plan.new_search("mlp", "synthetic", trials=2, seeds=1, name="s")
    search(study)
    damage(study, 2)
    arguments = ["mlp", "synthetic", "--trials", "2", "--seeds", "1", "--study", "s"]
    result = CliRunner().invoke(cli, [command, *(arguments if command == "search" else ["s"])])
    assert isinstance(result.exception, ValueError), result.output
    assert "Line 2 of runs/s/log.jsonl is damaged" in str(result.exception)
    with pytest.raises(ValueError, match="Line 2 of"):
        dashboard.directions(study, "http://127.0.0.1/")


@pytest.mark.parametrize("command", ["train", "decompose"])
def test_those_that_go_on_stop_too_and_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make = {"train": plan.new_training, "decompose": plan.new_decomposition}[command]
    study = make("mlp", "synthetic", name="s")[0]
    with study.log:
        study.log.append("event", {"name": "one"})
        study.log.append("event", {"name": "two"})
    damage(study, 1)
    monkeypatch.setattr(launch, "run", lambda *given, **options: None)
    monkeypatch.setattr(launch, "run_decomposition", lambda *given, **options: None)
    arguments = [command, "mlp", "synthetic", "--study", "s"]
    result = CliRunner().invoke(cli, arguments)
    assert "Line 1 of runs/s/log.jsonl is damaged" in str(result.exception)
    result = CliRunner().invoke(cli, [*arguments, "--repair"])
    assert "Line 1 of runs/s/log.jsonl was damaged and given up" in result.output
    assert [line["kind"] for line in study.log.lines()] == ["lost", "event"]
    result = CliRunner().invoke(cli, [*arguments, "--repair"])
    assert "Nothing in runs/s/log.jsonl is damaged." in result.output
