"""`robustness`: answers that are known beforehand, and whole studies on the embedded digits."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import attempt, registry, training
from kerascnn.record import RunRecord
from tests import boards
from tuning import (
    cli,
    curve_plan,
    executors,
    launch,
    measures,
    plan,
    retraining,
    robust_runs,
    robust_scores,
    robustness,
    study,
)
from tuning.robust_runs import Protocol
from tuning.study import Study

Main = Callable[..., tuple[int, str, str]]
FEW = Protocol(corruptions=("contrast", "occlusion"))


@pytest.fixture
def main(capfd: pytest.CaptureFixture[str]) -> Main:
    """Runs a command line and returns (exit code, stdout, stderr)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main(["robustness", *arguments, "--executor", "serial"])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setattr(executors, "settings", lambda backend, threads: {})


def columns(*lit: int) -> np.ndarray:
    """Returns images of 8 x 8 with one column lit each."""
    images = np.zeros((len(lit), 8, 8, 1), np.uint8)
    for image, column in zip(images, lit, strict=True):
        image[:, column] = 255
    return images


def halves(pixels: np.ndarray) -> np.ndarray:
    """A linear classifier: which half is brighter."""
    return np.stack([pixels[:, :, :4].sum(axis=(1, 2, 3)), pixels[:, :, 4:].sum(axis=(1, 2, 3))], 1)


def test_a_planted_linear_model_loses_what_it_must() -> None:
    images, labels = columns(3, 4, 3, 4), np.array([0, 1, 0, 1])
    votes = robust_runs.votes_of(halves, images, Protocol(corruptions=("contrast",)))
    assert votes.shape == (9 + 5, 4)
    found = robust_scores.of_votes(np.stack([votes, votes]), labels, ("contrast",))
    scores = {name: score.mean for name, score in found["scores"].items()}
    # One of the three shifts to the right or left carries the column over the middle.
    assert scores["clean"] == 1
    assert scores["shifted"] == pytest.approx(2 / 3)
    assert scores["consistency"] == pytest.approx((6 * 5 + 3 * 2) / (9 * 8))
    # Less contrast leaves which half is brighter, at every strength.
    assert scores["corrupted"] == 1
    assert [score.mean for score in found["strengths"]["contrast"]] == [1] * 5


def test_a_column_in_the_middle_of_its_half_is_safe() -> None:
    votes = robust_runs.votes_of(halves, columns(2, 5), Protocol(corruptions=()))
    found = robust_scores.of_votes(votes[None], np.array([0, 1]), ())
    assert {name: score.mean for name, score in found["scores"].items()} == {
        "clean": 1,
        "shifted": 1,
        "consistency": 1,
    }


def test_a_constant_answer_is_consistent_and_no_better_for_it() -> None:
    labels = np.arange(20) % 4
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    votes = robust_runs.votes_of(lambda pixels: np.ones((len(pixels), 1)), images, FEW)
    found = robust_scores.of_votes(np.stack([votes] * 3), labels, FEW.corruptions)
    assert found["scores"]["consistency"].mean == 1
    assert {found["scores"][name].mean for name in ("clean", "shifted", "corrupted")} == {0.25}
    assert found["scores"]["consistency"].interval_seeds is None  # Nothing varies.


def test_consistency_is_the_agreement_of_pairs() -> None:
    votes = np.random.default_rng(2).integers(0, 3, (9, 50))
    assert robust_scores.consistency(votes).mean() == pytest.approx(measures.agreement(votes))
    assert robust_scores.consistency(np.array([[0], [1], [2]])).tolist() == [0]


def test_intervals_are_those_of_the_leaderboard() -> None:
    votes = np.random.default_rng(3).integers(0, 2, (4, 9 + 10, 60))
    labels = np.zeros(60, int)
    found = robust_scores.of_votes(votes, labels, FEW.corruptions)
    right = (votes == 0).astype(float)
    score = found["strengths"]["occlusion"][2]
    assert score.interval_new_data == measures.new_data_interval(right[:, 9 + 5 + 2])
    assert score.interval_seeds == measures.t_interval(right[:, 9 + 5 + 2].mean(axis=1))
    assert score.values == tuple(right[:, 9 + 5 + 2].mean(axis=1))
    assert found["corruptions"]["contrast"].mean == pytest.approx(right[:, 9:14].mean())


