"""Export: one run of a configuration leaves the study, checked against its recorded logits."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kerascnn import __version__, attempt, metrics, registry, training
from kerascnn.exporters import _check
from kerascnn.record import RunRecord
from tuning import executors, retraining
from tuning.study import Study

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset
    from kerascnn.exporters._export import Export

# Phases whose repeat 0 may leave, the first that is there.
_PHASES = ("final", "search")
_ROOM = "kerascnn.exporters"
# Images taken from the memory map at once.
_BLOCK = 4096


def export(
    study: Study, config_id: str, path: str | Path, *, format: str = "saved_model"
) -> dict[str, Any]:
    """Exports repeat 0 of a configuration, never its best seed.

    A fresh process writes it beside `path`, re-opens it, and compares its probabilities on the
    images the run was scored on with the recorded logits; then it is renamed. A run whose
    `model.keras` is not kept is trained again first.

    Args:
        study: The study.
        config_id: A configuration of it, or the beginning of its id.
        path: The folder to make.
        format: An entry of `kerascnn/exporters`, or the user's own (a path or a dotted module).

    Returns:
        path, format, config_id, run_id, accuracy, accuracy_part (what it was measured on),
        images (how many these were), largest_difference (of a probability), size (bytes), latency
        (see `kerascnn.latency.measure`; it is in the card too) and status: "confirmed" where that
        accuracy, on the test set, chose nothing, else "not confirmed".

    Raises:
        ValueError: If there is no such format, configuration or finished run, a file of the run
            is missing or damaged, or what the format needs is not installed.
        FileExistsError: If there is something at `path`.
        RuntimeError: If the export does not give the recorded probabilities. Nothing is left.
    """
    registry.source_file(_ROOM, format)
    if study.imported is not None:
        raise ValueError(
            f"{study.folder} was imported from {study.imported['format']}: it holds no network "
            "to export."
        )
    backend = _backend(study, format)
    path = Path(path)
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists, and exports are not overwritten. Try another --to.")
    record = leaving(study, find(study, config_id))
    found = beside(path, lambda beside: _make(study, record, beside, format, backend))
    return {
        "path": str(path),
        "format": format,
        "config_id": record.spec.config_id,
        "run_id": record.spec.run_id,
        "accuracy": accuracy(record),
        "accuracy_part": scored_part(record),
        "images": found["images"],
        "largest_difference": found["largest_difference"],
        "size": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        "latency": found["latency"],
        "status": status(record),
    }


def winner(study: Study) -> str | None:
    """Returns the configuration that the last confirmation chose; None if none did."""
    chosen = [line for line in study.log.lines() if line.get("name") == "chosen"]
    return chosen[-1]["config_id"] if chosen else None


def status(record: RunRecord) -> str:
    """Returns whether what a run was scored on had a part in choosing it; see `export`."""
    return "confirmed" if record.spec.phase == "final" else "not confirmed"


def find(study: Study, beginning: str) -> str:
    """Returns the id of the one configuration of `study` that begins so.

    Raises:
        ValueError: If there is none, or more than one.
    """
    known = list(dict.fromkeys(record.spec.config_id for record in study.records()))
    matching = [config for config in known if beginning and config.startswith(beginning)]
    if not matching:
        raise ValueError(registry.unknown(f"the configurations of {study.name}", beginning, known))
    if len(matching) > 1:
        raise ValueError(f"{beginning!r} begins more than one id: {', '.join(matching)}.")
    return matching[0]


def leaving(study: Study, config_id: str) -> RunRecord:
    """Returns the record of the run that leaves: repeat 0 of the configuration.

    Raises:
        ValueError: If it has not ended, or failed.
    """
    ended = {
        record.spec.phase: record
        for record in study.records()
        if record.spec.config_id == config_id
        and record.spec.repeat == 0
        and record.spec.subset == "all"
    }
    record = next((ended[phase] for phase in _PHASES if phase in ended), None)
    if record is None or record.status != "finished":
        state = "has not ended" if record is None else f"is {record.status}"
        raise ValueError(
            f"Run 0 of configuration {config_id} {state}, and no other run stands in for it: "
            "name another with --config."
        )
    return record


def scored_part(record: RunRecord) -> str:
    """Returns the part of the data that the run was scored on."""
    return training.SCORED_PARTS[record.spec.phase][0]


def accuracy(record: RunRecord) -> float:
    """Returns the share of the part's images that the run labels correctly."""
    return record.metrics[metrics.prefix_of(scored_part(record)) + "accuracy"]


