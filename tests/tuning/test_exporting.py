"""What leaves a study, and that nothing leaves that is not the recorded network."""

import dataclasses
import importlib.util
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from kerascnn import attempt, datasets, exporters, training
from kerascnn.exporters import _check
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import image_files
from tuning import executors, exporting, leaving, retraining
from tuning import study as studies
from tuning.commands import export as export_command
from tuning.search_spec import SearchSpec
from tuning.study import Study


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASCNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def trained(cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with one trained configuration, one that failed, and one under way."""
    folder = tmp_path_factory.mktemp("study") / "linear-digits"
    data = datasets.load("digits")
    base = RunSpec(
        family="linear",
        dataset="digits",
        fingerprint=data.fingerprint,
        epochs=2,
        train_size=200,
        learning_rate=0.1,
    )
    study = studies.create(folder, SearchSpec(base=base, oracle=""), {})
    runs = training.run([base.repeated(0, "search", 0)], folder=str(folder), loggers=())
    failed = dataclasses.replace(base, epochs=1).repeated(0, "search", 0)
    under_way = dataclasses.replace(base, epochs=3).repeated(0, "search", 1)
    with study.log:
        study.log.append_record(runs[0])
        study.log.append_record(RunRecord(spec=failed, status="failed", error="Boom."))
        study.log.append_record(RunRecord(spec=under_way, metrics={"val_accuracy": 0.1}))
    return folder


@pytest.fixture
def study(trained: Path, tmp_path: Path) -> Study:
    """A copy to spoil."""
    return Study(shutil.copytree(trained, tmp_path / "runs" / trained.name))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the fresh processes, which take seconds each."""

    def call(study: Study, backend: str, function: Callable[..., Any], *values: Any) -> Any:
        return function(*values)

    monkeypatch.setattr(retraining, "in_process", call)


def _best(study: Study) -> RunRecord:
    return study.records()[0]


def test_what_was_confirmed_leaves_as_it_was_measured_on_test(study: Study) -> None:
    searched = _best(study)
    config = searched.spec.config_id
    assert leaving.winner(study) is None
    assert leaving.status(leaving.run_0(study, config)) == "not confirmed"
    final = dataclasses.replace(searched, spec=searched.spec.repeated(0, "final", 0))
    with study.log:
        study.log.append("event", {"name": "chosen", "attempt": 1, "config_id": config})
        study.log.append_record(final)
    assert leaving.winner(study) == config
    run = leaving.run_0(study, config)
    assert (run.spec.phase, leaving.scored_part(run)) == ("final", "test")
    assert leaving.status(run) == "confirmed"


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.slow
def test_a_fresh_process_writes_and_checks(study: Study) -> None:
    record = _best(study)
    path = study.folder / "export" / "1"
    result = exporting.export(study, record.spec.config_id[:5], path)

    difference, size = result.pop("largest_difference"), result.pop("size")
    latency = result.pop("latency")
    assert latency["threads"] == study.spec.threads
    assert 0 <= difference <= 1e-4
    assert size == sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert result == {
        "path": str(path),
        "format": "saved_model",
        "config_id": record.spec.config_id,
        "run_id": record.spec.run_id,
        "accuracy": record.metrics["val_accuracy"],
        "accuracy_part": "validation",
        "images": 217,
        "status": "not confirmed",
    }
    assert [file.name for file in path.parent.iterdir()] == ["1"]
    assert (path / "model_card.md").read_text().startswith("# linear of linear-digits\n")
    opened = exporters.read(path)
    assert opened.class_names == tuple("0123456789")
    assert opened.card["fingerprint"] == record.spec.fingerprint
    assert RunSpec.from_json(opened.card["spec"]) == record.spec
    assert opened.card["epoch"] == record.scored_epoch
    assert opened.card["latency"] == latency
    data = datasets.load("digits")
    answers = exporting.probabilities(opened, data, data.parts["validation"])
    logits = np.load(attempt.run_dir(study.folder, record.spec) / "logits-validation.npy")
    assert np.abs(answers - _check.softmax(logits)).max() == pytest.approx(difference, abs=1e-6)


@pytest.mark.slow
def test_a_run_that_was_not_kept_is_trained_again(study: Study) -> None:
    record = _best(study)
    (attempt.run_dir(study.folder, record.spec) / "model.keras").write_bytes(b"PK")
    before = _files(study.folder)
    path = study.folder.parent / "export"
    result = exporting.export(study, record.spec.config_id, path, format="keras_archive")
    assert result["largest_difference"] <= 1e-4
    assert {file.name for file in path.iterdir()} == {"model.keras", "model.json", "model_card.md"}
    assert _files(study.folder) == before


@pytest.mark.usefixtures("here")
def test_another_network_is_refused_and_leaves_nothing(study: Study) -> None:
    record = _best(study)
    run_dir = attempt.run_dir(study.folder, record.spec)
    logits = np.load(run_dir / "logits-validation.npy")
    np.save(run_dir / "logits-validation.npy", logits + np.eye(217, 10, dtype=np.float32))
    before = _files(study.folder.parent)
    path = study.folder.parent / "new" / "folder" / "1"
    with pytest.raises(RuntimeError, match=r"The export is not the recorded network: prob.* up to"):
        exporting.export(study, record.spec.config_id, path)
    assert _files(study.folder.parent) == before

    (run_dir / "model.keras").unlink()
    with pytest.raises(RuntimeError, match=r"model\.keras is not kept, and trained again it is an"):
        exporting.export(study, record.spec.config_id, path)
    assert not path.parent.parent.exists()


def test_only_a_run_in_bfloat16_may_differ_by_its_rounding(study: Study, tmp_path: Path) -> None:
    record = _best(study)
    run_dir = attempt.run_dir(study.folder, record.spec)
    recorded = run_dir / "logits-validation.npy"
    np.save(recorded, np.load(recorded) + 0.02 * np.eye(217, 10, dtype=np.float32))
    card = exporting._card(study, record, "keras_archive")
    values = card, run_dir / "model.keras", recorded
    with pytest.raises(RuntimeError, match="The export is not the recorded network"):
        exporting._write(record, *values, tmp_path / "one")
    mixed = dataclasses.replace(record, spec=dataclasses.replace(record.spec, precision="bfloat16"))
    found = exporting._write(mixed, *values, tmp_path / "two")
    assert 1e-4 < found.largest_difference < 0.02


@pytest.mark.usefixtures("here")
def test_damaged_files_are_named(study: Study) -> None:
    record = _best(study)
    run_dir = attempt.run_dir(study.folder, record.spec)
    path = study.folder.parent / "export"
    with zipfile.ZipFile(run_dir / "model.keras", "w"):
        pass  # An archive without a network.
    with pytest.raises(ValueError, match=r"search0/model\.keras is damaged"):
        exporting.export(study, record.spec.config_id, path)
    (run_dir / "logits-validation.npy").unlink()
    with pytest.raises(ValueError, match=r"search0/logits-validation\.npy is missing"):
        exporting.export(study, record.spec.config_id, path)
    assert not path.exists()


@pytest.mark.usefixtures("here")
def test_a_run_that_fails_when_trained_again_is_said(study: Study) -> None:
    record = _best(study)
    wrong = dataclasses.replace(record, spec=dataclasses.replace(record.spec, train_size=10**6))
    target = study.folder.parent / "model.keras"
    with pytest.raises(RuntimeError, match=r"search0 was trained again and failed: ValueError: `t"):
        retraining.train_again(study, wrong, target, target)


def test_data_that_changed_are_refused(study: Study) -> None:
    record = _best(study)
    other = dataclasses.replace(record, spec=dataclasses.replace(record.spec, split_seed=1))
    with pytest.raises(ValueError, match="The data of digits changed since the run: fingerprint"):
        retraining.data_of(other)


def test_data_are_grouped_as_in_the_run(study: Study, tmp_path: Path) -> None:
    image_files.fill(tmp_path / "pets", count=12)
    path, pattern = str(tmp_path / "pets"), r"(\d)\."
    record = _best(study)
    fingerprint = datasets.load(path, group_by=pattern).fingerprint
    spec = dataclasses.replace(
        record.spec, dataset=path, fingerprint=fingerprint, group_by=pattern, train_size=0
    )
    data = retraining.data_of(dataclasses.replace(record, spec=spec))  # Refuses another division.
    assert data.fingerprint == fingerprint


def test_an_existing_target_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    for path in (study.folder, tmp_path / "link"):
        with pytest.raises(FileExistsError, match=r"exists, and exports are not overwritten\. Try"):
            exporting.export(study, _best(study).spec.config_id, path)


def test_unknown_names_are_refused(study: Study, tmp_path: Path) -> None:
    config = _best(study).spec.config_id
    with pytest.raises(ValueError, match=r"No 'saved_modle' in exporters\..* mean 'saved_model'"):
        exporting.export(study, config, tmp_path / "export", format="saved_modle")
    with pytest.raises(ValueError, match=rf"No 'xyz' in the configurations of linear.*{config}"):
        exporting.export(study, "xyz", tmp_path / "export")
    with pytest.raises(ValueError, match="No '' in the configurations"):
        leaving.find(study, "")


def test_a_format_whose_backend_is_missing_is_said_with_those_that_work(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.spec = dataclasses.replace(study.spec, backend="jax")
    monkeypatch.setattr(executors, "is_installed", lambda name: name == "jax")
    message = (
        "The format saved_model needs tensorflow, which is not installed. Try: python -m pip "
        "install tensorflow, or --format keras_archive"
    )
    with pytest.raises(ValueError, match=rf"^{message}$"):
        exporting.export(study, _best(study).spec.config_id, tmp_path / "new" / "export")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [("onnx", "tf2onnx", "tf2onnx"), ("litert", "ai_edge_litert", "ai-edge-litert")],
)
def test_an_extra_that_is_missing_is_said_before_anything_is_done(
    name: str,
    module: str,
    package: str,
    study: Study,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = _best(study)
    (attempt.run_dir(study.folder, record.spec) / "model.keras").unlink()  # To be trained again.
    monkeypatch.setattr(retraining, "in_process", None)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda each: None if each == module else find(each)
    )
    message = (
        f"The format {name} needs {package}, which is not installed. "
        rf"Try: python -m pip install -e '\.\[{name}\]'"
    )
    to = tmp_path / "new" / "export"
    with pytest.raises(ValueError, match=f"^{message}$"):
        exporting.export(study, record.spec.config_id, to, format=name)
    assert not to.parent.exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["litert", "onnx"])
