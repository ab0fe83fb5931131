"""How soon the Compare tab shows a large study, how smoothly it scrolls, and what memory it takes.

    python -m benchmarks.dashboard [--configurations 200 2000] [--n 3] [--keep FOLDER]

Made studies of so many configurations with five seeds, 100 epochs of four curves in the log and in
event files, and logits of 217 validation images of 10 classes. `dashboard` runs in a process of its
own, and headless Chromium opens the tab once TensorBoard answers.

Seconds until TensorBoard's own page is there and until the rows of the leaderboard are, in a server
that was just started, then until each view is drawn; beside them the processor's seconds of the
server, which say more on a busy machine. MB are what a process holds, what is shared counted in
part: the server, TensorBoard without us once it has read the same folder, and the browser's process
that draws the page. The longest frame is the longest time between two frames while a view is
scrolled from top to bottom; the longest task is the page's own (0: none took 50 ms).

Aims: 1,000 runs in 2 s and 500 MB, no frame over 200 ms; 10,000 runs in 10 s.
"""

import argparse
import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks import _timing, comparison
from kerascnn.loggers import tensorboard
from kerascnn.record import RunLog, RunRecord
from tests import browser
from tuning import figures, summary
from tuning.study import Study

SEEDS, EPOCHS, IMAGES, CLASSES = 5, 100, 217, 10
CURVES = comparison.CURVES
AIMS = {1000: "2 s, 500 MB, 200 ms", 10_000: "10 s"}


def make(folder: Path, configurations: int, epochs: int = EPOCHS) -> None:
    """Makes a study of so many configurations, with all that a search leaves but networks."""
    append = RunLog.append_record
    rng = np.random.default_rng(1)

    def longer(log: RunLog, record: RunRecord) -> None:
        history = {name: _curve(rng, epochs) for name in CURVES}
        record = dataclasses.replace(record, epoch=epochs, history=history)
        append(log, record)
        events = tensorboard.logger(
            folder / record.spec.config_id / record.spec.run_name, record.spec, shown=record.point
        )
        for epoch, values in enumerate(zip(*history.values(), strict=True), start=1):
            events.epoch(epoch, dict(zip(history, values, strict=True)))
        events.close(record)

    with mock.patch.object(RunLog, "append_record", longer):
        comparison.make(
            folder,
            configurations=configurations,
            seeds=SEEDS,
            images=IMAGES,
            classes=CLASSES,
            logits=True,
        )
    summary.describe(folder, Study(folder).spec)


def _curve(rng: np.random.Generator, epochs: int) -> list[float]:
    return [float(value) for value in np.cumsum(rng.random(epochs)) / epochs]


@dataclasses.dataclass
class Seen:
    """What one server and one browser took.

    Attributes:
        seconds: Until something was there, by its name.
        processor: The same, of the server's processor.
        megabytes: Resident, by process.
        frames: Milliseconds of the longest frame, by what was scrolled.
        tasks: Milliseconds of the longest task, by what was scrolled.
    """

    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    processor: dict[str, float] = dataclasses.field(default_factory=dict)
    megabytes: dict[str, float] = dataclasses.field(default_factory=dict)
    frames: dict[str, float] = dataclasses.field(default_factory=dict)
    tasks: dict[str, float] = dataclasses.field(default_factory=dict)


def look(folder: Path, views: Sequence[str]) -> Seen:
    """Opens the tab on a study as a reader does, in every view, and measures."""
    seen = Seen()
    with browser.serving(folder) as (address, process), browser.chromium() as driver:
        answer(address)
        tab = browser.Tab(driver, address)
        with timed(seen, "leaderboard", process.pid):
            with timed(seen, "TensorBoard's page", process.pid):
                driver.get(f"{address}#compare")
                tab.until("return document.querySelectorAll('[role=tab]').length > 0")
            tab.enter()
            tab.drawn("leaderboard")
            tab.until("return document.querySelectorAll('tbody tr').length > 0")
        scroll(tab, "leaderboard", seen)
        scroll(tab, "list", seen, ".list")
        offered = tab.views()  # Not all suit the study.
        for view in (each for each in views if each in offered):
            with timed(seen, view, process.pid):
                tab.turn(view)
            scroll(tab, view, seen)
        seen.megabytes["server"] = resident(process.pid)
        seen.megabytes["page"] = max(map(resident, renderers(driver)))
    return seen


@contextlib.contextmanager
def timed(seen: Seen, name: str, server: int) -> Iterator[None]:
    """Puts down the seconds that something takes, and those of the server's processor."""
    start, busy = time.perf_counter(), processor(server)
    yield
    seen.seconds[name] = time.perf_counter() - start
    seen.processor[name] = processor(server) - busy


