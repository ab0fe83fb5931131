"""A model card: what who is handed a network must know, as a page of Markdown beside it.

Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, arxiv.org/abs/1810.03993.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from kerascnn import durations, latency, registry
from kerascnn import spec as specs
from kerascnn.record import RunRecord
from kerascnn.trainers._order import besides_train
from tuning import (
    caveats,
    cells,
    comparison,
    confirmation_report,
    confirmation_wording,
    markdown,
    provenance,
    typed,
)
from tuning.comparison import Board
from tuning.confirmation import Attempt
from tuning.rows import Row
from tuning.study import Study

NAME = "model_card.md"
_ROOM = "kerascnn.exporters"
# Classes that are told one by one; of more, those with the least recall.
_CLASSES = 100

# Status of an export -> what it means for its accuracy.
MEANING = {
    "confirmed": "These images had no part in choosing it.",
    "not confirmed": (
        "Not confirmed: these images also chose the configuration, so that it may do worse on new "
        "ones."
    ),
}
_OF_ONE = (
    "An interval for new data is of the mean over runs, for other images and other seeds; one for "
    "seeds is for other seeds on these images. The exported network is one of these runs, run 0, "
    "and not picked for its accuracy."
)
_CALIBRATED = (
    "Calibration error {error:.4f}: the mean gap between how probable it says its answers are and "
    "how often they are right, over 15 bins. Answers that mean their probabilities would show "
    "{chance:.4f} on so many images."
)
_SCALED = (
    "The images were stored as {kind}. What the network calls a pixel in [0, 1] is stored value x "
    "{scale:.9g} + {offset:.9g}."
)
_BEYOND = (
    "What is none of these classes: it is given one of them all the same, at times with a high "
    "probability.",
    "Images that are cut, turned, coloured or made smaller in another way than those it was "
    "trained on. Files are turned as their EXIF says and resized without regard to proportions, "
    "bilinear with antialiasing (`kerascnn predict` does so).",
    "Corrupted and shifted images: `robustness` measures these, on validation.",
    "Whether it treats people or groups alike: no number here is of groups.",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What writing and re-opening an export told.

    Attributes:
        card: The JSON card, with class names and the shape of an image.
        images: How many images it was checked on.
        largest_difference: Of a probability from the recorded one.
        classes: Name, number of images and recall (None without images) of each class.
        calibration_error: See `calibration.calibration_error`.
        by_chance: See `calibration.calibration_error_by_chance`.
        kind: The type of the images as they are stored.
        scale, offset: What makes stored pixels such in [0, 1].
        latency: See `kerascnn.latency.measure`.
        size: Bytes of the network's files.
    """

    card: Mapping[str, Any]
    images: int
    largest_difference: float
    classes: Sequence[tuple[str, int, float | None]]
    calibration_error: float
    by_chance: float
    kind: str
    scale: float
    offset: float
    latency: Mapping[str, Any]
    size: int


