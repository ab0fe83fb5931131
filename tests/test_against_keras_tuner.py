"""What the benchmark of whole searches computes: nothing is timed or trained here."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import _where_time_goes, against_keras_tuner
from benchmarks._where_time_goes import TRAINING, Run
from benchmarks.against_keras_tuner import KERAS_TUNER, OURS, Case, Whole
from kerascnn.spec import RunSpec
from tuning import plan
from tuning import space as spaces
from tuning.commands import search

CASE = Case(name="digits", dataset="digits", epochs=2)
ASKED = argparse.Namespace(backend="tensorflow", trainer=None)
ONE, TWO = OURS


def test_our_command_searches_exactly_the_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}

    def new_search(family: str, dataset: str, **options: object) -> None:
        found.update(options, family=family, dataset=dataset)
        raise ValueError("enough")

    monkeypatch.setattr(plan, "new_search", new_search)
    arguments = against_keras_tuner.command(CASE, 2, ASKED)[2:]
    ran = CliRunner().invoke(search.command, arguments)
    assert str(ran.exception) == "enough", ran.output
    points = against_keras_tuner.points()
    assert len(points) == found["trials"] == 12
    assert (found["seeds"], found["epochs"], found["workers"]) == (3, 2, 2)
    assert set(found["vary"]) == set(against_keras_tuner.GRID)
    base = RunSpec(family="cnn", dataset="digits").configure(found["fixed"])
    assert base == RunSpec(family="cnn", dataset="digits")
    domains = {name: spaces.parse(text, points[0][name]) for name, text in found["vary"].items()}
    assert spaces.size(domains) == 12
    # The first trial is the family's defaults: they must be a point of the grid.
    assert {"filters": 16, "depth": 2, "learning_rate": base.learning_rate} in points


def fits(epochs: int = 2) -> list[dict[str, object]]:
    return [
        {"point": point, "parameters": 100 * number, "epochs": epochs}
        for number, point in enumerate(against_keras_tuner.points())
        for _ in range(against_keras_tuner.SEEDS)
    ]


def test_a_search_of_other_fits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against_keras_tuner, "_PARAMETERS", {})
    against_keras_tuner.check(fits(), 2)
    with pytest.raises(RuntimeError, match="fits were expected"):
        against_keras_tuner.check(fits()[1:], 2)
    with pytest.raises(RuntimeError, match="3 epochs were expected"):
        against_keras_tuner.check(fits(), 3)
    other = fits()
    other[5]["parameters"] = 7
    with pytest.raises(RuntimeError, match=r"100 parameters and 2 epochs .* Received: 7 and 2"):
        against_keras_tuner.check(other, 2)


def test_every_second_is_spent_once() -> None:
    """Two workers: their mean is the whole, from the start of the process to its end."""
    runs = [
        Run(worker="a", begun=5.0, trained=8.0, ended=9.0),
        Run(worker="b", begun=6.0, trained=9.0, ended=10.0),
        Run(worker="a", begun=9.5, trained=12.0, ended=12.5),
    ]
    found = _where_time_goes.shares(1.0, 3.0, 14.0, runs)
    assert found == {
        "command line, data, study": 2.0,
        "workers: start, imports, data": 2.5,
        TRAINING: (3.0 + 2.5 + 3.0) / 2,
        "scoring, logits, model": (1.0 + 0.5 + 1.0) / 2,
        "between calls": 0.25,
        "idle at the end": 1.25,
        "leaderboard, exit": 1.5,
    }
    assert sum(found.values()) == pytest.approx(13.0)


def test_the_report_has_ratios_to_each_of_ours_and_their_shares() -> None:
    found = {
        ONE: [
            Whole(10.0, {TRAINING: 9.0, "rest": 1.0}),
            Whole(20.0, {TRAINING: 12.0, "rest": 8.0}),
        ],
        TWO: [Whole(5.0, {TRAINING: 4.0, "rest": 1.0}), Whole(5.0, {TRAINING: 4.0, "rest": 1.0})],
        KERAS_TUNER: [Whole(30.0), Whole(40.0)],
    }
    lines = against_keras_tuner.report(CASE, found).splitlines()
    assert lines[0].split()[:4] == ["digits", "s", "low", "high"]
    line = next(line for line in lines if line.startswith(KERAS_TUNER))
    assert line.split()[2:] == [
        "35.0",
        "30.0",
        "40.0",
        "2.50",
        "2.00",
        "3.00",
        "7.00",
        "6.00",
        "8.00",
    ]
    line = next(line for line in lines if line.startswith(TRAINING))
    assert line.split() == [TRAINING, "10.50", "75.0", "%", "4.00", "80.0", "%"]


def test_fewer_images_leave_the_wanted_number_for_training(tmp_path: Path) -> None:
    x, y = np.zeros((300, 4, 4), np.uint8), np.arange(300) % 2
    np.savez(tmp_path / "all.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    against_keras_tuner.fewer(tmp_path / "all.npz", tmp_path / "some.npz", 70)
    with np.load(tmp_path / "some.npz") as arrays:
        assert arrays["x_train"].shape == (100, 4, 4)
        assert arrays["y_test"].shape == (20,)
