"""Measures an export on labelled images."""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kerascnn.datasets._arrays import Dataset
    from kerascnn.exporters._export import Export

_PARTS = ("validation", "test", "all")
# Columns of a table that goes to a file or another program: wide enough to wrap nothing.
_UNWRAPPED = 1000
# Rec. 601 luma in 16-bit fixed point, as Pillow converts colour to grey.
_LUMA = (19595, 38470, 7471)


@click.command()
@click.argument("export")
@click.argument("dataset")
@click.option(
    "--part",
    help=f"One of {', '.join(_PARTS)}.  [default: all; validation on the data it was trained on]",
)
@click.option("--skip-bad", is_flag=True, help="Leave unreadable images out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(export: str, dataset: str, part: str | None, skip_bad: bool, as_json: bool) -> None:
    """Measure the network in the folder EXPORT on the labelled images of DATASET.

    DATASET is a name, an .npz file or a folder of class folders. Its images are resized to the
    network's size and made grey or colour as the network is; its classes are matched by name.

    On other data than the network was trained on, all images count. On the same data these are
    the validation images, as the network knows the training images; --part test opens the test
    set, which is worth doing once, at the very end.

    How long answers take is measured on this machine: the median of some calls with 1 and 64
    images, and between what 90 % of them lie.
    """
    from kerascnn import exporters, latency, registry

    if part is not None and part not in _PARTS:
        raise ValueError(registry.unknown("parts", part, _PARTS))
    opened = exporters.read(export)
    result = evaluate(opened, dataset, part=part, skip_bad=skip_bad)
    result["latency"] = latency.measure(opened.predict, opened.input_shape)
    if as_json:
        click.echo(json.dumps(result))
    else:
        _show(result)


def evaluate(
    export: "Export", dataset: str, *, part: str | None = None, skip_bad: bool = False
) -> dict[str, Any]:
    """Returns how an export does on the images of a dataset.

    Args:
        export: An opened export.
        dataset: An entry of `kerascnn/datasets`, an `.npz` file or a folder of class folders.
        part: "validation", "test" or "all"; None: "validation" if the export was trained on this
            very data, else "all".
        skip_bad: Whether unreadable images are left out rather than refused.

    Returns:
        export, dataset, part, n (images), accuracy, interval (Wilson's, 95 %), loss (mean
        cross-entropy in nats), balanced_accuracy, f1_macro, classes (name, n and recall, which is
        None without images) and notes (what to know about these numbers, a sentence each).

    Raises:
        ValueError, OSError: If the data cannot be read, have other classes or another shape, or
            hold the images the export was trained on and `part` is "all".
    """
    import numpy as np

    from tuning import exporting

    data = _load(export, dataset, skip_bad)
    trained_on = data.fingerprint == export.card.get("fingerprint")
    part = part or ("validation" if trained_on else "all")
    if trained_on and part == "all":
        raise ValueError(
            f"{dataset} holds the images the export was trained on. "
            "Expected --part validation or test. Received: all"
        )
    if part != "all" and part not in data.parts:
        raise ValueError(f"{dataset} has too few images to be divided. Expected --part all.")
    fitting, labels = _fitting(export, data)
    indices = np.arange(len(data.labels)) if part == "all" else data.parts[part]
    answers = exporting.probabilities(export, fitting, indices)
    return {
        "export": str(export.path),
        "dataset": dataset,
        "part": part,
        **_measured(export, answers, labels[indices]),
        "notes": _notes(export, data, part, trained_on),
    }


def _load(export: "Export", dataset: str, skip_bad: bool) -> "Dataset":
    """Reads the dataset at the export's size, divided as the export's own data were."""
    from kerascnn.spec import RunSpec

    height, width, _ = export.input_shape
    spec = RunSpec.from_json({"family": "", "dataset": "", **export.card.get("spec", {})})
    options = spec.data_options
    # Its own data are read with the words they were trained with, and so found in the cache.
    own = spec.dataset in (dataset, os.path.realpath(dataset))
    options["skip_bad"] = skip_bad or (own and spec.skip_bad)
    if not own and height == width:
        options["image_size"] = height
    data = _read(export, dataset, options)
    if data.input_shape[:2] != (height, width) and height == width:
        data = _read(export, dataset, {**options, "image_size": height})
    if data.input_shape[:2] != (height, width):
        raise ValueError(
            f"{export.path} takes images of {height} x {width} pixels. "
            f"Received: {dataset}, {' x '.join(map(str, data.input_shape[:2]))}"
        )
    return data


def _read(export: "Export", dataset: str, options: dict[str, Any]) -> "Dataset":
    """Reads the dataset, undivided where it has too few images for that."""
    from kerascnn import datasets

    whole = datasets.load(dataset, **options, divide=False)
    for group_by in dict.fromkeys((options["group_by"], "")):
        try:
            data = datasets.load(dataset, **{**options, "group_by": group_by})
        except ValueError:  # Too few to have been trained on, or not with this pattern.
            continue
        # The pattern is of the export's own data, which may have moved, and of no others.
        if not group_by or data.fingerprint == export.card.get("fingerprint"):
            return data
    return whole


def _fitting(export: "Export", data: "Dataset") -> tuple["Dataset", "npt.NDArray[np.int64]"]:
    """Returns the data in the export's channels, and their labels as indices of its classes."""
    import dataclasses

    import numpy as np

    known = {name: index for index, name in enumerate(export.class_names)}
    unknown = [name for name in data.class_names if name not in known]
    if unknown:
        others = [name for name in known if name not in data.class_names]
        raise ValueError(
            f"{data.name} has classes the export does not know: {_some(unknown)}. "
            f"Classes only the export has: {_some(others) or 'none'}."
        )
    labels = np.array([known[name] for name in data.class_names])[data.labels]
    ours, theirs = export.input_shape[2], data.input_shape[2]
    if {ours, theirs} == {1, 3}:
        images = _grey(data.images) if ours == 1 else np.repeat(data.images, 3, axis=3)
        data = dataclasses.replace(data, images=images)
    elif ours != theirs:
        raise ValueError(
            f"{export.path} takes images of {ours} channels. Received: {data.name}, {theirs}"
        )
    return data, labels


def _grey(images: "np.ndarray") -> "np.ndarray":
    """Returns (n, height, width, 1) of the same type, by luma, a block of images at a time."""
    import numpy as np

    out = np.empty((*images.shape[:3], 1), images.dtype)
    for start in range(0, len(images), 1024):
        block = images[start : start + 1024]
        if images.dtype == np.uint8:
            out[start : start + 1024, ..., 0] = (block @ np.array(_LUMA, np.uint32) + 0x8000) >> 16
        else:
            out[start : start + 1024, ..., 0] = block @ (np.array(_LUMA, np.float32) / 65536)
    return out


def _measured(
    export: "Export", answers: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]"
) -> dict[str, Any]:
    import numpy as np
    from scipy import stats

    from kerascnn import metrics

    # A probability that float32 cannot hold would make the loss infinite.
    logs = np.log(np.maximum(answers, np.finfo(np.float32).tiny, dtype=np.float64))
    found = {k.removeprefix("test_"): v for k, v in metrics.measure(logs, labels, "test").items()}
    right = answers.argmax(axis=1) == labels
    interval = stats.binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
    classes = []
    for index, name in enumerate(export.class_names):
        own = right[labels == index]
        recall = float(own.mean()) if len(own) else None
        classes.append({"name": name, "n": len(own), "recall": recall})
    return {
        "n": len(labels),
        "accuracy": found["accuracy"],
        "interval": [float(interval.low), float(interval.high)],
        "loss": found["loss"],
        "balanced_accuracy": found["balanced_accuracy"],
        "f1_macro": found["f1_macro"],
        "classes": classes,
    }


