"""A study's runs explained, from the command line to the files."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from kerascnn import attempt, datasets, registry, training
from kerascnn.exporters import _check
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import image_files
from tuning import begin, explaining, leaving, looking, retraining
from tuning.commands import explain as explain_command
from tuning.looking import Found
from tuning.search_spec import SearchSpec
from tuning.study import Study

MAPS = {"saliency", "integrated_gradients", "grad_cam", "occlusion"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASCNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def trained(cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a small cnn with three runs, and of a linear model with one run and a failed."""
    folder = tmp_path_factory.mktemp("study") / "digits-study"
    data = datasets.load("digits")
    base = RunSpec(
        family="cnn",
        dataset="digits",
        fingerprint=data.fingerprint,
        epochs=2,
        train_size=200,
        hyperparameters={"filters": 4, "dense": 8},
    )
    spec = SearchSpec(base=base, oracle="", threads=1)
    study = begin.begin_on(spec, data, folder, {})
    linear = dataclasses.replace(base, family="linear", hyperparameters={})
    runs = training.run(
        [base.repeated(0, "search", n) for n in range(3)], folder=str(folder), loggers=()
    )
    runs += training.run([linear.repeated(0, "search", 0)], folder=str(folder), loggers=())
    failed = RunRecord(spec=linear.repeated(0, "search", 1), status="failed", error="Boom.")
    with study.log:
        for record in [*runs, failed]:
            assert record.status == "finished" or record is failed, record.error
            study.log.append_record(record)
    return folder


