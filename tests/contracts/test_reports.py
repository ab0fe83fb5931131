"""Every format of a report: whole, with every number, and no text of a stranger's as markup."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kerascnn import registry
from tests import boards, reported
from tuning import report, reports
from tuning.report import Report
from tuning.study import Study

NAMES = reports.names()
STUDIES: dict[str, Callable[[Path], Study]] = {
    "hostile": reported.hostile,
    "imported": reported.imported,
    "confirmed": reported.confirmed,
    "apart": reported.apart,
    "one seed": lambda folder: boards.begin(folder, [boards.record(8, 0, 0.5)]),
}


@pytest.fixture(scope="module", params=STUDIES)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report.gather(STUDIES[request.param](tmp_path_factory.mktemp("a") / "study"))


def _write(name: str, found: Report) -> str:
    text: str = registry.load("tuning.reports", name).write(found)
    return text


@pytest.mark.parametrize("name", NAMES)
def test_it_is_known_by_its_mark(name: str, found: Report) -> None:
    assert found.mark in _write(name, found)[:300]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_the_tables_is_in_it(name: str, found: Report) -> None:
    text = _write(name, found)
    cells = {cell for table in found.tables for row in table.rows for cell in row}
    numbers = {cell for cell in cells if re.fullmatch(r"[\d.,]+", cell)}
    assert numbers
    for number in numbers:
        assert number in text


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_markup(name: str, found: Report) -> None:
    text = _write(name, found)
    assert reported.MARKUP not in text
    assert "<script>alert" not in text
    assert "<i>" not in text


@pytest.mark.parametrize("name", NAMES)
def test_files_that_end_so_are_of_it(name: str) -> None:
    endings = registry.constant("tuning.reports", name, "ENDINGS")
    assert endings
    for ending in endings:
        assert reports.of_file(f"some.thing{ending}") == name
        assert reports.of_file(f"some.thing{ending.upper()}") == name


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_holds(name: str) -> None:
    assert registry.summary("tuning.reports", name).endswith(".")
    assert reports.is_printed(name) in (True, False)


def test_other_endings_are_of_none() -> None:
    assert reports.of_file("report.pdf") is None
