"""The Compare tab in a real browser: what a reader sees, clicks, types and comes back to."""

import dataclasses
import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from kerascnn import attempt
from tests import boards, browser, recorded
from tests.browser import Tab
from tuning import cli, figures
from tuning.figures import _marks
from tuning.search_spec import SearchSpec
from tuning.space import Choice

pytestmark = pytest.mark.slow

# A study of one size of training sets is no learning curve, of one objective it has no front.
_OTHERS = ("training_size", "pareto")
VIEWS = ("leaderboard", *(name for name in figures.names() if name not in _OTHERS))
# What the first selected configuration is drawn in, or marked with.
FIRST = (_marks.PALETTE[0], "\u25b6 ")


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    browser.require()
    with browser.chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A recorded study that no test writes into, and the address it is served at."""
    browser.require()
    folder = tmp_path_factory.mktemp("logs") / "study"
    recorded.study(folder)
    with browser.serving(folder) as (address, _):
        yield folder, address


@pytest.fixture
def tab(driver: Any, served: tuple[Path, str]) -> Tab:
    driver.set_window_size(1280, 900)
    return Tab(driver, served[1])


@pytest.fixture(scope="module")
def printed(served: tuple[Path, str]) -> dict[str, Any]:
    """What `compare --json` says of the study."""
    ran = CliRunner().invoke(cli.cli, ["compare", str(served[0]), "--json"])
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _ids(printed: dict[str, Any]) -> list[str]:
    return [row["config_id"] for row in printed["configurations"]]


def _click_on_point(tab: Tab, config: str) -> None:
    """Clicks, as with a mouse, on a point of the figure that selects a configuration alone."""
    from selenium.webdriver.common.action_chains import ActionChains

    x, y = tab.js(
        """
        const drawn = document.getElementById('figure');
        const top = drawn._fullLayout;
        for (const trace of drawn._fullData) {
          const at = (trace.customdata || []).findIndex((each) => String(each) === arguments[0]);
          if (at < 0 || trace.y[at] == null || !/markers/.test(trace.mode)) continue;
          const [x, y] = [trace.xaxis, trace.yaxis].map((n) => top[n.replace(/^./, `${n[0]}axis`)]);
          const box = drawn.getBoundingClientRect(); // An offset is from the middle.
          return [x._offset + x.d2p(trace.x[at]) - box.width / 2,
            y._offset + y.d2p(trace.y[at]) - box.height / 2];
        }
        """,
        config,
    )
    figure = tab.driver.find_element("id", "figure")
    for side in (4, 0):  # Plotly looks where the pointer is once it has moved.
        ActionChains(tab.driver).move_to_element_with_offset(
            figure, round(x) + side, round(y)
        ).perform()
    tab.until("return document.querySelector('.hoverlayer .hovertext') !== null")
    ActionChains(tab.driver).click().perform()


def test_every_view_opens_without_a_word_on_the_console(tab: Tab) -> None:
    for view in VIEWS:
        tab.open(view)
        assert tab.js("return document.querySelector('.nothing')?.textContent") is None, view
        assert tab.js("return document.querySelector('.status').textContent") == (
            f"{4 * recorded.SEEDS} runs finished, 1 failed"
        )
        assert tab.mistakes() == [], view
    assert tab.views() == list(VIEWS)


@pytest.mark.parametrize("start", ["leaderboard", "forest", "spread"])
def test_a_click_selects_everywhere(tab: Tab, printed: dict[str, Any], start: str) -> None:
    config = _ids(printed)[2]
    plain = {}
    tab.open(start)
    for view in VIEWS[1:]:
        tab.turn(view)
        plain[view] = tab.figure()
    tab.turn(start)
    if start == "leaderboard":
        tab.driver.find_element("css selector", f"tr[data-config='{config}'] td + td").click()
    else:
        _click_on_point(tab, config)
    tab.until(lambda: tab.ticked() == [config])
    for view in VIEWS:
        tab.turn(view)
        assert tab.ticked() == [config]
        assert f"p.compare.selected={config}" in tab.hash()
        if view == "leaderboard":
            rows = "return [...document.querySelectorAll('tr.selected')].map(r => r.dataset.config)"
            assert tab.js(rows) == [config]
        else:
            assert tab.figure_has(*FIRST) != plain[view]
    assert tab.mistakes() == []


def test_the_address_restores_what_was_seen(tab: Tab, printed: dict[str, Any]) -> None:
    best, second = _ids(printed)[:2]
    tab.open()
    tab.turn("curves")
    for config in (second, best):
        tab.js("document.querySelector(arguments[0]).click()", f".list [data-config='{config}']")
    for option, value in {"curve": "loss/train", "over": "seconds"}.items():
        tab.js(
            "const it = document.querySelector(`.options [aria-label=${arguments[0]}]`);"
            "it.value = arguments[1]; it.dispatchEvent(new Event('change'))",
            option,
            value,
        )
        tab.until(lambda value=value: value in urllib.parse.unquote(tab.hash()))
    tab.until(lambda: "seconds" in json.loads(tab.figure())[1]["xaxis"]["title"]["text"])
    for _ in range(2):
        assert set(tab.ticked()) == {best, second}
        values = "return [...document.querySelectorAll('.options select')].map(s => s.value)"
        assert tab.js(values) == ["loss/train", "seconds"]
        drawn = json.loads(tab.figure_has(*FIRST))
        assert "seconds" in drawn[1]["xaxis"]["title"]["text"]
        tab.driver.switch_to.default_content()
        address = tab.driver.current_url
        assert f"p.compare.selected={second},{best}" in urllib.parse.unquote(address)
        # The same in a window of its own.
        tab.driver.switch_to.new_window("tab")
        tab.driver.get(address)
        tab.enter()
        tab.drawn("curves")
    for handle in tab.driver.window_handles[1:]:
        tab.driver.switch_to.window(handle)
        tab.driver.close()
    tab.driver.switch_to.window(tab.driver.window_handles[0])


def test_going_back_to_an_address_shows_it(tab: Tab, printed: dict[str, Any]) -> None:
    best = _ids(printed)[0]
    tab.open("forest")
    tab.js("window.parent.location.hash = arguments[0]",
           f"compare&p.compare.view=spread&p.compare.selected={best}")  # fmt: skip
    tab.drawn("spread")
    assert tab.ticked() == [best]


def test_labelled_values_are_those_of_compare(tab: Tab, printed: dict[str, Any]) -> None:
    tab.open()
    script = """return [...document.querySelectorAll('tbody tr')].map((row) => [row.dataset.config,
        [...row.querySelectorAll('td[data-field]')].map((cell) =>
            [cell.dataset.field, cell.dataset.value, cell.textContent])])"""
    rows = tab.js(script)
    assert [config for config, _ in rows] == _ids(printed)
    for (_, cells), row in zip(rows, printed["configurations"], strict=True):
        told = {field: json.loads(value) for field, value, _ in cells if field in row}
        assert told == {name: row[name] for name in told}
        assert {"n", "mean", "sd", "interval_new_data", "interval_seeds", "in_best_set"} <= {*told}
        texts = {field: text for field, _, text in cells}
        assert texts["mean"] == f"{row['mean']:.4f}"
        assert texts["interval_new_data"] == "{:.3f} to {:.3f}".format(*row["interval_new_data"])
        assert texts["parameters"] == f"{row['parameters']:,}"
        assert ("*" in texts["in_best_set"]) == row["in_best_set"]
        assert ("1✕" in texts["n"]) == (row["failed"] == 1)


def test_a_leaderboard_sorts(tab: Tab, printed: dict[str, Any]) -> None:
    tab.open()
    order = "return [...document.querySelectorAll('tbody tr')].map(r => r.dataset.config)"
    by_size = sorted(printed["configurations"], key=lambda row: row["parameters"])
    tab.driver.find_element("css selector", "[data-sort=parameters]").click()
    assert tab.js(order) == [row["config_id"] for row in by_size]
    assert tab.js("return document.activeElement.dataset.sort") == "parameters"
    tab.driver.find_element("css selector", "[data-sort=parameters]").click()
    assert tab.js(order) == [row["config_id"] for row in reversed(by_size)]


def test_a_keyboard_is_enough(tab: Tab) -> None:
    from selenium.webdriver.common.keys import Keys

    def press(key: str) -> None:
        tab.driver.switch_to.active_element.send_keys(key)

    def reach(script: str) -> None:
        for _ in range(40):
            if tab.js(f"const it = document.activeElement; return {script}"):
                return
            press(Keys.TAB)
        raise AssertionError(f"Tab never came to: {script}")

    tab.open()
    reach("it.id === 'tab-leaderboard'")
    press(Keys.ARROW_RIGHT)
    tab.drawn("forest")
    assert tab.js("return document.activeElement.id") == "tab-forest"
    press(Keys.ARROW_LEFT)
    press(Keys.ARROW_LEFT)
    tab.drawn(VIEWS[-1])
    press(Keys.ARROW_RIGHT)
    tab.drawn("leaderboard")
    for view, place in (("forest", ".list"), ("leaderboard", "tbody")):
        tab.turn(view)
        reach(f"it.type === 'checkbox' && it.closest('{place}') !== null")
        config = tab.js("return document.activeElement.dataset.config")
        before = tab.ticked()
        press(Keys.SPACE)
        assert (config in tab.ticked()) != (config in before)
        assert tab.js("return document.activeElement.dataset.config") == config
        assert tab.js("return document.activeElement.closest(arguments[0]) !== null", place)
    reach("it.dataset.sort === 'mean'")
    press(Keys.ENTER)
    assert tab.js("return document.querySelector('[aria-sort=descending]') !== null")


_CONTRAST = """
const numbers = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const shade = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
const light = (colour) => shade(colour)
  .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
