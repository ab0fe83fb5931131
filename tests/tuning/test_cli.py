"""The command line: one line an error, exit code 2, nothing half-written; and real commands."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from tuning import cli, executors, study

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Main:
    """Runs a command line in an empty folder and returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())  # `search` sets its own.
    # The serial executor runs in this process, whose environment outlives the test.
    monkeypatch.setattr(executors, "settings", lambda backend, threads: {})

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


SMALL = ("--executor", "serial", "--epochs", "1", "--set", "train_size=100")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serch"], "No 'serch' in commands. .* Did you mean 'search'?"),
        (["search", "--trails", "3"], "No such option '--trails'.*'--trials'"),
        (["search", "vg"], "No 'vg' in models. .* Did you mean 'vgg'?"),
        (["search", "cnn", "digit"], "digit.* Did you mean 'digits'?"),
        (["search", "cnn", "gone.npz"], "gone.npz"),
        (["search", "gone/"], "gone"),
        (["search", "--oracle", "random"], "No 'random' in oracles. .*'random_search'?"),
        (["search", "--executor", "threads"], "No 'threads' in executors."),
        (["search", "--trainer", "fits"], "No 'fits' in trainers. .* Did you mean 'fit'?"),
        (["search", "--backend", "torch"], "No 'torch' in backends. .*tensorflow, jax"),
        (["search", "--set", "filter=3"], "No 'filter' in the settings of cnn.*'filters'?"),
        (["search", "--set", "filters"], "--set takes NAME=VALUE. Received: 'filters'"),
        (["search", "--set", "filters=1", "--set", "filters=2"], "names 'filters' twice"),
        (["search", "--set", "filters=many"], "`filters` must be of type int. Received: 'many'"),
        (["search", "--set", "learning_rate=-1"], "`learning_rate > 0` must hold"),
        (["search", "--vary", "filter=8:64:8"], "No 'filter' in the settings of cnn"),
        (["search", "--vary", "filters=64:8"], "`low <= high`"),
        (["search", "--vary", "filters=a:b"], "Expected low:high"),
        (["search", "--vary", "filters=8:16:8", "--set", "filters=8"], "fixed or varied, not both"),
        (["search", "--vary", "optimizer=adam,adm"], "No 'adm' in optimizer"),
        (
            ["search", "--balance", "--set", "balance=sampling"],
            "--balance is short for --set balance=weights. Received also: --set balance=sampling",
        ),
        (["train", "mlp", "--patience", "2", "--set", "patience=3"], "--patience is short for"),
        (["train", "mlp", "--precision", "half"], "No 'half' in precision. .*float32, bfloat16"),
        (["search", "--patience", "2", "--vary", "patience=1,2"], "fixed or varied, not both"),
        (["search", "--patience", "-1"], "Invalid value for '--patience': -1"),
        (["search", "--vary", "augmentation=none,shfit"], "No 'shfit' in augm.*'shift'?"),
        (["search", "--trials", "0"], "Invalid value for '--trials': 0"),
        (["search", "--seeds", "x"], "Invalid value for '--seeds': 'x'"),
        (["search", "--workers", "0"], "Invalid value for '--workers': 0"),
        (["search", "--threads", "0"], "Invalid value for '--threads': 0"),
        (["search", "--time-budget", "20x"], "'--time-budget': Expected a time such as 90s, 20m"),
        (["train", "mlp", "--time-budget", "0m"], "Expected a time above 0. Received: '0m'"),
        (["search", "--run-limit", "-5m"], "'--run-limit': Expected a time such as"),
        (["search", "--checkpoint-every", ""], "'--checkpoint-every': Expected a time such as"),
        (["search", "--max-params", "0"], "Invalid value for '--max-params': 0"),
        (["search", "--max-macs", "1e6"], "Invalid value for '--max-macs': '1e6'"),
        (["train", "mlp", "--max-params", "5"], "No such option '--max-params'"),
        (["search", "--like", "gone"], "No study at gone: it has no study.json"),
        (["search", "--after", "gone"], "No study 'gone': there is none under"),
        (["search", "--after", "gone:0"], "--after takes STUDY:N with N above 0"),
        (["enqueue", "filters=3"], "No study under .*runs. Start one with: search"),
        (["enqueue", "a", "b", "filters=3"], "One STUDY, then NAME=VALUE. Received: a b"),
        (["enqueue", "=3"], "A point takes NAME=VALUE. Received: '=3'"),
        (["enqueue", "filters=1", "filters=2"], "A point names 'filters' twice"),
        (["search", "--objective", "val_acc"], "No 'val_acc' in objectives. .*'val_accuracy'?"),
        (["search", "--objective", "test_accuracy"], "A search sees the validation part only"),
        (["search", "--group-by", "("], "--group-by '\\(' must be a regular expression"),
        (["train", "mlp", "--group-by", "x"], "--group-by 'x' needs images that are files"),
        (["search", "--study", "a b"], "A study's name is letters"),
        (["search", "cnn", "digits", "more"], "Got unexpected extra argument"),
        (["train"], "Missing argument 'FAMILY'"),
        (
            ["train", "vgg", "--preset", "vgg12"],
            "No 'vgg12' in the presets of vgg. .*Did you mean 'vgg19'?",
        ),
        (["train", "gone.py"], "There is no file 'gone.py'"),
        (["compare"], "No study under .*runs. Start one with: search"),
        (["compare", "gone"], "No study 'gone': there is none under"),
        (["list", "family"], "No 'family' in what can be listed. .* Did you mean 'families'?"),
        (["list", "spaces", "vg"], "No 'vg' in models"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(
    main: Main, tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, out, err = main(*arguments)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("Error: ")
    assert re.search(message.replace("?", r"\?").replace(". .*", r"\. .*"), err), err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "more",
    [(), ("--set", "patience=2"), ("--set", "balance=weights", "--set", "learning_rate=0.1")],
)
def test_flags_are_short_for_settings(main: Main, more: tuple[str, ...]) -> None:
    short = ("--patience", "2", "--balance", "--precision", "bfloat16")
    code, _, err = main("train", "mlp", "synthetic", *short, *SMALL, *more)
    assert code == 0, err
    spec = study.find().records()[0].spec
    assert (spec.patience, spec.balance, spec.precision) == (2, "weights", "bfloat16")
    assert spec.train_size == 100


def test_debug_shows_the_traceback(main: Main) -> None:
    with pytest.raises(ValueError, match="No 'vg' in models"):
        cli.main(["search", "vg", "--debug"])


def test_without_arguments_it_helps(main: Main) -> None:
    code, out, _ = main()
    assert code == 0
    assert "Commands:" in out


def test_version(main: Main) -> None:
    assert main("--version")[1].startswith("kerascnn, version ")


def test_train_compare_and_again(main: Main) -> None:
    code, out, err = main("train", "mlp", "synthetic", "--seeds", "2", *SMALL)
    assert code == 0, err
    assert "Study runs/mlp-synthetic-" in err
    assert "2 of 2 runs" in err
    assert "compare mlp-synthetic-" in out
    _, board, err = main("compare")
    assert board.strip() in out
    assert err.startswith("Study runs/mlp-synthetic-")
    _, again, err = main("train", "mlp", "synthetic", "--seeds", "2", *SMALL)
    assert again == out
    assert "2 runs are there already" in err
    assert len(list(study.find().log)) == 2


def test_a_network_that_cannot_be_built_leaves_no_study(main: Main, tmp_path: Path) -> None:
    arguments = ("train", "cnn", "synthetic", "--study", "one", *SMALL)
    code, _, err = main(*arguments, "--set", "filters=0")
    assert code == 2
    assert "The network cannot be built: `filters >= 1` must hold. Received: 0" in err
    assert not (tmp_path / "runs" / "one").exists()
    assert main(*arguments)[0] == 0
    assert main(*arguments, "--set", "filters=0")[0] == 2
    assert len(list(study.find("one").log)) == 2


def test_several_train_commands_share_a_study(main: Main) -> None:
    for family in ("linear", "mlp"):
        code, out, err = main("train", family, "synthetic", "--study", "both", *SMALL)
        assert code == 0, err
    assert "linear" in out
    assert "mlp" in out
    assert "One seed shows no variance" in out
    found = json.loads(main("compare", "both", "--json", "--metric", "loss")[1])
    assert {row["family"] for row in found["configurations"]} == {"linear", "mlp"}
    means = [row["mean"] for row in found["configurations"]]
    assert means == sorted(means)


def test_search_prints_one_json_value(main: Main) -> None:
    code, out, err = main("search", "mlp", "synthetic", "--trials=2", "--seeds=2", "--json", *SMALL)
    assert code == 0, err
    found = json.loads(out)
    names = {"study", "metric", "split", "imported", "descriptive", "configurations", "pairs"}
    assert set(found) == names
    assert [row["n"] for row in found["configurations"]] == [2, 2]
    assert set(found["configurations"][0]) == {
        "config_id",
        "family",
        "hyperparameters",
        "epochs",
        "stopped_early",
        "n",
        "failed",
        "mean",
        "interval_seeds",
        "interval_new_data",
        "sd",
        "sd_interval",
        "sd_floor",
        "parameters",
        "multiply_accumulates",
        "seconds",
        "images_per_second",
        "peak_memory",
        "latency",
        "latency_interval",
        "latency_64",
        "latency_64_interval",
        "in_best_set",
    }
    assert json.loads(main("compare", "--json")[1]) == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "acc"], "No 'acc' in metrics. .*Did you mean 'accuracy'?"),
        (["--split", "valid"], "No 'valid' in splits"),
        (["--metric", "val_loss", "--split", "test"], "'val_loss' is of validation"),
        (["--split", "test"], "was scored on test yet: `confirm` does that"),
    ],
)
def test_bad_comparisons_are_refused(main: Main, arguments: list[str], message: str) -> None:
    main("train", "linear", "synthetic", "--study", "one", *SMALL)
    code, _, err = main("compare", "one", *arguments)
    assert code == 2
    assert message.split(".")[0] in err


