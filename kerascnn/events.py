"""Event files as TensorBoard reads them, written with its own protos: TensorFlow is not needed.

They are a view: nothing is computed from them, so they are flushed but not fsynced.
"""

import errno
import io
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_metadata
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from kerascnn.record import write_file
from kerascnn.spec import RunSpec, Value

# TensorBoard takes every file whose name contains this, unfinished ones included.
_MARK = "tfevents"
_WHOLE = f"events.out.{_MARK}.0000000000.kerascnn"


class EventFile:
    """A folder's one event file, growing: what a call wrote, TensorBoard can see."""

    def __init__(self, folder: Path) -> None:
        """Starts the file, in place of one that an interrupted run left: two would zig-zag.

        Raises:
            OSError: If the folder cannot be written or the disk is full.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"*{_MARK}*"):
            old.unlink()
        self._path = folder / f"events.out.{_MARK}.{int(time.time()):010d}.{os.getpid()}"
        self._append(_HEADER)

    def write(self, step: int, values: Iterable[Any]) -> None:
        """Adds the summary values of one step.

        Raises:
            OSError: If the disk is full.
        """
        self._append(_event(step, values))

    def _append(self, content: bytes) -> None:
        # Unbuffered: a full disk fails the call that met it and not a later one.
        with open(self._path, "ab", buffering=0) as file:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))


def write_whole(folder: Path, steps: Iterable[tuple[int, Iterable[Any]]]) -> None:
    """Writes a folder's one event file whole or not at all, in place of those it had.

    Args:
        folder: Made if it is not there.
        steps: (step, summary values) pairs, steps ascending.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    content = _HEADER + b"".join(_event(step, values) for step, values in steps)
    beside = folder / ".events"  # Unmarked, so that TensorBoard never opens half a file.
    write_file(beside, content)
    os.replace(beside, folder / _WHOLE)
    for old in folder.glob(f"*{_MARK}*"):
        if old.name != _WHOLE:
            old.unlink()


def scalar(tag: str, value: float) -> Any:
    """Returns the summary value of a number; NaN and infinity are drawn as such."""
    return summary_pb2.Summary.Value(tag=tag, simple_value=value)


def session_start(group: str, settings: Mapping[str, Value | None]) -> Any:
    """Returns the summary value that makes a folder's runs a session of the HParams page.

    Args:
        group: Sessions of one group are one row: their metrics are averaged.
        settings: Value by name; one that is None is left blank, as the page has no word for it.
    """
    start = plugin_data_pb2.SessionStartInfo(group_name=group, start_time_secs=time.time())
    for name, value in settings.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            start.hparams[name].number_value = value
        elif value is not None:
            start.hparams[name].string_value = str(value)
    return _hparams(metadata.SESSION_START_INFO_TAG, session_start_info=start)


def session_end(*, succeeded: bool) -> Any:
    """Returns the summary value that ends a session."""
    status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    return _hparams(metadata.SESSION_END_INFO_TAG, session_end_info=end)


def shown_of(spec: RunSpec, shown: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the settings the HParams page tells a run by: `shown`, or its main ones if empty.

    The page stays blank in a study of which it knows no setting.
    """
    if shown:
        own = {"family": Path(spec.family).stem} if "family" in shown else {}
        return {**shown, **own}
    main = {name: getattr(spec, name) for name in ("learning_rate", "batch_size", "optimizer")}
    return {"family": Path(spec.family).stem, **main, **spec.hyperparameters}


def choice(name: str, values: Sequence[Value], *, leading: bool = True) -> Any:
    """Returns the HParams column of a setting with these values, all of one type.

    Args:
        name: Of the setting.
        values: At least one.
        leading: Whether it goes before those that are not: the page opens with five columns.
    """
    kind = {bool: api_pb2.DATA_TYPE_BOOL, str: api_pb2.DATA_TYPE_STRING}
    info = api_pb2.HParamInfo(name=name, differs=leading)
    info.type = kind.get(type(values[0]), api_pb2.DATA_TYPE_FLOAT64)
    info.domain_discrete.extend(values)
    return info


def interval(
    name: str, low: float, high: float, *, leading: bool = True, description: str = ""
) -> Any:
    """Returns the HParams column of a number from `low` to `high`; see `choice`."""
    info = api_pb2.HParamInfo(name=name, description=description, differs=leading)
    info.type = api_pb2.DATA_TYPE_FLOAT64
    info.domain_interval.min_value = low
    info.domain_interval.max_value = high
    return info


def experiment(columns: Iterable[Any], metrics: Mapping[str, str]) -> Any:
    """Returns the summary value that says what the HParams page shows.

    Args:
        columns: Of settings: from `choice` and `interval`.
        metrics: Shown name by tag.
    """
    infos = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=name)
        for tag, name in metrics.items()
    ]
    told = api_pb2.Experiment(
        hparam_infos=columns, metric_infos=infos, time_created_secs=time.time()
    )
    return _hparams(metadata.EXPERIMENT_TAG, experiment=told)


def margin_charts(category: str, charts: Mapping[str, tuple[str, str, str]]) -> Any:
    """Returns the summary value that lays out the Custom Scalars page.

    Args:
        category: The heading over the charts.
        charts: Title -> tags of value, lower and upper; a run that has all three is drawn.
    """
    made = [
        layout_pb2.Chart(
            title=title,
            margin=layout_pb2.MarginChartContent(
                series=[layout_pb2.MarginChartContent.Series(value=value, lower=low, upper=up)]
            ),
        )
        for title, (value, low, up) in charts.items()
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title=category, chart=made)])
    # TensorBoard's own helper for this imports TensorFlow.
    return summary_pb2.Summary.Value(
        tag=layout_metadata.CONFIG_SUMMARY_TAG,
        metadata=layout_metadata.create_summary_metadata(),
        tensor=tensor_util.make_tensor_proto(layout.SerializeToString()),
    )


def _hparams(tag: str, **content: Any) -> Any:
    data = plugin_data_pb2.HParamsPluginData(**content)
    return summary_pb2.Summary.Value(
        tag=tag,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )


def _event(step: int, values: Iterable[Any]) -> bytes:
    summary = summary_pb2.Summary(value=values)
    return _framed(event_pb2.Event(wall_time=time.time(), step=step, summary=summary))


def _framed(event: Any) -> bytes:
    buffer = io.BytesIO()
    RecordWriter(buffer).write(event.SerializeToString())
    return buffer.getvalue()


_HEADER = _framed(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))
