"""Export: one run of a configuration leaves the study, checked against its recorded logits."""

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kerascnn import __version__, attempt, registry
from kerascnn.exporters import _check, _needs
from kerascnn.record import RunRecord, write_file
from tuning import calibration, executors, leaving, model_card, retraining
from tuning.study import Study

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset
    from kerascnn.exporters._export import Export

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
    record = leaving.run_0(study, leaving.find(study, config_id))
    page = model_card.ModelCard(study, record)
    found = leaving.beside(path, lambda beside: _make(study, page, record, beside, format, backend))
    return {
        "path": str(path),
        "format": format,
        "config_id": record.spec.config_id,
        "run_id": record.spec.run_id,
        "accuracy": leaving.accuracy(record),
        "accuracy_part": leaving.scored_part(record),
        "images": found.images,
        "largest_difference": found.largest_difference,
        "size": _size(path),
        "latency": found.latency,
        "status": leaving.status(record),
    }


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


def _backend(study: Study, format: str) -> str:
    """Returns the backend that writes the study's networks in a format, if it is installed."""
    formats = (format, *registry.names(_ROOM))
    needed = {n: registry.constant(_ROOM, n, "BACKEND", study.spec.backend) for n in formats}
    backend: str = needed[format]
    if executors.is_installed(backend):
        _needs.check_written(format)
        return backend
    others = [f"--format {name}" for name in needed if executors.is_installed(needed[name])]
    raise ValueError(
        f"The format {format} needs {backend}, which is not installed. "
        f"Try: {', or '.join([f'python -m pip install {backend}', *others])}"
    )


def _make(
    study: Study,
    page: model_card.ModelCard,
    record: RunRecord,
    beside: Path,
    format: str,
    backend: str,
) -> model_card.Found:
    """Has fresh processes train the run again if need be, then write and check the export."""
    run_dir = attempt.run_dir(study.folder, record.spec)
    network = run_dir / "model.keras"
    recorded = run_dir / f"logits-{leaving.scored_part(record)}.npy"
    _check.read_logits(recorded)  # Said at once, not after the wait.
    if not zipfile.is_zipfile(network):  # Not kept, or damaged.
        network = beside / "model.keras"
        again = retraining.train_again, study, record, recorded, network
        retraining.in_process(study, study.spec.backend, *again)
    card = _card(study, record, format)
    values = record, card, network, recorded, beside / "export"
    found: model_card.Found = retraining.in_process(study, backend, _write, *values)
    write_file(beside / "export" / model_card.NAME, page.text(found).encode())
    return found


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _card(study: Study, record: RunRecord, format: str) -> dict[str, Any]:
    """Returns what is known of the export before the data are read."""
    spec = record.spec
    return {
        "format": format,
        "study": study.name,
        "config_id": spec.config_id,
        "run_id": spec.run_id,
        "epoch": record.scored_epoch,
        "accuracy": leaving.accuracy(record),
        "accuracy_part": leaving.scored_part(record),
        "status": leaving.status(record),
        "parameters": record.parameters,
        "spec": spec.to_json(),
        "trained_with": dict(record.host),
        "kerascnn": __version__,
    }


def _write(
    record: RunRecord, card: dict[str, Any], network: Path, recorded: Path, target: Path
) -> model_card.Found:
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
    indices = data.parts[leaving.scored_part(record)]
    answers = probabilities(exported, data, indices)
    difference = _check.compare(
        answers,
        _check.read_logits(recorded),
        "The export is not the recorded network",
        precision=record.spec.precision,
    )
    return model_card.Found(
        card=about,
        images=len(indices),
        largest_difference=difference,
        **_judged(answers, data, indices, record.spec.seed),
        kind=data.images.dtype.name,
        scale=data.scale,
        offset=data.offset,
        latency=exported.timed(),
        size=_size(target),
    )


def _judged(
    answers: npt.NDArray[np.float32], data: "Dataset", indices: npt.NDArray[np.int64], seed: int
) -> dict[str, Any]:
    """Returns what the card says of answers besides their accuracy: recall and calibration."""
    labels = data.labels[indices]
    right = (answers.argmax(axis=1) == labels).astype(np.float64)
    confidence = answers.max(axis=1).astype(np.float64)
    counts = np.bincount(labels, minlength=data.num_classes)
    hits = np.bincount(labels, weights=right, minlength=data.num_classes)
    return {
        "classes": [
            (name, int(count), float(hit / count) if count else None)
            for name, count, hit in zip(data.class_names, counts, hits, strict=True)
        ],
        "calibration_error": calibration.calibration_error(confidence, right),
        "by_chance": calibration.calibration_error_by_chance(confidence, seed=seed),
    }
