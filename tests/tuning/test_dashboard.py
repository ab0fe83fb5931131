"""`dashboard`: one study, its addresses, its errors; what TensorBoard then serves."""

import contextlib
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kerascnn.loggers import tensorboard
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, value_of
from tests import logs
from tuning import study, summary
from tuning.commands import dashboard
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Int

ROOT = Path(dashboard.__file__).parents[2]
BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64, epochs=2)
SPACE = {"filters": Int(1, 200), "pooling": Choice("max", "average")}
ADDRESS = "http://127.0.0.1:6006/"


def _records(configs: int, seeds: int) -> list[RunRecord]:
    """Returns runs whose score rises with the configuration's number."""
    curves = ("accuracy/train", "accuracy/validation", "loss/train", "loss/validation")
    return [
        RunRecord(
            spec=BASE.configure({"filters": config + 1}).repeated(0, "search", repeat),
            epoch=2,
            metrics={"val_accuracy": config / configs, "val_loss": 1 - config / configs},
            history={curve: [0.5, config / configs] for curve in curves},
            trial=config,
        )
        for config in range(configs)
        for repeat in range(seeds)
    ]


def _study(folder: Path, configs: int, seeds: int, **fields: Any) -> study.Study:
    """Makes a study as a search leaves it."""
    options = {"trials": max(configs, 1), "seeds": max(seeds, 1), **fields}
    spec = SearchSpec(base=BASE, space=SPACE, **options)
    made = study.create(folder, spec, {})
    summary.describe(folder, spec)
    records = _records(configs, seeds)
    with made.log:
        for record in records:
            shown = {name: value_of(record.spec, name) for name in SPACE}
            run_dir = folder / record.spec.config_id / record.spec.run_name
            log = tensorboard.logger(run_dir, record.spec, shown=shown)
            for epoch in (1, 2):
                log.epoch(epoch, {name: v[epoch - 1] or 0 for name, v in record.history.items()})
            log.close(record)
            made.log.append_record(record)
    for first in range(0, len(records), seeds or 1):
        summary.write(folder, records[first : first + seeds], seeds, varied=tuple(SPACE))
    return made


def _listed(records: list[RunRecord], seeds: int) -> list[str]:
    """Returns the names of the runs as TensorBoard lists them."""
    configs = {record.spec.config_id for record in records}
    runs = [f"{record.spec.config_id}/{record.spec.run_name}" for record in records]
    return [".", *runs, *(f"{config}/summary-n{seeds}/filters=1" for config in configs)]


def test_a_small_study_needs_no_filter(tmp_path: Path) -> None:
    lines = dashboard.directions(_study(tmp_path / "s", 8, 3), ADDRESS)
    assert lines[0] == f"Compare: {ADDRESS}#compare"
    assert lines[1] == f"TensorBoard: {ADDRESS}#timeseries"
    assert lines[2] == f"Mean and band over the seeds: {ADDRESS}#custom_scalars"
    assert not any("leading" in line or "No run" in line for line in lines)


def test_a_study_without_runs_says_so(tmp_path: Path) -> None:
    lines = dashboard.directions(_study(tmp_path / "s", 0, 0), ADDRESS)
    assert any("No run has ended yet" in line for line in lines)


@pytest.mark.parametrize(("configs", "seeds"), [(10, 3), (60, 3), (41, 1), (60, 10), (1, 50)])
def test_the_filter_leaves_what_tensorboard_selects_by_itself(configs: int, seeds: int) -> None:
    records = _records(configs, seeds)
    spec = SearchSpec(base=BASE, space=SPACE, trials=configs, seeds=seeds)
    chosen, leading = dashboard.run_filter(spec, records)
    matched = [name for name in _listed(records, seeds) if re.search(chosen, name)]
    assert 0 < len(matched) <= 40
    assert sum("summary" in name for name in matched) == leading
    best = records[-1].spec.config_id
    assert f"{best}/search0" in matched
    assert leading >= min(configs, 8)


def test_the_filter_keeps_the_leading_configurations() -> None:
    records = _records(60, 3)
    ranked = [record.spec.config_id for record in records[::3]]
    for objective, expected in (("val_accuracy", ranked[-10:]), ("val_loss", ranked[-10:])):
        spec = SearchSpec(base=BASE, space=SPACE, trials=60, objective=objective)
        chosen, leading = dashboard.run_filter(spec, records)
        kept = {config for config in ranked if re.search(chosen, f"{config}/search0")}
        assert kept == set(expected)
        assert leading == 10


def test_the_filter_looks_ahead_to_what_a_running_search_will_add() -> None:
    records = _records(3, 3)
    spec = SearchSpec(base=BASE, space=SPACE, trials=60)
    chosen, leading = dashboard.run_filter(spec, records)
    assert leading == 3
    assert re.search(chosen, f"{records[0].spec.config_id}/summary-n3/x")
    assert not re.search(chosen, "000000000000/search0")


