"""The Compare tab on folders that are no study: several studies, runs of others, nothing yet."""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import types
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tensorboard.plugins import base_plugin

from tests import boards, logs
from tuning import study
from tuning.commands import dashboard
from tuning.dashboard import _others
from tuning.dashboard._shelf import Shelf
from tuning.dashboard.plugin import CompareLoader, ComparePlugin
from tuning.logged import pattern_of

ROOT = Path(dashboard.__file__).parents[2]
FLAGS = argparse.Namespace()


def _seeds(folder: Path, values: tuple[float, ...] = (0.5, 0.6)) -> None:
    for seed, value in enumerate(values):
        logs.write(folder / f"seed{seed}", {"val/acc": [0.1, value]})


def _shelf(logdir: Path, group: str = "") -> Shelf:
    return Shelf(logdir, logs.provider(logdir), pattern_of(group) if group else None)


def _studies(runs: Path) -> None:
    for name in ("first", "second"):
        boards.begin(runs / name, [boards.record(8, seed, 0.5 + seed / 10) for seed in range(2)])
        logs.write(runs / name / "0123456789ab" / "search0", {"accuracy/validation": [0.5]})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_others, "_LISTED", 0)
    monkeypatch.setattr(_others, "_REST", 0)


def test_runs_of_studies_are_no_other_runs(tmp_path: Path) -> None:
    _studies(tmp_path)
    assert sorted(_shelf(tmp_path).listing()) == ["first", "second"]
    assert _shelf(tmp_path / "first").listing() == ["first"]


def test_other_runs_are_one_entry_and_the_last(tmp_path: Path) -> None:
    _studies(tmp_path)
    _seeds(tmp_path / "theirs" / "adam")
    shelf = _shelf(tmp_path, r"seed\d+$")
    assert shelf.listing()[-1] == "other runs"
    told = shelf.overview("other runs", None, None)
    json.dumps(told, allow_nan=False)
    assert list(told["names"].values()) == ["theirs/adam"]
    (row,) = told["board"]["configurations"]
    assert row["n"] + told["states"][row["config_id"]]["running"] == 2
    assert told["metrics"] == ["val/acc"]
    assert told["splits"] == []
    assert "told apart by 'seed\\d+$'" in " ".join(told["remarks"])


def test_a_study_of_that_name_comes_first(tmp_path: Path) -> None:
    boards.begin(tmp_path / "other runs", [boards.record(8, 0, 0.5)])
    _seeds(tmp_path)
    shelf = _shelf(tmp_path)
    assert shelf.listing() == ["other runs"]
    assert shelf.overview("other runs", None, None)["board"]["metric"] == "accuracy"


def test_news_change_the_version_and_nothing_else_does(tmp_path: Path) -> None:
    _seeds(tmp_path)
    provider = logs.provider(tmp_path)
    shelf = Shelf(tmp_path, provider)
    before = shelf.version("other runs")
    assert shelf.version("other runs") == before
    logs.write(tmp_path / "seed2", {"val/acc": [0.7]})
    provider._multiplexer.AddRunsFromDirectory(str(tmp_path))
    provider._multiplexer.Reload()
    assert shelf.version("other runs") != before


def test_the_version_changes_as_a_run_falls_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _seeds(tmp_path)
    shelf = _shelf(tmp_path)
    before = shelf.version("other runs")
    monkeypatch.setattr(_others.time, "time", lambda: logs.LATER)
    assert shelf.version("other runs") != before


def test_the_tab_is_there_once_there_is_something(tmp_path: Path) -> None:
    shelf = _shelf(tmp_path)
    assert not shelf.is_active()
    assert shelf.listing() == []
    boards.begin(tmp_path / "first", [boards.record(8, 0, 0.5)])
    assert shelf.is_active()
    assert shelf.listing() == ["first"]
    _seeds(tmp_path / "theirs")
    (tmp_path / "first" / "study.json").unlink()
    assert _shelf(tmp_path).is_active()


def _context(logdir: Path, flags: Any) -> Any:
    return types.SimpleNamespace(
        logdir=str(logdir), data_provider=logs.provider(logdir), flags=flags
    )


@pytest.mark.parametrize("flags", [None, FLAGS, argparse.Namespace(compare_group="")])
def test_programs_that_pass_no_flags_get_the_tab(tmp_path: Path, flags: Any) -> None:
    _seeds(tmp_path)
    plugin = CompareLoader().load(_context(tmp_path, flags))
    assert isinstance(plugin, ComparePlugin)
    assert plugin.is_active()