def test_a_study_of_another_search_is_refused(main: Main) -> None:
    main("train", "linear", "synthetic", "--study", "one", *SMALL)
    code, _, err = main("train", "linear", "digits", "--study", "one", *SMALL)
    assert code == 2
    assert "runs/one holds another study: the data are synthetic there, digits here." in err


def test_a_study_being_written_is_refused(main: Main) -> None:
    main("train", "linear", "synthetic", "--study", "one", *SMALL)
    with study.find("one").log:
        code, _, err = main("train", "linear", "synthetic", "--study", "one", *SMALL)
    assert code == 2
    assert "Another process is writing the study runs/one" in err


def test_an_export_needs_a_folder_to_make(main: Main) -> None:
    for nothing in ("", " "):
        code, _, err = main("export", "--to", nothing)
        assert code == 2
        assert f"--to needs a folder to make. Received: {nothing!r}" in err


def test_list_names_every_room(main: Main) -> None:
    _, out, _ = main("list")
    for word in ("vgg16", "digits", "random_search", "processes", "saved_model", "fit"):
        assert word in out
    assert "\n                   Presets: vgg11, vgg13, vgg16, vgg19\n" in out
    assert max(len(line) for line in out.splitlines() if "resnet" in line) <= 100
    found = json.loads(main("list", "spaces", "cnn", "--json")[1])
    assert "learning_rate" in found


