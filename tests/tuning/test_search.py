"""The search loop, without training: whatever happens, the log ends the same."""

import collections
import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import attempt
from kerascnn.record import RunRecord, write_file
from kerascnn.spec import RunSpec
from tests import fake
from tests.studies import board, essence
from tuning import comparison, executors, leftovers, oracles
from tuning.asking import Asking
from tuning.contender import Contender
from tuning.executors import processes, serial
from tuning.oracles import Ask
from tuning.search import Search
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Float, Int
from tuning.study import Study, create
from tuning.trials import Trials

BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)
SPACE = {
    "filters": Int(4, 32, 4),
    "depth": Int(1, 3),
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "activation": Choice("relu", "tanh"),
}
SPEC = SearchSpec(base=BASE, space=SPACE, trials=6, seeds=2)
HYPERBAND = dataclasses.replace(SPEC, oracle="hyperband", trials=13)
RACE = dataclasses.replace(SPEC, oracle="race", trials=12, seeds=3)


def begin(folder: Path, spec: SearchSpec = SPEC) -> Study:
    study = create(folder, spec, {"versions": {"keras-tuner": "1"}})
    for part in ("train", "validation"):
        np.save(folder / f"labels-{part}.npy", np.zeros(3, np.int32))
    return study


def in_one(study: Study, **options: Any) -> Search:
    with serial.executor(environment={}) as executor:
        search = Search(study, executor, **{"run": fake.run, **options})
        search()
    return search


def in_two(study: Study, **options: Any) -> None:
    with ThreadPoolExecutor(2) as executor:
        Search(study, executor, workers=2, **{"run": fake.run, **options})()


def test_trial_0_is_the_baseline_and_every_seed_is_run(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    in_one(study)
    asks, runs, _ = essence(study)
    assert [ask["trial"] for ask in asks] == list(range(6))
    assert Study(study.folder).spec.base.configure(asks[0]["point"]).config_id == BASE.config_id
    assert len(runs) == len(set(runs)) == 12
    assert {record.spec.repeat for record in study.log} == {0, 1}


def test_an_ask_is_logged_before_its_runs(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    in_two(study)
    seen = set()
    for line in study.log.lines():
        if line["kind"] == "ask":
            seen.add(line["trial"])
        else:
            assert line["trial"] in seen


def test_workers_do_not_change_the_numbers(tmp_path: Path) -> None:
    one, two = begin(tmp_path / "one"), begin(tmp_path / "two")
    in_one(one)
    in_two(two)
    assert essence(one) == essence(two)
    assert board(one) == board(two)


def _resume_after_every_cut(
    folder: Path, spec: SearchSpec, run: Callable[[Study], Any], step: int = 1
) -> None:
    whole = begin(folder / "whole", spec)
    run(whole)
    expected = essence(whole), board(whole)
    lines = whole.log.path.read_bytes().splitlines(keepends=True)
    for cut in range(0, len(lines) + 1, step):
        for torn in (b"", b'{"kind":"run","spec":'):
            study = begin(folder / f"cut{cut}{bool(torn)}", spec)
            study.log.path.write_bytes(b"".join(lines[:cut]) + torn)
            run(study)
            assert (essence(study), board(study)) == expected, (cut, torn)


@pytest.mark.parametrize("run", [in_one, in_two])
def test_a_search_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, run: Callable[[Study], Any]
) -> None:
    _resume_after_every_cut(tmp_path, SPEC, run)


@pytest.mark.slow
@pytest.mark.parametrize("run", [in_one, in_two])
def test_a_long_search_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, run: Callable[[Study], Any]
) -> None:
    spec = dataclasses.replace(SPEC, trials=45)
    _resume_after_every_cut(tmp_path, spec, run, step=4)
    whole = Study(tmp_path / "whole")
    failed = [record for record in whole.log if record.status == "failed"]
    assert {record.error == "Diverged." for record in failed} == {True, False}


@pytest.mark.parametrize("run", [in_one, in_two])
def test_a_grid_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, run: Callable[[Study], Any]
) -> None:
    space = {"depth": Int(1, 3), "activation": Choice("relu", "tanh")}
    spec = dataclasses.replace(SPEC, oracle="grid_search", space=space, trials=20, seeds=1)
    _resume_after_every_cut(tmp_path, spec, run)


