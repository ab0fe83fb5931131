"""The plug-in as TensorBoard sees it: what the tab is called, and its routes.

Its routes answer GET with JSON or a PNG, and take names of studies that were found beneath the log
directory, never paths. TensorBoard imports this at every start: nothing heavy is imported with it.
Where there is a study, it is read beside, so that it is there once the tab is opened.
"""

import contextlib
import functools
import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

if TYPE_CHECKING:
    from tuning.dashboard._shelf import Shelf

_STATIC = Path(__file__).parent / "static"
_KINDS = {".js": "application/javascript", ".css": "text/css"}
# Seconds for which a browser need not ask again for what an installation never changes.
_DAY = 86400


class ComparePlugin(base_plugin.TBPlugin):  # type: ignore[misc]  # TensorBoard has no types.
    """The Compare tab on one log directory."""

    plugin_name = "compare"

    def __init__(self, context: base_plugin.TBContext, group: str = "") -> None:
        """Keeps what TensorBoard hands over, and begins to read.

        Args:
            context: Of TensorBoard.
            group: A regular expression: see `CompareLoader`; "" for none.
        """
        self._context = context
        self._group = group
        self._making = threading.Lock()
        threading.Thread(target=self._read_ahead, daemon=True).start()

    def _read_ahead(self) -> None:
        logdir = Path(self._context.logdir)
        if not any(any(logdir.glob(f"{depth}study.json")) for depth in ("", "*/", "*/*/")):
            return
        # What is wrong is said to the page, which asks the same.
        with contextlib.suppress(ValueError, OSError, KeyError):
            for name in self._shelf.listing()[:1]:
                self._shelf.findings(name, None, None)

    def is_active(self) -> bool:
        """Returns whether there is anything to show: a study, or runs with scalars."""
        return self._shelf.is_active()

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Returns where the page is."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="Compare")

    def get_plugin_apps(self) -> dict[str, Callable[..., Any]]:
        """Returns route -> application."""
        return {
            **{f"/{file.name}": functools.partial(_static, file) for file in _STATIC.iterdir()},
            "/plotly.js": _plotly,
            "/studies": self._answering(lambda args: self._shelf.listing()),
            "/version": self._answering(lambda args: self._shelf.version(args["study"])),
            "/findings": self._answering(lambda args: self._shelf.overview(*_asked(args))),
            "/figure": self._answering(self._figure),
            "/thumbnails": self._answering(self._thumbnails),
        }

    @property
    def _shelf(self) -> "Shelf":
        with self._making:
            return self._made

    @functools.cached_property
    def _made(self) -> "Shelf":
        from tuning import logged
        from tuning.dashboard._shelf import Shelf

        pattern = logged.pattern_of(self._group) if self._group else None
        return Shelf(Path(self._context.logdir), self._context.data_provider, pattern)

    def _figure(self, args: dict[str, str]) -> Any:
        from tuning import figures

        _, found = self._shelf.findings(*_asked(args))
        selected = [each for each in args.get("selected", "").split(",") if each in found.settings]
        name = args["view"]
        chosen = {n.removeprefix("o."): v for n, v in args.items() if n.startswith("o.")}
        options = figures.options(name, found)
        # An address may be of another study, whose options these are not.
        chosen = {n: v for n, v in chosen.items() if v in options.get(n, ())}
        try:
            made = figures.make(name, found, selected, **chosen).to_json()
        except figures.NothingToShow as answer:
            made = {"nothing": str(answer)}
        used = {n: chosen.get(n, values[0]) for n, values in options.items()}
        return {**made, "options": options, "chosen": used}

    def _thumbnails(self, args: dict[str, str]) -> bytes:
        _, found = self._shelf.findings(*_asked(args))
        return found.picture()

    def _answering(self, answer: Callable[[dict[str, str]], Any]) -> Callable[..., Any]:
        """Returns the application that answers with JSON, or bytes that are a PNG.

        What is wrong it says in JSON.
        """

        @wrappers.Request.application
        def serve(request: Any) -> Any:
            if request.method not in ("GET", "HEAD"):
                return _json(request, {"error": "Only GET is answered."}, 405)
            try:
                value = answer(request.args.to_dict())
                if isinstance(value, bytes):  # Its address changes with it.
                    return http_util.Respond(request, value, "image/png", expires=_DAY)
                return _json(request, value, 200)
            except KeyError as error:
                return _json(request, {"error": f"There is no {error.args[0]!r}."}, 404)
            except (ValueError, OSError) as error:
                return _json(request, {"error": str(error)}, 400)

        return serve


class CompareLoader(base_plugin.TBLoader):  # type: ignore[misc]  # TensorBoard has no types.
    """Tells TensorBoard's own command line of the tab.

    How runs are grouped is said there alone: a regular expression from an address could keep the
    server busy for ever.
    """

    def define_flags(self, parser: Any) -> None:
        """Adds `--compare_group`."""
        parser.add_argument_group("Compare tab").add_argument(
            "--compare_group",
            metavar="PATTERN",
            default="",
            help="Regular expression for what tells the runs of a configuration apart in their "
            "names, such as 'seed\\d+$'. Of runs that no study of kerascnn holds; without it they "
            "go by their groups in HParams.",
        )

    def fix_flags(self, flags: Any) -> None:
        """Refuses what is no regular expression."""
        from tuning import logged

        if flags.compare_group:
            try:
                logged.pattern_of(flags.compare_group)
            except ValueError as error:
                raise base_plugin.FlagsError(f"--compare_group: {error}") from None

    def load(self, context: base_plugin.TBContext) -> ComparePlugin:
        """Returns the tab."""
        # Programs that start TensorBoard may pass other flags, or none.
        return ComparePlugin(context, getattr(context.flags, "compare_group", ""))


def _asked(args: dict[str, str]) -> tuple[str, str | None, str | None]:
    """Returns the study, metric and part that a request names."""
    return args["study"], args.get("metric") or None, args.get("split") or None


def _json(request: Any, value: Any, code: int) -> Any:
    # Text: TensorBoard would go through a large value in Python, number by number.
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:  # A browser reads no NaN.
        text = json.dumps(_finite(value), separators=(",", ":"))
    return http_util.Respond(request, text, "application/json", code=code)


def _finite(value: Any) -> Any:
    """Returns a JSON value, None in the place of numbers that are not finite."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _static(file: Path, environ: Any, start: Any) -> Any:
    request = wrappers.Request(environ)
    return http_util.Respond(request, file.read_bytes(), _KINDS[file.suffix])(environ, start)


def _plotly(environ: Any, start: Any) -> Any:
    request = wrappers.Request(environ)
    answer = http_util.Respond(
        request, _plotly_script(), "application/javascript", content_encoding="gzip", expires=_DAY
    )
    return answer(environ, start)


@functools.cache
def _plotly_script() -> bytes:
    """Returns plotly's own JavaScript, compressed."""
    import gzip

    from tuning import plotly_script

    return gzip.compress(plotly_script.read().encode(), compresslevel=5)
