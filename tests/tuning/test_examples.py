"""How often images are right over runs, counted by hand; the pictures of the hardest; their tab."""

import dataclasses
import io
import itertools
import json
import os
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from werkzeug.test import Client

from kerascnn import attempt, datasets, record, registry
from kerascnn.datasets._arrays import Dataset
from tests import boards
from tuning import begin, bias_variance, examples, figures, launch, scores, thumbnails
from tuning.cli import cli
from tuning.commands import _limits
from tuning.dashboard.plugin import ComparePlugin
from tuning.figures import NothingToShow
from tuning.study import Study, save_labels
from tuning.study_findings import StudyFindings

IMAGES = 20
PART = np.arange(5, 5 + IMAGES)
# Part of an .npz file -> its images.
SIZES = {"train": 60, "test": 20}


def votes(*runs: str) -> np.ndarray:
    """Returns (runs, images) of "0120", a run's answers."""
    return np.array([[int(answer) for answer in run] for run in runs])


def disagreement(given: np.ndarray, groups: Sequence[str]) -> list[float]:
    """Returns half the weighted share of pairs of runs that disagree, pair by pair."""
    weights = [1 / groups.count(group) for group in groups]
    pairs = list(itertools.combinations(range(len(groups)), 2))
    whole = sum(weights[i] * weights[j] for i, j in pairs)
    return [
        sum(weights[i] * weights[j] * (image[i] != image[j]) for i, j in pairs) / whole / 2
        for image in given.T
    ]


def test_votes_are_counted() -> None:
    given = votes("00012", "00022", "01112", "01202")
    found = examples.of_votes(given, ["a", "a", "a", "b"], np.array([0, 0, 0, 1, 0]), 3)
    assert (found.runs, found.configurations) == (4, 2)
    assert found.right.tolist() == [4, 2, 2, 2, 0]
    # Of a, three runs, and of b, one: (2/3 + 0) / 2, (2/3 + 0) / 2, (2/3 + 0) / 2.
    np.testing.assert_allclose(found.share, [1, 1 / 3, 1 / 3, 1 / 3, 0])
    assert found.wrong.tolist() == [-1, 1, 1, 0, 2]
    np.testing.assert_allclose(found.disagreement, disagreement(given, ["a", "a", "a", "b"]))
    assert found.often_wrong().tolist() == [4, 1, 2, 3]
    assert set(found.contested()) == {1, 2, 3}


def test_a_configuration_of_many_runs_weighs_no_more() -> None:
    # On the first image each configuration is of one mind, on the second a is divided.
    given = votes("00", "01", "00", "01", "11")
    found = examples.of_votes(given, ["a", "a", "a", "a", "b"], np.array([0, 0]), 2)
    assert found.right.tolist() == [4, 2]
    assert found.share.tolist() == [0.5, 0.25]


def test_with_as_many_runs_each_it_is_kohavi_and_wolperts_variance() -> None:
    rng = np.random.default_rng(0)
    given, labels = rng.integers(0, 4, (6, 300)), rng.integers(0, 4, 300)
    expected = bias_variance.kohavi_wolpert(given, labels)
    assert expected is not None
    for groups in (["a"] * 6, list("aabbcc"), list("abcdef")):
        found = examples.of_votes(given, groups, labels, 4)
        np.testing.assert_allclose(found.disagreement, expected.variance, atol=1e-9)
        np.testing.assert_allclose(1 - found.share, expected.risk, atol=1e-9)


def test_ties_go_by_place_whichever_classes_are_tied() -> None:
    rng = np.random.default_rng(1)
    # The same split of votes, 3 : 2 : 1 : 1, over other classes and other runs, image by image.
    split = [0, 0, 0, 1, 1, 2, 3]
    given = np.stack([rng.permutation(9)[rng.permutation(split)] for _ in range(200)])
    found = examples.of_votes(given.T, list("abcdefg"), np.full(200, 9), 10)
    assert len(set(found.disagreement)) == 1
    assert found.contested().tolist() == list(range(200))
    assert found.often_wrong().tolist() == list(range(200))


