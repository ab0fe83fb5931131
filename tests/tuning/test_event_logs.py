"""Runs that others wrote: how they are grouped, what their numbers are, and what is said of it."""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tests import logs
from tuning import figures, log_curves, logged, tags
from tuning.event_logs import LogFindings, id_of
from tuning.figures import NothingToShow
from tuning.logged import Reader, Series

# Student's t at 97.5 % with 2 degrees of freedom, from a table.
T2 = 4.302653


def _found(logdir: Path, group: str | None = None, **options: Any) -> LogFindings:
    pattern = None if group is None else logged.pattern_of(group)
    options = {"now": logs.LATER, **options}
    return LogFindings("logs", Reader(logs.provider(logdir)), pattern, **options)


def _rows(found: LogFindings) -> dict[str, Any]:
    assert found.board is not None
    return {found.names[row.config_id]: row for row in found.board.rows}


def _said(found: LogFindings) -> str:
    return "\n".join(found.remarks)


@pytest.fixture
def keras_like(tmp_path: Path) -> Path:
    """Two configurations of three runs, laid out as Keras' callback does it."""
    last = {"small": (0.5, 0.6, 0.7), "large": (0.8, 0.8, 0.95)}
    for config, values in last.items():
        for seed, value in enumerate(values):
            folder = tmp_path / config / f"seed{seed}"
            logs.write(folder / "train", {"epoch_accuracy": [0.3, 0.99]})
            # The best is not the last.
            logs.write(
                folder / "validation",
                {"epoch_accuracy": [0.99, value], "epoch_loss": [2.0, 1 - value]},
            )
    return tmp_path


@pytest.mark.parametrize(
    ("group", "tag"),
    [(r"seed\d+$", "validation/epoch_accuracy"), (r"seed\d+/validation$", "epoch_accuracy")],
)
def test_a_pattern_makes_means_of_last_values(keras_like: Path, group: str, tag: str) -> None:
    found = _found(keras_like, group)
    assert found.board is not None
    assert found.board.metric == tag
    rows = _rows(found)
    assert list(rows) == ["large", "small"]
    small = rows["small"]
    assert (small.n, small.failed, small.epochs) == (3, 0, 1)
    assert small.mean == pytest.approx(0.6)
    assert small.sd == pytest.approx(0.1)
    half = T2 * 0.1 / np.sqrt(3)
    assert small.interval_seeds == pytest.approx((0.6 - half, 0.6 + half), abs=1e-5)
    assert small.interval_new_data is None
    assert f"last value of {tag}" in _said(found)
    assert "More is taken to be better" in _said(found)


def test_what_lies_beneath_a_run_is_its_own(keras_like: Path) -> None:
    found = _found(keras_like, r"seed\d+$")
    assert found.metrics[:2] == ["validation/epoch_accuracy", "validation/epoch_loss"]
    (run, *_) = found.courses[id_of("small")]
    assert run.name == "seed0"
    assert run.history["train/epoch_accuracy"] == pytest.approx([0.3, 0.99])
    assert run.history["validation/epoch_accuracy"] == pytest.approx([0.99, 0.5])
    assert run.steps["train/epoch_accuracy"] == [0, 1]


def test_what_the_pattern_is_not_in_is_left_out_and_said(keras_like: Path) -> None:
    found = _found(keras_like, r"seed\d+/validation$")
    assert "6 folders have no such name and are left out: large/seed0/train" in _said(found)
    assert {run.name for run in found.courses[id_of("large")]} == {
        f"seed{i}/validation" for i in range(3)
    }


def test_less_of_a_loss_is_better(keras_like: Path) -> None:
    found = _found(keras_like, r"seed\d+$", metric="validation/epoch_loss")
    assert list(_rows(found)) == ["large", "small"]
    assert "Less is taken to be better" in _said(found)
    assert found.board is not None
    assert found.board.question.margin == pytest.approx(0.15 * 0.01)
    assert "1% of the leader's mean" in _said(found)


def test_pairs_are_of_seeds(keras_like: Path) -> None:
    found = _found(keras_like, r"seed\d+$")
    assert found.board is not None
    (pair,) = found.board.pairs
    assert (pair.a, pair.b) == (id_of("large"), id_of("small"))
    assert pair.difference == pytest.approx(0.25)
    assert pair.target == "seeds"
    assert pair.confidence == pytest.approx(0.95)
    # Welch: sd 0.0866 and 0.1, so an error of 0.07638 with 3.92 degrees of freedom, t 2.798.
    assert pair.interval == pytest.approx((0.0363, 0.4637), abs=2e-3)
    assert found.pairs(40)[0] == [id_of("large"), id_of("small")]
    assert found.board.question.margin == 0.005