def test_other_formats_leave_checked_and_with_their_card(
    name: str, study: Study, tmp_path: Path
) -> None:
    record = _best(study)
    path = tmp_path / "export"
    result = exporting.export(study, record.spec.config_id, path, format=name)
    assert result["largest_difference"] <= 1e-4
    network = {"onnx": "model.onnx", "litert": "model.tflite"}[name]
    assert {file.name for file in path.iterdir()} == {network, "model.json", "model_card.md"}
    page = (path / "model_card.md").read_text()
    data = datasets.load("digits")
    labels = data.labels[data.parts["validation"]]
    logits = np.load(attempt.run_dir(study.folder, record.spec) / "logits-validation.npy")
    recall = (logits.argmax(axis=1) == labels)[labels == 3].mean()
    assert f"| 3 | {(labels == 3).sum()} | {recall:.4f} |" in page
    assert f"accuracy {result['accuracy']:.4f} on 217 validation images" in page

    run_dir = attempt.run_dir(study.folder, record.spec)
    np.save(run_dir / "logits-validation.npy", logits + np.eye(217, 10, dtype=np.float32))
    with pytest.raises(RuntimeError, match="The export is not the recorded network"):
        exporting.export(study, record.spec.config_id, tmp_path / "other", format=name)
    assert not (tmp_path / "other").exists()