@pytest.mark.slow
def test_a_bayesian_search_cut_past_its_random_phase_ends_as_if_it_was_not(tmp_path: Path) -> None:
    """With two workers: which scores an ask knows does not depend on who ends first."""
    spec = dataclasses.replace(SPEC, oracle="bayesian", trials=16, seeds=1)
    _resume_after_every_cut(tmp_path, spec, in_two, step=11)


@pytest.mark.parametrize(
    "oracle", ["tpe", "nsga2", "cma_es", pytest.param("gp", marks=pytest.mark.slow)]
)
def test_a_search_by_optuna_cut_past_its_random_phase_ends_as_if_it_was_not(
    tmp_path: Path, oracle: str
) -> None:
    """Its generations too are those of the log, whoever of two workers ends first."""
    if absent := oracles.missing(oracle):
        pytest.skip(f"The oracle {oracle} takes {', '.join(absent)}.")
    spec = dataclasses.replace(SPEC, oracle=oracle, trials=22, seeds=1)
    _resume_after_every_cut(tmp_path, spec, in_two, step=22)
    one = begin(tmp_path / "one", spec)
    in_one(one)
    assert essence(one) == essence(Study(tmp_path / "whole"))


@pytest.mark.parametrize("run", [in_one, in_two])
def test_hyperband_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, run: Callable[[Study], Any]
) -> None:
    _resume_after_every_cut(tmp_path, HYPERBAND, run, step=3)


@pytest.mark.parametrize("run", [in_one, in_two])
def test_a_race_cut_anywhere_ends_as_if_it_was_not(
    tmp_path: Path, run: Callable[[Study], Any]
) -> None:
    _resume_after_every_cut(tmp_path, RACE, run, step=3)