def test_of_those_as_often_wrong_a_common_wrong_answer_comes_first() -> None:
    given = votes("0112210", "0212220", "0312221", "0412221")
    found = examples.of_votes(given, list("abcd"), np.array([0, 0, 0, 0, 0, 0, 0]), 5)
    assert found.right.tolist() == [4, 0, 0, 0, 0, 0, 2]
    assert found.often_wrong().tolist() == [2, 3, 4, 5, 1, 6]


def test_one_run_disagrees_with_none() -> None:
    found = examples.of_votes(votes("0110"), ["a"], np.array([0, 0, 1, 1]), 2)
    assert found.contested().tolist() == []
    assert found.often_wrong().tolist() == [1, 3]
    assert found.wrong.tolist() == [-1, 1, -1, 0]


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    rng = np.random.default_rng(0)
    given, labels = rng.integers(0, 5, (7, 50)), rng.integers(0, 5, 50)
    whole = examples.of_votes(given, list("aaabbcd"), labels, 5)
    monkeypatch.setattr(examples, "_BLOCK", block)
    parts = examples.of_votes(given, list("aaabbcd"), labels, 5)
    for name in ("right", "share", "wrong", "disagreement"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_logits_of_other_numbers_of_classes_are_votes_too(study: Study) -> None:
    file = _logits(study, 16, 1)
    np.save(file, np.pad(np.load(file), ((0, 0), (0, 300)), constant_values=-1.0))
    assert _answers(study).right.tolist() == [4] * 5 + [3] * 5 + [1] * 5 + [0] * 5


# Studies.


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two configurations of two runs: of each five images 4, 3, 1 and 0 runs are right."""
    place = np.arange(IMAGES)
    right = {8: [place < 10, place < 15], 16: [place < 5, place < 10]}
    return boards.scored(tmp_path / "s" / "study", {f: np.array(r) for f, r in right.items()})


def _logits(study: Study, filters: int, repeat: int) -> Path:
    spec = boards.record(filters, repeat, 0.5).spec
    return attempt.run_dir(study.folder, spec) / "logits-validation.npy"


def _answers(study: Study, *filters: int) -> examples.Answers:
    configs = [boards.record(f, 0, 0.5).spec.config_id for f in filters or (8, 16)]
    return examples.read(study, "validation", examples.voters(study, "validation", configs))


def _data(images: np.ndarray, **fields: Any) -> Dataset:
    """Returns data whose validation part is `PART`, with the labels of `boards`."""
    labels = np.zeros(len(images), np.int32)
    labels[PART] = boards.LABELS
    options = {"class_names": ("no", "yes"), "scale": 1 / 255, "offset": 0.0, **fields}
    return Dataset(
        name="made",
        images=images,
        labels=labels,
        parts={"validation": PART},
        order=np.arange(0),
        fingerprint="f" * 64,
        **options,
    )


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (30, *shape), np.uint8)


def _write(study: Study, data: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(begin, "data_of", lambda study: data)
    return thumbnails.refresh(study)


def _shown(study: Study) -> list[tuple[thumbnails.Thumbnail, np.ndarray]]:
    """Returns each image of the list with its pixels in the picture."""
    known = thumbnails.read(study.folder, "validation")
    content = thumbnails.picture(study.folder, "validation", known)
    sheet = np.asarray(Image.open(io.BytesIO(content)))
    found = []
    for place, each in enumerate(known.images):
        row, column = divmod(place, known.columns)
        y, x = row * known.height, column * known.width
        found.append((each, sheet[y : y + known.height, x : x + known.width]))
    return found


def test_failed_runs_and_those_that_stopped_earlier_have_no_vote(tmp_path: Path) -> None:
    records = [boards.record(8, 0, 0.5), boards.record(8, 1, None), boards.record(16, 0, 0.5)]
    made = boards.begin(tmp_path / "study", records)
    configs = [boards.record(f, 0, 0.5).spec.config_id for f in (8, 16, 32)]
    found = examples.voters(made, "validation", configs)
    assert {config: len(runs) for config, runs in found.items()} == dict.fromkeys(configs[:2], 1)
    assert examples.voters(made, "test", configs) == {}


def test_a_run_whose_logits_are_damaged_has_no_vote_and_is_named(study: Study) -> None:
    _logits(study, 16, 1).write_bytes(b"no array")
    found = _answers(study)
    assert found.runs == 3
    assert found.right.tolist() == [3] * 5 + [2] * 5 + [1] * 5 + [0] * 5
    assert [text.partition(":")[0][:11] for text in found.left_out] == ["search1 of "]
    assert "Left out, 1 of unreadable logits" in figures.make("examples", StudyFindings(study)).note
    for filters, repeat in ((8, 0), (8, 1), (16, 0)):
        _logits(study, filters, repeat).unlink()
    with pytest.raises(NothingToShow, match="No run has left its answers on validation: search0"):
        figures.make("examples", StudyFindings(study))


def test_without_labels_nothing_is_counted(study: Study) -> None:
    scores.labels_file(study.folder, "validation").unlink()
    with pytest.raises(NothingToShow, match="does not keep the labels of validation"):
        figures.make("examples", StudyFindings(study))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_picture_has_the_pixels_of_the_data(
    study: Study, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    data = _data(_noise(6, 9, channels))
    assert _write(study, data, monkeypatch) == ""
    shown = _shown(study)
    # The contested, then those that are always wrong.
    assert [each.index for each, _ in shown] == [*range(5, 15), *range(15, 20)]
    for each, pixels in shown:
        place = PART[each.index]
        expected = data.images[place][..., : 3 if channels > 2 else 1].squeeze()
        np.testing.assert_array_equal(pixels, expected)
        assert each.label == ("no", "yes")[data.labels[place]]
        assert each.name == f"image {place}"


def test_pixels_that_are_no_bytes_are_shown_in_their_range(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_ = _noise(4, 4, 1)
    floats = bytes_.astype(np.float32) / 255 * 3 - 1
    _write(study, _data(floats, scale=1 / 3, offset=1 / 3), monkeypatch)
    for each, pixels in _shown(study):
        np.testing.assert_array_equal(pixels, bytes_[PART[each.index], :, :, 0])


def test_large_images_are_made_smaller(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.repeat(np.repeat(_noise(64, 32, 3), 4, axis=1), 4, axis=2)
    _write(study, _data(images), monkeypatch)
    for each, pixels in _shown(study):
        np.testing.assert_array_equal(pixels, images[PART[each.index], ::4, ::4])


def test_an_image_that_is_a_file_has_its_path(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [f"{i % 2}/é <b>{i}.png" for i in range(30)]
    (tmp_path / "names.json").write_text(json.dumps(names), encoding="utf-8")
    _write(study, _data(_noise(4, 4, 1), named=tmp_path / "names.json"), monkeypatch)
    assert all(each.name == names[PART[each.index]] for each, _ in _shown(study))


def test_where_every_run_is_right_there_is_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = boards.scored(tmp_path / "study", {8: np.ones((2, IMAGES), bool)})
    assert _write(made, _data(_noise(4, 4, 1)), monkeypatch) == ""
    assert thumbnails.read(made.folder, "validation").images == ()
    figure = figures.make("examples", StudyFindings(made))
    assert figure.tiles == []
    assert "No image that a thumbnail is kept of is contested." in figure.note
    monkeypatch.setattr(begin, "data_of", lambda study: pytest.fail("They are there."))
    assert thumbnails.refresh(made) == ""


def test_they_are_written_anew_if_other_runs_vote(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    first = thumbnails.read(study.folder, "validation")
    with monkeypatch.context() as patch:
        patch.setattr(begin, "data_of", lambda study: pytest.fail("They are there."))
        assert thumbnails.refresh(study) == ""
    with study.log:
        study.log.append_record(boards.record(32, 0, 0.5))
    boards.with_logits(study, boards.record(32, 0, 0.5).spec, np.arange(IMAGES) >= 3)
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    second = thumbnails.read(study.folder, "validation")
    assert (first.runs, second.runs) == (4, 5)
    assert len(list(study.folder.glob("examples-*"))) == 2
    # A picture that is gone, too.
    next(study.folder.glob("*.png")).unlink()
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    assert _shown(study)


def test_killed_between_the_two_files_the_old_pair_stays(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    before = [(each, pixels.tolist()) for each, pixels in _shown(study)]
    _logits(study, 16, 1).unlink()
    with study.log:
        study.log.append_record(boards.record(16, 1, None))

    def killed(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        record.write_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(thumbnails, "write_file", killed)
        with pytest.raises(KeyboardInterrupt):
            _write(study, _data(255 - _noise(4, 4, 1)), monkeypatch)
    assert len(list(study.folder.glob("examples-*.png"))) == 2
    assert [(each, pixels.tolist()) for each, pixels in _shown(study)] == before
    _write(study, _data(255 - _noise(4, 4, 1)), monkeypatch)
    assert [pixels.tolist() for _, pixels in _shown(study)] != [pixels for _, pixels in before]
    assert len(list(study.folder.glob("examples-*.png"))) == 1


def _of_file(tmp_path: Path, dataset: str = "") -> Study:
    """Returns a study of an .npz file, or that says it is of something else."""
    rng = np.random.default_rng(0)
    arrays = {f"x_{n}": rng.integers(0, 256, (size, 6, 6), np.uint8) for n, size in SIZES.items()}
    arrays |= {f"y_{n}": np.arange(size) % 2 for n, size in SIZES.items()}
    np.savez(tmp_path / "data.npz", **arrays)
    path = str(tmp_path / "data.npz")
    data = datasets.load(path)
    base = dataclasses.replace(boards.BASE, dataset=dataset or path, fingerprint=data.fingerprint)
    spec = dataclasses.replace(boards.SPEC, base=base)
    runs = [
        record.RunRecord(
            spec=base.configure({"filters": 8}).repeated(0, "search", repeat),
            metrics={"val_accuracy": 0.5, "val_loss": 0.5},
            trial=0,
            point={"filters": 8},
        )
        for repeat in range(2)
    ]
    made = boards.begin(tmp_path / "study", runs, spec)
    labels = data.labels[data.parts["validation"]]
    save_labels(made.folder, "validation", labels)
    for repeat, each in enumerate(runs):
        folder = attempt.run_dir(made.folder, each.spec)
        folder.mkdir(parents=True)
        guesses = np.where(np.arange(len(labels)) < repeat * 3, 1 - labels, labels)
        np.save(folder / "logits-validation.npy", np.eye(2, dtype=np.float32)[guesses])
    return made


def test_a_study_finds_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    made = _of_file(tmp_path)
    assert thumbnails.refresh(made, foreign=True) == ""
    data = begin.data_of(made)
    for (each, pixels), index in zip(_shown(made), range(3), strict=True):
        assert each.index == index
        place = data.parts["validation"][index]
        np.testing.assert_array_equal(pixels, data.images[place, :, :, 0])


def test_without_the_data_it_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    made = _of_file(tmp_path)
    (tmp_path / "data.npz").unlink()
    for foreign in (True, False):
        told = thumbnails.refresh(made, foreign=foreign)
        assert told.startswith("No new thumbnails: ")
        assert "data.npz" in told
        assert "\n" not in told
    figure = figures.make("examples", StudyFindings(made))
    assert figure.tiles == []
    assert "No thumbnails, as none are written yet" in figure.note


@pytest.mark.parametrize("kind", ["file", "module"])
def test_the_code_of_a_stranger_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "evil_package").mkdir()
    marker = tmp_path / "ran"
    for path in (tmp_path / "evil.py", tmp_path / "evil_package" / "__init__.py"):
        path.write_text(f"open({str(marker)!r}, 'w')")
    (tmp_path / "evil_package" / "data.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    evil = str(tmp_path / "evil.py") if kind == "file" else "evil_package.data"
    made = _of_file(tmp_path, evil)
    told = thumbnails.refresh(made, foreign=True)
    assert told == f"No new thumbnails: {evil} is not at hand."
    assert not marker.exists()


def test_what_would_be_downloaded_is_not_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert datasets.is_at_hand("digits")
    assert datasets.is_at_hand(str(tmp_path))
    assert not datasets.is_at_hand("")
    assert not datasets.is_at_hand("mnist")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.npz").touch()
    assert datasets.is_at_hand("mnist")


@pytest.mark.parametrize("arguments", [["train", "linear"], ["search", "linear"]])
def test_commands_leave_them_at_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    done = types.SimpleNamespace(exhausted=False, infeasible=[], unfinished=None)
    told: list[str] = []
    monkeypatch.setattr(launch, "run", lambda *given, **options: told.append("run") or done)
    monkeypatch.setattr(thumbnails, "refresh", lambda study: told.append("refresh") or "No space.")
    monkeypatch.setattr(_limits, "present", lambda *given, **options: told.append("present"))
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert told == ["run", "refresh", "present"]
    assert ran.stderr.endswith("No space.\n")


# The figure.


def test_tiles_are_those_that_the_shown_runs_disagree_on(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    study.about["data"] = {"class_names": ["no", "<script>alert(1)</script>"]}
    found = StudyFindings(study)
    figure = figures.make("examples", found)
    assert [(tile["index"], tile["right"], tile["runs"]) for tile in figure.tiles] == [
        *((index, 3, 4) for index in range(5, 10)),
        *((index, 1, 4) for index in range(10, 15)),
    ]
    assert [tile["tile"] for tile in figure.tiles] == list(range(10))
    assert figure.tiles[1]["wrong"] == "<script>alert(1)</script>"
    wrong = figures.make("examples", found, images="most often wrong")
    assert [tile["index"] for tile in wrong.tiles] == [
        *range(15, 20),
        *range(10, 15),
        *range(5, 10),
    ]
    assert wrong.tiles[0]["tile"] == 10
    only = figures.make("examples", found, [boards.record(8, 0, 0.5).spec.config_id])
    assert [(tile["index"], tile["right"]) for tile in only.tiles] == [
        (index, 1) for index in range(10, 15)
    ]
    assert "2 runs of 1 configuration that you selected" in only.note


def test_of_another_part_there_are_no_thumbnails(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    with study.log:
        spec = dataclasses.replace(boards.record(8, 0, 0.5).spec, phase="final")
        study.log.append_record(record.RunRecord(spec=spec, metrics={"test_accuracy": 0.5}))
    folder = attempt.run_dir(study.folder, spec)
    folder.mkdir()
    np.save(folder / "logits-test.npy", np.eye(2, dtype=np.float32)[boards.LABELS])
    save_labels(study.folder, "test", boards.LABELS)
    figure = figures.make("examples", StudyFindings(study, split="test"))
    assert figure.tiles == []
    assert figure.note.endswith("No thumbnails, as they are kept of validation alone.")


def test_an_imported_study_says_why_there_is_nothing(study: Study) -> None:
    study.about["imported"] = {"format": "another tool's"}
    with pytest.raises(NothingToShow, match="Another tool's trials leave no answers"):
        figures.make("examples", StudyFindings(study))
    assert thumbnails.refresh(study) == ""


def test_bars_count_images(study: Study) -> None:
    data = figures.make("examples", StudyFindings(study)).data
    named = {trace["name"]: trace["text"] for trace in data if "name" in trace}
    assert named == {
        "always right: 5": ["5"],
        "sometimes right: 10": ["5", "5"],
        "always wrong: 5": ["5"],
    }
    (classes,) = [trace for trace in data if trace.get("orientation") == "h"]
    # Labels alternate: of the images of 0 three are always right, two in 3 of 4, three in 1 of 4.
    np.testing.assert_allclose(classes["x"], [5.25 / 10, 4.75 / 10])


def test_hostile_names_are_text(study: Study) -> None:
    study.about["data"] = {"class_names": ["<script>", "<b>" + "x" * 500]}
    ticks = figures.make("examples", StudyFindings(study)).layout["yaxis2"]["ticktext"]
    assert ticks[0] == "&lt;script&gt;"
    assert len(ticks[1]) < 40


@pytest.mark.parametrize("names", [None, [], {}, "text", [1, None], ["only"]])
def test_class_names_of_any_kind_will_do(study: Study, names: Any) -> None:
    study.about["data"] = names if names == "text" else {"class_names": names}
    assert len(figures.make("examples", StudyFindings(study)).layout["yaxis2"]["ticktext"]) == 2


# The tab.


def _get(study: Study, **args: str) -> tuple[int, str, bytes]:
    context = types.SimpleNamespace(logdir=str(study.folder), data_provider=None)
    app = ComparePlugin(context).get_plugin_apps()["/thumbnails"]
    answer = Client(app).get("/", query_string={"study": study.folder.name, **args})
    return answer.status_code, answer.content_type, answer.data


def test_the_tab_shows_the_picture_and_loads_nothing(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    monkeypatch.setattr(begin, "data_of", lambda study: pytest.fail("It loads the data."))
    load = registry.load

    def loaded(room: str, name: str) -> Any:
        assert room == "tuning.figures"
        return load(room, name)

    monkeypatch.setattr(registry, "load", loaded)
    (path,) = study.folder.glob("examples-*.png")
    assert _get(study) == (200, "image/png", path.read_bytes())
    assert figures.make("examples", StudyFindings(study)).tiles
    for split in ("test", "../../study"):
        assert _get(study, split=split)[0] == 400


@pytest.mark.parametrize("suffix", ["json", "png"])
def test_a_link_to_outside_is_refused(
    study: Study, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    (path,) = study.folder.glob(f"examples-*.{suffix}")
    outside = study.folder.parent.parent / path.name
    os.rename(path, outside)
    path.symlink_to(outside)
    status, kind, content = _get(study)
    assert (status, kind) == (400, "application/json")
    assert b"outside" in content


CONTENTS = [
    b"",
    b"[]",
    b"{}",
    b'{"images": 3}',
    b"\xff",
    b"[" * 100_000,
    b'{"images": [{"index": "0", "label": "", "name": ""}]}',
]


@pytest.mark.parametrize("content", CONTENTS)
def test_a_list_that_is_damaged_is_said_to_be(study: Study, content: bytes) -> None:
    (study.folder / "examples-validation.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"examples-validation\.json is damaged"):
        thumbnails.read(study.folder, "validation")
    assert _get(study)[0] == 400
    note = figures.make("examples", StudyFindings(study)).note
    assert "No thumbnails, as examples-validation.json is damaged" in note


@pytest.mark.parametrize(
    "changed",
    [
        {"picture": "../../secret"},
        {"picture": ""},
        {"columns": 0},
        {"height": 65},
        {"width": 2.5},
        {"runs": "many"},
        {"made_of": None},
        {"extra": 1},
        {"images": [{"index": -1, "label": "", "name": ""}]},
        {"images": [{"index": 0, "label": 0, "name": ""}]},
        {"images": [{"index": 0, "label": "", "name": ""}] * 401},
    ],
)
def test_what_no_writer_of_ours_has_written_is_refused(
    study: Study, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    path = study.folder / "examples-validation.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changed}))
    with pytest.raises(ValueError, match="is damaged"):
        thumbnails.read(study.folder, "validation")


def test_a_picture_that_is_damaged_is_refused(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    (path,) = study.folder.glob("examples-*.png")
    path.write_bytes(path.read_bytes()[:-1])
    assert _get(study)[0] == 400
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    assert _get(study)[0] == 200


def test_an_index_beyond_the_part_is_no_tile(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(study, _data(_noise(4, 4, 1)), monkeypatch)
    path = study.folder / "examples-validation.json"
    fields = json.loads(path.read_bytes())
    fields["images"][0]["index"] = 10**9
    path.write_text(json.dumps(fields))
    tiles = figures.make("examples", StudyFindings(study)).tiles
    assert [tile["index"] for tile in tiles] == list(range(6, 15))