def test_a_beginning_of_several_ids_is_refused(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunSpec, "config_id", property(lambda spec: f"ab{spec.epochs}"))
    assert leaving.find(study, "ab2") == "ab2"
    with pytest.raises(ValueError, match="'ab' begins more than one id: ab2, ab1, ab3"):
        leaving.find(study, "ab")


def test_only_run_0_leaves(study: Study, tmp_path: Path) -> None:
    _, failed, under_way = study.records()
    for record, state in ((failed, "is failed"), (under_way, "has not ended")):
        config = record.spec.config_id
        with pytest.raises(ValueError, match=f"Run 0 of configuration {config} {state}, and no"):
            exporting.export(study, config, tmp_path / "export")


@pytest.mark.usefixtures("here")
def test_the_command_exports_the_leader(study: Study, tmp_path: Path) -> None:
    to = str(tmp_path / "out put")
    told = CliRunner().invoke(export_command.command, [str(study.folder), "--to", to])
    assert told.exit_code == 0, told.output
    for words in ("saved_model, ", "on 217 validation images", "Not confirmed", "predict '/"):
        assert words in told.stdout
    options = ["--json", "--format", "keras_archive"]
    told = CliRunner().invoke(export_command.command, [str(study.folder), *options])
    assert json.loads(told.stdout)["path"] == str(study.folder / "export" / "1")
    again = CliRunner().invoke(export_command.command, [str(study.folder)])
    assert isinstance(again.exception, FileExistsError)