function behind(element) {
  for (let each = element; each; each = each.parentElement) {
    const colour = numbers(getComputedStyle(each).backgroundColor);
    if (colour.length === 3 || colour[3] > 0.5) return colour;
  }
  return [255, 255, 255];
}
const found = [];
for (const each of document.querySelectorAll('body *')) {
  const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const style = getComputedStyle(each);
  if (!own || each.disabled || !each.getClientRects().length) continue;
  if (/^(STYLE|SCRIPT|OPTION)$/.test(each.tagName) || style.visibility === 'hidden') continue;
  // The words in a heat map plotly sets in black or white, by the colour of the cell.
  if (each.closest('.modebar, .hoverlayer, .heatmap-label')) continue;
  const front = numbers(each.closest('svg') ? style.fill : style.color);
  const [high, low] = [light(front), light(behind(each))].sort((a, b) => b - a);
  found.push([(high + 0.05) / (low + 0.05), each.textContent.trim().slice(0, 40), each.tagName]);
}
return found.sort((a, b) => a[0] - b[0]);
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(tab: Tab, printed: dict[str, Any], theme: str) -> None:
    """Contrast of at least 4.5, as the Web Content Accessibility Guidelines 2.2 (1.4.3) ask."""
    dark = str(theme == "dark").lower()
    tab.open(query=f"?darkMode={dark}", selected=_ids(printed)[0])
    tab.until(f"return document.documentElement.classList.contains('dark') === {dark}")
    for view in VIEWS:
        tab.turn(view)
        worst = tab.js(_CONTRAST)
        assert len(worst) > 10
        assert [each for each in worst if each[0] < 4.5] == [], view


