"""Runs that anyone logged, as TensorBoard's data provider tells them; which are runs of one group.

A run is a folder, and what was logged beneath it is its own: Keras' callback writes a run's scalars
into `train` and `validation`.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from kerascnn.spec import Value

# Points of a curve that are asked for; the last is always among them.
_POINTS = 500
# What stands between the parts of a name.
_SEPARATORS = "/\\-_.,;:= "


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """What the HParams page knows of a run.

    Attributes:
        group: Sessions of one group are one row there; "" for one that stands alone.
        settings: Value by name.
        ended: How, if it said so.
    """

    group: str
    settings: Mapping[str, Value]
    ended: Literal["", "finished", "failed"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where scalars belong.

    Attributes:
        group: The name of the configuration.
        run: The folder of the run.
        name: Which run of it.
        inside: What leads from the run's folder to that of the scalars: "validation/" or "".
    """

    group: str
    run: str
    name: str
    inside: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """One curve of one run, in the order in which it was written."""

    steps: Sequence[float]
    times: Sequence[float]
    values: Sequence[float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run, by one of its curves.

    Attributes:
        folder: Its folder.
        name: Which run of its configuration.
        series: The curve.
        state: How it stands.
        reason: Why it failed; else "".
        settings: Of the HParams page.
    """

    folder: str
    name: str
    series: Series
    state: Literal["finished", "failed", "running"]
    reason: str
    settings: Mapping[str, Value]

    @property
    def seconds(self) -> float | None:
        """The time from the first value to the last: what came before is not known."""
        return max(self.series.times) - min(self.series.times) or None


def pattern_of(text: str) -> "re.Pattern[str]":
    """Returns the regular expression that tells the runs of a configuration apart.

    Raises:
        ValueError: If it is none, or matches the empty text: it would tell nothing apart.
    """
    try:
        found = re.compile(text)
    except re.error as error:
        raise ValueError(f"'{text}' is no regular expression: {error}.") from None
    if found.fullmatch(""):
        raise ValueError(f"'{text}' matches no text as well. Name what differs: 'seed\\d+$'")
    return found


def places(
    folders: Iterable[str], sessions: Mapping[str, Session], pattern: "re.Pattern[str] | None"
) -> dict[str, Place]:
    """Returns folder of scalars -> where they belong; what the pattern is not in is left out.

    Args:
        folders: That hold scalars.
        sessions: By folder.
        pattern: What of a run's name tells it from others of its configuration; None: HParams'
            groups, and what is in none stands alone.
    """
    found = {}
    for folder in folders:
        place = _by_pattern(folder, pattern) if pattern else _by_session(folder, sessions)
        if place is not None:
            found[folder] = place
    return found


def session_of(folder: str, sessions: Mapping[str, Session]) -> Session | None:
    """Returns the session that a folder is of: its own, or that of the nearest above it."""
    return next((sessions[each] for each in _upwards(folder) if each in sessions), None)


def _by_pattern(folder: str, pattern: "re.Pattern[str]") -> Place | None:
    for run in _upwards(folder):
        match = pattern.search(run)
        if match and match.group():
            before, after = run[: match.start()], run[match.end() :]
            group = (before.rstrip(_SEPARATORS) + after).strip(_SEPARATORS)
            return _place(group or "(all)", run, match.group(), folder)
    return None


def _by_session(folder: str, sessions: Mapping[str, Session]) -> Place:
    for run in _upwards(folder):
        if run in sessions:
            return _place(sessions[run].group or run, run, run, folder)
    return _place(folder, folder, folder, folder)


def _place(group: str, run: str, name: str, folder: str) -> Place:
    inside = folder if run == "." else folder[len(run) :].lstrip("/")
    return Place(group=group, run=run, name=name, inside=f"{inside}/" if folder != run else "")


def _upwards(folder: str) -> Iterator[str]:
    """Yields a folder, and those above it up to the log directory, which is called "."."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield "."


class Reader:
    """Event files, read by TensorBoard.

    Args:
        provider: Its data provider.
        passed: Folders of which nothing is read: studies.
    """

    def __init__(self, provider: Any, passed: Sequence[str] = ()) -> None:
        self._provider = provider
        self._passed = frozenset(passed)

    def has_runs(self) -> bool:
        """Returns whether there is any folder of event files: quicker than to list their tags."""
        from tensorboard.context import RequestContext

        if self._provider is None or "." in self._passed:
            return False
        listed = self._provider.list_runs(RequestContext(), experiment_id="")
        return any(not self._is_passed(each.run_name) for each in listed)

    def tags(self) -> dict[str, dict[str, tuple[int, float]]]:
        """Returns folder -> tag -> (last step, time of the last value)."""
        from tensorboard.context import RequestContext

        if self._provider is None or "." in self._passed:
            return {}
        listed = self._provider.list_scalars(
            RequestContext(), experiment_id="", plugin_name="scalars"
        )
        return {
            folder: {tag: (each.max_step, each.max_wall_time) for tag, each in tags.items()}
            for folder, tags in sorted(listed.items())
            if not self._is_passed(folder)
        }

    def sessions(self) -> dict[str, Session]:
        """Returns folder -> what the HParams page knows of it."""
        from tensorboard.context import RequestContext
        from tensorboard.plugins.hparams import metadata

        if self._provider is None or "." in self._passed:
            return {}
        listed = self._provider.list_tensors(
            RequestContext(), experiment_id="", plugin_name=metadata.PLUGIN_NAME
        )
        found = {}
        for folder, tags in listed.items():
            contents = {tag: each.plugin_content for tag, each in tags.items()}
            session = None if self._is_passed(folder) else _session(contents)
            if session is not None:
                found[folder] = session
        return found

    def series(self, tag: str, folders: Sequence[str]) -> dict[str, Series]:
        """Returns folder -> the curve of a tag."""
        from tensorboard.context import RequestContext
        from tensorboard.data.provider import RunTagFilter

        read = self._provider.read_scalars(
            RequestContext(),
            experiment_id="",
            plugin_name="scalars",
            downsample=_POINTS,
            run_tag_filter=RunTagFilter(runs=folders, tags=[tag]),
        )
        return {
            folder: Series(
                steps=[float(point.step) for point in tags[tag]],
                times=[float(point.wall_time) for point in tags[tag]],
                values=[float(point.value) for point in tags[tag]],
            )
            for folder, tags in read.items()
            if tags.get(tag)
        }

    def _is_passed(self, folder: str) -> bool:
        return any(each in self._passed for each in _upwards(folder))


def _session(contents: Mapping[str, bytes]) -> Session | None:
    """Returns what was said at a run's start and end; None if that was not, or is damaged."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # No types.
    from tensorboard.plugins.hparams import api_pb2, error, metadata

    try:
        start = metadata.parse_session_start_info_plugin_data(
            contents[metadata.SESSION_START_INFO_TAG]
        )
        end = contents.get(metadata.SESSION_END_INFO_TAG)
        status = None if end is None else metadata.parse_session_end_info_plugin_data(end).status
    except (KeyError, DecodeError, error.HParamsError):
        return None
    failed = status == api_pb2.STATUS_FAILURE
    return Session(
        group=start.group_name,
        settings={name: value for name, each in start.hparams.items() for value in _values(each)},
        ended="" if status is None else "failed" if failed else "finished",
    )


def _values(told: Any) -> Iterator[Value]:
    """Yields the one value of a setting, if it is a number, a text or a truth."""
    kind = told.WhichOneof("kind")
    if kind in ("string_value", "bool_value"):
        yield getattr(told, kind)
    elif kind == "number_value":
        yield told.number_value if math.isfinite(told.number_value) else str(told.number_value)