@pytest.mark.parametrize(
    ("padding", "row"),
    [
        ("circular", [4, 1, 2, 3]),
        ("edge", [1, 1, 2, 3]),
        ("zero", [0, 1, 2, 3]),
    ],
)
def test_what_comes_in_at_the_edge_is_said(padding: str, row: list[int]) -> None:
    images = np.array([1, 2, 3, 4], np.uint8).reshape(1, 1, 4, 1)
    assert robust_runs.shifted(images, (0, 1), padding)[0, 0, :, 0].tolist() == row
    back = robust_runs.shifted(images, (0, -1), padding)[0, 0, :3, 0].tolist()
    assert back == [2, 3, 4]
    down = robust_runs.shifted(images.reshape(1, 4, 1, 1), (1, 0), padding)
    assert down[0, :, 0, 0].tolist() == row
    np.testing.assert_array_equal(robust_runs.shifted(images, (0, 0), padding), images)


def test_shifts_are_an_eighth_of_a_side_and_a_pixel_at_least() -> None:
    assert robust_runs.shifts((28, 40, 3))[:4] == [(0, 0), (0, -5), (0, 5), (-3, 0)]
    assert len(set(robust_runs.shifts((4, 4)))) == 9
    assert robust_runs.shifts((28, 40, 3), 2)[-1] == (2, 2)
    with pytest.raises(ValueError, match=r"below the side, 28 pixels\. Received: 28"):
        robust_runs.shifts((28, 40, 3), 28)


def test_a_sample_has_all_classes() -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])[np.random.default_rng(0).permutation(100)]
    chosen = robust_runs.positions(labels, 20)
    assert np.bincount(labels[chosen]).tolist() == pytest.approx([12, 6, 2], abs=1)
    assert len(set(chosen.tolist())) == 20
    assert robust_runs.positions(labels, 0).tolist() == list(range(100))
    assert robust_runs.positions(labels, 1000).tolist() == list(range(100))


def test_calibrated_answers_are_at_their_null_and_bold_ones_are_not() -> None:
    """The error's sd over such draws is about 0.007: at most 4 of them off."""
    rng = np.random.default_rng(4)
    confidence = rng.uniform(0.5, 1, 2000)
    labels = (rng.random(2000) > confidence).astype(int)
    logits = np.stack([np.log(confidence), np.log1p(-confidence)], axis=1).astype(np.float32)
    calm = {n: s.mean for n, s in robust_scores.of_logits([logits] * 2, labels, seed=0).items()}
    assert calm["calibration_error"] == pytest.approx(calm["by_chance"], abs=0.028)
    assert calm["squared_calibration_error"] == pytest.approx(0, abs=2e-3)
    bold = {n: s.mean for n, s in robust_scores.of_logits([3 * logits], labels, seed=0).items()}
    assert bold["calibration_error"] > 3 * bold["by_chance"]
    assert bold["squared_calibration_error"] > 0.01


