"""A headless Chromium, and the Compare tab in it: opened, asked, and waited for."""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
# Where tests must not be left out: `.ci/run` sets it.
NEEDED = "KERASCNN_NEED_BROWSER"
# Seconds after which a wait is given up; nothing waits for as long as things go well.
PATIENCE = 60
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader")


def missing() -> str:
    """Returns what a browser test lacks here; "" if nothing."""
    programs = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    modules = [n for n in ("selenium", "plotly") if importlib.util.find_spec(n) is None]
    return ", ".join(programs + modules)


def require() -> None:
    """Skips a test that has no browser, or fails it where it must have one."""
    if lacking := missing():
        if os.environ.get(NEEDED) == "1":
            pytest.fail(f"{NEEDED}=1, and there is no {lacking}.")
        pytest.skip(f"There is no {lacking}.")


@contextlib.contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[Any]:
    """Opens a browser without a window on a screen."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for option in (*_OPTIONS, f"--window-size={width},{height}"):
        options.add_argument(option)
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_script_timeout(PATIENCE)
        yield driver
    finally:
        driver.quit()


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Runs `dashboard` on a study in a process of its own; yields its address and the process."""
    command = [sys.executable, "-c", "from tuning.cli import main; main()", "dashboard"]
    process = subprocess.Popen(
        [*command, str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"TensorBoard: (http://[^#\s]+)", said)
        if found is None:
            raise RuntimeError(f"The dashboard did not start: {said}")
        yield found[1], process
    finally:
        process.kill()
        process.communicate()


class Tab:
    """The Compare tab of one server.

    Args:
        driver: Of `chromium`.
        address: Of `serving`.
    """

    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        self.address = address
        driver.get("about:blank")  # What was open asks a server that may be gone.
        driver.get_log("browser")

    def open(self, view: str = "leaderboard", query: str = "", **keys: str) -> None:
        """Opens it anew and waits until the view is drawn.

        Args:
            view: What to look at.
            query: Of TensorBoard's own address.
            keys: More of ours in the address; `o_curve` is the view's option "curve".
        """
        told = {"view": view, **{n.replace("o_", "o.", 1): v for n, v in keys.items()}}
        words = "".join(f"&p.compare.{name}={value}" for name, value in told.items())
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}{query}#compare{words}")
        self.enter()
        self.drawn(view)

    def enter(self) -> None:
        """Goes from TensorBoard's page into ours, which is a frame of it."""
        self.driver.switch_to.default_content()
        self.until("return document.querySelectorAll('iframe').length === 1")
        self.driver.switch_to.frame(0)
        self.until("return document.querySelectorAll('.tabs [role=tab]').length > 0")

    def turn(self, view: str) -> None:
        """Goes to a view as a reader does, and waits until it is drawn."""
        self.js("document.getElementById(arguments[0]).click()", f"tab-{view}")
        self.drawn(view)

    def drawn(self, view: str) -> None:
        """Waits until a view is what the panel shows."""
        inside = {"leaderboard": "table, .nothing"}.get(view, ".main-svg, .nothing")
        self.until(
            "const panel = document.getElementById('panel');"
            "const tab = document.getElementById(`tab-${arguments[0]}`);"
            "return tab?.getAttribute('aria-selected') === 'true'"
            " && panel.dataset.view === arguments[0] && panel.querySelector(arguments[1]) !== null",
            view,
            inside,
        )

    def views(self) -> list[str]:
        """Returns the views there are."""
        names = self.js("return [...document.querySelectorAll('[role=tab]')].map(t => t.id)")
        return [name.removeprefix("tab-") for name in names]

    def js(self, script: str, *arguments: Any) -> Any:
        """Returns what a script returns."""
        return self.driver.execute_script(script, *arguments)

    def until(self, what: str | Callable[[], Any], *arguments: Any) -> Any:
        """Waits for a script, or a function, to return what counts as true, and returns it."""
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        ask = what if callable(what) else lambda: self.js(what, *arguments)
        try:
            return WebDriverWait(self.driver, PATIENCE, 0.1).until(lambda driver: ask())
        except TimeoutException:
            status = self.js("return document.querySelector('.status')?.textContent")
            raise AssertionError(f"Never came: {what}, {arguments}. Status: {status!r}") from None

    def figure(self) -> str:
        """Returns what plotly was given, as text."""
        return str(
            self.js(
                "const drawn = document.getElementById('figure');"
                "return JSON.stringify([drawn.data, drawn.layout])"
            )
        )

    def figure_has(self, *marks: str) -> str:
        """Waits until the figure holds one of these and returns it as text."""
        return str(self.until(lambda: next((f for m in marks if m in (f := self.figure())), None)))

    def ticked(self) -> list[str]:
        """Returns the configurations whose box in the list is ticked."""
        ticked = "document.querySelectorAll('.list :checked')"
        found: list[str] = self.js(f"return [...{ticked}].map(b => b.dataset.config)")
        return found

    def hash(self) -> str:
        """Returns the fragment of the page's address."""
        return str(self.js("return window.parent.location.hash"))

    def mistakes(self) -> list[str]:
        """Returns what the console says of errors, or of us, since it was last asked."""
        return [
            json.dumps(entry)
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" or "plugin/compare" in entry["message"]
        ]
