"""A log that is read on from where it ended: what it says is what the log says."""

import json
from pathlib import Path
from unittest import mock

import pytest

from kerascnn.record import RunLog, RunRecord
from tests import boards
from tuning.dashboard._growing import GrowingLog


def _same(log: GrowingLog) -> int:
    """Returns how many records there are, once both ways of reading agree."""
    assert list(log) == list(RunLog(log.path))
    return len(list(log))


def test_it_grows_with_the_log(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path / "log.jsonl")
    assert list(log) == []
    with RunLog(log.path) as written:
        for repeat in range(3):
            written.append("ask", {"trial": repeat})
            written.append_record(boards.record(8, repeat, 0.5))
            assert _same(log) == repeat + 1
    log.path.unlink()
    assert list(log) == []


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path / "log.jsonl")
    made = []
    with RunLog(log.path) as written:
        written.append_record(boards.record(8, 0, 0.5))
        first = list(log)
        written.append_record(boards.record(8, 1, 0.5))
        with mock.patch.object(RunRecord, "from_json", side_effect=made.append):
            assert next(iter(log)) is first[0]
    assert len(made) == 1


def test_a_line_that_is_being_written_waits_for_its_end(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path / "log.jsonl")
    line = json.dumps({"kind": "run", **boards.record(8, 0, 0.5).to_json()}) + "\n"
    for part in (line, line[:50], line[50:]):
        with open(log.path, "a") as file:
            file.write(part)
        _same(log)
    assert _same(log) == 2


@pytest.mark.parametrize("line", ["}{", "[]", "1", '{"a": 1}', '{"kind": "ode"}', '{"kind": []}'])
def test_a_damaged_line_is_named_each_time(line: str, tmp_path: Path) -> None:
    log = GrowingLog(tmp_path / "log.jsonl")
    with RunLog(log.path) as written:
        written.append_record(boards.record(8, 0, 0.5))
    assert _same(log) == 1
    with open(log.path, "a") as file:
        file.write(f"{line}\n")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Line 2 of .*log\.jsonl is damaged"):
            list(log)


def test_a_repaired_log_is_read_anew(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path / "log.jsonl")
    with RunLog(log.path) as written:
        for repeat in range(3):
            written.append_record(boards.record(8, repeat, 0.5))
        assert _same(log) == 3
        written.give_up({2: "Lost."})
        assert _same(log) == 2


def test_a_log_that_is_cut_is_read_anew(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path / "log.jsonl")
    with RunLog(log.path) as written:
        for repeat in range(3):
            written.append_record(boards.record(8, repeat, 0.5))
    assert _same(log) == 3
    with open(log.path, "r+b") as file:
        file.truncate(len(log.path.read_bytes().splitlines(keepends=True)[0]))
    assert _same(log) == 1
