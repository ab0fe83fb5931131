"""What a model card says of a network, and that it says of a search no more than it may."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kerascnn import registry
from kerascnn.record import RunRecord
from tests import reported
from tuning import (
    caveats,
    cells,
    comparison,
    confirmation_report,
    confirmation_wording,
    leaving,
    markdown,
    model_card,
)
from tuning.model_card import Found, ModelCard
from tuning.study import Study

LATENCY: Mapping[str, Any] = {
    "threads": 1,
    "batches": [{"batch": 1, "calls": 5, "median": 0.001, "low": 0.0005, "high": 0.002}],
}


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return reported.confirmed(tmp_path_factory.mktemp("confirmed") / "study")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return reported.searched(tmp_path_factory.mktemp("searched") / "study")


def _found(record: RunRecord, format: str = "saved_model", **changes: Any) -> Found:
    card = {
        "format": format,
        "class_names": ["cat", "dog|`x`"],
        "height": 8,
        "width": 6,
        "channels": 3,
        "kerascnn": "1",
        "accuracy": leaving.accuracy(record),
        "accuracy_part": leaving.scored_part(record),
        "status": leaving.status(record),
    }
    found = Found(
        card=card,
        images=20,
        largest_difference=1.5e-7,
        classes=[("cat", 12, 0.75), ("dog|`x`", 8, None)],
        calibration_error=0.125,
        by_chance=0.0625,
        kind="uint8",
        scale=1 / 255,
        offset=0.0,
        latency=LATENCY,
        size=12345,
    )
    return dataclasses.replace(found, **changes)


def _page(study: Study, config: str, **changes: Any) -> str:
    record = leaving.run_0(study, config)
    return ModelCard(study, record).text(_found(record, **changes))


def test_of_a_search_it_says_that_the_images_chose(searched: Study) -> None:
    leader = comparison.compare(searched).rows[0]
    page = _page(searched, leader.config_id)
    run = leaving.run_0(searched, leader.config_id)
    assert f"accuracy {leaving.accuracy(run):.4f} on 20 validation images" in page
    assert model_card.MEANING["not confirmed"] in page
    assert model_card.MEANING["confirmed"] not in page
    assert "(`kerascnn predict` does so)" in page  # Code, not backticks.
    assert leader.interval_seeds is not None
    told = re.search(
        r"mean accuracy ([\d.]+) on validation, (\d) runs.*for seeds ([\d. to-]+),", page
    )
    assert told is not None
    seeds = cells.interval(leader.interval_seeds)
    assert told.groups() == (f"{leader.mean:.4f}", str(leader.n), seeds)
    for line in caveats.untested(searched, comparison.compare(searched), None):
        assert markdown.sentence(line) in page


def test_of_a_confirmed_winner_it_says_what_the_test_set_said(confirmed: Study) -> None:
    report = confirmation_report.report(confirmed)
    page = _page(confirmed, report.winner.config_id)
    assert model_card.MEANING["confirmed"] in page
    assert model_card.MEANING["not confirmed"] not in page
    assert f"mean accuracy {report.winner.mean:.4f} on test, {report.winner.n} runs" in page
    for line in (confirmation_wording.ahead(report), *confirmation_wording.guarantees(report)):
        assert markdown.sentence(line) in page
    assert "trained on: train, validation, confirmation" in page


def test_of_the_baseline_it_says_its_own_numbers(confirmed: Study) -> None:
    report = confirmation_report.report(confirmed)
    assert report.baseline is not None
    page = _page(confirmed, report.baseline.config_id)
    assert f"mean accuracy {report.baseline.mean:.4f} on test" in page


def test_of_who_was_not_confirmed_it_says_what_the_search_said(confirmed: Study) -> None:
    report = confirmation_report.report(confirmed)
    final = {report.winner.config_id, report.baseline.config_id if report.baseline else ""}
    rows = [row for row in comparison.compare(confirmed).rows if row.config_id not in final]
    page = _page(confirmed, rows[0].config_id)
    assert model_card.MEANING["not confirmed"] in page
    assert f"mean accuracy {rows[0].mean:.4f} on validation" in page
    assert "trained on: train\n" in page


def test_it_holds_all_that_a_reader_needs(searched: Study) -> None:
    leader = comparison.compare(searched).rows[0].config_id
    page = _page(searched, leader)
    spec = leaving.run_0(searched, leader).spec
    for words in (
        "8 x 6 pixels, colour (RGB)",
        f"run 0 of configuration {leader} (run {spec.run_id})",
        "Calibration error 0.1250",
        "would show 0.0625 on so many images",
        "by at most 1.5e-07",
        "| cat | 12 | 0.7500 |",
        "| dog\\|\\`x\\` | 8 |  |",
        "0 cat, 1 dog\\|\\`x\\`",
        f"fingerprint: {searched.spec.base.fingerprint}",
        "size: 12,345 bytes",
        "1 ms (0.5 ms to 2 ms) for 1 image, on 1 thread",
        "filters=64",
        "kerascnn predict FOLDER IMAGE...",
    ):
        assert words in page, words
    assert "stored as" not in page


@pytest.mark.parametrize("name", registry.names("kerascnn.exporters"))
def test_it_says_how_its_format_is_run(name: str, searched: Study) -> None:
    leader = comparison.compare(searched).rows[0].config_id
    record = leaving.run_0(searched, leader)
    found = _found(record)
    found = dataclasses.replace(found, card={**found.card, "format": name})
    page = ModelCard(searched, record).text(found)
    assert registry.docstring("kerascnn.exporters", name) in page
    assert "(1, 8, 6, 3)" in page
    assert "$" not in page.partition("## How to run it")[2].partition("## ")[0]


def test_a_format_of_ones_own_has_its_own_words(searched: Study, tmp_path: Path) -> None:
    own = tmp_path / "my_format.py"
    own.write_text('"""Mine: stones in a row."""\n')
    leader = comparison.compare(searched).rows[0].config_id
    record = leaving.run_0(searched, leader)
    found = _found(record)
    page = ModelCard(searched, record).text(
        dataclasses.replace(found, card={**found.card, "format": str(own)})
    )
    assert "Mine: stones in a row." in page
    assert "kerascnn predict FOLDER" not in page
    assert "In Python" not in page


def test_pixels_that_were_stored_otherwise_are_explained(searched: Study) -> None:
    leader = comparison.compare(searched).rows[0].config_id
    page = _page(searched, leader, kind="float32", scale=0.5, offset=0.25)
    assert "stored as float32" in page
    assert "stored value x 0.5 + 0.25" in page


def test_of_many_classes_the_lowest_are_told(searched: Study) -> None:
    leader = comparison.compare(searched).rows[0].config_id
    classes = [(f"c{i}", 10, i / 200) for i in range(200)]
    page = _page(searched, leader, classes=classes)
    assert "the 100 lowest of 200" in page
    assert "| c99 | 10 | 0.4950 |" in page
    assert "| c100 |" not in page


def test_what_a_stranger_named_is_text(tmp_path: Path) -> None:
    study = reported.hostile(tmp_path)
    leader = comparison.compare(study).rows[0].config_id
    page = _page(study, leader)
    code = [line for line in page.splitlines() if reported.MARKUP in line]
    assert code == [f"    {study.about['command']}"]
    assert markdown.sentence(reported.SPECIAL) in page


def test_code_stays_code_whatever_it_holds() -> None:
    assert markdown.code("a\n\n```\n# b") == "    a\n\n    ```\n    # b"
