"""What a study adds to TensorBoard: the numbers are right, nothing is left half-written."""

import math
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.plugins.custom_scalar import layout_pb2

from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import event_files
from tuning import measures, summary
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Float, Int

BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64, epochs=2)
SPACE = {
    "filters": Int(8, 64, 8),
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "pooling": Choice("max", "average"),
    "batch_size": Choice(32, 64),
    "dropout": Float(0.0, 0.5),
    "depth": Int(1, 4),
}
VARIED = tuple(SPACE)


def _record(repeat: int, values: list[float | None], **fields: Any) -> RunRecord:
    history = dict.fromkeys(summary.CURVES, values)
    score = {"val_accuracy": values[-1], "val_loss": values[-1]} if values else {}
    options: dict[str, Any] = {"metrics": score, "history": history, "epoch": len(values)}
    spec = BASE.repeated(0, "search", repeat)
    return RunRecord(spec=spec, trial=0, **{**options, **fields})


def _written(folder: Path, seeds: int) -> Path:
    """Returns the folder of the one event file of the summary."""
    (path,) = (folder / BASE.config_id / f"summary-n{seeds}").rglob("*tfevents*")
    return path.parent


def test_the_study_says_what_its_pages_show(tmp_path: Path) -> None:
    summary.describe(tmp_path, SearchSpec(base=BASE, space=SPACE, objective="val_brier"))
    told = event_files.hparams(tmp_path)["_hparams_/experiment"].experiment
    infos = {info.name: info for info in told.hparam_infos}
    assert tuple(infos) == ("learning_rate", *(n for n in VARIED if n != "learning_rate"))
    assert list(infos["pooling"].domain_discrete) == ["max", "average"]
    assert infos["filters"].domain_interval.max_value == 64
    assert infos["learning_rate"].description == "on a log scale"
    # The page opens with five settings and five metrics.
    assert [info.differs for info in told.hparam_infos] == [True] * 5 + [False]
    tags = [info.name.tag for info in told.metric_infos]
    assert tags[:5] == [
        "metrics/val_brier",
        "summary/sd",
        "summary/interval_low",
        "summary/interval_high",
        "summary/n",
    ]
    assert {"metrics/val_accuracy", "metrics/val_loss", "summary/failed"} < set(tags)


def test_describing_twice_leaves_one_file(tmp_path: Path) -> None:
    spec = SearchSpec(base=BASE, space=SPACE)
    for _ in range(2):
        summary.describe(tmp_path, spec)
    assert [path.name for path in tmp_path.iterdir()] == [event_files.path_in(tmp_path).name]


def test_a_study_without_a_space_has_columns_too(tmp_path: Path) -> None:
    summary.describe(tmp_path, SearchSpec(base=BASE, oracle=""))
    told = event_files.hparams(tmp_path)["_hparams_/experiment"].experiment
    assert "family" in {info.name for info in told.hparam_infos}


def test_every_chart_of_the_layout_has_its_three_tags_in_one_run(tmp_path: Path) -> None:
    summary.describe(tmp_path, SearchSpec(base=BASE, space=SPACE))
    summary.write(tmp_path, [_record(r, [0.5, 0.6 + r / 10]) for r in range(2)], 2)
    layout = next(
        layout_pb2.Layout.FromString(value.tensor.string_val[0])
        for event in event_files.read(tmp_path)
        for value in event.summary.value
        if value.tag == "custom_scalars__config__"
    )
    found = event_files.scalars(_written(tmp_path, 2))
    series = [s for c in layout.category[0].chart for s in c.margin.series]
    assert len(series) == 4
    for each in series:
        steps = [found[tag].keys() for tag in (each.value, each.lower, each.upper)]
        assert list(steps[0]) == [1, 2]
        assert steps[0] == steps[1] == steps[2]


def test_mean_and_interval_of_every_epoch(tmp_path: Path) -> None:
    values = [[0.5, 0.60], [0.6, 0.62], [0.4, 0.70]]
    summary.write(tmp_path, [_record(r, list(v)) for r, v in enumerate(values)], 3, varied=VARIED)
    found = event_files.scalars(_written(tmp_path, 3))
    for epoch in (1, 2):
        column = [row[epoch - 1] for row in values]
        low, high = measures.t_interval(column) or (0, 0)
        for curve in summary.CURVES:
            assert found[f"mean/{curve}"][epoch] == pytest.approx(statistics.fmean(column))
            assert found[f"lower/{curve}"][epoch] == pytest.approx(low)
            assert found[f"upper/{curve}"][epoch] == pytest.approx(high)


def test_the_final_numbers_are_those_of_the_objective(tmp_path: Path) -> None:
    scores = [0.90, 0.99, 0.95]
    records = [
        _record(r, [0.5, 0.5], metrics={"val_accuracy": 0.1, "val_brier": score})
        for r, score in enumerate(scores)
    ]
    records.append(_record(3, [], status="failed", error="Diverged."))
    summary.write(tmp_path, records, 4, objective="val_brier")
    found = event_files.scalars(_written(tmp_path, 4))
    low, high = measures.t_interval(scores) or (0, 0)
    assert high > 1  # As computed: only bands are clipped.
    for tag, value in {
        "mean": statistics.fmean(scores),
        "sd": statistics.stdev(scores),
        "interval_low": low,
        "interval_high": high,
        "n": 3,
        "failed": 1,
    }.items():
        assert found[f"summary/{tag}"] == {2: pytest.approx(value)}, tag


