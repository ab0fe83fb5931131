"""`report`: what stands in it, where it goes, what it leaves alone and what it refuses."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import boards, reported
from tuning import cli, comparison, confirmation_report, decomposition_report, report
from tuning.report import Report
from tuning.study import Study
from tuning.tables import Table

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Main:
    """Runs a command line in an empty folder and returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main([*arguments])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def _made(folder: str = "runs/s", *runs: Any) -> Study:
    rows = runs or ((8, 0, 0.5), (8, 1, 0.6), (16, 0, 0.7), (16, 1, 0.8), (16, 2, None))
    return boards.begin(Path(folder), [boards.record(*run) for run in rows])


def _table(found: Report, beginning: str) -> Table:
    return next(table for table in found.tables if table.title.startswith(beginning))


def _columns(table: Table) -> list[dict[str, str]]:
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def _span(ends: Any) -> str:
    return "" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


# What stands in it.


def test_the_leaderboard_has_the_numbers_of_compare(tmp_path: Path) -> None:
    made = reported.hostile(tmp_path)
    told = comparison.compare(made).to_json()
    rows = _columns(_table(report.gather(made), "Leaderboard"))
    assert len(rows) == len(told["configurations"]) == 3
    for shown, row in zip(rows, told["configurations"], strict=True):
        assert shown["id"] == row["config_id"][:6]
        assert shown["n"] == (f"{row['n']} of {row['n'] + row['failed']}" if row["failed"] else "3")
        assert shown["accuracy"] == f"{row['mean']:.4f}"
        assert shown["sd"] == f"{row['sd']:.4f}"
        assert shown["new data 95 %"] == _span(row["interval_new_data"])
        assert shown["seeds 95 %"] == _span(row["interval_seeds"])
        assert shown["parameters"] == f"{row['parameters']:,}"
    pairs = _columns(_table(report.gather(made), "The leader"))
    for shown, pair in zip(pairs, told["pairs"], strict=True):
        assert (shown["a"], shown["b"]) == (pair["a"][:6], pair["b"][:6])
        assert shown["a minus b"] == f"{pair['difference']:+.4f}"
        assert shown["a is"].startswith(pair["verdict"].upper())


def test_the_winners_test_number_comes_first(tmp_path: Path) -> None:
    made = reported.confirmed(tmp_path / "s")
    told, found = confirmation_report.report(made), report.gather(made)
    assert f"{told.winner.mean:.4f} on the test set: 5 runs" in found.summary[0]
    assert "picked for being high" in found.summary[2]
    assert found.tables[0].title == "Test: accuracy on test, opened for the first time"
    assert _columns(found.tables[0])[0]["accuracy"] == f"{told.winner.mean:.4f}"
    assert [row["id"] for row in _columns(found.tables[1])] == [
        row.config_id[:6] for row in told.confirmed
    ]
    assert "95% confidence the best of the shortlist" in found.guarantees[0]
    assert not any("not opened" in line or "confirmed" in line for line in found.untested)


def test_rules_that_were_changed_and_openings_are_told(tmp_path: Path) -> None:
    made = reported.confirmed(
        tmp_path / "s", rules=dataclasses.replace(boards.SPEC.rules, shortlist=1)
    )
    told = report.gather(made).deviations
    assert "Deviates from what the study fixed when it began: shortlist=1." in told


def test_a_confirmation_under_way_is_told(tmp_path: Path) -> None:
    made = reported.confirmed(tmp_path / "s")
    lines = made.log.path.read_text().splitlines(keepends=True)
    made.log.path.write_text("".join(lines[:-1]))  # The last run on the test set is missing.
    found = report.gather(Study(made.folder))
    assert "The test set was opened by a confirmation that has not ended." in found.untested
    assert not found.guarantees


def test_a_decomposition_is_reported_without_its_data(tmp_path: Path) -> None:
    made = reported.apart(tmp_path / "s")  # Its fingerprint is of no data there are.
    losses = decomposition_report.losses(made)
    found = report.gather(made)
    assert len(found.tables) == 3
    rows = _columns(_table(found, "Bias and variance: 0-1 loss"))
    assert [row["configuration"] for row in rows] == ["cnn filters=8", "cnn filters=16"]
    for shown, parts in zip(rows, losses.values(), strict=True):
        for part in ("risk", "bias", "variance", "data", "seed", "interaction"):
            assert shown[part].startswith(f"{parts['zero_one'][part].value:.4f}")
    best = min(losses, key=lambda config: losses[config]["zero_one"]["risk"].value)
    assert best[:6] in found.summary[0]
    assert (
        "3 training sets were drawn of 100 training images (disjoint)" in found.tables[-1].notes[0]
    )
    assert {each.name for each in found.pictures if each.figure} == {"bias_variance"}
    assert not any("decompose" in line for line in found.untested)