def test_a_race_trains_no_run_twice_and_counts_each_once(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", RACE)
    told = []
    in_one(study, watch=told.append)
    asks = essence(study)[0]
    assert sum(ask["parent"] is None for ask in asks) == RACE.trials
    assert asks[0]["seeds"] == 1  # The baseline, trained as long as planned.
    assert asks[0]["epochs"] is None
    runs = [(record.spec.run_id, record.spec.last_epoch) for record in study.log]
    assert len(runs) == len(set(runs)) == told[-1].ended == told[-1].planned


def test_what_stopped_early_keeps_few_checkpoints_and_none_at_the_end(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(RACE, trials=90, seeds=1))
    counts = []

    def run(specs: Any, *, folder: str, **options: Any) -> list[RunRecord]:
        for spec in specs:
            run_dir = attempt.run_dir(Path(folder), spec)
            run_dir.mkdir(parents=True, exist_ok=True)
            (run_dir / "checkpoint.npz").touch()
        return fake.run(specs, folder=folder)

    def watch(progress: Any) -> None:
        counts.append(len(list(study.folder.glob("*/*/checkpoint.npz"))))

    in_one(study, run=run, watch=watch)
    assert 20 < max(counts) < 40
    assert not list(study.folder.glob("*/*/checkpoint.npz"))


def test_who_lost_a_race_is_not_ranked(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", RACE)
    in_one(study)
    board = comparison.compare(study)
    assert board.descriptive
    ranked = [row for row in board.rows if row.is_ranked]
    assert ranked
    assert all(row.n + row.failed == RACE.seeds and row.epochs == 9 for row in ranked)
    lost = [row for row in board.rows if row.stopped_early and row.epochs == 9]
    assert lost, "everybody won"
    assert all(row.n + row.failed < RACE.seeds for row in lost)
    assert board.rows.index(ranked[-1]) < board.rows.index(lost[0])


def test_hyperband_counts_configurations_and_finishes_its_promotions(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", HYPERBAND)
    in_one(study)
    asks = essence(study)[0]
    new = [ask for ask in asks if ask["parent"] is None]
    assert len(new) == HYPERBAND.trials
    assert {ask["epochs"] for ask in asks} == {1, 3, None}
    for ask in asks:
        if ask["parent"] is not None:
            assert ask["point"] == asks[ask["parent"]]["point"]
    by_run: dict[str, set[int]] = {}
    for record in study.log:
        by_run.setdefault(record.spec.run_id, set()).add(record.spec.last_epoch)
    assert {1, 3, 9} in by_run.values()


def test_what_was_stopped_early_is_not_ranked(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", HYPERBAND)
    in_one(study, seeds=6)  # One of them fails in some.
    board = comparison.compare(study)
    early = [row.stopped_early for row in board.rows if row.mean is not None]
    assert early == sorted(early)
    assert set(early) == {False, True}
    for row in board.rows:
        assert row.stopped_early == (row.epochs < 9)
        assert (row.in_best_set is None) == row.stopped_early
    epochs = [row.epochs for row in board.rows if row.stopped_early and row.mean is not None]
    assert epochs == sorted(epochs, reverse=True)


def test_more_trials_of_hyperband_go_on_from_its_closed_bracket(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", HYPERBAND)
    in_one(study)
    in_one(study, trials=HYPERBAND.trials + 6, seeds=4)
    asks = essence(study)[0]
    assert sum(ask["parent"] is None for ask in asks) == HYPERBAND.trials + 6
    lines = study.log.path.read_bytes().splitlines(keepends=True)
    again = begin(tmp_path / "again", HYPERBAND)
    again.log.path.write_bytes(b"".join(lines[: len(lines) * 2 // 3]))
    in_one(again, trials=HYPERBAND.trials + 6, seeds=4)
    assert essence(again) == essence(study)


FAMILIES = dataclasses.replace(
    SPEC,
    others=(
        Contender(base=dataclasses.replace(BASE, family="mlp"), space={"depth": Int(1, 2)}),
        Contender(
            base=dataclasses.replace(BASE, family="linear"),
            space={"learning_rate": Float(1e-3, 1e-1, log=True)},
        ),
    ),
    trials=12,
)


@pytest.mark.parametrize("oracle", ["random_search", "hyperband", "race"])
@pytest.mark.parametrize("run", [in_one, in_two])
def test_families_cut_anywhere_end_as_if_they_were_not(
    tmp_path: Path, run: Callable[[Study], Any], oracle: str
) -> None:
    _resume_after_every_cut(tmp_path, dataclasses.replace(FAMILIES, oracle=oracle), run, step=4)


def test_more_seeds_change_no_score_that_was_told(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", HYPERBAND)
    trials = Trials(study)
    asking = Asking(study.spec, trials, {})
    trial = trials.enter(Ask(point={"filters": 4}))
    asking.tell(trial, [0.5])
    asking.tell(trial, [0.7])
    assert asking._scores == {0: [0.5]}


def test_families_share_the_trials_and_one_leaderboard(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", FAMILIES)
    in_one(study)
    points = [ask["point"] for ask in essence(study)[0]]
    assert [point["family"] for point in points[:3]] == ["cnn", "mlp", "linear"]
    assert points[1] == {"family": "mlp", "depth": 2}
    # The mlp's two points are used up: its turns go to the others.
    counts = collections.Counter(point["family"] for point in points)
    assert counts == {"cnn": 5, "mlp": 2, "linear": 5}
    rows = comparison.compare(study).rows
    assert {row.family: set(row.hyperparameters) for row in rows} == {
        "cnn": set(SPACE),
        "mlp": {"depth"},
        "linear": {"learning_rate"},
    }


def test_an_ask_waits_for_the_scores_it_is_made_from(tmp_path: Path) -> None:
    """However slow the first trial: the fifth is asked without its score, the sixth with it."""
    slow = threading.Event()

    def run(specs: list[RunSpec], **options: Any) -> Any:
        if specs[0].config_id == BASE.config_id:
            assert slow.wait(30)
        return fake.run(specs, **options)

    study = begin(tmp_path / "s", dataclasses.replace(HYPERBAND, seeds=1))

    def watch(progress: Any) -> None:
        if progress.ended == 4:
            slow.set()

    with ThreadPoolExecutor(2) as executor:
        Search(study, executor, workers=2, run=run, watch=watch)()
    told = [ask["told"] for ask in essence(study)[0]]
    assert told[:6] == [0, 0, 0, 0, 0, 1]


def test_the_next_is_asked_for_while_the_workers_train(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, seeds=1))
    asked = []

    def run(specs: list[RunSpec], **options: Any) -> Any:
        deadline = time.monotonic() + 30
        while len(asks := essence(study)[0]) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        asked.append(len(asks))
        return fake.run(specs, **options)

    with ThreadPoolExecutor(1) as executor:
        Search(study, executor, run=run)()
    assert asked[0] >= 2


def test_the_test_set_is_declared_before_anything_is_trained(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, oracle="", space={}, objective="test_accuracy", trials=1)
    study = begin(tmp_path / "s", spec)
    points = [{"family": "cnn"}, {"family": "mlp"}]
    in_one(study, points=points, seeds=3)
    in_one(study, points=points, seeds=3)
    in_one(study, points=points[:1], seeds=4)
    lines = list(study.log.lines())
    events = [line for line in lines if line["kind"] == "event"]
    assert [(e["name"], e["trial"], e["seeds"]) for e in events] == [
        ("test_declared", 0, 3),
        ("test_declared", 1, 3),
        ("test_declared", 0, 4),
    ]
    for event in events[:2]:
        runs = [i for i, line in enumerate(lines) if line.get("trial") == event["trial"]]
        first = next(i for i in runs if lines[i]["kind"] == "run")
        assert lines.index(event) < first
    assert {record.spec.phase for record in study.log} == {"final"}
    board = comparison.compare(study)
    assert (board.split, len(board.rows)) == ("test", 2)


def test_an_exhausted_space_ends_the_search_and_says_so(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, space={"depth": Int(1, 3)}, trials=10)
    study = begin(tmp_path / "s", spec)
    assert in_one(study).exhausted
    assert {ask["point"]["depth"] for ask in essence(study)[0]} == {1, 2, 3}
    assert in_one(study).exhausted
    assert len(essence(study)[0]) == 3


def test_infeasible_points_are_recorded_and_not_counted(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    in_one(study, run=fake.infeasible_run)
    counted = {r.trial for r in study.log if r.status != "infeasible"}
    refused = {r.trial for r in study.log if r.status == "infeasible"}
    assert len(counted) == 6
    assert refused
    rows = comparison.compare(study).rows
    assert len(rows) == 6


def test_infeasible_points_resume_like_others(tmp_path: Path) -> None:
    def run(study: Study) -> None:
        in_one(study, run=fake.infeasible_run)

    _resume_after_every_cut(tmp_path, SPEC, run)


def test_what_cannot_be_built_is_said_every_time(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, oracle="", space={}, trials=1))
    in_one(study, points=[{"family": "cnn"}])
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be built: Too deep"):
            in_one(study, points=[{"family": "cnn", "depth": 3}], run=fake.infeasible_run)
    in_one(study, points=[{"family": "cnn", "filters": 3}])


def test_a_record_left_by_a_worker_that_died_counts(tmp_path: Path) -> None:
    class Dying(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            future: Any = Future()
            record = fn(*args, **kwargs)[0]
            path = attempt.run_dir(Path(kwargs["folder"]), record.spec) / "record.json"
            write_file(path, json.dumps(record.to_json()).encode())
            future.set_exception(executors.WorkerDiedError("after its first run"))
            return future

    study, whole = begin(tmp_path / "s"), begin(tmp_path / "w")
    in_one(whole, seeds=1)
    Search(study, Dying(), run=fake.run, seeds=1)()
    first = [record for record in study.log if record.spec.repeat == 0]
    assert sum("after its first run" in record.error for record in first) == 0


def test_infeasible_points_do_not_depend_on_workers(tmp_path: Path) -> None:
    one, two = begin(tmp_path / "one"), begin(tmp_path / "two")
    in_one(one, run=fake.infeasible_run)
    in_two(two, run=fake.infeasible_run)
    assert board(one) == board(two)


def test_a_search_where_nothing_fits_gives_up(tmp_path: Path) -> None:
    space = {"learning_rate": Float(1e-4, 1e-1), "depth": Int(3, 3)}
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, space=space, seeds=1))
    match = r"100 points in a row cannot be built: all have depth=3\. The last: Too deep"
    with pytest.raises(RuntimeError, match=match):
        in_one(study, run=fake.infeasible_run)


def test_a_baseline_that_cannot_be_built_is_refused(tmp_path: Path) -> None:
    spec = dataclasses.replace(
        SPEC, base=BASE.configure({"depth": 3}), space={"filters": Int(1, 9)}
    )
    study = begin(tmp_path / "s", spec)
    with pytest.raises(ValueError, match=r"The network cannot be built: Too deep\."):
        in_one(study, run=fake.infeasible_run)


def test_broken_code_stops_at_once_with_its_traceback(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    with pytest.raises(RuntimeError, match=r"same line(.|\n)*mine\.py(.|\n)*TypeError: no"):
        in_one(study, run=fake.broken_run)
    assert len(list(study.log)) == 2


def test_more_trials_and_seeds_extend_a_study(tmp_path: Path) -> None:
    study, whole = begin(tmp_path / "s"), begin(tmp_path / "w", dataclasses.replace(SPEC, trials=9))
    in_one(study)
    in_one(study, trials=9, seeds=3)
    in_one(whole, seeds=3)
    events = [line for line in study.log.lines() if line["kind"] == "event"]
    assert [event["name"] for event in events] == ["extended"]
    assert essence(study)[:2] == essence(whole)[:2]
    in_one(study, trials=2, seeds=1)
    assert essence(study)[1] == essence(whole)[1]


def test_a_finished_study_needs_no_oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = begin(tmp_path / "s")
    in_one(study)
    monkeypatch.setattr("kerascnn.registry.load", None)
    in_one(study)


def test_a_log_that_does_not_replay_is_refused(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    in_one(study)
    lines = study.log.path.read_text().splitlines()
    asks = [i for i, line in enumerate(lines) if '"trial":2' in line and '"ask"' in line]
    line = json.loads(lines[asks[0]])
    line["point"]["filters"] = 12 if line["point"]["filters"] != 12 else 16
    lines[asks[0]] = json.dumps(line)
    study.log.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"asked as trial 2.*keras-tuner 1, this is 1\.\d"):
        in_one(study, trials=7)


def test_an_interrupt_keeps_what_had_ended(tmp_path: Path) -> None:
    study, whole = begin(tmp_path / "s"), begin(tmp_path / "w")
    with pytest.raises(KeyboardInterrupt):
        in_one(study, run=fake.leave_a_record_and_wait)
    repeated = []

    def run(specs: list[RunSpec], **options: Any) -> Any:
        repeated.extend(specs)
        return fake.run(specs, **options)

    in_one(study, run=run)
    in_one(whole)
    assert essence(study) == essence(whole)
    assert len(repeated) == 11


def test_a_run_is_logged_as_it_ends_and_not_with_its_batch(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    counts = []

    def run(specs: list[RunSpec], *, folder: str, **options: Any) -> Any:
        records = fake.run(specs, folder=folder)
        for record in records:
            path = attempt.run_dir(Path(folder), record.spec) / "record.json"
            write_file(path, json.dumps(record.to_json()).encode())
            deadline = time.monotonic() + 30
            while record not in _unnumbered(study) and time.monotonic() < deadline:
                time.sleep(0.01)
            counts.append(len(list(study.log)))
        return records

    with ThreadPoolExecutor(1) as executor:
        Search(study, executor, run=run)()
    assert counts == list(range(1, 13))


def _unnumbered(study: Study) -> list[RunRecord]:
    return [dataclasses.replace(record, trial=None, point={}) for record in study.log]


def test_given_points_are_tried_once_each(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, oracle="", space={}, trials=1)
    study = begin(tmp_path / "s", spec)
    for family in ("cnn", "linear", "cnn"):
        in_one(study, points=[{"family": family, "epochs": 3}])
    asks, runs, _ = essence(study)
    assert [ask["point"]["family"] for ask in asks] == ["cnn", "linear"]
    assert len(runs) == 4


def test_each_train_command_has_its_own_number_of_seeds(tmp_path: Path) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, oracle="", space={}, trials=1))
    seen: list[Any] = []
    for family, seeds in (("cnn", 3), ("linear", 1), ("cnn", 2), ("linear", 2)):
        in_one(study, points=[{"family": family}], seeds=seeds, watch=seen.append)
    counts = {row.family: row.n + row.failed for row in comparison.compare(study).rows}
    assert counts == {"cnn": 3, "linear": 2}
    assert [(p.ended, p.planned) for p in seen] == [(1, 3), (2, 3), (3, 3), (1, 1), (2, 2)]


def test_only_the_leaders_keep_their_model(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")

    def run(specs: list[RunSpec], *, folder: str, **options: Any) -> Any:
        for spec in specs:
            path = Path(folder) / spec.config_id / spec.run_name / "model.keras"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return fake.run(specs, folder=folder)

    in_one(study, run=run, keep=2, seeds=1)
    rows = comparison.compare(study).rows
    kept = {path.parts[-3] for path in study.folder.glob("*/search0/model.keras")}
    assert kept >= {row.config_id for row in rows[:2]}
    scored = {row.config_id for row in rows if row.mean is not None}
    assert len(kept & scored) == 2
    in_one(study, run=run, keep=0, seeds=1)
    assert not list(study.folder.glob("*/search0/model.keras"))


def test_what_nobody_needs_is_removed(tmp_path: Path) -> None:
    """At the start what killed writers left, at the end checkpoints."""
    study = begin(tmp_path / "s", HYPERBAND)

    def run(specs: list[RunSpec], *, folder: str, **options: Any) -> Any:
        assert not list(Path(folder).rglob(".*"))
        for spec in specs:
            path = attempt.run_dir(Path(folder), spec) / "checkpoint.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return fake.run(specs, folder=folder)

    left = study.folder / "0" / "search0"
    left.mkdir(parents=True)
    for name in (".record.json.4194999", ".model.keras", ".alive"):  # No process has that number.
        (left / name).touch()
    in_one(study, run=run)
    assert not list(study.folder.rglob("checkpoint.npz"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_what_is_left_of_one_that_nobody_waited_for_is_swept(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # A zombie, until `wait`.
    left = study.folder / f".record.json.{ended.pid}"
    left.touch()
    leftovers.sweep(study)
    assert not left.exists()
    ended.wait()


def test_what_another_command_is_writing_is_left(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    theirs = [study.folder / f".study.json.{os.getpid()}", study.folder / f".notes.{10**20}"]
    for path in theirs:
        path.touch()
    leftovers.sweep(study)
    assert all(path.exists() for path in theirs)


def test_progress_counts_up_to_what_was_planned(tmp_path: Path) -> None:
    seen = []
    in_one(begin(tmp_path / "s"), watch=seen.append)
    assert [progress.ended for progress in seen] == list(range(1, 13))
    assert {progress.planned for progress in seen} == {12}
    assert seen[0].best is None
    assert seen[-1].best is not None


@pytest.mark.slow
def test_a_search_in_processes_gives_the_same_log(tmp_path: Path) -> None:
    here, there = begin(tmp_path / "here"), begin(tmp_path / "there")
    in_one(here)
    with processes.executor(2, environment={}) as executor:
        Search(there, executor, workers=2, run=fake.run)()
    assert essence(here) == essence(there)


def test_a_dead_worker_fails_its_runs_and_no_others(tmp_path: Path) -> None:
    class Dying(Executor):
        def __init__(self) -> None:
            self.calls = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            future: Any = Future()
            self.calls += 1
            if self.calls in (2, 3):
                error = executors.WorkerDiedError("The worker process died: killed by SIGKILL.")
                future.set_exception(error)
            else:
                future.set_result(fn(*args, **kwargs))
            return future

    study = begin(tmp_path / "s")
    Search(study, Dying(), run=fake.run)()
    died = [record for record in study.log if "SIGKILL" in record.error]
    assert [(record.trial, record.spec.repeat) for record in died] == [(1, 0)]
    assert len(list(study.log)) == 12
