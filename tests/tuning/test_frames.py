"""Runs and configurations as lines, and as DataFrames with types of their own."""

import csv
import dataclasses
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.boards import begin, record
from tests.tuning.test_compare_command import Compare, answers, compare  # noqa: F401  A fixture.
from tuning import comparison, frames
from tuning.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two configurations, a run of which failed, and one of which was confirmed."""
    host = {
        "backend": "tensorflow",
        "threads": 2,
        "peak_memory": 700_000_000,
        "latency": answers(0.002),
        "versions": {"keras": "3.9"},
    }
    first = dataclasses.replace(record(8, 0, 0.9), host=host, epoch=9)
    confirmed = dataclasses.replace(
        record(8, 0, 0.8), spec=first.spec.repeated(0, "confirm", 0), metrics={"conf_loss": 0.5}
    )
    return begin(
        tmp_path / "runs" / "s", [first, record(16, 0, 0.5), record(16, 1, None), confirmed]
    )


def test_a_line_a_run_with_every_number(study: Study) -> None:
    lines = frames.of_runs([study])
    assert len(lines) == len(study.records()) == 4
    assert all(list(line) == list(lines[0]) for line in lines)
    first, second, failed, confirmed = lines
    known = study.records()[0]
    assert (first["study"], first["config_id"]) == ("s", known.spec.config_id)
    assert (first["run_id"], first["seed"]) == (known.spec.run_id, known.spec.seed)
    assert (first["phase"], first["subset"], first["repeat"]) == ("search", "all", 0)
    assert (first["status"], first["epochs"], first["trial"]) == ("finished", 9, 0)
    assert (first["val_accuracy"], first["conf_loss"]) == (0.9, None)
    assert first["hyperparameters.filters"] == 8
    assert second["hyperparameters.filters"] == 16
    assert first["hyperparameters.learning_rate"] == known.spec.learning_rate
    assert (first["latency"], first["latency_64_interval_high"]) == (0.002, 0.04)
    assert (first["peak_memory"], first["backend"], first["threads"]) == (7e8, "tensorflow", 2)
    assert first["versions.keras"] == "3.9"
    assert (failed["status"], failed["reason"], failed["val_accuracy"]) == ("failed", "No.", None)
    assert (confirmed["phase"], confirmed["conf_loss"]) == ("confirm", 0.5)


def test_the_csv_has_the_same_lines(study: Study, compare: Compare) -> None:  # noqa: F811
    code, out, err = compare("--csv", "runs")
    assert code == 0, err
    rows = list(csv.DictReader(io.StringIO(out)))
    lines = frames.of_runs([study])
    told = [{n: "" if v is None else str(v) for n, v in line.items()} for line in lines]
    assert rows == told


def test_data_frames_have_types(study: Study) -> None:
    pytest.importorskip("pandas")
    found = frames.runs(study)
    assert found["seed"].dtype == found["trial"].dtype == found["peak_memory"].dtype == "Int64"
    assert found["images_per_second"].dtype == found["val_accuracy"].dtype == "float64"
    assert found["status"].dtype == found["form"].dtype == "string"
    assert found["peak_memory"].isna().tolist() == [False, True, True, True]
    assert found["hyperparameters.filters"].tolist() == [8, 16, 16, 8]
    assert found.groupby("phase").size().to_dict() == {"confirm": 1, "search": 3}
    board = frames.configurations(study)
    assert board["in_best_set"].dtype == "boolean"
    assert board["n"].dtype == "Int64"
    assert board["mean"].tolist() == [0.9, 0.5]
    expected = frames.of_configurations(comparison.compare(study))
    assert list(board.columns) == list(expected[0])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None], "Int64"),
        ([1, 0.5], "float64"),
        ([True, None], "boolean"),
        (["a"], "string"),
        ([1, "a"], None),
        ([1, True], None),
        ([None], "string"),
    ],
)
def test_types_of_columns(values: list[Any], kind: str | None) -> None:
    assert frames._type("x", values) == kind
    assert frames._type("sd", [None]) == "float64"


def test_where_pandas_is_not_installed(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pandas is not installed. Try: .*'\.\[pandas\]'"):
        frames.runs(study)


def test_nothing_to_tell(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has ended yet"):
        frames.of_runs([begin(tmp_path / "s", [])])


def test_a_family_that_is_gone(study: Study) -> None:
    path = study.log.path
    path.write_text(path.read_text().replace('"family":"cnn"', '"family":"gone.py"'))
    json.loads(path.read_text().splitlines()[0])
    assert frames.of_runs([study])[0]["hyperparameters.filters"] == 8