def test_what_a_decomposition_is_without_is_told(tmp_path: Path) -> None:
    found = report.gather(reported.apart(tmp_path / "s", failing=(1, 2)))
    told = "\n".join(found.deviations)
    assert "cnn filters=8 is without seed 2" in told or "without training set disjoint:3/1" in told
    assert "2 runs failed" in told
    assert "Boom: no" in told
    assert {row["runs"] for row in _columns(found.tables[0])} <= {"3 x 2", "2 x 3"}


def test_one_seed_tells_what_it_cannot(tmp_path: Path) -> None:
    found = report.gather(_made(str(tmp_path / "s"), (8, 0, 0.5)))
    assert "one run, no interval." in found.summary[0]
    assert "Of one seed nothing is known of how runs vary." in found.untested
    assert not [table for table in found.tables if table.title.startswith("The leader")]


def test_a_long_leaderboard_is_cut_and_says_so(tmp_path: Path) -> None:
    runs = [
        dataclasses.replace(
            boards.record(8, 0, 0.5),
            spec=boards.BASE.configure({"filters": 8 + i}).repeated(0, "search", 0),
        )
        for i in range(101)
    ]
    table = _table(report.gather(boards.begin(tmp_path / "s", runs)), "Leaderboard")
    assert len(table.rows) == 100
    assert table.notes[0].startswith("The first 100 of 101 configurations")


