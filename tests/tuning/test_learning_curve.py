"""`learning-curve` without training: errors that are planted in the logits stand in the table."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import attempt, datasets, training
from kerascnn.checks import subset_parts
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import crossing
from tests.crossing import Main
from tuning import (
    comparison,
    curve_plan,
    learning_curve,
    measures,
    plan,
    study,
)
from tuning.decomposition import Decomposition
from tuning.executors import serial
from tuning.study import Study
from tuning.study_findings import StudyFindings

POOL = 1005
ARGUMENTS = ("learning-curve", "cnn", "digits")


def planted_error(spec: RunSpec) -> float:
    """A law, a little more or less by training set and by seed."""
    _, part, _ = subset_parts(spec.subset)
    size = spec.train_size
    draw = (
        np.random.default_rng([size, part]).normal()
        + np.random.default_rng([7, size, spec.repeat]).normal()
    )
    return float((0.02 + 2 * size**-0.5) * (1 + 0.02 * draw))


def run(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
    return [written(spec, folder) for spec in specs]


def written(spec: RunSpec, folder: str) -> RunRecord:
    data = datasets.load("digits")
    labels = data.labels[data.parts["validation"]]
    guesses = labels.copy()
    wrong = round(planted_error(spec) * len(labels))
    guesses[:wrong] = (guesses[:wrong] + 1) % 10
    return crossing.left(spec, folder, np.eye(10, dtype=np.float32)[guesses])


def failing(*sizes: int) -> Any:
    return crossing.failing(lambda spec: spec.train_size in sizes and spec.repeat > 0, written)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crossing.go_elsewhere(tmp_path, monkeypatch)


def begun(family: str = "cnn", **options: Any) -> tuple[Study, list[dict[str, Any]]]:
    return curve_plan.new_learning_curve(family, "digits", executor="serial", **options)


def learn(how: Any = run, seeds: int = 3, **options: Any) -> learning_curve.Report:
    made, points = begun(seeds=seeds, **options)
    with serial.executor(environment={}) as executor:
        Decomposition(made, executor, points=points, seeds=seeds, run=how)()
    return learning_curve.report(made)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Main:
    return crossing.command_line(monkeypatch, capfd, run)


def test_what_is_planted_is_recovered_through_the_whole_command(main: Main) -> None:
    code, out, err = main(*ARGUMENTS, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["split"], told["images"], told["pool"]) == ("validation", 217, POOL)
    (curve,) = told["curves"]
    assert [point["size"] for point in curve["points"]] == [33, 78, 182, 428, 1005]
    assert [(point["subsets"], point["seeds"]) for point in curve["points"]] == [
        *[(3, 3)] * 4,
        (1, 3),  # There is one draw of all the images.
    ]
    for point in curve["points"]:
        spec = RunSpec(family="cnn", dataset="digits", train_size=point["size"])
        runs = [
            planted_error(dataclasses.replace(spec, subset=f"draw:3/{part}", repeat=repeat))
            for part in range(point["subsets"])
            for repeat in range(3)
        ]
        assert point["error"] == pytest.approx(np.mean(runs), abs=0.5 / 217)
        if point["subsets"] == 3 and point["size"] < POOL / 2:
            table = np.round(np.reshape(runs, (3, 3)) * 217) / 217
            data = learning_curve.data_variances([table], [point["size"]], POOL)[0]
            se, df = learning_curve.standard_error(table, point["size"], POOL, data) or (0, 0)
            floor = np.sqrt(np.mean(table) * (1 - np.mean(table)) / 9 / 217)
            assert point["standard_error"] == pytest.approx(max(se, floor), rel=0.01)
            assert point["df"] == pytest.approx(df)
        low, high = point["interval"]
        assert low < 0.02 + 2 * point["size"] ** -0.5 < high
    found = curve["extrapolation"]
    assert found["reason"] == ""
    low, high = found["doubled"]["then_interval"]
    assert low < 0.02 + 2 * 2010**-0.5 < high
    assert found["doubled"]["size"] == 2010


def test_all_sizes_make_as_many_steps_as_the_largest() -> None:
    _, points = begun(epochs=9)
    data = {int(point["train_size"]): int(point["epochs"]) for point in points}
    steps = {size: -(-size // 64) * epochs for size, epochs in data.items()}
    assert data[1005] == 9
    assert steps[1005] == 9 * 16
    assert all(abs(each - 144) <= -(-size // 64) / 2 for size, each in steps.items())


def test_the_table_says_what_more_data_would_bring(main: Main) -> None:
    code, out, err = main("learning-curve", "linear,cnn", "digits")
    assert code == 0, err
    assert "error (share of 217 validation images) against training images" in out
    rows = [line.split() for line in out.splitlines() if re.match(r"(linear|cnn) +\d", line)]
    assert [row[1] for row in rows] == ["33", "78", "182", "428", "1,005"] * 2
    text = " ".join(out.split())
    assert text.count("Doubling the data, to 2,010 images, would bring the error of") == 2
    assert text.count("Held out, 1,005 images: the smaller sizes predict") == 2
    assert max(map(len, out.splitlines())) <= 100
    assert "78 of 78 runs\n" in err


def test_families_share_the_draws_and_draws_of_a_size_differ() -> None:
    data = datasets.load("digits")
    draws = [data.training(100, 3, part, "draw") for part in range(3)]
    again = data.training(100, 5, 1, "draw")
    np.testing.assert_array_equal(draws[1], again)
    counts = [np.bincount(data.labels[draw], minlength=10) for draw in draws]
    assert (np.array(counts) == counts[0]).all()
    assert counts[0].sum() == 100
    assert np.ptp(counts[0]) <= 2
    assert all(len(np.unique(draw)) == 100 for draw in draws)
    # Of 1,005 images two draws of 100 share 10 on average, with an sd of 2.8.
    shared = [len(np.intersect1d(draws[i], draws[j])) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert 0 < np.mean(shared) < 20
    # Not nested: a larger size is another draw.
    assert len(np.intersect1d(draws[0], data.training(200, 3, 0, "draw"))) < 50
    whole = data.training(POOL, 3, 2, "draw")
    np.testing.assert_array_equal(whole, np.sort(data.parts["train"]))


def test_another_seed_draws_other_training_sets() -> None:
    one, other = (datasets.load("digits", split_seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.training(100, 3, 0, "draw"), other.training(100, 3, 0, "draw"))


def test_what_draws_share_is_reckoned_in() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(0, 1, (4, 1)) + rng.normal(0, 0.1, (4, 3))
    subset, seed, rest = measures.mean_squares(table)
    (data,) = learning_curve.data_variances([table], [250], 1000)
    assert data == (pytest.approx((subset - rest) / 3 / 0.75), 3)
    se, _ = learning_curve.standard_error(table, 250, 1000, data) or (0, 0)
    expected = data[0] * (0.75 / 4 + 0.25) + (max(0, seed - rest) + rest) / 12
    assert se == pytest.approx(np.sqrt(expected))
    # Of half the images or more what the largest below shows is taken; without it nothing is known.
    known = learning_curve.data_variances([table, table, table[:1]], [250, 600, 1000], 1000)
    assert known == [data, data, data]
    assert learning_curve.data_variances([table], [600], 1000) == [None]
    alone, _ = learning_curve.standard_error(table[:1], 1000, 1000, data) or (0, 0)
    assert alone == pytest.approx(np.sqrt(data[0] + table[0].var(ddof=1) / 3))
    assert learning_curve.standard_error(table[:, :1], 250, 1000, data) is None
    assert learning_curve.standard_error(table, 600, 1000, None) is None


def test_runs_that_agree_are_no_certainty() -> None:
    def same(specs: list[RunSpec], *, folder: str, **options: Any) -> list[RunRecord]:
        like = [dataclasses.replace(spec, train_size=500, repeat=0, subset="all") for spec in specs]
        for spec, other in zip(specs, like, strict=True):
            path = attempt.run_dir(Path(folder), spec) / "logits-validation.npy"
            written(other, folder)
            training.save_array(
                path, np.load(attempt.run_dir(Path(folder), other) / "logits-validation.npy")
            )
        return [RunRecord(spec=spec, epoch=spec.epochs, metrics={}) for spec in specs]

    (curve,) = learn(how=same).curves
    point = curve.points[0]
    assert point.error is not None
    assert point.standard_error == pytest.approx(
        np.sqrt(point.error * (1 - point.error) / (9 * 217)), rel=0.01
    )
    assert curve.extrapolation.reason.startswith("the error does not fall")


def test_the_same_command_continues_and_more_seeds_may_be_added(main: Main) -> None:
    assert main(*ARGUMENTS, "--sizes", "100,50")[0] == 0
    made = study.find()
    assert len(made.records()) == 2 * 9
    size = made.log.path.stat().st_size
    code, out, err = main(*ARGUMENTS, "--sizes", "50,100")
    assert code == 0
    assert "18 runs are there already" in err
    assert made.log.path.stat().st_size == size
    assert "cannot be said: it takes 5 sizes over a factor of 30, there are 2 over" in " ".join(
        out.split()
    )
    assert main(*ARGUMENTS, "--sizes", "50,100", "--seeds", "4")[0] == 0
    assert [path.name for path in Path("runs").iterdir()] == [made.name]
    assert len(made.records()) == 2 * 12


def test_cut_anywhere_it_ends_as_if_it_was_not() -> None:
    options: dict[str, Any] = {"sizes": [50, 100, 1005], "subsets": 2, "seeds": 2}
    expected = learn(name="whole", **options)
    lines = study.find("whole").log.path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3 + 4 + 4 + 2
    for cut in range(len(lines) + 1):
        again, _ = begun(name=f"cut{cut}", **options)
        again.log.path.write_bytes(b"".join(lines[:cut]) + b'{"kind":"run","sp')
        for line in (json.loads(line) for line in lines[:cut]):
            if line["kind"] == "run":  # The logits of what had ended lie there.
                written(RunSpec.from_json(line["spec"]), str(again.folder))
        found = learn(name=f"cut{cut}", **options)
        assert dataclasses.replace(found, study="") == dataclasses.replace(expected, study="")
        assert len(again.records()) == 10


def test_failed_runs_cost_their_size_its_interval_and_are_said(main: Main) -> None:
    learn(how=failing(182), name="s")
    code, out, err = main(*ARGUMENTS, "--study", "s")
    assert code == 0, err
    text = " ".join(out.split())
    assert re.search(r"cnn 182 \d+ 1 x 1 1 of 7 0\.\d{4} cnn 428", text), text
    assert "cannot be said: how far the mean is off" in text
    assert "not at 182 images" in text
    assert "cnn at 182 images: 6 runs failed. The first: Boom: no" in text


def test_another_design_is_another_study() -> None:
    names = {
        begun(**options)[0].name
        for options in ({}, {"subsets": 4}, {"sizes": [50, 100]}, {"epochs": 10})
    }
    assert len(names) == 4
    learn()
    made = study.find(begun()[0].name)
    with pytest.raises(ValueError, match="trains 33 images for 144 epochs, and this would for 160"):
        begun(name=made.name, epochs=10)
    with pytest.raises(ValueError, match="it was made by `learning-curve`, not by `decompose`"):
        plan.new_decomposition("cnn", "digits", name=begun()[0].name)


def test_other_commands_send_one_to_it_and_the_dashboard_opens_it() -> None:
    learn(name="c")
    made = study.find("c")
    with pytest.raises(ValueError, match="a learning curve: `learning-curve` prints its table"):
        comparison.compare(made)
    found = StudyFindings(made)
    first = next(iter(found.settings))
    assert found.shares(first, "zero_one")["risk"].value > 0
    other, _ = plan.new_training("cnn", "digits", executor="serial")
    with pytest.raises(ValueError, match="was made by `train`, not by `learning-curve`"):
        learning_curve.report(other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--subsets", "1"], r"`subsets >= 2` must hold\. Received: 1"),
        (["--seeds", "1"], r"`seeds >= 2` must hold: one shows no variance\. Received: 1"),
        (["--sizes", "50,2000"], r"`train_size` must be at most 1005"),
        (["--sizes", "5,100"], r"A training set of 5 images would have none of class .* from \d+"),
        (["--sizes", "50,many"], r"--sizes takes numbers of images: 50,100,200\. .*'50,many'"),
        (["--sizes", "50,50"], r"two or more different numbers .* Received: 50,50"),
        (["--sizes", "50"], "two or more different numbers"),
        (["--sizes", "0,50"], "each at least 1"),
        (["--set", "train_size=50"], "are given with --sizes, not --set"),
        (["--set", "filter=8"], r"No 'filter' in the settings of cnn.*'filters'"),
        (["--objective", "val_loss"], "No such option '--objective'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    main: Main, arguments: list[str], message: str
) -> None:
    code, out, err = main(*ARGUMENTS, *arguments)
    assert (code, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert line.startswith("Error: ")
    assert re.search(message, line), line
    assert not Path("runs").exists()


def test_a_draw_is_no_scheme_of_a_decomposition() -> None:
    with pytest.raises(ValueError, match=r"No 'draw' in schemes"):
        plan.new_decomposition("cnn", "digits", scheme="draw")