@pytest.mark.parametrize(("width", "least"), [(1280, 600), (3840, 1200)])
def test_it_fits_the_window(tab: Tab, width: int, least: int) -> None:
    tab.driver.set_window_size(width, 900)
    tab.open()
    for view in VIEWS:
        tab.turn(view)
        wide, room, figure = tab.js(
            "const page = document.documentElement; return [page.scrollWidth, page.clientWidth,"
            " document.getElementById('figure').getBoundingClientRect().width]"
        )
        assert wide <= room, view
        assert figure >= least, view
    assert room > width - 50


def test_a_selection_outlives_a_visit_to_another_tab(tab: Tab, printed: dict[str, Any]) -> None:
    config = _ids(printed)[1]
    tab.open("forest", selected=config)
    for name in ("SCALARS", "COMPARE"):
        tab.driver.switch_to.default_content()
        found = tab.driver.find_elements("css selector", "[role=tab]")
        next(each for each in found if each.text == name).click()
    tab.enter()
    tab.drawn("forest")
    assert tab.ticked() == [config]
    tab.figure_has(*FIRST)


def test_what_is_new_shows_by_itself(driver: Any, tmp_path: Path) -> None:
    made = recorded.study(tmp_path / "study")
    folder = made.folder
    with browser.serving(folder) as (address, _):
        tab = Tab(driver, address)
        tab.open()
        tab.js("window.untouched = true")
        tab.js("document.querySelector('input[type=search]').focus()")
        # A run ends.
        spec = boards.BASE.configure({"filters": 4}).repeated(0, "search", 0)
        with made.log:
            made.log.append_record(boards.record(4, 0, 0.25))
        row = f"tr[data-config='{spec.config_id}']"
        tab.until("return document.querySelector(arguments[0]) !== null", row)
        assert tab.js("return document.activeElement.type") == "search"
        # Another begins, and goes on: its curves come from its event file.
        under_way = recorded.finished(4, 1, 0.5)
        log = recorded.shown(folder, under_way, ended=False)
        alive = attempt.run_dir(folder, under_way.spec) / attempt.ALIVE

        def status() -> str:
            alive.touch()
            return str(tab.js("return document.querySelector('.status').textContent"))

        tab.until(lambda: "1 running" in status())
        assert "◌" in tab.js(f"return document.querySelector(`{row} .running`).textContent")
        tab.js("document.querySelector(arguments[0]).click()", f"{row} input")
        tab.turn("curves")

        def points() -> int:
            status()
            data = json.loads(tab.figure())[0]
            return max((len(trace.get("y") or ()) for trace in data), default=0)

        tab.until(lambda: points() == recorded.EPOCHS)
        log.epoch(recorded.EPOCHS + 1, dict.fromkeys(recorded.CURVES, 0.5))
        tab.until(lambda: points() == recorded.EPOCHS + 1)
        assert tab.js("return window.untouched")
        assert tab.mistakes() == []


