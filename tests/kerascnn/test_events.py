"""Event files: TensorBoard can read them, a full disk is told at once, none is left over."""

import errno
import io
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, metadata

from kerascnn import events
from kerascnn.spec import RunSpec
from tests import event_files


def test_what_was_written_can_be_read_at_once(tmp_path: Path) -> None:
    file = events.EventFile(tmp_path / "run")
    file.write(1, [events.scalar("loss/train", 0.5), events.scalar("accuracy/train", 0.25)])
    file.write(2, [events.scalar("loss/train", 0.125)])
    expected = {"loss/train": {1: 0.5, 2: 0.125}, "accuracy/train": {1: 0.25}}
    assert event_files.scalars(tmp_path / "run") == expected


def test_values_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    file = events.EventFile(tmp_path)
    file.write(1, [events.scalar("a", math.nan), events.scalar("b", math.inf)])
    found = event_files.scalars(tmp_path)
    assert math.isnan(found["a"][1])
    assert found["b"][1] == math.inf


def test_a_new_file_replaces_that_of_an_interrupted_run(tmp_path: Path) -> None:
    first = events.EventFile(tmp_path)
    first.write(7, [events.scalar("loss/train", 1.0)])
    (tmp_path / "events.out.tfevents.0000000001.older").write_bytes(b"")
    (tmp_path / "record.json").write_text("{}")
    second = events.EventFile(tmp_path)
    second.write(1, [events.scalar("loss/train", 2.0)])
    assert event_files.scalars(tmp_path) == {"loss/train": {1: 2.0}}
    assert (tmp_path / "record.json").exists()


def test_a_full_disk_fails_the_call_that_met_it(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    file = events.EventFile(tmp_path)
    file._path = Path("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        file.write(1, [events.scalar("loss/train", 1.0)])
    assert caught.value.errno == errno.ENOSPC


class _ShortFile(io.BytesIO):
    """Room for ten bytes: a raw write to a disk that fills up is cut short and raises nothing."""

    def write(self, content: Any) -> int:
        return super().write(content[:10])


def test_a_write_cut_short_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = events.EventFile(tmp_path)
    monkeypatch.setattr(events, "open", lambda *_, **__: _ShortFile(), raising=False)
    with pytest.raises(OSError, match="No space left on device") as caught:
        file.write(1, [events.scalar("loss/train", 1.0)])
    assert caught.value.errno == errno.ENOSPC


def test_a_whole_file_replaces_all_others_and_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.0000000001.older").write_bytes(b"")
    for value in (1.0, 2.0):
        events.write_whole(tmp_path, [(0, [events.scalar("a", value)]), (3, [])])
    assert event_files.scalars(tmp_path) == {"a": {0: 2.0}}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_whole_file_that_fails_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.write_whole(tmp_path, [(0, [events.scalar("a", 1.0)])])

    def fail(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(events, "write_file", fail)
    with pytest.raises(OSError, match="No space left on device"):
        events.write_whole(tmp_path, [(0, [events.scalar("a", 2.0)])])
    assert event_files.scalars(tmp_path) == {"a": {0: 1.0}}


def test_a_session_keeps_the_types_of_its_settings(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "filters": 16,
        "rate": 0.5,
        "pooling": "max",
        "bias": True,
        "none": None,
    }
    end = events.session_end(succeeded=False)
    events.write_whole(tmp_path, [(0, [events.session_start("abc", values), end])])
    del values["none"]
    found = event_files.settings(tmp_path)
    assert found == values
    assert isinstance(found["bias"], bool)
    pages = event_files.hparams(tmp_path)
    assert pages[metadata.SESSION_START_INFO_TAG].session_start_info.group_name == "abc"
    ended = pages[metadata.SESSION_END_INFO_TAG].session_end_info
    assert ended.status == api_pb2.STATUS_FAILURE


def test_an_experiment_has_domains_of_every_type(tmp_path: Path) -> None:
    columns = [
        events.choice("pooling", ["max", "average"]),
        events.choice("bias", [True, False]),
        events.choice("batch_size", [32, 64], leading=False),
        events.interval("learning_rate", 0.1, 0.5, description="on a log scale"),
    ]
    value = events.experiment(columns, {"metrics/val_loss": "val_loss"})
    events.write_whole(tmp_path, [(0, [value])])
    told = event_files.hparams(tmp_path)[metadata.EXPERIMENT_TAG].experiment
    kinds = [api_pb2.DataType.Name(info.type) for info in told.hparam_infos]
    numbers = ["DATA_TYPE_FLOAT64"] * 2
    assert kinds == ["DATA_TYPE_STRING", "DATA_TYPE_BOOL", *numbers]
    assert list(told.hparam_infos[0].domain_discrete) == ["max", "average"]
    assert [info.differs for info in told.hparam_infos] == [True, True, False, True]
    bounds = told.hparam_infos[3].domain_interval
    assert (bounds.min_value, bounds.max_value) == (0.1, 0.5)
    assert told.metric_infos[0].name.tag == "metrics/val_loss"
    assert told.metric_infos[0].display_name == "val_loss"


def test_a_layout_holds_the_three_tags_of_each_chart(tmp_path: Path) -> None:
    charts = {"one": ("mean/a", "lower/a", "upper/a"), "two": ("mean/b", "lower/b", "upper/b")}
    events.write_whole(tmp_path, [(0, [events.margin_charts("Bands", charts)])])
    (event,) = event_files.read(tmp_path)
    (value,) = event.summary.value
    assert value.metadata.plugin_data.plugin_name == "custom_scalars"
    layout = layout_pb2.Layout.FromString(value.tensor.string_val[0])
    assert [category.title for category in layout.category] == ["Bands"]
    found = {
        chart.title: (series.value, series.lower, series.upper)
        for chart in layout.category[0].chart
        for series in chart.margin.series
    }
    assert found == charts


def test_a_run_in_a_study_without_a_space_is_told_by_its_main_settings() -> None:
    spec = RunSpec(family="/home/me/nets/mine.py", dataset="digits", hyperparameters={"depth": 3})
    assert events.shown_of(spec, {"filters": 8}) == {"filters": 8}
    assert events.shown_of(spec, {"family": spec.family})["family"] == "mine"
    assert events.shown_of(spec, {}) == {
        "family": "mine",
        "learning_rate": 1e-3,
        "batch_size": 64,
        "optimizer": "adam",
        "depth": 3,
    }


def test_no_backend_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom kerascnn import events\n"
        "from kerascnn.loggers import tensorboard\nfrom kerascnn.spec import RunSpec\n"
        "folder = Path(sys.argv[1])\n"
        "log = tensorboard.logger(folder, RunSpec(family='cnn', dataset='digits'), shown={})\n"
        "log.epoch(1, {'loss/train': 1.0})\n"
        "columns = [events.interval('b', 0, 1)]\n"
        "values = [events.margin_charts('a', {}), events.experiment(columns, {})]\n"
        "events.write_whole(folder / 'x', [(0, values)])\n"
        "print(*{'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(events.__file__).parents[1]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert ran.stdout.strip() == ""
