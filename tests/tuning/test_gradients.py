"""Gradients of a configuration's seeds: read, shown, and what they show of depth."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from kerascnn import attempt
from tests.boards import BASE, begin, record
from tuning import cli, gradients, launch
from tuning.gradients import Mean
from tuning.study import Study

Train = Callable[..., tuple[int, str, str]]


def measured(study: Study, repeat: int, first: float, last: float) -> None:
    folder = attempt.run_dir(study.folder, record(8, repeat, 0.5).spec)
    folder.mkdir(parents=True)
    norms = {"conv": [first, 2 * first], "logits": [last, last]}
    layers = {
        "conv": {"norm": norms["conv"], "update": [None, 0.5]},
        "conv_act": {"dead": [0.0, 0.25]},
        "logits": {"norm": norms["logits"], "update": [None, None]},
    }
    (folder / "gradients.json").write_text(json.dumps({"epochs": [0, 1], "layers": layers}))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return begin(tmp_path / "s", [record(8, 0, 0.5), record(8, 1, 0.5), record(8, 2, None)])


def test_seeds_are_averaged_layer_by_layer(study: Study) -> None:
    measured(study, 0, 1.0, 100.0)
    measured(study, 1, 2.0, 100.0)
    found = gradients.read(study, BASE.configure({"filters": 8}).config_id)
    assert (found.n, found.unmeasured, found.ends) == (2, 0, ("conv", "logits"))
    conv = found.layers["conv"]
    assert (conv["norm"][0].mean, conv["norm"][1].mean) == (1.5, 3.0)
    # t(0.975, 1) = 12.706, s / sqrt(2) = 0.5.
    assert conv["norm"][0].interval == pytest.approx((1.5 - 6.353, 1.5 + 6.353), abs=1e-3)
    assert conv["update"] == (Mean(mean=0.5, interval=None),) * 2
    assert found.layers["logits"]["update"] == (Mean(mean=None, interval=None),) * 2
    assert found.ratio[0].mean == pytest.approx(math.sqrt(0.01 * 0.02))
    assert found.ratio[1].mean == pytest.approx(math.sqrt(0.02 * 0.04))
    assert json.loads(json.dumps(found.to_json()))["layers"]["conv"]["norm"]["last"]["mean"] == 3.0


def test_runs_that_were_not_measured_are_counted(study: Study) -> None:
    measured(study, 0, 1.0, 0.0)
    found = gradients.read(study, BASE.configure({"filters": 8}).config_id)
    assert (found.n, found.unmeasured) == (1, 1)
    assert found.ratio == (Mean(mean=None, interval=None),) * 2


@pytest.fixture
def train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Train:
    """Runs `train` in an empty folder and returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))

    def call(*arguments: str) -> tuple[int, str, str]:
        given = ("synthetic", "--executor", "serial", "--epochs", "1", "--study", "s")
        with pytest.raises(SystemExit) as stopped:
            cli.main(["train", "linear", *given, "--set", "train_size=40", *arguments])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.mark.slow
def test_a_table_follows_the_leaderboard(train: Train) -> None:
    code, out, _ = train("--logger", "gradients", "--seeds", "2")
    assert code == 0
    table = out[out.index("layer by layer") :].splitlines()
    assert table[1].split()[:2] == ["layer", "gradient"]
    assert "dead" not in table[1]
    assert table[2].startswith("logits")
    assert table[2].count("±") == 4
    assert table[3].startswith("Means of 2 runs")
    # Who follows a run is no part of a study: it goes on, and only new runs are measured.
    code, out, _ = train("--seeds", "3", "--json")
    assert code == 0
    assert "gradients" not in json.loads(out)
    code, out, _ = train("--seeds", "3", "--logger", "gradients", "--json")
    (found,) = json.loads(out)["gradients"]
    assert (found["n"], found["unmeasured"], found["family"]) == (2, 1, "linear")
    _, out, _ = train("--seeds", "3", "--logger", "gradients")
    assert "1 run had been trained without --logger gradients" in out


def test_an_unknown_logger_is_named_before_anything_is_begun(train: Train) -> None:
    code, _, err = train("--logger", "gradient")
    assert code == 2
    assert "Did you mean 'gradients'?" in err
    assert len(err.splitlines()) == 1
    assert not Path("runs").exists()
    with pytest.raises(ValueError, match="Did you mean 'gradients'"):
        launch.train("linear", "synthetic", loggers=("gradient",))
    with pytest.raises(ValueError, match="Did you mean 'gradients'"):
        launch.search("linear", "synthetic", loggers=("gradient",))
    assert not Path("runs").exists()
