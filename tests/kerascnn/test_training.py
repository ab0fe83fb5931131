"""Real runs: what a worker leaves behind, and that nothing it meets raises."""

import dataclasses
import errno
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import attempt, datasets, latency, metrics, registry, training
from kerascnn.spec import RunSpec

SPEC = RunSpec(
    family="mlp",
    dataset="synthetic",
    fingerprint=datasets.load("synthetic").fingerprint,
    epochs=2,
    train_size=100,
)

OWN = '''"""A family of mine."""
import keras

def build(input_shape, num_classes, *, units=8, broken=False, tail="probabilities"):
    if units > 100:
        raise ValueError("too wide for these images")
    if broken:
        raise KeyError("a bug of mine")
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(num_classes, name="logits")(x)
    return keras.Model(inputs, keras.layers.Activation("softmax", name=tail)(x))
'''


def run(folder: Path, *specs: RunSpec, **options: Any) -> list[Any]:
    return training.run(specs, folder=str(folder), **options)


def own(folder: Path, **settings: Any) -> RunSpec:
    path = folder / "own.py"
    path.write_text(OWN)
    return SPEC.configure({"family": str(path), **settings})


def test_a_run_leaves_its_record_logits_events_and_model(tmp_path: Path) -> None:
    specs = [SPEC.repeated(0, "search", repeat) for repeat in range(2)]
    records = run(tmp_path, *specs, varied=("learning_rate",))
    data = datasets.load("synthetic")
    labels = data.labels[data.parts["validation"]]
    for spec, record in zip(specs, records, strict=True):
        folder = attempt.run_dir(tmp_path, spec)
        assert (record.status, record.epoch, record.spec) == ("finished", 2, spec)
        assert set(record.history) >= {"loss/train", "accuracy/validation"}
        logits = np.load(folder / "logits-validation.npy")
        assert logits.dtype == np.float32
        assert metrics.measure(logits, labels, "validation").items() <= record.metrics.items()
        assert json.loads((folder / "record.json").read_text()) == record.to_json()
        assert list(folder.glob("events.out.*"))
        assert (folder / "model.keras").exists() == (spec.repeat == 0)
        assert record.host["backend"] == keras.backend.backend()
    model = keras.saving.load_model(attempt.run_dir(tmp_path, specs[0]) / "model.keras")
    assert model.count_params() == records[0].parameters
    probabilities = model.predict(data.pixels(data.parts["validation"]), verbose=0)
    assert (probabilities.argmax(axis=1) == labels).mean() == records[0].metrics["val_accuracy"]


def test_a_run_on_a_subset_leaves_no_model(tmp_path: Path) -> None:
    subsets = ("disjoint:4/1", "bootstrap:4/1", "subsample:4/1")
    specs = [SPEC.repeated(0, "decompose", 0, subset) for subset in subsets]
    assert [record.status for record in run(tmp_path, *specs)] == ["finished"] * 3
    folders = [attempt.run_dir(tmp_path, spec) for spec in specs]
    assert not list(tmp_path.rglob("model.keras"))
    logits = [np.load(folder / "logits-validation.npy") for folder in folders]
    assert not np.array_equal(logits[0], logits[1])
    assert not np.array_equal(logits[1], logits[2])


def test_a_run_found_finished_is_not_repeated(tmp_path: Path) -> None:
    first = run(tmp_path, SPEC)
    (attempt.run_dir(tmp_path, SPEC) / "logits-validation.npy").unlink()
    assert run(tmp_path, SPEC) == first
    assert not (attempt.run_dir(tmp_path, SPEC) / "logits-validation.npy").exists()


def test_a_longer_run_is_trained_though_a_shorter_one_is_there(tmp_path: Path) -> None:
    (short,) = run(tmp_path, dataclasses.replace(SPEC, stop_epoch=1))
    (long,) = run(tmp_path, SPEC)
    assert (short.epoch, long.epoch) == (1, 2)
    assert long.history["loss/train"][:1] == short.history["loss/train"]


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b"[]", b"null"])
def test_a_damaged_record_is_none(tmp_path: Path, damage: bytes) -> None:
    folder = attempt.run_dir(tmp_path, SPEC)
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(damage)
    assert attempt.outbox(tmp_path, SPEC) is None


def test_what_cannot_be_built_is_infeasible(tmp_path: Path) -> None:
    (record,) = run(tmp_path, own(tmp_path, units=101))
    assert (record.status, record.error) == ("infeasible", "too wide for these images")
    assert record.metrics == {}


def test_a_bug_fails_every_run_with_its_traceback(tmp_path: Path) -> None:
    spec = own(tmp_path, broken=True)
    records = run(tmp_path, *(spec.repeated(0, "search", repeat) for repeat in range(2)))
    assert [record.status for record in records] == ["failed", "failed"]
    assert all("a bug of mine" in record.error and "own.py" in record.error for record in records)


def test_a_family_must_end_in_logits_and_probabilities(tmp_path: Path) -> None:
    (record,) = run(tmp_path, own(tmp_path, tail="softmax"))
    assert "must end in the layers 'logits' and 'probabilities'" in record.error


def test_changed_code_fails_a_run(tmp_path: Path) -> None:
    spec = own(tmp_path)
    (tmp_path / "own.py").write_text(OWN + "# changed meanwhile")
    now = registry.code_hash("kerascnn.models", spec.family)
    (record,) = run(tmp_path, spec)
    assert record.status == "failed"
    assert f"own.py changed: its hash is {now}" in record.error