def test_a_folder_alone_is_the_dataset() -> None:
    from tuning.commands import _options

    assert _options.family_and_dataset("photos.npz", None) == ("cnn", "photos.npz")
    assert _options.family_and_dataset("/", None) == ("cnn", "/")
    assert _options.family_and_dataset("vgg", None) == ("vgg", "digits")
    assert _options.family_and_dataset("synthetic", None) == ("cnn", "synthetic")
    assert _options.family_and_dataset(None, None) == ("cnn", "digits")
    assert _options.family_and_dataset("vgg", "x.npz") == ("vgg", "x.npz")


def test_ctrl_c_says_how_to_go_on(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuning import launch

    def interrupt(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "run", interrupt)
    code, _, err = main("train", "linear", "synthetic", *SMALL)
    assert code == 130
    assert "0 runs are kept in runs/linear-synthetic-" in err
    assert "Traceback" not in err


def test_the_backend_is_said_that_nobody_would_expect(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(executors, "is_installed", lambda name: name == "jax")
    code, out, err = main("train", "linear", "synthetic", "--study", "one", *SMALL)
    assert code == 0, err
    assert "Trained with jax, which alone is installed.\n" in err
    assert "export one --to model --format keras_archive\n" in out
    # As on a machine that the study is carried to.
    monkeypatch.setattr(executors, "is_installed", lambda name: name == "tensorflow")
    code, _, err = main("train", "linear", "synthetic", "--study", "one", "--seeds", "2", *SMALL)
    assert code == 2
    assert "backend is 'jax' there, 'tensorflow' here" in err
    assert "Trained with" not in main("train", "linear", "synthetic", *SMALL)[2]


def test_a_spent_budget_shows_what_there_is_and_how_to_go_on(main: Main) -> None:
    arguments = ("search", "mlp", "synthetic", "--trials=2", "--seeds=1", "--study=s", *SMALL)
    code, out, err = main(*arguments, "--time-budget", "0.001s", "--json")
    assert (code, out) == (0, "null\n")
    assert "The time budget of 0.001s is spent: 2 runs are unfinished. The same comm" in err
    assert "No run has finished yet" in err
    code, out, err = main(*arguments, "--time-budget", "1d")
    assert code == 0
    assert "is spent" not in err
    assert "s: accuracy on validation" in out


def test_a_command_that_trains_takes_limits_of_runs(main: Main) -> None:
    for command in ("search", "train", "confirm", "decompose"):
        out = main(command, "--help")[1]
        assert "--run-limit" in out
        assert "--checkpoint-every" in out
        assert ("--time-budget" in out) == (command in ("search", "train"))


def test_a_point_of_ones_own_is_tried_by_the_studys_own_command(main: Main) -> None:
    arguments = ("search", "mlp", "synthetic", "--trials=2", "--seeds=1", "--study=s", *SMALL)
    main(*arguments, "--time-budget", "0.001s")
    code, out, err = main("enqueue", "dense=48", "depth=1")
    assert code == 0, err
    assert "Study runs/s" in err
    assert out.startswith("In line: depth=1 dense=48 ")
    assert "\nThe study's own command tries it: kerascnn" in out
    assert "--time-budget" not in out
    for arguments_, message in (
        (("s", "dense=48", "depth=1"), "This configuration waits in line already in runs/s."),
        (("s", "dens=48"), "No 'dens' in the settings of mlp"),
        (("s", "dense=x"), "`dense` must be of type int. Received: 'x'"),
        (("s",), "A point needs a setting: NAME=VALUE, such as filters=32."),
        (("s", "family=cnn", "dense=48"), "No 'cnn' in the families of runs/s"),
        (("s", "epochs=5"), "All configurations of runs/s are trained for 1 epochs"),
        (("nope", "dense=48"), "No 'nope' in studies under ./runs"),
    ):
        code, out, err = main("enqueue", *arguments_)
        assert (code, out) == (2, "")
        assert message in err.splitlines()[-1]
        assert len(err.splitlines()) == 1
    with study.find("s").log:
        code, _, err = main("enqueue", "s", "dense=40")
    assert code == 2
    assert "Another process is writing the study runs/s" in err
    code, out, err = main(*arguments)
    assert code == 0, err
    assert {record.point["dense"] for record in study.find("s").log} >= {48}
    code, _, err = main("enqueue", "s", "dense=48", "depth=1")
    assert (code, err) == (2, "Error: This configuration is trial 1 already in runs/s.\n")
    main("train", "mlp", "synthetic", "--study", "t", *SMALL)
    assert "runs/t is no search" in main("enqueue", "t", "dense=48")[2]
