"""How runs differ, as TensorBoard is told: the numbers are those of `measures` and its kin."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from kerascnn import attempt
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import event_files
from tuning import bias_variance, measures, scores, spread, summary

BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64, epochs=2)


def _summary(folder: Path, records: list[RunRecord]) -> dict[str, dict[int, float]]:
    """Writes the summary and returns its scalars."""
    summary.write(folder, records, len(records))
    (path,) = (folder / BASE.config_id / f"summary-n{len(records)}").rglob("*tfevents*")
    return event_files.scalars(path.parent)


def _with_logits(folder: Path, runs: int) -> tuple[list[RunRecord], np.ndarray, np.ndarray]:
    """Makes runs with logits on validation; returns (records, logits, labels)."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(runs, 60, 3)), rng.integers(0, 3, 60).astype(np.int32)
    logits[:, np.arange(60), labels] += 1
    np.save(folder / "labels-validation.npy", labels)
    records = []
    for repeat, values in enumerate(logits):
        right = float((values.argmax(axis=1) == labels).mean())
        score = {"val_accuracy": right, "train_accuracy": right + 0.1 * (1 + repeat)}
        spec = BASE.repeated(0, "search", repeat)
        records.append(RunRecord(spec=spec, trial=0, metrics=score, epoch=2))
        target = attempt.run_dir(folder, records[-1].spec) / "logits-validation.npy"
        target.parent.mkdir(parents=True)
        np.save(target, values)
    return records, logits, labels


def test_what_the_logits_tell(tmp_path: Path) -> None:
    records, logits, labels = _with_logits(tmp_path, 3)
    found = _summary(tmp_path, records)
    votes = logits.argmax(axis=2)
    right = np.asarray(votes == labels, float)
    values = [record.metrics["val_accuracy"] for record in records]
    new_data = measures.new_data_interval(right) or (0, 0)
    sd = measures.sd_interval(values) or (0, 0)
    parts = measures.components(right)
    zero_one = bias_variance.kohavi_wolpert(votes, labels)
    cross_entropy = bias_variance.cross_entropy(logits, labels)
    assert parts
    assert zero_one
    assert cross_entropy
    for tag, value in {
        "new_data_low": new_data[0],
        "new_data_high": new_data[1],
        "sd_low": sd[0],
        "sd_high": sd[1],
        "sd_floor": measures.sd_floor(right),
        "sd_run": max(0, parts.run) ** 0.5,
        "generalization_gap": 0.2,
        "kw_variance": zero_one.variance.mean(),
        "ce_variance": cross_entropy.variance.mean(),
    }.items():
        assert found[f"summary/{tag}"] == {2: pytest.approx(value, rel=1e-5)}, tag
    assert {f"summary/{tag}" for tag in summary._SUMMARY} | {"summary/mean"} == {
        tag for tag in found if tag.startswith("summary/")
    }


def test_blocks_of_images_make_the_same_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, *_ = _with_logits(tmp_path, 3)
    whole = spread.of_logits(tmp_path, records, "val_accuracy")
    monkeypatch.setattr(scores, "_BLOCK", 7 * 3 * 3)
    assert spread.of_logits(tmp_path, records, "val_accuracy") == pytest.approx(whole)
    # Of a metric that is no mean over images only the variances are left.
    records = [
        dataclasses.replace(r, metrics={"val_f1_macro": r.metrics["val_accuracy"]}) for r in records
    ]
    found = spread.of_logits(tmp_path, records, "val_f1_macro")
    assert found == pytest.approx({n: whole[n] for n in ("kw_variance", "ce_variance")})


def test_a_run_without_logits_costs_what_needs_them(tmp_path: Path) -> None:
    records, *_ = _with_logits(tmp_path, 2)
    (attempt.run_dir(tmp_path, records[1].spec) / "logits-validation.npy").unlink()
    found = {tag for tag in _summary(tmp_path, records) if "summary/" in tag}
    assert not {f"summary/{tag}" for tag in ("new_data_low", "sd_floor", "kw_variance")} & found
    assert {"summary/sd", "summary/generalization_gap"} < found


def test_one_run_has_no_variance(tmp_path: Path) -> None:
    records, *_ = _with_logits(tmp_path, 1)
    assert spread.of_logits(tmp_path, records, "val_accuracy") == {}