@pytest.fixture
def study(trained: Path, tmp_path: Path) -> Study:
    """A copy to spoil."""
    return Study(shutil.copytree(trained, tmp_path / "runs" / trained.name))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the fresh processes, which take seconds each."""

    def call(
        study: Study, backend: str, function: Callable[..., Any], calls: Sequence[Any]
    ) -> Iterator[Any]:
        return iter([function(*values) for values in calls])

    monkeypatch.setattr(retraining, "in_processes", call)


def _config(study: Study, family: str) -> str:
    return next(r.spec.config_id for r in study.records() if r.spec.family == family)


def _explain(study: Study, *options: str) -> Result:
    return CliRunner().invoke(explain_command.command, [str(study.folder), *options])


def _told(study: Study, *options: str) -> dict[str, Any]:
    ran = _explain(study, "--json", *options)
    assert ran.exit_code == 0, ran.output + repr(ran.exception)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.slow
def test_everything_is_written_and_what_agrees_is_said(study: Study) -> None:
    before = {path for path in study.folder.rglob("*") if "explained" not in path.parts}
    ran = _explain(study, "--run", _config(study, "cnn")[:6], "--images", "5")
    assert ran.exit_code == 0, ran.output + repr(ran.exception)
    folder = study.folder / "explained" / _config(study, "cnn") / "1"
    told = json.loads((folder / "explained.json").read_bytes())
    assert set(told["explainers"]) == set(registry.names(looking.ROOM))
    files = [file for about in told["explainers"].values() for file in about["files"]]
    assert {path.name for path in folder.iterdir()} == {*files, "explained.json"}
    for file in files:
        with Image.open(folder / file) as image:
            assert min(image.size) > 96
    assert told["seeds"] == ["search0", "search1", "search2"]
    for name, about in told["explainers"].items():
        assert (about["agreement"] is not None) == (name in MAPS)
        if name in MAPS:
            assert len(about["agreement"]["pairs"]) == 3
            assert len(about["agreement"]["by_image"]) == 5
            assert about["in_words"] in ran.stdout
    assert "No network is kept of search1 and search2: trained again, which took" in ran.stderr
    assert "shares add up to the logit's difference to within" in ran.stdout
    assert before == {path for path in study.folder.rglob("*") if "explained" not in path.parts}


def test_a_run_trained_again_is_the_recorded_one(study: Study) -> None:
    record = explaining.runs_of(study, _config(study, "cnn"), 1)[0]
    with looking._network(study, record) as model:
        data = datasets.load("digits")
        found = _check.softmax(
            np.load(attempt.run_dir(study.folder, record.spec) / "logits-validation.npy")
        )
        answers = np.asarray(model(data.pixels(data.parts["validation"]), training=False))
    assert np.abs(answers - found).max() < 1e-4
    path = attempt.run_dir(study.folder, record.spec) / "logits-validation.npy"
    np.save(path, np.load(path) + np.eye(217, 10, dtype=np.float32))
    with (
        pytest.raises(RuntimeError, match="trained again it is another network"),
        looking._network(study, record),
    ):
        pass


def test_images_are_drawn_by_the_studys_seed_every_class_in_turn(study: Study) -> None:
    shown = explaining.images_of(study, 12)
    again = explaining.images_of(study, 12)
    assert shown.names == again.names
    assert shown.labels is not None
    assert set(shown.labels) == set(range(10))
    assert set(shown.names) <= set(begin.data_of(study).parts["validation"])
    assert len(explaining.images_of(study, 10**6).names) == 217


def test_every_seed_explains_the_class_that_the_first_says(study: Study) -> None:
    asked: list[Any] = []

    def look(study: Study, record: RunRecord, question: Any) -> Found:
        asked.append((record.spec.repeat, question.classes, question.names))
        maps = np.random.default_rng(record.spec.repeat).random((2, 8, 8))
        arrays = {name: {"maps": maps} for name in question.names}
        answers = np.array([3, record.spec.repeat])
        numbers: dict[str, Any] = {name: {} for name in question.names}
        return Found(
            answers=answers,
            probabilities=answers / 10,
            arrays=arrays,
            numbers=numbers,
            left_out={},
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looking, "look", look)
        run = _config(study, "cnn") + "/1"
        told = _told(study, "--run", run, "--images", "2", "--with", "saliency")
    assert [repeat for repeat, _, _ in asked] == [1, 0, 2]
    assert asked[0][1] is None
    assert [classes.tolist() for _, classes, _ in asked[1:]] == [[3, 1], [3, 1]]
    assert told["run"] == "search1"
    assert [image["answer"] for image in told["images"]] == ["3", "1"]


def test_no_more_is_trained_than_is_compared(study: Study) -> None:
    config = _config(study, "cnn")
    ran = _explain(study, "--run", config, "--with", "filters,confusion,mistakes")
    assert ran.exit_code == 0
    assert "trained again" not in ran.stderr
    ran = _explain(study, "--run", config, "--with", "saliency", "--seeds", "1")
    assert "trained again" not in ran.stderr
    assert "rank correlation" not in ran.stdout


def test_what_does_not_suit_is_left_out_or_if_named_refused(study: Study) -> None:
    config = _config(study, "linear")
    told = _told(study, "--run", config, "--images", "2")
    assert set(told["left_out"]) == {"filters", "feature_maps", "grad_cam"}
    assert "It has: Flatten, Dense, Activation" in told["left_out"]["filters"]
    ran = _explain(study, "--run", config, "--with", "grad_cam")
    assert isinstance(ran.exception, ValueError)
    assert "linear has no convolutions" in str(ran.exception)
    assert "What there is: --with confusion,excite," in str(ran.exception)


@pytest.mark.slow
def test_a_layer_and_a_unit(study: Study) -> None:
    config = _config(study, "cnn")
    options = "--run", config, "--seeds", "1", "--images", "2"
    told = _told(study, *options, "--layer", "block2_conv1", "--unit", "3")
    assert told["explainers"]["excite"]["numbers"]["units"] == [3]
    assert told["explainers"]["grad_cam"]["numbers"]["layer"] == "block2_conv1"
    told = _told(study, *options, "--layer", "dense1")
    assert set(told["left_out"]) == {"filters", "feature_maps", "grad_cam"}
    for given, message in {
        ("--layer", "blok2_conv1"): "Did you mean 'block2_conv1'",
        ("--unit", "10"): r"'logits' has units 0 to 9\. Received: unit 10",
        ("--unit", "3", "--with", "saliency"): r"saliency take no --unit\. Those that do: excite",
        ("--with", "salliency"): r"No 'salliency' in explainers\..* Did you mean 'saliency'",
        ("--seeds", "4"): r"has 3 finished runs\. Received: --seeds 4",
    }.items():
        ran = _explain(study, "--run", config, *given)
        with pytest.raises(ValueError, match=message):
            raise ran.exception or AssertionError(ran.output)


def test_a_run_that_is_not_there(study: Study) -> None:
    cnn, linear = _config(study, "cnn"), _config(study, "linear")
    for run, message in {
        "xyz": r"No 'xyz' in the configurations of digits-study",
        f"{cnn}/7": rf"No '7' in the runs of {cnn}\. Expected one of: 0, 1, 2",
        f"{cnn}/one": r"--run is a configuration, or one and the number of a run",
        f"{linear}/1": f"Run 1 of {linear} is failed: name another",
    }.items():
        ran = _explain(study, "--run", run)
        with pytest.raises(ValueError, match=message):
            raise ran.exception or AssertionError(ran.output)
    assert not (study.folder / "explained").exists()


def test_images_of_ones_own(study: Study, tmp_path: Path) -> None:
    image_files.fill(tmp_path / "pets", count=1)
    cat = str(tmp_path / "pets" / "cat" / "0.png")
    options = "--run", _config(study, "cnn"), "--seeds", "1"
    told = _told(study, *options, "--image", cat, "--image", str(tmp_path / "pets" / "dog"))
    assert [image["label"] for image in told["images"]] == [None, None]
    assert told["images"][0]["image"] == cat
    assert set(registry.names(looking.ROOM)) - set(told["explainers"]) == {"confusion", "mistakes"}
    (tmp_path / "bad.png").write_bytes(b"no image")
    ran = _explain(study, *options, "--image", str(tmp_path / "bad.png"))
    assert "bad.png cannot be read: not an image." in str(ran.exception)
    ran = _explain(study, *options, "--image", str(tmp_path / "none.png"))
    assert isinstance(ran.exception, FileNotFoundError)


def test_nothing_is_overwritten(study: Study, tmp_path: Path) -> None:
    options = "--run", _config(study, "cnn"), "--with", "filters"
    room = study.folder / "explained" / _config(study, "cnn")
    for number in ("1", "2"):
        assert _told(study, *options)["path"] == str(room / number)
    ran = _explain(study, *options, "--to", str(tmp_path))
    assert isinstance(ran.exception, FileExistsError)
    assert "what it holds is not overwritten. Try another --to." in str(ran.exception)


def test_studies_without_networks_are_refused(study: Study) -> None:
    study.spec = dataclasses.replace(study.spec, subsets="disjoint:4")
    with pytest.raises(ValueError, match="is a decomposition, of networks trained on parts of the"):
        explaining.refuse_what_has_no_networks(study)
    study.about["imported"] = {"format": "Keras Tuner"}
    with pytest.raises(ValueError, match="was imported from Keras Tuner: it holds no network to"):
        explaining.refuse_what_has_no_networks(study)


def test_runs_that_saw_the_images_say_so(study: Study) -> None:
    config = _config(study, "cnn")
    record = explaining.runs_of(study, config)[0]
    assert explaining._notes(record.spec.phase) == []
    assert "part of what they say is memory" in explaining._notes("final")[0]
    assert leaving.scored_part(record) == explaining.PART
