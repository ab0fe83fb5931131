"""Every entry of the room keeps its contract."""

import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kerascnn
from kerascnn import registry
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import event_files

ROOM = "kerascnn.loggers"
NAMES = registry.names(ROOM)
SPEC = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64, epochs=2)
SHOWN: dict[str, Any] = {"filters": 16, "learning_rate": 1e-3, "pooling": "max", "bias": True}
POINT = {"accuracy/train": 0.5, "accuracy/validation": 0.25, "loss/train": 1.0}

every_entry = pytest.mark.parametrize("name", NAMES)


def _open(name: str, folder: Path, shown: dict[str, Any] = SHOWN, spec: RunSpec = SPEC) -> Any:
    return registry.load(ROOM, name).logger(folder, spec, shown=shown)


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@every_entry
@pytest.mark.parametrize("status", ["finished", "failed", "infeasible"])
def test_a_run_from_start_to_end(name: str, status: str, tmp_path: Path) -> None:
    log = _open(name, tmp_path)
    for number in (1, 2) if status != "infeasible" else ():
        log.epoch(number, POINT)
    found = {"val_accuracy": 0.25} if status == "finished" else {}
    log.close(RunRecord(spec=SPEC, status=status, epoch=2, metrics=found, error="why"))
    assert all(path.is_relative_to(tmp_path) for path in _files(tmp_path))


@every_entry
def test_nothing_shown_is_fine(name: str, tmp_path: Path) -> None:
    log = _open(name, tmp_path, shown={})
    log.epoch(1, POINT)
    log.close(RunRecord(spec=SPEC, epoch=1))


@every_entry
def test_values_that_are_not_finite_are_fine(name: str, tmp_path: Path) -> None:
    log = _open(name, tmp_path)
    log.epoch(1, {"loss/train": math.nan, "loss/validation": math.inf})
    log.close(RunRecord(spec=SPEC, status="failed", epoch=1, error="Diverged."))


@every_entry
def test_an_interrupted_run_can_be_logged_anew(name: str, tmp_path: Path) -> None:
    _open(name, tmp_path).epoch(1, POINT)
    before = len(_files(tmp_path))
    log = _open(name, tmp_path)
    log.epoch(1, POINT)
    log.close(RunRecord(spec=SPEC, epoch=1))
    assert len(_files(tmp_path)) == before


@every_entry
def test_what_it_is_given_stays_as_it_was(name: str, tmp_path: Path) -> None:
    shown, point = dict(SHOWN), dict(POINT)
    record = RunRecord(spec=SPEC, epoch=1, metrics={"val_accuracy": 0.25})
    copy = pickle.dumps(record)
    log = _open(name, tmp_path, shown)
    log.epoch(1, point)
    log.close(record)
    assert (shown, point, pickle.loads(copy)) == (SHOWN, POINT, record)


@every_entry
def test_a_folder_that_cannot_be_written_is_an_oserror(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        _open(name, tmp_path / "file")


@every_entry
def test_what_passes_through_the_network_is_taken_where_it_is_wanted(
    name: str, tmp_path: Path
) -> None:
    needs = registry.constant(ROOM, name, "NEEDS_NETWORK", False)
    log = _open(name, tmp_path)
    if not hasattr(log, "inside"):
        assert not needs
        return
    log.inside(0, {"gradients/conv/norm": 1.5, "units/act/dead": 0.25})
    log.epoch(1, POINT)
    log.inside(1, {"gradients/conv/norm": math.nan, "gradients/conv/update": math.inf})
    log.close(RunRecord(spec=SPEC, epoch=1))
    assert _files(tmp_path)


def test_gradients_writes_a_file_by_layer(tmp_path: Path) -> None:
    log = _open("gradients", tmp_path)
    log.inside(0, {"gradients/conv/norm": 1.5, "units/act/dead": 0.25})
    log.inside(2, {"gradients/conv/norm": math.nan, "gradients/conv/update": 0.5})
    log.close(RunRecord(spec=SPEC, status="failed", epoch=2, error="Diverged."))
    assert json.loads((tmp_path / "gradients.json").read_text()) == {
        "epochs": [0, 2],
        "layers": {
            "conv": {"norm": [1.5, None], "update": [None, 0.5]},
            "act": {"dead": [0.25, None]},
        },
    }


@every_entry
def test_no_backend_is_imported(name: str) -> None:
    code = (
        f"import sys; from kerascnn import registry; registry.load({ROOM!r}, {name!r})\n"
        "print(*{'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))"
    )
    root = Path(kerascnn.__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert ran.stdout.strip() == ""


def test_tensorboard_writes_the_curves_the_settings_and_the_outcome(tmp_path: Path) -> None:
    log = _open("tensorboard", tmp_path)
    assert event_files.settings(tmp_path) == SHOWN
    log.epoch(1, POINT)
    assert event_files.scalars(tmp_path) == {tag: {1: value} for tag, value in POINT.items()}
    log.epoch(2, POINT)
    record = RunRecord(spec=SPEC, epoch=2, metrics={"val_accuracy": 0.25, "val_loss": 1.5})
    log.close(record)
    found = event_files.scalars(tmp_path)
    assert found["accuracy/validation"] == {1: 0.25, 2: 0.25}
    assert found["metrics/val_accuracy"] == {2: 0.25}
    assert found["metrics/val_loss"] == {2: 1.5}


def test_tensorboard_shows_the_outcome_at_the_epoch_it_is_of(tmp_path: Path) -> None:
    log = _open("tensorboard", tmp_path)
    for epoch in (1, 2, 3):
        log.epoch(epoch, POINT)
    log.close(RunRecord(spec=SPEC, epoch=3, restored=2, metrics={"val_accuracy": 0.25}))
    found = event_files.scalars(tmp_path)
    assert list(found["accuracy/validation"]) == [1, 2, 3]
    assert found["metrics/val_accuracy"] == {2: 0.25}


def test_tensorboard_groups_the_seeds_of_a_configuration(tmp_path: Path) -> None:
    specs = [SPEC.repeated(0, "search", repeat) for repeat in range(2)]
    for spec in specs:
        _open("tensorboard", tmp_path / spec.run_name, spec=spec)
    tag = "_hparams_/session_start_info"
    groups = {
        event_files.hparams(tmp_path / spec.run_name)[tag].session_start_info.group_name
        for spec in specs
    }
    assert groups == {SPEC.config_id}


@pytest.mark.parametrize(("status", "code"), [("finished", 1), ("failed", 2), ("infeasible", 2)])
def test_tensorboard_tells_how_a_run_ended(tmp_path: Path, status: str, code: int) -> None:
    _open("tensorboard", tmp_path).close(RunRecord(spec=SPEC, status=status))
    end = event_files.hparams(tmp_path)["_hparams_/session_end_info"].session_end_info
    assert end.status == code


def test_tensorboard_closes_once_and_keeps_nan_out_of_the_means(tmp_path: Path) -> None:
    log = _open("tensorboard", tmp_path)
    record = RunRecord(spec=SPEC, epoch=1, metrics={"val_accuracy": 0.5, "val_loss": math.nan})
    log.close(record)
    log.close(record)
    assert event_files.scalars(tmp_path) == {"metrics/val_accuracy": {1: 0.5}}
    assert len(event_files.read(tmp_path)) == 2
