"""`decompose` without training: what is planted in the logits stands in the table."""

import contextlib
import dataclasses
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import attempt, datasets
from kerascnn.checks import subset_parts
from kerascnn.record import RunRecord, write_file
from kerascnn.spec import RunSpec, value_of
from tests import crossing, event_files
from tests.crossing import Main
from tuning import (
    comparison,
    crossed,
    decomposition,
    decomposition_report,
    figures,
    launch,
    plan,
    study,
)
from tuning.decomposition import Decomposition, crossings
from tuning.executors import serial
from tuning.search_spec import SearchSpec
from tuning.study import Study
from tuning.study_findings import StudyFindings

EXACT = 1e-9


def planted(spec: RunSpec) -> np.ndarray:
    """Returns logits (validation, classes): an image's own, plus effects of subset and seed."""
    labels = datasets.load("digits").labels[datasets.load("digits").parts["validation"]]
    _, part, _ = subset_parts(spec.subset)
    width = float(value_of(spec, "filters") or 16) if spec.family == "cnn" else 4.0
    shape = len(labels), 10
    own = np.random.default_rng(1).normal(0, 1, shape) + 2 * np.eye(10)[labels]
    data = np.random.default_rng([2, part]).normal(0, 8 / width, shape)
    seed = np.random.default_rng([3, spec.repeat]).normal(0, 0.5, shape)
    return np.asarray(own + data + seed, np.float32)