def _notes(export: "Export", data: "Dataset", part: str, trained_on: bool) -> list[str]:
    if trained_on and part == "test":
        return ["The test set was opened. A choice made after this makes its accuracy too high."]
    if trained_on:
        return [
            "These are the data the export was trained on: of them only the validation images, "
            "which chose the configuration; --part test measures on the test set."
        ]
    if export.card.get("spec", {}).get("dataset") == data.name:
        return [
            f"{data.name} is not as it was when the export was trained on it: images it was "
            "trained on may be among these, and the accuracy then too high."
        ]
    return []


def _some(names: list[str]) -> str:
    more = len(names) - 5
    return ", ".join([*map(repr, names[:5]), *([f"and {more:,} more"] if more > 0 else [])])


def _show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from kerascnn import latency

    low, high = result["interval"]
    click.echo(
        f"{result['dataset']}, {result['part']}: accuracy {result['accuracy']:.4f} "
        f"(95 % {low:.4f} to {high:.4f}) on {result['n']:,} images, loss {result['loss']:.4f}."
    )
    click.echo(f"Answers take {latency.text(result['latency'])}.")
    for note in result["notes"]:
        click.echo(note)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class", overflow="fold")
    table.add_column("images", justify="right")
    table.add_column("recall", justify="right")
    for each in result["classes"]:
        recall = "" if each["recall"] is None else f"{each['recall']:.4f}"
        table.add_row(Text(each["name"]), f"{each['n']:,}", recall)
    width = None if sys.stdout.isatty() else _UNWRAPPED
    Console(width=width, highlight=False).print(table)