def test_a_damaged_study_hides_no_other(driver: Any, tmp_path: Path) -> None:
    for name in ("whole", "damaged"):
        boards.begin(tmp_path / name, [boards.record(8, repeat, 0.5) for repeat in range(2)])
    with open(tmp_path / "damaged" / "log.jsonl", "a") as log:
        log.write("}{\n")
    rows = "return document.querySelectorAll('tbody tr').length"
    with browser.serving(tmp_path) as (address, _):
        tab = Tab(driver, address)
        tab.open(study="whole")
        assert tab.js(rows) == 1
        choose = """const it = document.querySelector('select[aria-label=study]');
            it.value = arguments[0]; it.dispatchEvent(new Event('change'));"""
        tab.js(choose, "damaged")
        tab.until(f"{rows} === 0")
        assert "is damaged" in tab.js("return document.getElementById('figure').textContent")
        tab.js(choose, "whole")
        tab.until(f"{rows} === 1")


_ALERT = "window.alert = () => { window.top.alerted = true; };"
_NAMES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">here</a>',
    "<b>bold</b><svg onload=alert(1)>",
)


def _named_as_markup(folder: Path) -> None:
    """Makes a study in which all that has a name is called as markup."""
    script, image, link, bold = _NAMES
    base = dataclasses.replace(boards.BASE, family=image, code="0" * 12)
    space = {script: Choice(link, bold), bold: Choice(1, 2)}
    records = []
    right = np.random.default_rng(0).random((2, 3, len(boards.LABELS))) < 0.8
    points = ({script: link, bold: 1}, {script: bold, bold: 2})
    for point, rows in zip(points, right, strict=True):
        config = dataclasses.replace(base, hyperparameters=point)
        for repeat, row in enumerate(rows):
            run = config.repeated(0, "search", repeat)
            made = recorded.finished(8, repeat, float(row.mean()))
            history = {**made.history, image: [0.1, 0.2, 0.3, 0.4]}
            records.append(dataclasses.replace(made, spec=run, point=point, history=history))
        failed = boards.record(8, 3, None)
        run = config.repeated(0, "search", 3)
        records.append(dataclasses.replace(failed, spec=run, point=point, error=f"{script}{link}"))
    made = boards.begin(folder, records, SearchSpec(base=base, space=space))
    finished = [record for record in records if record.status == "finished"]
    for record, row in zip(finished, right.reshape(6, -1), strict=True):
        boards.with_logits(made, record.spec, row)