def test_a_large_study_says_what_each_page_shows(tmp_path: Path) -> None:
    lines = dashboard.directions(_study(tmp_path / "s", 12, 3, trials=200), ADDRESS)
    fragment = urllib.parse.urlsplit(lines[2].partition(": ")[2]).fragment
    page, _, chosen = fragment.partition("&regexInput=")
    assert page == "custom_scalars"
    assert "&" not in chosen
    assert "=" not in chosen
    assert re.compile(urllib.parse.unquote(chosen))
    assert "Scalars and Custom Scalars show the 10 leading configurations so far." in lines
    assert any("Above 500 runs" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "No 'none' in studies"),
        (["--port", "0"], "0 is not in the range"),
        (["--port", "x"], "'x' is not a valid integer"),
    ],
)
def test_bad_input(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _study(tmp_path / "runs" / "nine", 1, 1)
    ran = CliRunner().invoke(dashboard.command, arguments)
    assert ran.exit_code != 0
    assert message in (str(ran.exception) + ran.output)


def _command(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", "from tuning.cli import main; main()", "dashboard"]
    return subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        # What runs the tests in the background may ignore Ctrl-C, and so would this.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@contextlib.contextmanager
def _dashboard(
    folder: Path, *arguments: str
) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """Runs the command in `folder` until it has said all it says."""
    process = _command(folder, *arguments)
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                break
        yield process, said
    finally:
        process.kill()
        process.communicate()


def _fetch(address: str, route: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}data/{route}", data=data, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def _fetch_until(address: str, route: str, count: int) -> Any:
    """Fetches until there are `count` entries: files are read in the background."""
    deadline = time.monotonic() + 60
    while len(found := _fetch(address, route)) < count and time.monotonic() < deadline:
        threading.Event().wait(0.1)
    return found


def test_tensorboard_serves_the_study(tmp_path: Path) -> None:
    made = _study(tmp_path / "runs" / "nine", 3, 2)
    with _dashboard(tmp_path) as (process, said):
        assert said[0] == "Study: runs/nine"
        address = next(line for line in said if line.startswith("TensorBoard: "))
        address = address.removeprefix("TensorBoard: ").partition("#")[0]
        runs = _fetch_until(address, "runs", 3 * 3 + 1)
        configs = {record.spec.config_id for record in made.records()}
        assert {name.partition("/")[0] for name in runs} == {".", *configs}

        layout = _fetch(address, "plugin/custom_scalars/layout")
        assert len(layout["category"][0]["chart"]) == 4
        series = layout["category"][0]["chart"][-1]["margin"]["series"][0]
        assert series["value"] == "mean/accuracy/validation"
        summary_run = next(name for name in runs if "summary-n2" in name)
        wanted = urllib.parse.urlencode({"run": summary_run, "tag": series["value"]})
        drawn = _fetch(address, f"plugin/custom_scalars/scalars?{wanted}")
        assert len(drawn["tag_to_events"][series["value"]]) == 2

        asked = {
            "experimentName": "",
            "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE"],
            "startIndex": 0,
            "sliceSize": 100,
            "colParams": [],
        }
        rows = _fetch(address, "plugin/hparams/session_groups", asked)["sessionGroups"]
        assert {row["name"] for row in rows} == configs
        for row in rows:
            assert set(row["hparams"]) == set(SPACE)
            tags = {value["name"]["tag"] for value in row["metricValues"]}
            assert {"metrics/val_accuracy", "summary/sd", "summary/n"} <= tags

        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert out.strip() == "Stopped."
        assert err == ""


def test_tensorboard_serves_the_logs_of_others(tmp_path: Path) -> None:
    for seed in range(3):
        logs.write(tmp_path / "logs" / "adam" / f"seed{seed}", {"val/acc": [0.5]})
    with _dashboard(tmp_path, "logs", "--group", r"seed\d+$") as (_, said):
        said = [line for line in said if not line.startswith("Port")]
        assert [line.partition(":")[0] for line in said[:2]] == ["Compare", "TensorBoard"]
        address = said[0].removeprefix("Compare: ").removesuffix("#compare")
        _fetch_until(address, "runs", 3)
        assert _fetch(address, "plugin/compare/studies") == ["other runs"]
        found = _fetch(address, "plugin/compare/findings?study=other+runs")
        assert list(found["names"].values()) == ["adam"]


def test_a_taken_port_is_stepped_over_and_said(tmp_path: Path) -> None:
    _study(tmp_path / "nine", 1, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with _dashboard(tmp_path, "nine", "--port", str(port)) as (_, said):
            assert said[0] == f"Port {port} is taken; this is the next free one."
            assert urllib.parse.urlsplit(said[1].split()[1]).port > port


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_here_is_one_line(tmp_path: Path, host: str) -> None:
    _study(tmp_path / "nine", 1, 1)
    process = _command(tmp_path, "nine", "--host", host)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert err.count("\n") == 1
    assert f"Nothing can listen on {host}:6006: " in err


def test_no_port_left(tmp_path: Path) -> None:
    _study(tmp_path / "nine", 1, 1)
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 65535)):
        process = _command(tmp_path, "nine", "--port", "65535")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "No port is free on 127.0.0.1 from 65535 to 65535." in err


def test_tensorflow_is_not_loaded(tmp_path: Path) -> None:
    _study(tmp_path / "nine", 1, 1)
    code = (
        "import sys, urllib.request\nfrom tuning import study\n"
        "from tuning.commands import dashboard\n"
        "address = dashboard.serve(study.find('nine'), '127.0.0.1', 6006)\n"
        "for route in ('plugins_listing', 'runs', 'plugin/custom_scalars/layout'):\n"
        "    urllib.request.urlopen(f'{address}data/{route}').read()\n"
        "print(*{'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert ran.stdout.strip() == ""
    assert ran.stderr == ""
