"""Which commands wrote to a study."""

import json
import sys
from pathlib import Path

import pytest

from tests import boards
from tuning import cli, typed
from tuning.study import Study, create

FIRST = {"command": "python run.py search", "created": "2026"}


def _type(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["somewhere/run.py", *arguments])


def _read(study: Study) -> list[str]:
    return [each.command for each in typed.read(study)]


def test_the_command_that_began_a_study_is_known(tmp_path: Path) -> None:
    made = create(tmp_path / "s", boards.SPEC, FIRST)
    assert _read(made) == ["python run.py search"]
    assert not typed.is_kept(made)
    assert _read(create(tmp_path / "t", boards.SPEC, {})) == []


def test_commands_that_wrote_follow_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(tmp_path / "s", boards.SPEC, FIRST)
    for i, arguments in enumerate([("search",), ("compare",), ("search", "--trials", "9")]):
        _type(monkeypatch, *arguments)
        typed.note(made)
        if arguments != ("compare",):
            with made.log as log:
                log.append_record(boards.record(8, i, 0.5))
    assert _read(made) == ["python run.py search", "python run.py search --trials 9"]
    assert typed.is_kept(made)
    assert all(each.at for each in typed.read(made))


def test_a_command_is_ready_for_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _type(monkeypatch, "search", "my photos", "--group-by", r"IMG_(\d+)_")
    assert typed.command() == r"python run.py search 'my photos' --group-by 'IMG_(\d+)_'"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kerascnn", "search"])
    assert typed.command() == "kerascnn search"
    monkeypatch.setattr(sys, "argv", [""])
    assert typed.command() == ""


def test_the_memo_outlives_a_crash_in_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(tmp_path / "s", boards.SPEC, FIRST)
    (made.folder / "commands.jsonl").write_bytes(b'{"kind":"event","name":"ty')
    _type(monkeypatch, "confirm")
    typed.note(made)
    with made.log as log:
        log.append_record(boards.record(8, 0, 0.5))
    assert _read(made) == ["python run.py search", "python run.py confirm"]


def test_nothing_is_noted_of_a_study_that_another_process_writes(tmp_path: Path) -> None:
    made = create(tmp_path / "s", boards.SPEC, FIRST)
    with Study(made.folder).log, pytest.raises(ValueError, match="Another process is writing"):
        typed.note(made)
    assert not typed.is_kept(made)


def test_commands_note_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`enqueue` writes; a `confirm` with other rules is refused and does not."""
    monkeypatch.chdir(tmp_path)
    made = create(Path("runs/s"), boards.SPEC, FIRST)
    with made.log as log:
        log.append_record(boards.record(8, 0, 0.5))
    for arguments in (["confirm", "--margin", "0.2"], ["enqueue", "filters=64"]):
        _type(monkeypatch, *arguments)
        with pytest.raises(SystemExit):
            cli.main()
    assert _read(made) == ["python run.py search", "python run.py enqueue filters=64"]
    lines = (made.folder / "commands.jsonl").read_text().splitlines()
    assert [json.loads(line)["lines"] for line in lines] == [1, 1]