# As TensorBoard's own command line does it, with the tab among its plug-ins.
PLAIN = """
import sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
from tensorboard import default, program
from tuning.dashboard.plugin import CompareLoader
others = [each for each in default.get_plugins() if each is not CompareLoader]
board = program.TensorBoard(plugins=[*others, CompareLoader])
board.configure(argv=["tensorboard", "--port", "0", *sys.argv[1:]])
print(board.launch(), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def _plain_tensorboard(*arguments: str) -> Iterator[str]:
    """Starts TensorBoard, and yields its address."""
    with subprocess.Popen(
        [sys.executable, "-c", PLAIN, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def _ask(address: str, route: str, **query: str) -> Any:
    asked = urllib.parse.urlencode(query)
    with urllib.request.urlopen(f"{address}data/plugin/compare/{route}?{asked}") as answer:
        return json.loads(answer.read())


def _wait_for_runs(address: str) -> None:
    deadline = time.monotonic() + 60
    while not _ask(address, "studies") and time.monotonic() < deadline:
        threading.Event().wait(0.1)


def _ask_until(address: str, count: int) -> Any:
    deadline = time.monotonic() + 60
    while True:  # Files are read in the background.
        told = _ask(address, "findings", study="other runs")
        seen = sum(sum(each.values()) for each in told["states"].values())
        if seen == count or time.monotonic() > deadline:
            return told
        threading.Event().wait(0.1)


def test_plain_tensorboard_takes_the_pattern_and_no_address_does(tmp_path: Path) -> None:
    _seeds(tmp_path / "adam", (0.5, 0.6, 0.7))
    arguments = ("--logdir", str(tmp_path), "--compare_group", r"seed\d+$")
    with _plain_tensorboard(*arguments) as address:
        _wait_for_runs(address)
        told = _ask_until(address, 3)
        assert list(told["names"].values()) == ["adam"]
        again = _ask(address, "findings", study="other runs", group="x", compare_group="(a+)+$")
        assert again["names"] == told["names"]
        (config,) = told["names"]
        made = _ask(address, "figure", study="other runs", view="forest", selected=config)
        assert made["data"]
        with pytest.raises(urllib.error.HTTPError) as error:
            _ask(address, "findings", study="../adam")
        with error.value as answer:
            assert answer.code == 404


@pytest.mark.parametrize("group", ["seed(", ".*"])
def test_plain_tensorboard_refuses_what_is_no_pattern(group: str) -> None:
    parser = argparse.ArgumentParser()
    CompareLoader().define_flags(parser)
    CompareLoader().fix_flags(parser.parse_args([]))
    flags = parser.parse_args(["--compare_group", group])
    with pytest.raises(base_plugin.FlagsError, match=re.escape(f"--compare_group: '{group}' ")):
        CompareLoader().fix_flags(flags)


def test_a_folder_that_is_no_study_opens_on_the_tab(tmp_path: Path) -> None:
    lines = dashboard.directions(tmp_path, "http://127.0.0.1:6006/")
    assert lines[0] == "Compare: http://127.0.0.1:6006/#compare"


def test_which_folder_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _studies(tmp_path / "runs")
    (tmp_path / "logs").mkdir()
    (tmp_path / "first").mkdir()
    shown = {
        name: dashboard._shown(name) for name in (None, "first", "runs", "logs", "runs/second")
    }
    assert shown["runs"] == Path("runs")
    assert shown["logs"] == Path("logs")
    for name, folder in ((None, None), ("first", "runs/first"), ("runs/second", "runs/second")):
        found = shown[name]
        assert isinstance(found, study.Study)
        assert folder is None or found.folder == Path(folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["logs", "--group", "seed("], "'seed(' is no regular expression"),
        (["logs", "--group", "x*"], "'x*' matches no text as well"),
        (["first", "--group", "x"], "is a study"),
        (["lgs"], "No 'lgs' in studies"),
    ],
)
def test_bad_input(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _studies(tmp_path / "runs")
    (tmp_path / "logs").mkdir()
    ran = CliRunner().invoke(dashboard.command, arguments)
    assert isinstance(ran.exception, ValueError)
    assert message in str(ran.exception)
