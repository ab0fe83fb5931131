"""The log: durable lines, one writer, nothing believed that is damaged."""

import dataclasses
import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kerascnn.record import RunLog, RunRecord, write_file
from kerascnn.spec import RunSpec

SPEC = RunSpec(family="cnn", dataset="digits")
RECORD = RunRecord(
    spec=SPEC,
    epoch=2,
    metrics={"val_accuracy": 0.5},
    history={"loss/train": [1.0, float("nan")]},
    trial=0,
    point={"filters": 8},
)


def test_records_round_trip_and_hold_no_nan() -> None:
    assert RECORD.history["loss/train"] == [1.0, None]
    text = json.dumps(RECORD.to_json(), allow_nan=False)
    assert RunRecord.from_json(json.loads(text)) == RECORD


def test_what_is_measured_of_a_run_is_told_with_its_host() -> None:
    """So that two logs of the same numbers compare; older ones know nothing of it."""
    assert (RECORD.peak_memory, RECORD.images_per_second) == (None, None)
    host = {"peak_memory": 700_000_000, "images_per_second": 1234.5}
    record = dataclasses.replace(RECORD, host=host)
    again = RunRecord.from_json(json.loads(json.dumps(record.to_json())))
    assert (again.peak_memory, again.images_per_second) == (700_000_000, 1234.5)


def test_status_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="`status` must be one of"):
        RunRecord(spec=SPEC, status="fine")


def test_lines_are_appended_and_read_back(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "study" / "log.jsonl")
    with log:
        log.append("ask", {"trial": 0})
        log.append_record(RECORD)
    with log:
        log.append("event", {"name": "exhausted"})
    assert [line["kind"] for line in log.lines()] == ["ask", "run", "event"]
    assert list(log) == [RECORD]


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert not list(RunLog(tmp_path / "log.jsonl").lines())


@pytest.mark.parametrize(
    "torn", [b"{", b'{"kind":"run"', b'{"kind":"event","name":"x"}', b"x" * 200_000]
)
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    with log:
        log.append("ask", {"trial": 0})
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + torn)
    assert len(list(log.lines())) == 1
    with log:
        assert log.path.read_bytes() == whole


def test_a_file_of_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.path.write_bytes(b"torn" * 50_000)
    with log:
        assert log.path.read_bytes() == b""


@pytest.mark.parametrize("damage", [b"{]\n", b'{"kind":"odd"}\n', b"[1]\n", b"\n", b"\xff\xfe\n"])
def test_any_other_damage_is_named(tmp_path: Path, damage: bytes) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    with log:
        log.append("ask", {"trial": 0})
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + damage + whole)
    with pytest.raises(ValueError, match=r"Line 2 of .*log\.jsonl is damaged"):
        list(log.lines())


def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    code = (
        "import sys; from kerascnn.record import RunLog\n"
        "try: RunLog(sys.argv[1]).__enter__()\n"
        "except ValueError as error: print(error)"
    )
    log = RunLog(tmp_path / "log.jsonl")
    with log:
        arguments = [sys.executable, "-c", code, str(log.path)]
        ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Another process is writing the study")


def test_appending_needs_the_lock(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="inside `with log:`"):
        RunLog(tmp_path / "log.jsonl").append("ask", {})


def test_kinds_are_few(tmp_path: Path) -> None:
    with RunLog(tmp_path / "log.jsonl") as log, pytest.raises(ValueError, match="`kind` must be"):
        log.append("note", {})


def test_a_full_disk_leaves_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    with log:
        log.append("ask", {"trial": 0})
        before = log.path.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            log.append("ask", {"trial": 1})
    assert log.path.read_bytes() == before


def test_write_file_is_whole_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "file.json"
    write_file(path, b"one")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert [file.name for file in path.parent.iterdir()] == ["file.json"]


def test_an_error_names_the_file_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one beside it, which is written first."""
    monkeypatch.setattr(Path, "mkdir", lambda *given, **options: None)
    with pytest.raises(FileNotFoundError) as raised:
        write_file(Path("gone/board.csv"), b"")
    assert raised.value.filename == "gone/board.csv"