def run(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    return [written(spec, folder) for spec in specs]


def written(spec: RunSpec, folder: str) -> RunRecord:
    return crossing.left(spec, folder, planted(spec))


def failing(*cells: tuple[int, int]) -> Any:
    """Returns a `run` of which the runs of some (subset, repeat) fail."""
    return crossing.failing(
        lambda spec: (subset_parts(spec.subset)[1], spec.repeat) in cells, written
    )


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crossing.go_elsewhere(tmp_path, monkeypatch)


def begun(family: str = "cnn", **options: Any) -> tuple[Study, list[dict[str, Any]]]:
    return plan.new_decomposition(family, "digits", executor="serial", **options)


def decompose(
    family: str = "cnn", how: Any = run, seeds: int = 3, **options: Any
) -> decomposition_report.Report:
    made, points = begun(family, seeds=seeds, **options)
    with serial.executor(environment={}) as executor:
        Decomposition(made, executor, points=points, seeds=seeds, run=how)()
    return decomposition_report.report(made)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Main:
    return crossing.command_line(monkeypatch, capfd, run)


def test_what_is_planted_is_recovered_through_the_whole_command(main: Main) -> None:
    code, out, err = main("decompose", "cnn", "digits", "--over", "filters=4,32", "--json")
    assert code == 0, err
    told = json.loads(out)
    data = datasets.load("digits")
    labels = data.labels[data.parts["validation"]]
    assert (told["split"], told["images"], told["scheme"]) == (
        "validation",
        len(labels),
        "disjoint",
    )
    narrow, wide = told["configurations"]
    assert [row["hyperparameters"] for row in (narrow, wide)] == [{"filters": 4}, {"filters": 32}]
    assert (narrow["subsets"], narrow["repeats"]) == (
        [f"disjoint:4/{part}" for part in range(4)],
        [0, 1, 2],
    )
    made = study.find()
    for row, each in zip((narrow, wide), crossings(made), strict=True):
        specs = [[each.runs[s, r].spec for r in range(3)] for s in made.spec.training_sets]
        logits = np.stack([[planted(spec) for spec in line] for line in specs])
        for loss, function in crossed.LOSSES.items():
            expected = crossed.estimates(function, logits, labels)
            assert expected is not None
            for part, estimate in expected.items():
                assert row["losses"][loss][part]["value"] == pytest.approx(estimate.value)
                assert row["losses"][loss][part]["interval"] == pytest.approx(estimate.interval)
    # Planted: the data's effect has an sd of 8 / filters, the seed's one of 0.5.
    for loss in crossed.LOSSES:
        first, second = narrow["losses"][loss], wide["losses"][loss]
        assert first["data"]["value"] > 3 * first["seed"]["value"] > 0
        assert second["seed"]["value"] > 2 * second["data"]["value"] > 0
    assert narrow["trained_on"] == narrow["distinct"] == [251, 252]
    plug_in = narrow["domingos_plug_in"]
    parts = plug_in["bias"] + plug_in["unbiased"] - plug_in["biased"]
    assert plug_in["runs"] == 12
    assert parts == pytest.approx(plug_in["error"])


def test_its_figure_shows_the_table_without_the_data(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = main("decompose", "cnn", "digits", "--over", "filters=4,32", "--json")
    monkeypatch.setattr(datasets, "load", None)
    found = StudyFindings(study.find())
    for row in json.loads(out)["configurations"]:
        for loss, parts in row["losses"].items():
            shares = found.shares(row["config_id"], loss)
            assert {n: s.value for n, s in shares.items()} == {
                n: part["value"] for n, part in parts.items()
            }
    made = figures.make("bias_variance", found, over="filters")
    assert [trace["x"] for trace in made.data] == [["4", "32"]] * len(made.data)
    with pytest.raises(figures.NothingToShow, match="was made by `decompose`"):
        figures.make("forest", found)


def test_the_printed_table_adds_up_and_says_what_it_is_of(main: Main) -> None:
    code, out, err = main("decompose", "linear,mlp", "digits", "--set", "train_size=400")
    assert code == 0, err
    first, second = out.splitlines()[:2]
    assert first.endswith(": bias and variance on 217 validation images")
    assert second == (
        "for networks trained on 100 images: 4 x 3 runs each, disjoint training sets x seeds"
    )
    tables = [line for line in out.splitlines() if line.startswith(("linear ", "mlp "))]
    assert len(tables) == 2 * 3
    for line in tables:
        numbers = [float(word) for word in line.split()[1:] if not word.startswith("±")]
        risk, bias, variance, *parts = numbers
        assert risk == pytest.approx(bias + variance, abs=1.01e-4)
        assert variance == pytest.approx(sum(parts), abs=2.01e-4)
        assert line.count("±") == 6
    assert max(map(len, out.splitlines())) <= 100
    assert "leaving out one training set and one seed at a time" in out.replace("\n", " ")
    assert "12 of 24 runs\n" in err
    assert "no mean" not in err


def test_sizes_that_differ_stand_in_their_rows(main: Main) -> None:
    code, out, err = main("decompose", "cnn", "digits", "--over", "train_size=200,400")
    assert code == 0, err
    assert "for networks trained on as many images as each row says: 4 x 3 runs each" in out
    rows = [line.split() for line in out.splitlines() if line.startswith("cnn train_size=")]
    assert [row[2] for row in rows] == ["50", "100"] * 3


def test_the_same_command_continues_and_more_seeds_may_be_added(main: Main) -> None:
    assert main("decompose", "cnn", "digits")[0] == 0
    made = study.find()
    size = made.log.path.stat().st_size
    code, _, err = main("decompose", "cnn", "digits")
    assert code == 0
    assert "12 runs are there already" in err
    assert made.log.path.stat().st_size == size
    code, out, _ = main("decompose", "cnn", "digits", "--seeds", "5")
    assert code == 0
    assert "4 x 5 runs each" in out
    assert [path.name for path in Path("runs").iterdir()] == [made.name]
    assert len(made.records()) == 20


def test_another_design_or_sweep_is_another_study() -> None:
    names = {
        begun(**options)[0].name
        for options in (
            {},
            {"subsets": 5},
            {"scheme": "bootstrap"},
            {"over": {"filters": "4,8"}},
            {"over": {"filters": "4,8,16"}},
        )
    }
    assert len(names) == 5
    with pytest.raises(ValueError, match="subsets is 'disjoint:4' there, 'disjoint:5' here"):
        begun(name=begun()[0].name, subsets=5)
    with pytest.raises(ValueError, match="it was made by `decompose`, not by `train`"):
        plan.new_training("cnn", "digits", name=begun()[0].name)


def test_the_design_is_crossed_and_every_subset_is_trained_with_the_same_seeds() -> None:
    decompose()
    specs = [record.spec for record in study.find().log]
    assert {spec.phase for spec in specs} == {"decompose"}
    seeds = {spec.subset: set() for spec in specs}
    for spec in specs:
        seeds[spec.subset].add(spec.seed)
    assert len(seeds) == 4
    assert len(set(map(frozenset, seeds.values()))) == 1
    assert {len(each) for each in seeds.values()} == {3}


def test_studies_of_one_name_gather_their_configurations() -> None:
    decompose("cnn", name="both")
    found = decompose("mlp", name="both")
    assert [Path(row.family).stem for row in found.rows] == ["cnn", "mlp"]
    assert all(row.losses for row in found.rows)


def test_cut_anywhere_it_ends_as_if_it_was_not(tmp_path: Path) -> None:
    options: dict[str, Any] = {"over": {"filters": "4,8"}, "subsets": 2, "seeds": 2}
    expected = decompose(name="whole", **options)
    whole = study.find("whole")
    lines = whole.log.path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 2 + 8
    for cut in range(len(lines) + 1):
        again, _ = begun(name=f"cut{cut}", **options)
        again.log.path.write_bytes(b"".join(lines[:cut]) + b'{"kind":"run","sp')
        for line in (json.loads(line) for line in lines[:cut]):
            if line["kind"] == "run":  # The logits of what had ended lie there.
                written(RunSpec.from_json(line["spec"]), str(again.folder))
        known, trained = len(again.records()), []

        def counted(specs: list[RunSpec], into: list[RunSpec] = trained, **rest: Any) -> Any:
            into.extend(specs)
            return run(specs, **rest)

        found = decompose(how=counted, name=f"cut{cut}", **options)
        assert len(trained) == 8 - known
        assert dataclasses.replace(found, study="") == dataclasses.replace(expected, study="")
        ids = [record.spec.run_id for record in again.log]
        assert len(ids) == len(set(ids)) == 8


def test_a_stop_keeps_what_had_ended() -> None:
    calls = itertools.count()

    def stopping(specs: list[RunSpec], **options: Any) -> list[RunRecord]:
        if next(calls):
            raise KeyboardInterrupt
        records = run(specs, **options)
        for record in records:  # As a worker leaves it.
            path = attempt.run_dir(Path(options["folder"]), record.spec) / "record.json"
            write_file(path, json.dumps(record.to_json()).encode())
        return records

    made, points = begun("linear,mlp")
    with serial.executor(environment={}) as executor, contextlib.suppress(KeyboardInterrupt):
        Decomposition(made, executor, points=points, seeds=3, run=stopping)()
    assert len(made.records()) == 12
    assert all(row.losses for row in decompose("linear,mlp").rows)


@pytest.mark.parametrize(
    ("holes", "kept"),
    [
        ([], (4, 3)),
        ([(1, 2)], (3, 3)),
        ([(0, 2), (1, 2)], (4, 2)),
        ([(1, 0), (1, 1), (1, 2)], (3, 3)),
        ([(0, 0), (1, 0), (2, 1)], (3, 2)),
        ([(0, 0), (1, 1), (2, 2)], (2, 2)),
        ([(s, r) for s in range(4) for r in (1, 2)], None),
        ([(s, r) for s in range(4) for r in range(3) if s != r], None),
    ],
)
def test_the_fewest_rows_and_columns_make_a_table_whole(
    holes: list[tuple[int, int]], kept: tuple[int, int] | None
) -> None:
    table = np.ones((4, 3), bool)
    for hole in holes:
        table[hole] = False
    for finished, size in ((table, kept), (table.T, kept and kept[::-1])):
        found = decomposition_report.complete(finished)
        assert (found and tuple(map(len, found))) == size
        assert found is None or finished[np.ix_(*found)].all()


def test_a_failed_run_leaves_its_subset_out_and_says_so(main: Main) -> None:
    found = decompose(how=failing((1, 2)))
    (row,) = found.rows
    assert row.subsets == ("disjoint:4/0", "disjoint:4/2", "disjoint:4/3")
    assert row.left_out == (("disjoint:4/1",), ())
    assert (row.failed, row.reason) == (1, "Boom: no")
    code, out, _ = main("decompose", "cnn", "digits")
    assert code == 0
    assert "3 x 3 runs each" in out
    text = " ".join(out.split())
    assert "cnn is without training set disjoint:4/1, of which not all runs finished." in text
    assert "The first of 1 that failed: Boom: no" in text


def test_below_2_x_2_runs_a_row_is_not_shown_and_alone_it_is_refused(main: Main) -> None:
    but_one_seed = failing(*((part, repeat) for part in range(4) for repeat in (1, 2)))
    with pytest.raises(
        RuntimeError, match=r"2 training sets with the same 2 seeds\. 8 runs failed"
    ):
        decompose("cnn", how=but_one_seed, name="s")
    found = decompose("mlp", name="s")
    assert [bool(row.losses) for row in found.rows] == [False, True]
    code, out, _ = main("decompose", "mlp", "digits", "--study", "s")
    assert code == 0
    assert "cnn has fewer than 2 x 2 finished runs and is not shown." in out


def test_broken_code_stops_after_the_first_runs_and_a_network_that_cannot_be_is_refused() -> None:
    def broken(specs: list[RunSpec], **options: Any) -> list[RunRecord]:
        error = 'Traceback (most recent call last):\n  File "mine.py", line 3\nTypeError: no'
        return [RunRecord(spec=spec, status="failed", error=error) for spec in specs]

    with pytest.raises(RuntimeError, match="The first 2 runs failed at the same line"):
        decompose(how=broken, name="broken")

    def impossible(specs: list[RunSpec], **options: Any) -> list[RunRecord]:
        return [RunRecord(spec=spec, status="infeasible", error="Too deep.") for spec in specs]

    for how in (impossible, run):  # What is in the log is said again.
        with pytest.raises(ValueError, match=r"The network cannot be built: Too deep\."):
            decompose(how=how, name="deep")


@pytest.mark.slow
def test_a_network_that_cannot_be_leaves_no_study() -> None:
    options: dict[str, Any] = {"fixed": {"depth": 4}, "executor": "serial", "subsets": 2}
    with pytest.raises(ValueError, match="The network cannot be built"):
        launch.decompose("vgg", "digits", **options, seeds=2, epochs=1, preset="vgg16")
    assert not list(Path("runs").glob("*"))


def test_schemes_say_what_they_are_worth(main: Main) -> None:
    code, out, _ = main("decompose", "cnn", "digits", "--scheme", "bootstrap")
    assert code == 0
    assert "for networks trained on 1,005 images:" in out
    assert "are distinct: the bias is that of a smaller training set" in " ".join(out.split())
    code, out, _ = main("decompose", "cnn", "digits", "--scheme", "subsample", "--json")
    assert code == 0
    (row,) = json.loads(out)["configurations"]
    assert row["trained_on"] == [503, 503]
    assert row["shown_share"] == pytest.approx(1 - 503 / 1005)
    code, out, _ = main("decompose", "cnn", "digits", "--scheme", "subsample")
    assert "data shows 50% of what it is" in " ".join(out.split())


def test_two_by_two_runs_have_no_intervals_and_say_so(main: Main) -> None:
    code, out, _ = main("decompose", "cnn", "digits", "--subsets", "2", "--seeds", "2")
    assert code == 0
    assert "±" not in out
    assert "Below 3 x 3 runs nothing can be left out" in out


def test_the_parts_are_scalars_in_tensorboard(main: Main) -> None:
    assert main("decompose", "cnn", "digits", "--over", "filters=4,8")[0] == 0
    made = study.find()
    found = decomposition_report.report(made)
    for row in found.rows:
        folder = (
            made.folder / row.config_id / f"summary-n12/filters={row.hyperparameters['filters']}"
        )
        scalars = event_files.scalars(folder)
        assert len(scalars) == 3 * 6
        value = scalars["summary/bias_variance/brier/variance"][9]
        assert value == pytest.approx(row.losses["brier"]["variance"].value)
    assert main("decompose", "cnn", "digits", "--over", "filters=4,8", "--seeds", "4")[0] == 0
    assert [path.name for path in (made.folder / found.rows[0].config_id).glob("summary*")] == [
        "summary-n16"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--subsets", "1"], r"`subsets >= 2` must hold\. Received: 1"),
        (["--seeds", "1"], r"`seeds >= 2` must hold: one shows no variance\. Received: 1"),
        (["--subsets", "200"], r"200 disjoint subsets need at least 200 training images of every"),
        (["--scheme", "disjunct"], r"No 'disjunct' in schemes\. .*Did you mean 'disjoint'"),
        (["--over", "filter=4,8"], r"No 'filter' in the settings of cnn.*'filters'"),
        (["--over", "filters=4,8", "--set", "filters=4"], "fixed or swept, not both.*filters"),
        (["--over", "filters=4,8", "--over", "depth=1,2"], "One setting is swept at a time"),
        (["--over", "filters=4:64:4"], r"A sweep takes values: filters=a,b,c\. Received: 4:64:4"),
        (["--over", "filters=4"], "A sweep takes values"),
        (["--over", "filters"], "--over takes NAME=VALUE"),
        (["--over", "filters=4,many"], "`Choice` needs values of one type"),
        (["--over", "filters=a,b"], "`filters` must be of type int. Received: 'a'"),
        (["--over", "train_size=400,20000"], "`train_size` must be at most 1005"),
        (["--set", "train_size=20"], "4 disjoint subsets need at least 4 training images of every"),
        (["--objective", "val_loss"], "No such option '--objective'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    main: Main, arguments: list[str], message: str
) -> None:
    code, out, err = main("decompose", "cnn", "digits", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert line.startswith("Error: ")
    assert re.search(message, line), line
    assert not Path("runs").exists()


def test_other_commands_send_one_to_decompose() -> None:
    decompose(name="d")
    with pytest.raises(ValueError, match="is a decomposition: `decompose` prints its table"):
        comparison.compare(study.find("d"))
    other, _ = plan.new_training("cnn", "digits", executor="serial")
    with pytest.raises(ValueError, match="was made by `train`, not by `decompose`"):
        decomposition_report.report(other)


def test_a_study_without_a_design_keeps_its_identity() -> None:
    base = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64)
    plain = SearchSpec(base=base)
    assert "subsets" not in plain.identity()
    assert plain.training_sets == ("all",)
    crossing = dataclasses.replace(plain, oracle="", subsets="bootstrap:3")
    assert crossing.identity()["subsets"] == "bootstrap:3"
    assert crossing.training_sets == ("bootstrap:3/0", "bootstrap:3/1", "bootstrap:3/2")
    assert SearchSpec.from_json(crossing.to_json()) == crossing
    fields = {name: value for name, value in plain.to_json().items() if name != "subsets"}
    assert SearchSpec.from_json(fields) == plain
    assert decomposition.varied([]) == ()
