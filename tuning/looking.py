"""One run's network, explained: what a fresh process does."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import special

from kerascnn import attempt, building, datasets, quiet, registry
from kerascnn.exporters import keras_archive
from kerascnn.record import RunRecord
from tuning import leaving, retraining
from tuning.study import Study

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset

ROOM = "kerascnn.explainers"
# What a user may choose, where an explainer takes it; see the room's contract.
CHOICES = ("layer", "unit", "seed")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """The images that are explained.

    Attributes:
        images: float32 (n, height, width, channels), in [0, 1].
        names: What each is called: its index in the data, or its file.
        labels: int (n,); None: not known.
    """

    images: npt.NDArray[np.float32]
    names: Sequence[int | str]
    labels: npt.NDArray[np.int64] | None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What is asked of a network.

    Attributes:
        names: Explainers.
        named: Whether the user named them; if not, those that the network does not suit are left
            out.
        choices: What the user chose, of `CHOICES`.
        images: float32 (n, height, width, channels), in [0, 1].
        classes: Those to be explained, int (n,); None: what the network answers.
        part: Whose images all are looked at where an explainer asks for it.
    """

    names: tuple[str, ...]
    named: bool
    choices: Mapping[str, Any]
    images: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64] | None
    part: str


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What came of it.

    Attributes:
        answers: The network's class of each image, int (n,).
        probabilities: What it says of that class.
        arrays: Explainer -> name -> array.
        numbers: Explainer -> its numbers.
        left_out: Explainer -> why.
    """

    answers: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    arrays: Mapping[str, Mapping[str, npt.NDArray[Any]]]
    numbers: Mapping[str, Mapping[str, Any]]
    left_out: Mapping[str, str]


def is_kept(study: Study, record: RunRecord) -> bool:
    """Returns whether a run's network need not be trained again."""
    return (attempt.run_dir(study.folder, record.spec) / "model.keras").exists()


def look(study: Study, record: RunRecord, question: Question) -> Found:
    """Explains a run's network, which is trained again if it is not kept.

    Raises:
        ValueError: If the network has not what an explainer that the user named needs.
        RuntimeError: If it had to be trained again and is another.
    """
    quiet.import_keras()
    data = _data(record)
    if not is_kept(study, record):  # What cannot be explained need not be trained.
        _suited(building.Builder(record.spec, data).bare(record.spec.seed), question)
    with _network(study, record) as model:
        suited, left_out = _suited(model, question)
        return _explained(model, suited, left_out, question, data)


def takes(name: str, choice: str) -> bool:
    """Returns whether a user may choose `choice` for an explainer."""
    return choice in registry.keywords(ROOM, name, "explain")


def _data(record: RunRecord) -> "Dataset":
    return datasets.load(record.spec.dataset, **record.spec.data_options)


@contextlib.contextmanager
def _network(study: Study, record: RunRecord) -> Iterator[Any]:
    run_dir = attempt.run_dir(study.folder, record.spec)
    with tempfile.TemporaryDirectory() as folder:
        network = run_dir / "model.keras"
        if not is_kept(study, record):
            recorded = run_dir / f"logits-{leaving.scored_part(record)}.npy"
            network = Path(folder) / "model.keras"
            retraining.train_again(study, record, recorded, network)
        yield keras_archive.open_network(network)


def _suited(model: Any, question: Question) -> tuple[list[str], dict[str, str]]:
    """Returns the explainers that suit a network, and why others do not."""
    reasons: dict[str, str] = {}
    for name in question.names:
        if reason := _unsuited(model, name, question.choices):
            reasons[name] = reason
    suited = [name for name in question.names if name not in reasons]
    if question.named and reasons:
        raise ValueError(next(iter(reasons.values())) + _instead(model, question))
    for choice in question.choices:
        asked = [name for name in question.names if takes(name, choice)]
        if asked and not set(asked) & set(suited):
            raise ValueError(reasons[asked[-1]])
    return suited, reasons


def _unsuited(model: Any, name: str, choices: Mapping[str, Any]) -> str:
    room = registry.load(ROOM, name)
    if not hasattr(room, "check"):
        return ""
    taken = registry.keywords(ROOM, name, "check")
    try:
        room.check(model, **{key: value for key, value in choices.items() if key in taken})
    except ValueError as error:
        return str(error)
    return ""


def _instead(model: Any, question: Question) -> str:
    """Names the explainers that suit a network as it is, where none of those asked for does."""
    known = registry.names(ROOM)
    others = [name for name in known if not _unsuited(model, name, {})]
    if set(question.names) <= set(others):  # It is the layer or the unit that is wrong.
        return ""
    return f" What there is: --with {','.join(others)}."


def _explained(
    model: Any, names: list[str], left_out: dict[str, str], question: Question, data: "Dataset"
) -> Found:
    from kerascnn.explainers import _network as networks

    logits = networks.predict(networks.logits(model), question.images).astype(np.float64)
    answers = logits.argmax(axis=1)
    classes = answers if question.classes is None else question.classes
    given = {"network": (question.images, classes), "images": (question.images, classes)}
    if any(registry.constant(ROOM, name, "OF") == "part" for name in names):
        indices = data.parts[question.part]
        given["part"] = data.pixels(indices), data.labels[indices].astype(np.int64)
    arrays, numbers = {}, {}
    for name in names:
        of = registry.constant(ROOM, name, "OF")
        chosen = {key: value for key, value in question.choices.items() if takes(name, key)}
        arrays[name], numbers[name] = registry.load(ROOM, name).explain(model, *given[of], **chosen)
    return Found(
        answers=answers,
        probabilities=special.softmax(logits, axis=1).max(axis=1),
        arrays=arrays,
        numbers=numbers,
        left_out=left_out,
    )