class ModelCard:
    """The card of a run that leaves its study.

    Args:
        study: The study.
        record: The run's.
    """

    def __init__(self, study: Study, record: RunRecord) -> None:
        self._study, self._record = study, record
        self._board: Board | None = None
        with contextlib.suppress(ValueError):  # Nothing is ranked yet.
            self._board = comparison.compare(study)
        self._confirmed: confirmation_report.Report | None = None
        if study.spec.oracle and Attempt.last(study).ended:
            self._confirmed = confirmation_report.report(study)

    def text(self, found: Found) -> str:
        """Returns the page."""
        sections = {
            "How good it is": self._quality(found),
            "How to run it": _use(found),
            "What is not known": self._limits(),
            "What it costs": _facts(self._costs(found)),
            "Data": _facts(provenance.data(self._study)) + _scaling(found),
            "How it was trained": _facts(self._settings())
            + _facts(provenance.training(self._study)),
            "Versions and machines": _facts(provenance.machines(self._study)),
            "How to have it again": self._commands(),
        }
        title = f"# {markdown.escaped(f'{self._family} of {self._study.name}')}"
        parts = [title, self._about(found)]
        for heading, paragraphs in sections.items():
            parts += [f"## {heading}", *paragraphs]
        return "\n\n".join(parts) + "\n"

    @property
    def _family(self) -> str:
        return Path(self._record.spec.family).stem

    def _about(self, found: Found) -> str:
        card, spec = found.card, self._record.spec
        kind = {1: "grey", 3: "colour (RGB)"}.get(card["channels"], f"{card['channels']} channels")
        return markdown.escaped(
            f"A network of the family {self._family} that says which of "
            f"{len(card['class_names'])} classes an image shows: {card['height']} x "
            f"{card['width']} pixels, {kind}. Format {card['format']}. It is run 0 of "
            f"configuration {spec.config_id} (run {spec.run_id}), written by kerascnn "
            f"{card['kerascnn']}."
        )

    def _quality(self, found: Found) -> list[str]:
        card = found.card
        part, status = card["accuracy_part"], card["status"]
        lines = [
            f"This network: accuracy {card['accuracy']:.4f} on {found.images:,} {part} images. "
            f"{MEANING[status]}",
            *self._configuration(),
            _CALIBRATED.format(error=found.calibration_error, chance=found.by_chance),
            "Opened again, its probabilities differ from the recorded ones by at most "
            f"{found.largest_difference:.1e}.",
        ]
        return [*map(markdown.sentence, lines), *_recall(found, part)]

    def _configuration(self) -> list[str]:
        """Says how the configuration does over its runs."""
        config, confirmed, board = self._record.spec.config_id, self._confirmed, self._board
        if confirmed is not None:
            for row in (confirmed.winner, confirmed.baseline):
                if row is not None and row.config_id == config:
                    told = _over_runs(row, confirmed.metric, "test", "95 %")
                    more = confirmation_wording.guarantees(confirmed)
                    return [told, _OF_ONE, confirmation_wording.ahead(confirmed), *more]
        for row in board.rows if board else ():
            if board and row.config_id == config:
                kind = "descriptive" if board.descriptive else "95 %"
                return [_over_runs(row, board.metric, board.split, kind), _OF_ONE]
        return []

    def _limits(self) -> list[str]:
        known = self._study, self._board, self._confirmed
        told = [*_BEYOND, *caveats.untested(*known), *caveats.deviations(*known)]
        return _listed(told)

    def _costs(self, found: Found) -> dict[str, str]:
        record = self._record
        peak = record.peak_memory
        costs = {
            "parameters": cells.count(record.parameters),
            "multiply-accumulates": cells.count(record.multiply_accumulates or None),
            "training": durations.text(record.seconds) if record.seconds else "",
            "memory of the training process": "" if peak is None else cells.gigabytes(peak),
            "size": f"{found.size:,} bytes",
            "answers take": latency.text(dict(found.latency)),
        }
        return {name: text for name, text in costs.items() if text}

    def _settings(self) -> dict[str, str]:
        spec = self._record.spec
        names = specs.settings(spec.family)
        told = {name: specs.short(specs.value_of(spec, name)) for name in names}
        return {
            "settings": ", ".join(f"{name}={value}" for name, value in told.items() if value),
            "trained on": ", ".join(("train", *besides_train(spec))),
            "seed of this run": str(spec.seed),
            "epoch": f"{self._record.scored_epoch} of {spec.epochs}",
        }

    def _commands(self) -> list[str]:
        commands = [each.command for each in typed.read(self._study)]
        if not commands:
            return ["The study was made from Python, by no command."]
        whole = typed.is_kept(self._study)
        words = "What was typed that wrote to the study:" if whole else "The study was begun by:"
        return [words, markdown.code("\n".join(commands))]


def _over_runs(row: Row, metric: str, part: str, kind: str) -> str:
    runs = "one run" if row.n == 1 else f"{row.n} runs, a seed each"
    failed = f" ({row.failed} failed)" if row.failed else ""
    if row.mean is None:
        return f"Its configuration: too many runs failed for a mean, {row.failed}."
    new_data = cells.interval(row.interval_new_data) or "unknown"
    seeds = cells.interval(row.interval_seeds) or "unknown"
    spread = "" if row.sd is None else f", standard deviation between runs {row.sd:.4f}"
    return (
        f"Its configuration: mean {metric} {row.mean:.4f} on {part}, {runs}{failed}; {kind} "
        f"interval for new data {new_data}, for seeds {seeds}{spread}."
    )


def _recall(found: Found, part: str) -> list[str]:
    known = [each for each in found.classes if each[2] is not None]
    shown, words = list(found.classes), ""
    if len(shown) > _CLASSES:
        shown = sorted(known, key=lambda each: each[2] or 0.0)[:_CLASSES]
        words = f"; the {_CLASSES} lowest of {len(found.classes):,}"
    rows = [(name, f"{count:,}", cells.number(recall)) for name, count, recall in shown]
    table = markdown.table(("class", "images", "recall"), rows, words=frozenset({"class"}))
    return [f"Recall, the share of a class's {part} images that it names{words}:", table]


def _use(found: Found) -> list[str]:
    """Returns the format's own words, and lines of Python that run it."""
    card = found.card
    own = registry.is_own(_ROOM, card["format"])
    use = registry.constant(_ROOM, card["format"], "USE", "")
    values = {name: card[name] for name in ("height", "width", "channels")}
    lines = [registry.docstring(_ROOM, card["format"])]
    if use:
        lines += ["In Python, from the folder of this card:"]
        lines += [markdown.code(Template(use).safe_substitute(values).strip())]
    if not own:
        lines += ["With kerascnn:", markdown.code("kerascnn predict FOLDER IMAGE...")]
    names = ", ".join(f"{i} {name}" for i, name in enumerate(card["class_names"]))
    return [*lines, f"Probabilities are in this order of the classes: {markdown.escaped(names)}"]


def _scaling(found: Found) -> list[str]:
    if found.kind == "uint8":
        return []
    about = {"kind": found.kind, "scale": found.scale, "offset": found.offset}
    return _listed([_SCALED.format(**about)])


def _facts(facts: Mapping[str, str]) -> list[str]:
    return _listed(f"{name}: {text}" for name, text in facts.items())


def _listed(lines: Iterable[str]) -> list[str]:
    told = "\n".join(f"- {markdown.sentence(line)}" for line in lines)
    return [told] if told else []