def test_the_best_set_is_shown_from_five_runs_on(tmp_path: Path) -> None:
    for config, centre in (("a", 0.9), ("b", 0.5)):
        for seed in range(5):
            logs.write(tmp_path / f"{config}-s{seed}", {"val/acc": [centre + seed / 1000]})
    found = _found(tmp_path, r"-s\d$")
    assert {n: row.in_best_set for n, row in _rows(found).items()} == {"a": True, "b": False}
    assert _said(found).splitlines()[-1].startswith("\u2605 the best-set")


def test_a_run_that_ends_in_nan_has_failed(tmp_path: Path) -> None:
    for seed, last in enumerate((0.5, 0.7, float("nan"))):
        logs.write(tmp_path / "a" / f"seed{seed}", {"acc": [0.9, last]})
    for seed in range(2):
        logs.write(tmp_path / "b" / f"seed{seed}", {"acc": [0.9, float("inf")]})
    found = _found(tmp_path, r"seed\d+$")
    rows = _rows(found)
    assert (rows["a"].n, rows["a"].failed) == (2, 1)
    assert rows["a"].mean == pytest.approx(0.6)
    assert (rows["b"].n, rows["b"].failed, rows["b"].mean) == (0, 2, None)
    assert "a failed: The last value of acc of a/seed2 is nan." in _said(found)
    states = [run.state for run in found.courses[id_of("a")]]
    assert states == ["finished", "finished", "failed"]
    assert list(found.courses[id_of("a")][2].history["acc"]) == [pytest.approx(0.9), None]


def test_a_mean_takes_half_of_the_runs(tmp_path: Path) -> None:
    for seed, last in enumerate((0.5, float("nan"), float("nan"))):
        logs.write(tmp_path / "a" / f"seed{seed}", {"acc": [last]})
    assert _rows(_found(tmp_path, r"seed\d+$"))["a"].mean is None


def test_different_lengths_are_said(tmp_path: Path) -> None:
    for seed, length in enumerate((2, 5, 9)):
        logs.write(tmp_path / f"seed{seed}", {"acc": [seed / 10] * length})
    found = _found(tmp_path, r"seed\d+$")
    assert _rows(found)["(all)"].mean == pytest.approx(0.1)
    assert "Runs end at different steps, from 1 to 8" in _said(found)
    assert [len(run.history["acc"]) for run in found.courses[id_of("(all)")]] == [2, 5, 9]


def test_a_single_run(tmp_path: Path) -> None:
    logs.write(tmp_path, {"val_accuracy": [0.1, 0.4]})
    found = _found(tmp_path)
    row = _rows(found)["."]
    assert (row.n, row.interval_seeds, row.sd) == (1, None, None)
    assert row.mean == pytest.approx(0.4)
    assert "Every run stands alone" in _said(found)
    assert "--group" in _said(found)
    assert "--compare_group" in _said(found)


def test_groups_within_groups(tmp_path: Path) -> None:
    for fold in range(2):
        for seed in range(2):
            logs.write(tmp_path / f"fold{fold}" / "lr-3" / f"seed{seed}", {"acc": [0.5]})
    assert set(_rows(_found(tmp_path, r"seed\d+$"))) == {"fold0/lr-3", "fold1/lr-3"}
    assert set(_rows(_found(tmp_path, r"fold\d/.*seed\d+$"))) == {"(all)"}
    rows = _rows(_found(tmp_path, r"^fold\d+"))
    assert set(rows) == {"lr-3/seed0", "lr-3/seed1"}
    assert rows["lr-3/seed0"].n == 2


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("adam-seed1-lr3", "adam-lr3"),
        ("adam_lr3_seed12", "adam_lr3"),
        ("seed1_adam", "adam"),
        ("seed1", "(all)"),
        ("adam/seed1/x", "adam/x"),
    ],
)
def test_what_is_left_of_a_name_is_the_configuration(name: str, group: str) -> None:
    (place,) = logged.places([name], {}, re.compile(r"seed\d+")).values()
    assert place.group == group


def test_a_pattern_that_is_nowhere(keras_like: Path) -> None:
    found = _found(keras_like, r"fold\d")
    assert found.board is None
    assert found.missing.startswith("No run's name has 'fold\\d' in it. Runs are called: large/")
    for name in figures.names():
        with pytest.raises(NothingToShow):
            figures.make(name, found)


@pytest.mark.parametrize("pattern", ["seed(", ".*", r"\d*", "*"])
def test_a_pattern_that_tells_nothing_apart_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"'{pattern}' ")):
        logged.pattern_of(pattern)


