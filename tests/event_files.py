"""Reads event files as TensorBoard does, checksums included, without loading TensorFlow."""

from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.plugins.hparams import metadata, plugin_data_pb2


def path_in(folder: Path) -> Path:
    """Returns the folder's one event file."""
    (path,) = folder.glob("*tfevents*")
    return path


def read(folder: Path) -> list[Any]:
    """Returns the events of the folder's one event file, the leading version event left out."""
    reader = PyRecordReader_New(str(path_in(folder)))
    events = []
    try:
        while True:
            reader.GetNext()
            events.append(event_pb2.Event.FromString(reader.record()))
    except errors.OutOfRangeError:
        assert events[0].file_version == "brain.Event:2"
        return events[1:]


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Returns tag -> step -> value."""
    found: dict[str, dict[int, float]] = {}
    for event in read(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def hparams(folder: Path) -> dict[str, Any]:
    """Returns tag -> content of what the HParams page reads."""
    found = {}
    for event in read(folder):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME:
                content = value.metadata.plugin_data.content
                found[value.tag] = plugin_data_pb2.HParamsPluginData.FromString(content)
    return found


def settings(folder: Path) -> dict[str, Any]:
    """Returns the values of the folder's session, by name."""
    start = hparams(folder)[metadata.SESSION_START_INFO_TAG].session_start_info
    return {name: getattr(v, v.WhichOneof("kind")) for name, v in start.hparams.items()}