def trained(family: str = "linear,mlp", **options: Any) -> Study:
    return launch.train(family, "digits", seeds=2, epochs=1, executor="serial", name="s", **options)


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
def test_all_seeds_are_measured_with_their_own_networks_and_once(
    monkeypatch: pytest.MonkeyPatch, main: Main
) -> None:
    made = trained()
    found = robustness.measure(made, protocol=FEW, executor="serial")
    records = made.records()
    assert [each.n for each in found.standings] == [2, 2]
    for each in found.standings:
        own = [r for r in records if r.spec.config_id == each.config_id]
        by_repeat = sorted(own, key=lambda record: record.spec.repeat)
        expected = [record.metrics["val_accuracy"] for record in by_repeat]
        assert each.scores["clean"].values == pytest.approx(expected)
    roles = {each.family: each.role for each in found.standings}
    assert roles["linear"] in ("baseline", "leader, baseline")
    log = made.log.path.read_bytes()
    # One is damaged: it alone is measured again, and all comes out the same.
    lost = robust_runs.votes_file(made, records[1].spec, FEW)
    votes = np.load(lost)
    lost.write_bytes(lost.read_bytes()[:-9])
    asked: list[RunRecord] = []
    again = retraining.train_again

    def counted(study: Study, record: RunRecord, *paths: Path) -> None:
        asked.append(record)
        again(study, record, *paths)

    monkeypatch.setattr(retraining, "train_again", counted)
    assert robustness.measure(made, protocol=FEW, executor="serial") == found
    assert [record.spec.run_id for record in asked] == [records[1].spec.run_id]
    np.testing.assert_array_equal(np.load(lost), votes)
    assert made.log.path.read_bytes() == log
    names = ("--corruption", "contrast", "--corruption", "occlusion")
    code, out, err = main("s", *names, "--json")
    assert code == 0, err
    assert json.loads(out) == json.loads(json.dumps(found.to_json()))
    code, out, err = main("s", *names, "--config", records[0].spec.config_id[:5])
    assert code == 0, err
    text = " ".join(out.split())
    assert "s: robustness on 217 validation images, calibration on 217" in text
    assert "9 shifts by 1 pixel, circular" in text
    assert f"{records[0].spec.config_id[:6]} linear" in text
    assert "shift consistency" in text


@pytest.mark.slow
@pytest.mark.usefixtures("elsewhere")
def test_a_network_that_is_not_the_recorded_one_is_refused() -> None:
    made = trained("linear")
    run_dir = attempt.run_dir(made.folder, made.records()[0].spec)
    logits = np.load(run_dir / "logits-validation.npy")
    training.save_array(run_dir / "logits-validation.npy", logits[:, ::-1].copy())
    with pytest.raises(RuntimeError, match="is not the recorded one"):
        robustness.measure(made, protocol=FEW, executor="serial")
    assert not list(run_dir.glob("robustness*"))


@pytest.mark.usefixtures("elsewhere")
def test_studies_that_cannot_be_measured_say_why(tmp_path: Path) -> None:
    curve, _ = curve_plan.new_learning_curve("linear", "digits", executor="serial")
    with pytest.raises(ValueError, match="made by `learning-curve`: its networks are of parts"):
        robustness.measure(curve)
    parts, _ = plan.new_decomposition("linear", "digits", executor="serial")
    with pytest.raises(ValueError, match="made by `decompose`: its networks are of parts"):
        robustness.measure(parts)
    tested, _ = plan.new_training(
        "linear", "digits", test=True, objective="accuracy", executor="serial"
    )
    with pytest.raises(ValueError, match="was trained on the validation images too"):
        robustness.measure(tested)
    none, _ = plan.new_training("linear", "digits", executor="serial")
    with pytest.raises(ValueError, match=r"No run of .* has ended yet"):
        robustness.measure(none)
    about = json.loads((none.folder / "study.json").read_text())
    about["imported"] = {"format": "Keras Tuner"}
    (none.folder / "study.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="was imported from Keras Tuner: it holds no networks"):
        robustness.measure(Study(none.folder))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corruption", "gausian_noise"], r"No 'gausian_noise' in corruptions.*'gaussian_noise'"),
        (["--corruption", "mine.py"], "There is no file 'mine.py'"),
        (["--padding", "circle"], r"No 'circle' in paddings\. .*'circular'"),
        (["--config", "zzzz"], "No 'zzzz' in the configurations of s"),
        (["--images", "0"], "Invalid value for '--images'"),
        (["--seeds", "0"], "Invalid value for '--seeds'"),
        (["nowhere"], "No 'nowhere' in studies under ./runs|Got unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line(
    main: Main,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    boards.begin(study.RUNS / "s", [boards.record(8, 0, 0.5)])
    code, out, err = main("s", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert line.startswith("Error: ")
    assert re.search(message, line), line


def test_another_protocol_is_measured_anew() -> None:
    names = registry.names(robust_runs.ROOM)
    digests = {
        Protocol(corruptions=names).digest,
        Protocol(corruptions=names[:2]).digest,
        Protocol(corruptions=names, padding="edge").digest,
        Protocol(corruptions=names, images=100).digest,
        Protocol(corruptions=names, shift=1).digest,
        Protocol(corruptions=names, seed=1).digest,
    }
    assert len(digests) == 6