def probabilities(
    export: "Export", data: "Dataset", indices: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Returns what an export says of images of a dataset, float32 (n, num_classes).

    Images that are stored as uint8 go to the export as they are, others scaled to [0, 1].
    """
    out = np.empty((len(indices), len(export.class_names)), np.float32)
    for start in range(0, len(indices), _BLOCK):
        chosen = indices[start : start + _BLOCK]
        plain = data.images.dtype == np.uint8
        images = np.asarray(data.images[chosen]) if plain else data.pixels(chosen)
        out[start : start + len(chosen)] = export.predict(images)
    return out


def beside(path: Path, make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Makes a folder beside `path` and renames it: there is all of it or nothing.

    Args:
        path: The folder there will be.
        make: Makes it as `export` in the folder it is given.

    Returns:
        What `make` returned.
    """
    made = [parent for parent in path.absolute().parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        found = make(beside)
        os.rename(beside / "export", path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):  # Not empty: it holds the export.
                parent.rmdir()
    return found


def _backend(study: Study, format: str) -> str:
    """Returns the backend that writes the study's networks in a format, if it is installed."""
    formats = (format, *registry.names(_ROOM))
    needed = {n: registry.constant(_ROOM, n, "BACKEND", study.spec.backend) for n in formats}
    backend: str = needed[format]
    if executors.is_installed(backend):
        return backend
    others = [f"--format {name}" for name in needed if executors.is_installed(needed[name])]
    raise ValueError(
        f"The format {format} needs {backend}, which is not installed. "
        f"Try: {', or '.join([f'python -m pip install {backend}', *others])}"
    )


def _make(
    study: Study, record: RunRecord, beside: Path, format: str, backend: str
) -> dict[str, Any]:
    """Has fresh processes train the run again if need be, then write and check the export."""
    run_dir = attempt.run_dir(study.folder, record.spec)
    network = run_dir / "model.keras"
    recorded = run_dir / f"logits-{scored_part(record)}.npy"
    _check.read_logits(recorded)  # Said at once, not after the wait.
    if not network.exists():
        network = beside / "model.keras"
        again = retraining.train_again, study, record, recorded, network
        retraining.in_process(study, study.spec.backend, *again)
    card = _card(study, record, format)
    values = record, card, network, recorded, beside / "export"
    found: dict[str, Any] = retraining.in_process(study, backend, _write, *values)
    return found


def _card(study: Study, record: RunRecord, format: str) -> dict[str, Any]:
    """Returns what is known of the export before the data are read."""
    spec = record.spec
    return {
        "format": format,
        "study": study.name,
        "config_id": spec.config_id,
        "run_id": spec.run_id,
        "epoch": record.scored_epoch,
        "accuracy": accuracy(record),
        "accuracy_part": scored_part(record),
        "status": status(record),
        "parameters": record.parameters,
        "spec": spec.to_json(),
        "trained_with": dict(record.host),
        "kerascnn": __version__,
    }


def _write(
    record: RunRecord, card: dict[str, Any], network: Path, recorded: Path, target: Path
) -> dict[str, Any]:
    """Writes the export to `target`, re-opens it from disk and compares."""
    from kerascnn.exporters._export import Export
    from kerascnn.exporters.keras_archive import open_network

    data = retraining.data_of(record)
    height, width, channels = data.input_shape
    about = {
        **card,
        "class_names": list(data.class_names),
        "height": height,
        "width": width,
        "channels": channels,
        "fingerprint": data.fingerprint,
    }
    room = registry.load(_ROOM, card["format"])
    room.export(open_network(network), target, about)
    exported = Export(target, about)
    indices = data.parts[scored_part(record)]
    answers = probabilities(exported, data, indices)
    difference = _check.compare(
        answers,
        _check.read_logits(recorded),
        "The export is not the recorded network",
        precision=record.spec.precision,
    )
    found = {"largest_difference": difference, "images": len(indices)}
    return {**found, "latency": exported.timed()}
