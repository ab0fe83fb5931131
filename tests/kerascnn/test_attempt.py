"""An attempt at a run: it goes on where the one before stood, and leaves nothing behind."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascnn import attempt, checkpoint, datasets, training
from kerascnn.attempt import Attempt
from kerascnn.checkpoint import Checkpoint
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop

SPEC = RunSpec(
    family="mlp",
    dataset="synthetic",
    fingerprint=datasets.load("synthetic").fingerprint,
    hyperparameters={"dropout": 0.5},
    epochs=4,
    train_size=100,
    augmentation="shift",
)


def run(folder: Path, spec: RunSpec, **options: Any) -> RunRecord:
    (record,) = training.run([spec], folder=str(folder), **options)
    return record


def numbers(record: RunRecord) -> tuple[Any, ...]:
    return record.status, record.epoch, dict(record.metrics), dict(record.history)


def left(folder: Path, spec: RunSpec) -> set[str]:
    names = {path.name for path in attempt.run_dir(folder, spec).iterdir()}
    return {name for name in names if not name.startswith("events")}


def test_a_record_says_what_the_run_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first epoch, which compiles, is not in the rate; one that was made before neither."""
    now = [0.0]
    monkeypatch.setattr(attempt.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(attempt.memory, "peak", lambda: 123)
    under_way = made(tmp_path)
    under_way.images = 100
    for epoch in range(1, 5):
        now[0] += 10.0 if epoch == 1 else 2.0
        under_way.epoch(epoch, {"loss/train": 1.0})
        now[0] += 0.5  # A validation, a checkpoint: they are in it.
    under_way.end(metrics={})
    assert under_way.record is not None
    assert under_way.record.images_per_second == pytest.approx(100 / 2.5)
    assert under_way.record.peak_memory == 123
    alone = made(tmp_path / "other")
    alone.images = 100
    alone.epoch(1, {"loss/train": 1.0})
    alone.end(metrics={})
    assert alone.record is not None
    assert alone.record.images_per_second is None


@pytest.mark.parametrize("lost", [False, True])
def test_a_run_that_is_continued_ends_as_one_that_was_not(tmp_path: Path, lost: bool) -> None:
    short = dataclasses.replace(SPEC, stop_epoch=2)
    whole = run(tmp_path / "whole", SPEC)
    first = run(tmp_path / "parts", short)
    assert (first.status, first.epoch, first.host.get("continued")) == ("finished", 2, None)
    assert "checkpoint.npz" in left(tmp_path / "parts", SPEC)
    if lost:
        (attempt.run_dir(tmp_path / "parts", SPEC) / "checkpoint.npz").unlink()
    second = run(tmp_path / "parts", SPEC)
    assert numbers(second) == numbers(whole)
    assert second.host.get("continued") == (None if lost else (2, 0))
    kept = {"record.json", "model.keras", "logits-train.npy", "logits-validation.npy"}
    assert left(tmp_path / "parts", SPEC) == left(tmp_path / "whole", SPEC) == kept
    assert len(list(attempt.run_dir(tmp_path / "parts", SPEC).glob("events*"))) == 1


def test_a_checkpoint_further_than_the_run_goes_is_passed_over(tmp_path: Path) -> None:
    short = dataclasses.replace(SPEC, stop_epoch=2)
    run(tmp_path, dataclasses.replace(SPEC, stop_epoch=3))
    again = run(tmp_path, short)
    assert again.host.get("continued") is None
    assert numbers(again) == numbers(run(tmp_path / "other", short))


def test_a_run_over_its_limit_is_stopped_and_recorded(tmp_path: Path) -> None:
    other = SPEC.repeated(0, "search", 1)
    records = training.run([SPEC, other], folder=str(tmp_path), run_limit=1e-9)
    for record in records:
        assert record.status == "failed"
        assert record.error == "Over the limit of 1e-09s a run."
    assert left(tmp_path, SPEC) == {"record.json"}


def made(folder: Path, **options: Any) -> Attempt:
    given: dict[str, Any] = {"loggers": (), "varied": (), "checkpoint_every": 60, "run_limit": None}
    return Attempt(SPEC, folder, "compiled", **{**given, **options})


HERE = Checkpoint(
    history=[{"loss/train": float("nan")}],
    losses=np.array([1.5], np.float32),
    hits=np.array([3], np.int32),
    model=[np.ones((2, 3), np.float32), np.array([1, 2], np.uint32)],
    optimizer=[np.array(4, np.int64)],
)


def test_checkpoints_are_written_as_often_as_asked(tmp_path: Path) -> None:
    often, seldom = made(tmp_path, checkpoint_every=0.0), made(tmp_path / "seldom")
    asked: list[int] = []
    for under_way in (often, seldom):
        for _ in range(3):
            under_way.pause(lambda: asked.append(1) or HERE)  # type: ignore[func-returns-value]
            under_way.pause(None)
    assert len(asked) == 3
    assert left(tmp_path, SPEC) == {"checkpoint.npz", ".alive"}
    assert left(tmp_path / "seldom", SPEC) == {".alive"}
    found = made(tmp_path).resumed()
    assert found is not None
    assert found.reach == (1, 1)
    assert found.model[1].dtype == np.uint32
    assert np.isnan(found.history[0]["loss/train"])


def test_seconds_of_attempts_add_up(tmp_path: Path) -> None:
    about = made(tmp_path)._made()
    path = attempt.run_dir(tmp_path, SPEC) / "checkpoint.npz"
    checkpoint.write(path, HERE, made=about, seconds=1000.0)
    again = made(tmp_path, run_limit=999.0)
    assert again.resumed() is not None
    with pytest.raises(Stop):
        again.pause(None)
    assert again.record is not None
    assert again.record.seconds > 1000


@pytest.mark.parametrize("damage", ["torn", "empty", "text", "another", "missing"])
def test_a_checkpoint_that_is_of_no_use_is_none(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "checkpoint.npz"
    checkpoint.write(path, HERE, made={"run": "a"}, seconds=1)
    whole = path.read_bytes()
    if damage == "another":
        assert checkpoint.read(path, made={"run": "b"}) is None
    path.write_bytes({"torn": whole[: len(whole) // 2], "text": b"no zip"}.get(damage, b""))
    if damage == "missing":
        path.unlink()
    assert checkpoint.read(path, made={"run": "a"}) is None


def test_every_byte_of_a_checkpoint_counts(tmp_path: Path) -> None:
    """Bits that turned over are found: a checkpoint is right or of no use."""
    path = tmp_path / "checkpoint.npz"
    checkpoint.write(path, HERE, made={}, seconds=1)
    whole = path.read_bytes()
    values = whole.index(HERE.model[0].tobytes())
    path.write_bytes(whole[:values] + b"\x00\x00\x00\x40" + whole[values + 4 :])
    assert checkpoint.read(path, made={}) is None


TOGETHER = """
def train(build, data, specs, *, on_epoch, on_end, start, on_pause):
    for i in range(len(specs)):
        start(i)
    for i in range(len(specs)):
        on_epoch(i, 1, {"loss/validation": 1.0})
    if specs[0].repeat == 0:
        raise RuntimeError("the first of them")
    model = build(specs[0].seed)
    for i in range(len(specs)):
        on_end(i, model, lambda indices: model.predict(data.pixels(indices), verbose=0), 1)
"""


def test_runs_that_are_trained_again_beside_a_failed_one_begin_anew(tmp_path: Path) -> None:
    trainer = tmp_path / "together.py"
    trainer.write_text(TOGETHER)
    specs = [SPEC.repeated(0, "search", repeat) for repeat in range(3)]
    records = training.run(specs, folder=str(tmp_path), trainer=str(trainer))
    assert [record.status for record in records] == ["failed", "finished", "finished"]
    assert [record.history for record in records] == [{"loss/validation": [1.0]}] * 3
