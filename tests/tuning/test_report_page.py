"""The report in a browser: opens from a file, draws every figure, runs nobody else's script."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import reported
from tuning import report
from tuning.reports import html
from tuning.study import Study

pytestmark = pytest.mark.slow

STUDIES: dict[str, Callable[[Path], Study]] = {
    "hostile": reported.hostile,
    "imported": reported.imported,
    "confirmed": reported.confirmed,
    "apart": reported.apart,
}
DRAWN = """return [...document.querySelectorAll('.figure')].map(place =>
    [place.id, !!place.querySelector('.main-svg .plot, .main-svg .cartesianlayer .subplot')])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1280,900"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()


def _open(browser: Any, made: Study, folder: Path) -> report.Report:
    found = report.gather(made)
    page = folder / "report.html"
    page.write_text(html.write(found), encoding="utf-8")
    browser.get(page.as_uri())
    return found


@pytest.mark.parametrize("name", STUDIES)
def test_every_figure_is_drawn_and_nothing_goes_wrong(
    name: str, browser: Any, tmp_path: Path
) -> None:
    found = _open(browser, STUDIES[name](tmp_path / "study"), tmp_path)
    shown = [f"figure-{each.name}" for each in found.pictures if each.figure]
    assert browser.execute_script(DRAWN) == [[place, True] for place in shown]
    assert browser.get_log("browser") == []  # An alert would have ended the test before.
    assert found.title in browser.title
    names = browser.execute_script("return performance.getEntriesByType('resource').length")
    assert names == 0


def test_no_button_sends_a_figure_away(browser: Any, tmp_path: Path) -> None:
    _open(browser, reported.hostile(tmp_path / "study"), tmp_path)
    titles = browser.execute_script(
        "return [...new Set([...document.querySelectorAll('.modebar-btn')]"
        ".map(button => button.dataset.title))]"
    )
    assert len(titles) == 6
    assert not [title for title in titles if "hare" in title or "loud" in title]


def test_figures_follow_the_page_into_the_dark_and_onto_paper(browser: Any, tmp_path: Path) -> None:
    _open(browser, reported.hostile(tmp_path / "study"), tmp_path)
    colour = "return document.getElementById('figure-forest')._fullLayout.font.color"
    width = "return document.getElementById('figure-forest')._fullLayout.width"
    try:
        assert browser.execute_script(colour) == "#212121"
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        assert browser.execute_script(colour) == "#eeeeee"
        assert browser.execute_script(width) > 1000
        browser.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert browser.execute_script(colour) == "#212121"
        assert browser.execute_script(width) == 700
        browser.execute_script("dispatchEvent(new Event('afterprint'))")
        assert browser.execute_script(width) > 1000
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_page_is_never_wider_than_the_window(browser: Any, tmp_path: Path) -> None:
    wait = pytest.importorskip("selenium.webdriver.support.wait")
    _open(browser, reported.confirmed(tmp_path / "study"), tmp_path)
    try:
        for width in (600, 1280, 3840):
            browser.set_window_size(width, 900)
            # plotly follows the window a moment later.
            wait.WebDriverWait(browser, 20).until(_fits)
    finally:
        browser.set_window_size(1280, 900)


def _fits(browser: Any) -> bool:
    return bool(browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"))
