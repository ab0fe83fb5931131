"""What `compare` prints: the table, pairs, CSV, JSON, and what it refuses."""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.boards import SPEC, begin, record, scored
from tuning import cli

Compare = Callable[..., tuple[int, str, str]]


@pytest.fixture
def compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Compare:
    """Runs `compare` in an empty folder and returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main(["compare", *arguments])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def values(folder: str, runs: dict[int, tuple[float | None, ...]]) -> None:
    begin(Path(folder), [record(f, i, v) for f, each in runs.items() for i, v in enumerate(each)])


def searched(folder: str = "runs/s", seeds: int = 5) -> None:
    """Makes 16 nearly as good as 8, and 32 bad."""
    rng = np.random.default_rng(0)
    shares = {8: 0.9, 16: 0.85, 32: 0.1}
    scored(Path(folder), {f: rng.random((seeds, 20)) < p for f, p in shares.items()})


def test_the_table_fits_and_shows_verdicts(compare: Compare) -> None:
    searched()
    code, out, err = compare()
    assert code == 0
    assert err == "Study runs/s\n"
    title, header, first, second, third, *rest = out.splitlines()
    assert title == "s: accuracy on validation"
    assert header.split("  settings")[0].rstrip().endswith("leader is")
    assert header.index("new data 95 %") < header.index("seeds 95 %") < header.index("  sd")
    assert len(header.split("  settings")[0]) <= 120
    assert "floor" not in header
    assert re.search(r"\*\s+filters=8$", first)
    assert re.search(r"\* +UNDECIDED \(.*\) +filters=16$", second)
    assert re.search(r" BETTER +filters=32$", third)
    assert rest[0].startswith("leader is: for new data, equivalent within 0.005")
    assert "* the best-set: it holds the best on these images with 95 % confidence" in rest[-1]
    assert "1 of 2 others cannot be told from the leader" in rest[-1]
    assert "same" not in out


def test_wide_adds_the_sds_interval_and_floor(compare: Compare) -> None:
    searched()
    _, header, first, *_ = compare("--wide")[1].splitlines()
    assert header.index(" sd ") < header.index("sd 95 %") < header.index("floor")
    assert re.search(r" \d\.\d{4}  \d\.\d{4} to \d\.\d{4}  \d\.\d{4} ", first)


def test_wide_adds_costs(compare: Compare) -> None:
    """Means and the largest peak over the runs; nothing where nobody measured."""
    known = {"images_per_second": 1000.0, "peak_memory": 700_000_000, "latency": answers(0.001)}
    runs = [record(8, i, 0.9) for i in range(3)]
    more = {"images_per_second": 1500.0, "peak_memory": 910_000_000, "latency": answers(0.003)}
    hosts = [known, more, {"latency_error": "ValueError: No."}]
    made = [dataclasses.replace(r, host=h) for r, h in zip(runs, hosts, strict=True)]
    begin(Path("runs/s"), [*made, record(16, 0, 0.8)])
    _, header, first, second, *_ = compare("--wide")[1].splitlines()
    assert re.search(r" s/run +macs/image +images/s +peak memory ", header)
    assert re.search(r" 1,250 +0\.91 GB +2 \(1 to 4\) +20 \(10 to 40\) .*filters=8$", first)
    assert "GB" not in second
    assert "(" not in second
    assert "images/s" not in compare()[1]
    rows = json.loads(compare("--json")[1])["configurations"]
    assert [(row["images_per_second"], row["peak_memory"]) for row in rows] == [
        (1250.0, 910_000_000),
        (None, None),
    ]
    assert [(row["latency"], row["latency_64_interval"]) for row in rows] == [
        (0.002, [0.01, 0.04]),
        (None, None),
    ]


def answers(median: float) -> dict[str, Any]:
    """What a record says of a network that answers one image in so many seconds."""
    batches = [(1, median), (64, 10 * median)]
    return {
        "threads": 1,
        "batches": [
            {"batch": n, "calls": 9, "median": m, "low": m / 2, "high": 2 * m} for n, m in batches
        ],
    }


def test_one_pair_in_full(compare: Compare) -> None:
    searched()
    ids = [line.split()[0] for line in compare()[1].splitlines()[2:5]]
    code, out, _ = compare("--pair", ids[2], ids[0])
    assert code == 0
    for text in (
        f"{ids[2]} minus {ids[0]} ",
        "95 % for new data",
        "95 % for seeds",
        f"P(a run of {ids[2]} better)  0.00",
        f"WORSE: {ids[2]} is worse than {ids[0]}.",
        "chosen before looking",
    ):
        assert text in out
    out = compare("--pair", ids[0], ids[1])[1]
    assert "UNDECIDED: " in out
    out = compare("--pair", ids[0], ids[1], "--margin", "0.5")[1]
    assert "EQUIVALENT: they differ by less than 0.5." in out


def test_an_undecided_pair_says_how_many_seeds_would_tell(compare: Compare) -> None:
    values("runs/s", {8: (0.80, 0.82, 0.84), 16: (0.79, 0.81, 0.83)})
    out = compare()[1]
    assert "UNDECIDED (64)" in out
    assert "(n): the seeds each that would tell" in out
    ids = [line.split()[0] for line in out.splitlines()[2:4]]
    assert "UNDECIDED: 64 seeds each would tell, 4 times in 5, if" in compare("--pair", *ids)[1]


def test_a_pair_that_is_hopeless_says_more_than(compare: Compare) -> None:
    values("runs/s", {8: (0.80, 0.82, 0.84), 16: (0.80, 0.82, 0.8401)})
    ids = [line.split()[0] for line in compare("--margin", "0.0001")[1].splitlines()[2:4]]
    out = compare("--margin", "0.0001", "--pair", *ids)[1]
    assert "UNDECIDED: it takes more than 100 seeds each." in out
    assert "UNDECIDED (>100)" in compare("--margin", "0.0001")[1]


def test_all_pairs(compare: Compare) -> None:
    searched()
    lines = compare("--all-pairs")[1].splitlines()
    assert lines[1].split()[:2] == ["a", "b"]
    assert len(lines) == 2 + 3 + 1
    assert [line.split()[-1] for line in lines[3:5]] == ["BETTER", "BETTER"]
    assert lines[-1].startswith("2 of 3 pairs are told apart, with 95 % confidence in all")


def test_json_has_the_pairs_asked_for(compare: Compare) -> None:
    searched()
    found = json.loads(compare("--json")[1])
    assert len(found["pairs"]) == 2
    assert len(json.loads(compare("--json", "--all-pairs")[1])["pairs"]) == 3
    a, b = (row["config_id"] for row in found["configurations"][:2])
    (pair,) = json.loads(compare("--json", "--pair", b, a)[1])["pairs"]
    assert (pair["a"], pair["b"], pair["verdict"]) == (b, a, "undecided")


def test_csv_has_every_field(compare: Compare, tmp_path: Path) -> None:
    searched()
    code, out, _ = compare("--csv", "configurations")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    told = json.loads(compare("--json")[1])["configurations"]
    assert [row["config_id"] for row in rows] == [row["config_id"] for row in told]
    for row, expected in zip(rows, told, strict=True):
        assert row["hyperparameters.filters"] == str(expected["hyperparameters"]["filters"])
        assert float(row["interval_new_data_low"]) == expected["interval_new_data"][0]
        assert float(row["sd_interval_high"]) == expected["sd_interval"][1]
        assert float(row["sd_floor"]) == expected["sd_floor"]
        assert len(row["values"].split()) == expected["n"]
        assert None not in row.values()
    code, shown, err = compare("--csv", "configurations", "--to", "board.csv")
    assert (code, shown) == (0, "")
    assert "board.csv: 3 lines" in err
    assert compare("--csv", "runs", "--to", "board.csv")[0] == 0
    assert compare("--csv", "configurations", "--to", "board.csv")[0] == 0
    assert (tmp_path / "board.csv").read_text() == out


def test_csv_of_one_seed_has_empty_fields(compare: Compare) -> None:
    values("runs/s", {8: (0.8,)})
    (row,) = csv.DictReader(io.StringIO(compare("--csv", "configurations")[1]))
    assert (row["sd"], row["interval_seeds_low"], row["in_best_set"]) == ("", "", "")


def test_who_lost_a_race_stands_below_without_more_words(compare: Compare) -> None:
    race = dataclasses.replace(SPEC, oracle="race", seeds=2)
    runs = {8: (0.9, 0.91), 16: (0.95,), 32: (0.5,)}
    begin(
        Path("runs/s"),
        [record(f, i, v) for f, each in runs.items() for i, v in enumerate(each)],
        race,
    )
    out = compare()[1]
    lines = out.splitlines()
    assert "new data descriptive" in lines[1]
    assert [line.split("filters=")[1] for line in lines[2:5]] == ["8", "16", "32"]
    assert "2 with fewer epochs or runs than the others, as it says: not ranked." in out
    assert "The 95 % intervals only describe" in out
    assert "One seed only" not in out


def test_what_the_numbers_lack_is_said(compare: Compare) -> None:
    values(
        "runs/s",
        {8: (0.9, 0.91), 16: (0.5, 0.5), 32: (0.6,), 64: (0.7, None)},
    )
    out = compare()[1]
    ids = {line.split("filters=")[1]: line.split()[0] for line in out.splitlines()[2:6]}
    assert f"All seeds scored alike, so no interval or test over seeds: {ids['16']}." in out
    assert f"One seed only, so no interval: {ids['64']}, {ids['32']}." in out
    assert f"{ids['64']} failed: No." in out
    assert "1 of 2" in out
    assert "logits-validation.npy is missing." in out
    _, out, err = compare("--json")
    json.loads(out)
    assert "is missing" in err


def test_many_missing_files_are_counted(compare: Compare) -> None:
    values("runs/s", dict.fromkeys((8, 16, 32, 64), (0.9, 0.91)))
    out = compare()[1]
    assert out.count("is missing") == 5
    assert "So it is with 3 other files." in out


def test_several_studies(compare: Compare) -> None:
    values("runs/one", {8: (0.9, 0.91)})
    values("runs/two", {8: (0.9, 0.91), 16: (0.5, 0.51)})
    code, out, err = compare("one", "two")
    assert (code, err) == (0, "")
    assert out.startswith("one, two: accuracy on validation")
    assert "2 runs stand in two of the studies: each counts once." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--margin", "0"], "`0 < margin` must hold"),
        (["--margin", "x"], "Invalid value for '--margin'"),
        (["--pair", "zz", "aa"], "No 'zz' in configurations"),
        (["--pair", "zz"], "'--pair' requires 2 arguments"),
        (["--pair", "a", "b", "--all-pairs"], "Either --pair or --all-pairs, not both"),
        (["--json", "--csv", "runs"], "Either --json or --csv, not both"),
        (["--csv", "run"], "Did you mean 'runs'?"),
        (["--csv", "board.csv"], "To write a file: --csv runs --to board.csv"),
        (["--csv", "runs", "--to", "."], "--to needs a file. Received the folder '.'"),
        (["--csv", "runs", "--to", "runs/s/log.jsonl"], "is no --csv: it is not overwritten"),
        (["--csv", "runs", "--to", "runs/s/log.jsonl/x.csv"], "File exists: runs/s/log.jsonl"),
        (["--to", "x.csv"], "--to says where --csv is written: --csv runs --to x.csv"),
        (["--csv", "runs", "--metric", "loss"], "--metric would change nothing"),
        (["s", "gone"], "No 'gone' in studies under ./runs"),
    ],
)
def test_refusals_are_one_line(compare: Compare, arguments: list[str], message: str) -> None:
    values("runs/s", {8: (0.9, 0.91)})
    code, out, err = compare(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Error: " in err.splitlines()[-1]