def test_hparams_groups_and_settings(tmp_path: Path) -> None:
    for group, lr, values in (("g1", 0.1, (0.5, 0.7)), ("g2", 0.01, (0.9, 0.8))):
        for seed, value in enumerate(values):
            folder = tmp_path / f"{group}-{seed}"
            settings = {"lr": lr, "seed": seed, "optimizer": "adam"}
            logs.write(folder, {}, hparams=(group, settings), succeeded=True)
            logs.write(folder / "validation", {"epoch_accuracy": [value]})
    found = _found(tmp_path)
    rows = _rows(found)
    assert list(rows) == ["g2", "g1"]
    assert rows["g1"].mean == pytest.approx(0.6)
    # What differs within a configuration is no setting of it, nor what all share.
    assert rows["g1"].hyperparameters == {"lr": 0.1}
    assert "4 runs of 2 configurations, by their groups in HParams." in _said(found)
    assert "hyperparameters" not in found.lacks
    assert figures.make("hyperparameters", found).data


def test_a_run_that_says_it_failed_has_failed(tmp_path: Path) -> None:
    logs.write(tmp_path / "a", {"acc": [0.9]}, hparams=("", {"x": 1}), succeeded=False)
    logs.write(tmp_path / "b", {"acc": [0.5]}, hparams=("", {"x": 2}), succeeded=True)
    rows = _rows(_found(tmp_path))
    assert (rows["a"].n, rows["a"].failed) == (0, 1)
    assert (rows["b"].n, rows["b"].failed) == (1, 0)


def test_damaged_hparams_are_passed_over(tmp_path: Path) -> None:
    writer = EventFileWriter(str(tmp_path / "a"))
    about = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(
            plugin_name=metadata.PLUGIN_NAME, content=b"\xff\x00garbage"
        )
    )
    values = [
        summary_pb2.Summary.Value(
            tag=metadata.SESSION_START_INFO_TAG, metadata=about, tensor=metadata.NULL_TENSOR
        ),
        summary_pb2.Summary.Value(tag="acc", simple_value=0.5),
    ]
    for value in values:
        summary = summary_pb2.Summary(value=[value])
        writer.add_event(event_pb2.Event(wall_time=1.0, step=1, summary=summary))
    writer.close()
    assert _rows(_found(tmp_path))["a"].mean == pytest.approx(0.5)


def test_what_still_grows_is_running_and_in_no_mean(tmp_path: Path) -> None:
    for seed in range(2):
        logs.write(tmp_path / f"seed{seed}", {"acc": [0.5]})
    found = _found(tmp_path, r"seed\d+$", now=time.time())
    assert [run.state for run in found.courses[id_of("(all)")]] == ["running", "running"]
    row = _rows(found)["(all)"]
    assert (row.n, row.failed, row.mean) == (0, 0, None)
    assert "they are in no mean" in _said(found)
    hollow = [trace for trace in figures.make("forest", found).data if "is running" in str(trace)]
    assert len(hollow[0]["x"]) == 2


def test_what_says_that_it_ended_is_not_running(tmp_path: Path) -> None:
    logs.write(tmp_path / "a", {"acc": [0.5]}, hparams=("", {"x": 1}), succeeded=True)
    assert _rows(_found(tmp_path, now=time.time()))["a"].n == 1


def test_runs_without_the_tag_are_left_out_and_said(tmp_path: Path) -> None:
    for seed in range(3):
        logs.write(tmp_path / f"seed{seed}", {"val/acc": [0.5]} if seed else {"loss": [1.0]})
    found = _found(tmp_path, r"seed\d+$")
    assert _rows(found)["(all)"].n == 2
    assert "1 runs have no value of this tag" in _said(found)


def test_an_unknown_tag_names_the_closest(keras_like: Path) -> None:
    found = _found(keras_like, r"seed\d+$", metric="validation/epoch_acuracy")
    assert found.board is None
    assert "Did you mean 'validation/epoch_accuracy'" in found.missing


def test_studies_are_passed_over(tmp_path: Path) -> None:
    logs.write(tmp_path / "study" / "ab" / "search0", {"acc": [0.5]}, hparams=("ab", {}))
    logs.write(tmp_path / "studying", {"acc": [0.5]})
    reader = Reader(logs.provider(tmp_path), ["study"])
    assert list(reader.tags()) == ["studying"]
    assert reader.sessions() == {}
    assert Reader(logs.provider(tmp_path), ["."]).tags() == {}


def test_nothing_there(tmp_path: Path) -> None:
    found = _found(tmp_path)
    assert found.board is None
    assert "no scalars in these event files yet" in found.missing
    assert LogFindings("logs", Reader(None)).board is None


HOSTILE = ["<script>alert(1)</script>", "a,b&c=d#e", "x" * 200, "%2e%2e", "<b>ünï</b>"]