def _hover(tab: Tab) -> None:
    """Passes over the figure until a point says what it is."""
    from selenium.webdriver.common.action_chains import ActionChains

    said = "return document.querySelector('.hoverlayer .hovertext') !== null"
    points = tab.driver.find_elements("css selector", "#figure .point, #figure .heatmaplayer image")
    if not points:
        return
    for point in points:
        # A bar on a logarithmic axis begins far below it: its middle may be out of sight.
        tab.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
        for side in (4, 0):
            ActionChains(tab.driver).move_to_element_with_offset(point, side, 0).perform()
        tab.js("return new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 100)))")
        if tab.js(said):
            return
    raise AssertionError("No point says what it is.")


def test_a_name_is_text(driver: Any, tmp_path: Path) -> None:
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _ALERT})
    _named_as_markup(tmp_path / "study")
    # The study, too.
    folder = (tmp_path / "study").rename(tmp_path / _NAMES[1])
    with browser.serving(folder) as (address, _):
        tab = Tab(driver, address)
        tab.open()
        assert tab.js("return document.querySelector('select').value") == _NAMES[1]
        words = tab.js("return document.body.innerText")
        assert all(name in words for name in (_NAMES[0], _NAMES[2], _NAMES[3]))
        tab.js("document.querySelector('tbody tr').click()")
        for view in VIEWS:
            tab.turn(view)
            _hover(tab)
            assert tab.js(_MARKUP) == [], view
            if view == "hyperparameters":  # Plotly makes bold letters of such a name.
                assert _NAMES[3] in tab.js("return document.getElementById('figure').textContent")
        # A curve that is called so, too.
        tab.open("curves", o_curve=urllib.parse.quote(_NAMES[1]))
        assert tab.js("return document.querySelector('.options select').value") == _NAMES[1]
        assert tab.js(_MARKUP) == []
        assert tab.js("return window.top.alerted === undefined")
        assert tab.mistakes() == []


# What nothing but a name can have made.
_MARKUP = """
const text = (name) => /^(value|title|data-.*|aria-.*)$/.test(name);
return [...document.querySelectorAll('body *, head script')].filter((each) =>
  /^(IMG|IFRAME|OBJECT|EMBED|B)$/i.test(each.tagName)
  || (/^SCRIPT$/i.test(each.tagName) && each.textContent.includes('alert'))
  || [...each.attributes].some(({name, value}) =>
    !text(name) && (/^on/i.test(name) || /javascript:/i.test(value))))
  .map((each) => each.outerHTML.slice(0, 200));
"""
