"""A full disk stops a study with an error that says so, and leaves it intact."""

import errno
import functools
import itertools
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from kerascnn import record
from tests import killing
from tests.studies import board, essence
from tuning import launch, plan
from tuning.cli import cli
from tuning.study import Study


@pytest.mark.slow
@pytest.mark.parametrize("oracle", killing.SPECS)
def test_a_search_goes_on_once_there_is_room(tmp_path: Path, oracle: str) -> None:
    """Whatever is being written when the disk is full: study.json, a line, a record, logits."""
    run = functools.partial(killing.run, oracle=oracle, executor="serial", workers=1)
    run(str(tmp_path / "whole"))
    draw = random.Random(oracle)
    for instant in (*range(1, 8), *(draw.randint(8, 80) for _ in range(15))):
        passed = itertools.count(1)

        def pass_by(passed: "itertools.count[int]" = passed, instant: int = instant) -> None:
            if next(passed) >= instant:  # From then on there is no room at all.
                raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.MonkeyPatch.context() as patch:
            set_attribute = functools.partial(patch.setattr, raising=False)
            killing.at_writes(pass_by, set_attribute)
            try:
                run(str(tmp_path / "full"))
                break
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        if (tmp_path / "full" / "study.json").exists():
            list(Study(tmp_path / "full").log.lines())  # None is damaged.
        else:
            assert not (tmp_path / "full").exists()
    run(str(tmp_path / "full"))
    full, whole = Study(tmp_path / "full"), Study(tmp_path / "whole")
    assert essence(full) == essence(whole)
    assert board(full) == board(whole)
    assert len((tmp_path / "full" / "ledger").read_text()) < 3 * len(
        (tmp_path / "whole" / "ledger").read_text()
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_one_line_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    plan.new_search("mlp", "synthetic", trials=2, seeds=1, name="s")

    def full(*given: object, **options: object) -> None:
        raise OSError(number, "No room")

    monkeypatch.setattr(launch, "run", full)
    arguments = ["search", "mlp", "synthetic", "--trials", "2", "--seeds", "1", "--study", "s"]
    error = CliRunner().invoke(cli, arguments).exception
    assert str(error) == (
        "No space left on the disk of runs/s. 0 runs are kept in runs/s. "
        "The same command goes on from there."
    )


def test_a_study_that_never_began_is_not_there(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(record.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            killing.run(str(tmp_path / "s"), "random_search", "serial", 1)
    assert not (tmp_path / "s").exists()