def test_bands_are_clipped_to_what_can_be(tmp_path: Path) -> None:
    summary.write(tmp_path, [_record(0, [0.2]), _record(1, [0.9])], 2)
    found = event_files.scalars(_written(tmp_path, 2))
    assert found["lower/accuracy/validation"] == {1: 0}
    assert found["upper/accuracy/validation"] == {1: 1}
    assert found["lower/loss/train"] == {1: 0}
    assert found["upper/loss/train"][1] > 1


def test_one_run_has_a_mean_and_no_interval(tmp_path: Path) -> None:
    summary.write(tmp_path, [_record(0, [0.5, 0.75])], 1)
    found = event_files.scalars(_written(tmp_path, 1))
    assert found["mean/loss/train"] == {1: 0.5, 2: 0.75}
    # NaN and not absent: the chart refuses a run that lacks one of the three.
    assert all(math.isnan(found["lower/loss/train"][epoch]) for epoch in (1, 2))
    assert all(math.isnan(found["upper/accuracy/train"][epoch]) for epoch in (1, 2))
    assert {tag for tag in found if tag.startswith("summary/")} == {
        "summary/mean",
        "summary/n",
        "summary/failed",
    }


def test_runs_of_unequal_length_and_values_that_were_not_finite(tmp_path: Path) -> None:
    records = [_record(0, [0.5, None, 0.5]), _record(1, [0.75, 0.25])]
    summary.write(tmp_path, records, 2)
    found = event_files.scalars(_written(tmp_path, 2))
    assert found["mean/loss/train"] == {1: 0.625, 2: 0.25, 3: 0.5}
    assert math.isnan(found["lower/loss/train"][3])


def test_failed_runs_count_but_do_not_enter_the_mean(tmp_path: Path) -> None:
    records = [
        _record(0, [0.5, 0.5]),
        _record(1, [0.9, None], status="failed", metrics={}, error="Diverged."),
    ]
    summary.write(tmp_path, records, 2)
    found = event_files.scalars(_written(tmp_path, 2))
    assert found["mean/loss/train"] == {1: 0.5, 2: 0.5}
    assert found["summary/n"] == {2: 1}
    assert found["summary/failed"] == {2: 1}


def test_a_configuration_of_which_nothing_finished(tmp_path: Path) -> None:
    failed = [_record(r, [], status="failed", error="x") for r in range(2)]
    summary.write(tmp_path, failed, 2)
    found = event_files.scalars(_written(tmp_path, 2))
    assert found == {"summary/n": {0: 0}, "summary/failed": {0: 2}}


def test_an_infeasible_configuration_has_no_summary(tmp_path: Path) -> None:
    summary.write(tmp_path, [_record(0, [], status="infeasible", error="Too small.")], 1)
    assert list(tmp_path.iterdir()) == []
    assert not summary.is_written(tmp_path, BASE, 1)


def test_more_seeds_replace_the_summary(tmp_path: Path) -> None:
    records = [_record(r, [0.5, 0.5]) for r in range(3)]
    run = tmp_path / BASE.config_id / "search0"
    run.mkdir(parents=True)
    for seeds in (2, 2, 3):
        summary.write(tmp_path, records[:seeds], seeds, varied=VARIED)
        assert summary.is_written(tmp_path, BASE, seeds)
        assert {path.name for path in run.parent.iterdir()} == {"search0", f"summary-n{seeds}"}
    assert not summary.is_written(tmp_path, BASE, 2)
    assert event_files.scalars(_written(tmp_path, 3))["summary/n"] == {2: 3}


def test_a_full_disk_leaves_the_old_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [_record(r, [0.5, 0.5]) for r in range(3)]
    summary.write(tmp_path, records[:2], 2, varied=VARIED)

    def fail(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kerascnn.events.write_file", fail)
    with pytest.raises(OSError, match="No space left on device"):
        summary.write(tmp_path, records, 3, varied=VARIED)
    assert summary.is_written(tmp_path, BASE, 2)
    assert not summary.is_written(tmp_path, BASE, 3)


def test_the_summary_is_a_session_of_its_configuration(tmp_path: Path) -> None:
    spec = BASE.configure({"filters": 32})
    records = [
        RunRecord(spec=spec.repeated(0, "search", r), epoch=1, metrics={"val_accuracy": 0.5})
        for r in range(2)
    ]
    summary.write(tmp_path, records, 2, varied=("filters", "pooling"))
    (path,) = (tmp_path / spec.config_id).rglob("*tfevents*")
    assert event_files.settings(path.parent) == {"filters": 32, "pooling": "max"}
    start = event_files.hparams(path.parent)["_hparams_/session_start_info"].session_start_info
    assert start.group_name == spec.config_id


def test_its_label_can_be_read(tmp_path: Path) -> None:
    summary.write(tmp_path, [_record(0, [0.5])], 1, varied=("learning_rate", "pooling"))
    assert _written(tmp_path, 1).name == "learning_rate=0.001,pooling=max"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({}, ""),
        ({"learning_rate": 0.00123456, "depth": 3}, "learning_rate=0.00123,depth=3"),
        ({"family": "../my nets/a.py", "bias": True}, "family=.._my_nets_a.py,bias=True"),
        ({f"name{i}": 10**9 for i in range(99)}, ",".join(f"name{i}={10**9}" for i in range(4))),
    ],
)
def test_labels_are_names_of_folders(shown: dict[str, Any], expected: str) -> None:
    found = summary.label(shown)
    assert "/" not in found
    assert len(found.encode()) <= 255
    assert found == expected


def test_importing_it_is_light() -> None:
    code = "import sys; from tuning import summary; print(*{'numpy', 'scipy'} & set(sys.modules))"
    root = Path(summary.__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert ran.stdout.strip() == ""