def test_divergence_fails_a_run(tmp_path: Path) -> None:
    spec = SPEC.configure({"learning_rate": 1e30, "optimizer": "sgd"})
    (record,) = run(tmp_path, spec)
    assert (record.status, record.metrics) == ("failed", {})
    assert record.error.startswith("Diverged: the logits of train are not finite")
    assert None in record.history["loss/train"]


def test_changed_data_fail_a_run(tmp_path: Path) -> None:
    (record,) = run(tmp_path, dataclasses.replace(SPEC, fingerprint="0" * 64))
    assert "The data of synthetic changed: fingerprint" in record.error


def test_too_few_images_fail_a_run(tmp_path: Path) -> None:
    (record,) = run(tmp_path, SPEC.configure({"train_size": 10**6}))
    assert "`train_size` must be at most" in record.error


EARLIER = """
import keras

def train(build, data, specs, *, on_epoch, on_end, start, on_pause):
    for i, spec in enumerate(specs):
        model = build(spec.seed)
        logits = keras.Model(model.inputs[0], model.get_layer("logits").output)
        for epoch in (1, 2, 3):
            on_epoch(i, epoch, {"loss/validation": 1.0})
        on_end(i, model, lambda indices: logits.predict(data.pixels(indices), verbose=0), 2 + i)
"""


def test_a_record_says_which_epoch_was_restored(tmp_path: Path) -> None:
    trainer = tmp_path / "earlier.py"
    trainer.write_text(EARLIER)
    specs = [SPEC.configure({"patience": 1, "epochs": 5}).repeated(0, "search", i) for i in (0, 1)]
    records = run(tmp_path, *specs, trainer=str(trainer))
    assert [record.status for record in records] == ["finished", "finished"]
    found = [(each.epoch, each.restored, each.scored_epoch) for each in records]
    assert found == [(3, 2, 2), (3, 0, 3)]  # The second ends with its last epoch.
    assert attempt.outbox(tmp_path, specs[0]) == records[0]


RECOVERING = """
import keras

def train(build, data, specs, *, on_epoch, on_end, start, on_pause):
    for i, spec in enumerate(specs):
        model = build(spec.seed)
        logits = keras.Model(model.inputs[0], model.get_layer("logits").output)
        for epoch, loss in enumerate((float("nan"), float("inf"), 1.0), start=1):
            on_epoch(i, epoch, {"loss/train": loss, "loss/validation": loss})
        on_end(i, model, lambda indices: logits.predict(data.pixels(indices), verbose=0), 3)
"""


def test_a_run_that_recovers_from_nan_did_not_fail(tmp_path: Path) -> None:
    trainer = tmp_path / "recovering.py"
    trainer.write_text(RECOVERING)
    (record,) = run(tmp_path, SPEC.configure({"epochs": 3}), trainer=str(trainer))
    assert (record.status, record.error) == ("finished", "")
    assert record.history["loss/train"] == [None, None, 1.0]
    assert np.isfinite(list(record.metrics.values())).all()
    assert attempt.outbox(tmp_path, record.spec) == record


def test_how_long_answers_take_is_measured_once_a_call(tmp_path: Path) -> None:
    """It moves no number, and is in the records of all runs of the call."""
    specs = [SPEC.repeated(0, "search", repeat) for repeat in range(2)]
    records = run(tmp_path / "measured", *specs)
    found = records[0].host["latency"]
    assert [each["batch"] for each in found["batches"]] == [1, 64]
    for each in found["batches"]:
        assert 0 < each["low"] <= each["median"] <= each["high"]
        assert each["calls"] >= 5
    assert records[1].host["latency"] == found
    assert attempt.outbox(tmp_path / "measured", specs[1]) == records[1]


def test_what_cannot_be_measured_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(tmp_path / "measured", SPEC)

    def broken(*given: Any, **options: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(latency, "measure", broken)
    (record,) = run(tmp_path / "broken", SPEC)
    assert record.host["latency_error"] == "MemoryError: no room"
    assert "latency" not in record.host
    assert (record.metrics, record.history) == (expected[0].metrics, expected[0].history)


def test_the_time_it_takes_is_no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only the measurement moves: no run took any time, nor is any over a limit."""
    now = [0.0]
    monkeypatch.setattr(attempt.time, "perf_counter", lambda: now[0])

    def slow(*given: Any, **options: Any) -> dict[str, Any]:
        now[0] += 100.0
        return {"batches": []}

    monkeypatch.setattr(latency, "measure", slow)
    specs = [SPEC.repeated(0, "search", repeat) for repeat in range(2)]
    records = run(tmp_path, *specs, trainer=str(_together(tmp_path)), run_limit=50)
    assert [record.status for record in records] == ["finished", "finished"]
    assert [record.seconds for record in records] == [0.0, 0.0]
    assert now[0] == 100.0


def _together(folder: Path) -> Path:
    """A trainer whose runs have all begun before the first ends."""
    path = folder / "together.py"
    path.write_text(TOGETHER)
    return path


TOGETHER = """
def train(build, data, specs, *, on_epoch, on_end, start, on_pause):
    models = [build(spec.seed) for spec in specs]
    for i in range(len(specs)):
        start(i)
    for i, model in enumerate(models):
        on_pause(i, None)
        on_epoch(i, 1, {"loss/validation": 1.0})
        on_end(i, model, lambda indices: model.predict(data.pixels(indices), verbose=0), 1)
"""


# The process stops there: what is open closes with it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_no_runs_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, array: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(training, "save_array", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, SPEC)
    assert attempt.outbox(tmp_path, SPEC) is None


def test_python_s_random_state_is_left_as_it_was(tmp_path: Path) -> None:
    import random

    random.seed(5)
    expected = random.Random(5).random()
    run(tmp_path, SPEC)
    assert random.random() == expected
