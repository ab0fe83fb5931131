"""The examples and the README's code are run, not trusted."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tuning import cli, comparison, from_keras_tuner, study

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_compare_families(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples/compare_families.py"))["main"](seeds=2, epochs=1)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {"linear", "mlp", "cnn"}


@pytest.mark.slow
def test_my_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    arguments = ["search", str(ROOT / "examples/my_model.py"), "synthetic"]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--trials=2", "--seeds=1", "--epochs=1"])
    assert not stopped.value.code
    found = study.find()
    assert list(found.folder.glob("code/*/my_model.py"))
    rows = comparison.compare(found).rows
    assert len(rows) == 2
    assert {"width", "depth", "learning_rate"} <= set(rows[0].hyperparameters)


@pytest.mark.slow
def test_stock_keras_tuner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(ROOT / "examples/stock_keras_tuner.py"))["main"]
    main("linear", max_epochs=2, directory="theirs")
    best, *settings = capsys.readouterr().out.splitlines()
    assert best.startswith("val_accuracy 0.")
    assert "  learning_rate = " in "\n".join(settings)
    found, new = from_keras_tuner.import_project("theirs")
    assert new
    assert any(f"{row.mean:.4f}" in best for row in comparison.compare(found).rows)


@pytest.mark.slow
def test_the_readme_s_python(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    order = ("launch.search", "tf.saved_model", "keras_tuner", "into_optuna")
    search, load, tuner, optuna = sorted(
        blocks, key=lambda text: next(i for i, word in enumerate(order) if word in text)
    )
    exec(compile(search.replace("trials=4", "trials=2"), "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 2
    exec(compile(load, "README.md", "exec"), {})
    assert "dtype=string" in capsys.readouterr().out
    names: dict[str, Any] = {}
    exec(compile(tuner, "README.md", "exec"), names)
    assert "learning_rate" in names["tuner"].oracle.get_space().values
    (folder,) = Path("runs").iterdir()
    exec(compile(re.sub('"runs/[^"]+"', f'"{folder}"', optuna), "README.md", "exec"), names)
    assert names["study"].best_value


def test_every_command_the_readme_names_exists() -> None:
    named = re.findall(r"python run\.py ([\w-]+)", (ROOT / "README.md").read_text())
    assert named
    assert set(named) <= set(cli.names())