def test_a_report_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many parts it has, its runs are read once."""
    made = reported.hostile(tmp_path)
    calls = []
    real = Study.identified
    monkeypatch.setattr(Study, "identified", lambda self: (calls.append(1), real(self))[1])
    report.gather(made)
    assert len(calls) == 1


def test_an_interrupted_search_is_told(tmp_path: Path) -> None:
    found = report.gather(_made(str(tmp_path / "s"), (8, 0, 0.5), (8, 1, 0.6), (16, 0, None)))
    told = "\n".join(found.deviations)
    assert "2 of 8 configurations have ended runs" in told
    assert "2 configurations have fewer than the 3 runs that were planned." in told
    assert "1 runs failed." in told or "1 run failed." in told


def test_what_was_raised_spent_and_retried_is_told(tmp_path: Path) -> None:
    made = _made(str(tmp_path / "s"))
    with made.log as log:
        log.append("event", {"name": "extended", "trials": 9, "seeds": 5})
        log.append("event", {"name": "budget_spent", "seconds": 90.0, "unfinished": 4})
        log.append("event", {"name": "run_limit", "seconds": 60.0})
        log.append("event", {"name": "run_limit", "seconds": None})
        log.append("event", {"name": "retried", "run_id": "x", "epochs": 9, "reason": "died"})
        log.append("event", {"name": "enqueued", "point": {"filters": 64}})
        log.append("event", {"name": "test_declared", "trial": 0, "config_id": "x", "seeds": 1})
    told = "\n".join(report.gather(made).deviations)
    for words in (
        "9 trials, 5 seeds",
        "A time budget of 1m30s was spent with 4 runs unfinished.",
        "Runs of more than 1m were stopped",
        "no run had a limit of time",
        "1 run tried once more",
        "1 point put in line",
        "2 of 9 configurations",
    ):
        assert words in told


def test_missing_logits_are_told(tmp_path: Path) -> None:
    made = reported.hostile(tmp_path)
    next(made.folder.glob("*/search1/logits-validation.npy")).unlink()
    assert any("is missing" in line for line in report.gather(made).deviations)


def test_groups_are_told(tmp_path: Path) -> None:
    base = dataclasses.replace(boards.BASE, group_by="(.*)_")
    made = boards.begin(
        tmp_path / "s", [boards.record(8, 0, 0.5)], dataclasses.replace(boards.SPEC, base=base)
    )
    found = report.gather(made)
    assert any("not the groups that were kept together" in line for line in found.untested)
    assert found.facts["Data"]["kept together"].endswith("(.*)_")


def test_data_and_machines_are_told(tmp_path: Path) -> None:
    found = report.gather(reported.hostile(tmp_path))
    assert found.facts["Data"]["fingerprint"].startswith("f" * 64)
    assert found.facts["Data"]["parts"] == "train 100, validation 20"
    assert f"{reported.MARKUP} (10), cat (10)" in found.facts["Data"]["classes"]
    machines = found.facts["Versions and machines"]
    assert machines["begun with"] == "keras 3.0"
    assert any(f"keras {reported.MARKUP}, 1 thread" in text for text in machines.values())
    assert [each.command for each in found.commands] == [reported.ABOUT["command"]]
    assert not found.all_commands


def test_nothing_is_said_of_what_can_be_selected(tmp_path: Path) -> None:
    for made in (reported.hostile(tmp_path), reported.confirmed(tmp_path / "c")):
        notes = [each.figure.note for each in report.gather(made).pictures if each.figure]
        assert notes
        assert not [note for note in notes if "select" in note]


# Where it goes.


def test_the_page_goes_into_the_study_unless_told(main: Main) -> None:
    _made()
    code, out, err = main("report")
    assert (code, err) == (0, "Study runs/s\n")
    assert out.startswith("Written to runs/s/report.html: html, ")
    assert Path("runs/s/report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("format", ["md", "latex"])
def test_tables_are_printed_unless_told(main: Main, format: str) -> None:
    _made()
    code, out, err = main("report", "s", "--format", format)
    assert (code, err) == (0, "")
    assert "0.7500" in out
    assert not list(Path("runs/s").glob("report*"))
    assert (
        main("report", "s", "--to", "-", "--format", format)[1].splitlines()[2:]
        == (out.splitlines()[2:])
    )


@pytest.mark.parametrize(
    ("name", "format"), [("a.md", "md"), ("b.TEX", "latex"), ("c.htm", "html"), ("d", "html")]
)
def test_the_ending_says_the_format(main: Main, name: str, format: str) -> None:
    _made()
    code, out, err = main("report", "s", "--to", f"new/{name}", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"path": f"new/{name}", "format": format}
    assert Path("new", name).is_file()


def test_a_report_of_the_same_study_is_renewed_in_any_format(main: Main) -> None:
    made = _made()
    assert main("report", "--to", "one.html")[0] == 0
    with made.log as log:
        log.append_record(boards.record(32, 0, 0.9876))
    assert main("report", "--to", "one.html")[0] == 0
    assert "0.9876" in Path("one.html").read_text()
    assert main("report", "--to", "one.html", "--format", "md")[0] == 0
    assert Path("one.html").read_text().startswith("<!-- kerascnn report")


def test_no_other_file_is_overwritten(main: Main) -> None:
    _made()
    reported.apart(Path("runs/other"))
    Path("mine.html").write_text("mine")
    assert main("report", "other", "--to", "other.html")[0] == 0
    before = Path("other.html").read_bytes()
    for name in ("mine.html", "other.html"):
        code, out, err = main("report", "s", "--to", name)
        assert (code, out) == (2, "")
        assert err == (
            f"Error: '{name}' exists and is no report of runs/s: it is not overwritten.\n"
        )
    assert Path("mine.html").read_text() == "mine"
    assert Path("other.html").read_bytes() == before


def test_a_full_disk_leaves_the_older_report(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    _made()
    main("report", "--to", "one.html")
    before = Path("one.html").read_bytes()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert main("report", "--to", "one.html")[0] == 2
    assert Path("one.html").read_bytes() == before
    assert not list(Path().glob(".one*"))


# What it refuses.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "No 'none' in studies under ./runs"),
        (["--format", "htlm"], "Did you mean 'html'?"),
        (["--format", "pdf"], "No 'pdf' in formats"),
        (["--to", "."], "--to needs a file. Received the folder '.'"),
        (["--to", "r.pdf"], "The ending of 'r.pdf' says no format. Expected one of: .html (html)"),
        (["--to", "runs/s/study.json/x.html"], "File exists: runs/s/study.json"),
        (["--to", "runs/s/study.json"], "is no report of runs/s"),
        (["--to", ""], "--to needs a file"),
        (["--format", "md", "--json"], "--json prints on stdout"),
        (["--to", "-", "--json"], "--json prints on stdout"),
        (["s", "t"], "Got unexpected extra argument"),
    ],
)
def test_bad_input(main: Main, arguments: list[str], message: str) -> None:
    _made()
    code, out, err = main("report", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith(("Error: ", "Study runs/s\nError: "))


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "No run of runs/s has ended yet."),
        ([(8, 0, None)], "Every run of runs/s failed (1). The first: No."),
    ],
)
def test_nothing_to_report(main: Main, runs: list[Any], message: str) -> None:
    boards.begin(Path("runs/s"), [boards.record(*run) for run in runs])
    code, out, err = main("report")
    assert (code, out) == (2, "")
    assert err.endswith(f"Error: {message}\n")
    assert not Path("runs/s/report.html").exists()


def test_a_damaged_log_is_refused(main: Main) -> None:
    made = _made()
    with open(made.log.path, "ab") as file:
        file.write(b"damaged\n")
    code, _, err = main("report")
    assert code == 2
    assert "Line 6 of runs/s/log.jsonl is damaged" in err
