"""`dashboard`: a study, or a folder of any runs, in TensorBoard, on this machine."""

import contextlib
import errno
import io
import socket
import statistics
import sys
import threading
import types
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from kerascnn import metrics
from kerascnn.record import RunRecord
from tuning import logged, study
from tuning.search_spec import SearchSpec
from tuning.study import Study

# TensorBoard selects nothing by itself where more runs than this match the filter.
_SELECTED = 40
# Seeds shown of a configuration where not all can be.
_REPEATS = 4
# Runs above which the Time Series page, which has no address for a selection, starts empty.
_TIME_SERIES = 500
_PORTS = 100


@click.command()
@click.argument("name", metavar="[STUDY]", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=6006,
    show_default=True,
    help="Port to listen on; if it is taken, the next free one.",
)
@click.option(
    "--group",
    metavar="PATTERN",
    default="",
    help="Regular expression for what tells the runs of a configuration apart in their names, such "
    "as 'seed\\d+$'; of runs that lie in no study. Without it they go by their groups in HParams.",
)
def command(name: str | None, host: str, port: int, group: str) -> None:
    """Show a study in TensorBoard: the one last written, unless STUDY names another.

    STUDY may also be a folder of studies, or of anyone's runs. It follows what is still running.
    Ctrl-C stops it.
    """
    shown = _shown(name)
    if group:
        logged.pattern_of(group)
        if isinstance(shown, Study):
            raise ValueError(f"--group is for runs of others: {shown.folder} is a study, grouped.")
    if name is None and isinstance(shown, Study):
        click.echo(f"Study: {shown.folder}")
    if isinstance(shown, Study):
        from tuning import thumbnails  # SciPy.

        if told := thumbnails.refresh(shown, foreign=True):
            click.echo(told)
    address = serve(shown, host, port, group)
    if urllib.parse.urlsplit(address).port != port:
        click.echo(f"Port {port} is taken; this is the next free one.")
    click.echo("\n".join(directions(shown, address)))
    # A wait without end would not notice Ctrl-C on every system.
    with contextlib.suppress(KeyboardInterrupt):
        while not threading.Event().wait(3600):
            pass
    click.echo("\nStopped.")


def _shown(name: str | None) -> Study | Path:
    """Returns the study that is meant, or the folder that is none."""
    if name and Path(name).is_dir():
        known = (study.RUNS / name, Path(name))
        if not any((folder / "study.json").exists() for folder in known):
            return Path(name)
    return study.find(name)


def serve(shown: Study | Path, host: str, port: int, group: str = "") -> str:
    """Starts TensorBoard on a folder in a thread and returns its address.

    Args:
        shown: The study, or any folder.
        host: Address to listen on.
        port: The first port to try.
        group: Regular expression for what tells the runs of a configuration apart that lie in no
            study; "" for none.

    Raises:
        ValueError: If `host` is no address of this machine, no port is free, or `group` is no
            regular expression.
    """
    # TensorBoard then reads event files by its own means instead of loading TensorFlow.
    sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")
    from absl import logging
    from tensorboard import default, program

    from tuning.dashboard.plugin import CompareLoader

    logging.set_verbosity(logging.ERROR)
    # Ours is there also where the package is not installed, and only once where it is.
    plugins = [each for each in default.get_plugins() if each is not CompareLoader]
    board = program.TensorBoard(plugins=[*plugins, CompareLoader], server_class=_listen)
    folder = shown.folder if isinstance(shown, Study) else shown
    board.configure(
        logdir=str(folder), host=host, port=port, reload_interval=5, compare_group=group
    )
    # It announces its faster reader at length on every start.
    with contextlib.redirect_stderr(io.StringIO()):
        address: str = board.launch()
    return address


def _listen(app: Any, flags: Any) -> Any:
    """Makes TensorBoard's server on the first free port from `flags.port` on."""
    from tensorboard import program

    host, first = flags.host, flags.port
    last = min(first + _PORTS - 1, 65535)
    for flags.port in range(first, last + 1):
        if not _is_free(host, flags.port):
            continue
        # Werkzeug exits where it cannot bind: the port was taken a moment ago.
        with contextlib.suppress(program.TensorBoardPortInUseError, SystemExit):
            return program.WerkzeugServer(app, flags)
    raise ValueError(f"No port is free on {host} from {first} to {last}.")


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server does: a port that it just left is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise ValueError(f"Nothing can listen on {host}:{port}: {error.strerror}.") from None
    return True


def directions(shown: Study | Path, address: str) -> list[str]:
    """Returns what to print: the addresses at which every page shows data with nothing to tick.

    Args:
        shown: The study, or any folder.
        address: Of the server, with a slash at its end.
    """
    compare = f"Compare: {_page(address, 'compare', '')}"
    if not isinstance(shown, Study):
        others = f"TensorBoard: {_page(address, 'timeseries', '')}"
        return [compare, others, "Ctrl-C stops it."]
    records = shown.records()
    chosen, leading = run_filter(shown.spec, records)
    lines = [compare, f"TensorBoard: {_page(address, 'timeseries', chosen)}"]
    if shown.imported is None:  # Another tool's trials have no curves.
        lines.append(f"Mean and band over the seeds: {_page(address, 'custom_scalars', chosen)}")
    if not records:
        lines.append("No run has ended yet: the pages fill as the search goes on.")
    if chosen:
        lines.append(
            f"Scalars and Custom Scalars show the {leading} leading configurations so far."
        )
    if _total(shown.spec, records) > _TIME_SERIES:
        lines.append(
            f"Above {_TIME_SERIES} runs, Time Series opens with none selected: "
            "tick the box at the head of its list."
        )
    lines.append("Ctrl-C stops it.")
    return lines


def run_filter(spec: SearchSpec, records: Sequence[RunRecord]) -> tuple[str, int]:
    """Returns a regular expression for the runs to show, and of how many configurations they are.

    It is empty where all can be shown, or none has ended: TensorBoard selects by itself only
    where at most 40 runs match. The leading configurations are those with the best mean of the
    objective so far.
    """
    scores: dict[str, list[float]] = {}
    for record in records:
        if record.spec.phase == "search" and spec.objective in record.metrics:
            scores.setdefault(record.spec.config_id, []).append(record.metrics[spec.objective])
    if not scores or _total(spec, records) <= _SELECTED:
        return "", len(scores)
    sign = -1 if metrics.maximize(spec.objective) else 1
    means = {config: sign * statistics.fmean(values) for config, values in scores.items()}
    repeats = min(_seeds(spec, records), _REPEATS)
    leading = sorted(means, key=means.__getitem__)[: _SELECTED // (repeats + 1)]
    digits = next(n for n in range(4, 13) if len({config[:n] for config in means}) == len(means))
    configs = "|".join(config[:digits] for config in leading)
    return f"^({configs})[^/]*/(summary|search[0-{repeats - 1}]$)", len(leading)


def _seeds(spec: SearchSpec, records: Sequence[RunRecord]) -> int:
    return max(spec.seeds, *(record.spec.repeat + 1 for record in records), 1)


def _total(spec: SearchSpec, records: Sequence[RunRecord]) -> int:
    """Returns how many runs TensorBoard will list, summaries and the study itself included."""
    configs = max(len({record.spec.config_id for record in records}), spec.trials)
    return configs * (_seeds(spec, records) + 1) + 1


def _page(address: str, page: str, runs: str) -> str:
    chosen = f"&regexInput={urllib.parse.quote(runs, safe='')}" if runs else ""
    return f"{address}#{page}{chosen}"