def test_names_are_text_and_ids_are_safe(tmp_path: Path) -> None:
    for name in HOSTILE:
        for seed in range(2):
            safe = name.replace("/", "\u2215")
            logs.write(tmp_path / f"{safe}-seed{seed}", {"<img src=x>acc": [0.5 + seed / 10]})
    found = _found(tmp_path, r"seed\d+$")
    assert len(found.names) == len(HOSTILE)
    for config in found.names:
        assert re.fullmatch("[0-9a-f]{12}", config)
    for name in figures.names():
        try:
            made = json.dumps(figures.make(name, found, list(found.names)).to_json())
        except NothingToShow:
            continue
        assert not re.search(r"<(script|img|b>)", made), name


def test_views_that_need_images_say_so(keras_like: Path) -> None:
    found = _found(keras_like, r"seed\d+$")
    with pytest.raises(NothingToShow, match="logits"):
        figures.make("bias_variance", found)
    with pytest.raises(NothingToShow, match="HParams"):
        figures.make("hyperparameters", found)
    assert found.shares(id_of("small"), "zero_one") == {}


def test_values_beyond_shares_are_not_clipped(tmp_path: Path) -> None:
    for seed in range(3):
        logs.write(tmp_path / f"seed{seed}", {"reward": [-200.0 + seed, -100.0 + 10 * seed]})
    found = _found(tmp_path, r"seed\d+$")
    made = figures.make("curves", found)
    assert min(v for trace in made.data for v in trace["y"]) < -190
    assert "type" not in made.layout["yaxis"]


@pytest.mark.parametrize(
    ("tag", "more"),
    [
        ("val_loss", False),
        ("valLoss", False),
        ("eval/perplexity", False),
        ("cross_entropy", False),
        ("mean_squared_error", False),
        ("error_rate", False),
        ("epoch_accuracy", True),
        ("lossless", True),
        ("reward", True),
        ("policy_entropy", True),
    ],
)
def test_the_direction_is_in_the_name(tag: str, more: bool) -> None:
    assert tags.maximize(tag) is more


def test_the_tag_that_speaks_for_runs_comes_first() -> None:
    counts = dict.fromkeys(
        [
            "lr",
            "train/acc",
            "train/loss",
            "val/loss",
            "val/acc",
            "acc",
            "evaluation_acc_iterations",
        ],
        4,
    )
    assert tags.ordered(counts) == [
        "val/acc",
        "acc",
        "val/loss",
        "train/acc",
        "train/loss",
        "evaluation_acc_iterations",
        "lr",
    ]
    assert tags.ordered({"val/acc": 1, "loss": 4}) == ["loss", "val/acc"]


def test_curves_meet_at_common_steps() -> None:
    steps, found = log_curves.aligned(
        {
            "a": Series(steps=[0, 2, 4], times=[0, 1, 2], values=[0.0, 2.0, 4.0]),
            "b": Series(steps=[0, 1, 2], times=[0, 1, 2], values=[1.0, float("nan"), 3.0]),
            "c": Series(steps=[2, 2], times=[0, 1], values=[5.0, 6.0]),
            "d": Series(steps=[0], times=[0], values=[float("nan")]),
        }
    )
    assert steps == [0, 1, 2, 4]
    assert found == {
        "a": [0.0, 1.0, 2.0, 4.0],
        "b": [1.0, None, 3.0],
        "c": [None, None, 6.0],
        "d": [None],
    }


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    steps = [float(i) for i in range(5000)]
    grid, found = log_curves.aligned({"a": Series(steps=steps, times=steps, values=steps)})
    assert len(grid) == 400
    assert (grid[0], grid[-1]) == (0, 4999)
    assert found["a"] == pytest.approx(grid)


def test_what_runs_beyond_the_axis_of_a_forest_stands_at_its_edge(tmp_path: Path) -> None:
    for seed, value in enumerate((0.90, 0.91)):
        folder = tmp_path / f"seed{seed}"
        logs.write(folder, {"acc": [value]}, hparams=("", {"x": 1}), succeeded=True)
    logs.write(tmp_path / "seed2", {"acc": [0.1]})
    logs.write(tmp_path / "seed3", {"acc": [float("nan")]})
    made = figures.make("forest", _found(tmp_path, r"seed\d+$", now=time.time()))
    low, high = made.layout["xaxis"]["range"]
    (failed, running) = (
        [t for t in made.data if word in str(t)] for word in ("failed:", "running:")
    )
    for (trace,) in (failed, running):
        (x,) = trace["x"]
        assert low < x < low + 0.02 * (high - low)
    assert "seed2 is running: 0.1000 after 1 values" in str(running)
    assert "A cross is" in made.note
    assert "A hollow dot is" in made.note