def processor(pid: int) -> float:
    """Returns the seconds that a process and those it started were computing."""
    ticks = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(told[11]) + int(told[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def answer(address: str) -> None:
    """Waits until TensorBoard answers."""
    urllib.request.urlopen(f"{address}data/plugins_listing", timeout=300).read()


_SCROLL = """
const [selector, done] = [arguments[0], arguments[arguments.length - 1]];
const part = selector ? document.querySelector(selector) : document.scrollingElement;
let [task, frame, last] = [0, 0, null];
const watch = new PerformanceObserver((list) => list.getEntries()
  .forEach((each) => { task = Math.max(task, each.duration); }));
watch.observe({type: 'longtask'});
const height = part.scrollHeight - part.clientHeight;
const steps = Math.max(60, Math.ceil(height / 100));
let step = 0;
function turn(now) {
  if (last !== null) frame = Math.max(frame, now - last);
  last = now;
  part.scrollTop = height * step / steps;
  if (step++ < steps) return requestAnimationFrame(turn);
  setTimeout(() => { watch.disconnect(); done([frame, task]); }, 50);
}
requestAnimationFrame(turn);
"""


def scroll(tab: browser.Tab, name: str, seen: Seen, selector: str = "") -> None:
    """Scrolls from top to bottom and puts down the longest frame and task."""
    tab.js("document.querySelector(arguments[0] || 'html').scrollTop = 0", selector)
    seen.frames[name], seen.tasks[name] = tab.driver.execute_async_script(_SCROLL, selector)


def stock(folder: Path) -> float:
    """Returns the MB of TensorBoard without us, once it has read every run of the folder."""
    runs = sum(1 for _ in folder.glob("*/*/events.out.tfevents.*"))
    code = (
        "import json, os, sys, time, types, urllib.request\n"
        "sys.modules['tensorboard.compat.notf'] = types.ModuleType('notf')\n"
        "from tensorboard import default, program\n"
        "board = program.TensorBoard(plugins=default.get_plugins())\n"
        "board.configure(logdir=sys.argv[1], port=0, reload_interval=5)\n"
        "address = board.launch()\n"
        "def runs(): return len(json.load(urllib.request.urlopen(address + 'data/runs')))\n"
        "while runs() < int(sys.argv[2]): time.sleep(0.2)\n"
        "print('read', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(folder), str(runs)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = resident(process.pid)
        process.kill()
    return found


def resident(pid: int) -> float:
    """Returns the MB that a process and those it started hold, what they share counted in part."""
    total = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


def family(pid: int) -> list[int]:
    """Returns a process and all that it started."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def renderers(driver: Any) -> list[int]:
    """Returns the browser's processes that draw pages."""
    found = []
    for pid in family(driver.service.process.pid):
        with contextlib.suppress(OSError):
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def report(runs: int, seen: Sequence[Seen], alone: Sequence[float]) -> str:
    """Returns the table of one study."""
    rows = []
    for kind, unit, digits in (
        ("seconds", "s until", 2),
        ("processor", "s of the server's processor", 2),
        ("megabytes", "MB", 0),
        ("frames", "ms, longest frame", 0),
        ("tasks", "ms, longest task", 0),
    ):
        every = [getattr(each, kind) for each in seen]
        for name in every[0]:
            values = [each[name] for each in every]
            rows.append([unit, name, *_timing.spread(values, digits)])
        if kind == "megabytes" and alone:
            rows.append([unit, "TensorBoard alone", *_timing.spread(alone, digits)])
    heads = [f"{runs:,} runs", f"n = {len(seen)}", "median", "low", "high"]
    aim = AIMS.get(runs)
    return _timing.table(heads, rows, 2) + (f"\naim: {aim}" if aim else "")


def main() -> None:
    """Makes studies, looks at them, and prints a table each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--configurations", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--n", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="where studies are made, and found again")
    given = parser.parse_args()
    if lacking := browser.missing():
        parser.error(f"There is no {lacking}.")
    browser.PATIENCE = 600  # What takes longer than a test may is measured, too.
    with tempfile.TemporaryDirectory() as passing:
        for count in given.configurations:
            folder = (given.keep or Path(passing)) / f"study-{count}"
            if not folder.exists():
                make(folder, count)
            seen = [look(folder, figures.names()) for _ in range(given.n)]
            alone = [stock(folder) for _ in range(given.n)]
            print(report(count * SEEDS, seen, alone), end="\n\n", flush=True)
    print(_timing.circumstances("tensorboard", "plotly", "numpy", "kerascnn"))


if __name__ == "__main__":
    main()
