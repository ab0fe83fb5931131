"""Explains a run of a study: what its network looks at, and whether other seeds' do so too."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascnn import durations, registry
from kerascnn.record import RunRecord, write_file
from tuning import begin, executors, explained_sheets, leaving, looking, map_agreement, retraining
from tuning.looking import ROOM, Found, Question, Shown
from tuning.study import Study

if TYPE_CHECKING:
    from tuning.map_agreement import Agreement

# Seeds that are compared unless more are asked for: each may have to be trained again.
SEEDS = 3
PART = "validation"


def explain(
    study: Study,
    runs: Sequence[RunRecord],
    shown: Shown,
    *,
    names: Sequence[str] = (),
    choices: Mapping[str, Any],
    path: Path,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Explains the network of the first of `runs`, and how far the others' maps agree with it.

    Args:
        study: The study.
        runs: Of one configuration, see `runs_of`.
        shown: Of `images_of`, or the user's own.
        names: Explainers; none: all that suit the network.
        choices: `layer` and `unit`, where the user chose.
        path: The folder to make, of sheets and `explained.json`.
        tell: Takes a line about what happens.

    Returns:
        What `explained.json` says.

    Raises:
        ValueError: If the network has not what an explainer needs.
        FileExistsError: If there is something at `path`.
    """
    if path.exists() or path.is_symlink():
        raise FileExistsError(
            f"{path} exists, and what it holds is not overwritten. Try another --to."
        )
    executors.check_installed(study.spec.backend)
    question = _question(study, shown, names, choices)
    found = _looked(study, runs, question, tell)
    agreements = _agreements(found)
    about = _about(study, runs, shown, found, agreements)

    def make(beside: Path) -> dict[str, Any]:
        folder = beside / "export"
        folder.mkdir()
        files = explained_sheets.write(folder, shown, about, found)
        told = {**about, "explainers": _with_files(about["explainers"], files)}
        write_file(folder / "explained.json", json.dumps(told, indent=1).encode())
        return {"path": str(path), **told}

    return leaving.beside(path, make)


def runs_of(study: Study, config_id: str, repeat: int = 0, seeds: int | None = None) -> list[Any]:
    """Returns the run that is explained and, after it, those it is compared with.

    Args:
        study: The study.
        config_id: A configuration of it, or the beginning of its id.
        repeat: Which run of it.
        seeds: Runs in all; None: as many as there are, at most `SEEDS`.

    Raises:
        ValueError: If there is no such configuration or run, it failed, or there are fewer.
    """
    refuse_what_has_no_networks(study)
    config = leaving.find(study, config_id)
    ours = [r for r in study.records() if r.spec.config_id == config and r.spec.subset == "all"]
    phase = "search" if any(r.spec.phase == "search" for r in ours) else "final"
    known = {r.spec.repeat: r for r in ours if r.spec.phase == phase}
    if repeat not in known:
        numbers = map(str, sorted(known))
        raise ValueError(registry.unknown(f"the runs of {config}", str(repeat), numbers))
    if known[repeat].status != "finished":
        raise ValueError(f"Run {repeat} of {config} is {known[repeat].status}: name another.")
    others = [known[n] for n in sorted(known) if n != repeat and known[n].status == "finished"]
    if seeds is not None and seeds > len(others) + 1:
        raise ValueError(
            f"Configuration {config} has {len(others) + 1} finished runs. Received: --seeds {seeds}"
        )
    return [known[repeat], *others][: seeds or SEEDS]


def refuse_what_has_no_networks(study: Study) -> None:
    """Raises ValueError for a study whose runs leave no networks."""
    if study.imported is not None:
        raise ValueError(
            f"{study.folder} was imported from {study.imported['format']}: it holds no network "
            "to explain."
        )
    if study.spec.subsets:
        raise ValueError(
            f"{study.folder} is a decomposition, of networks trained on parts of the data that are "
            "not kept. Explain a study of search or train."
        )


def images_of(study: Study, count: int) -> Shown:
    """Returns images of validation, drawn by the study's seed, every class in turn."""
    data = begin.data_of(study)
    text = f"{study.spec.seed}/explain/{PART}"
    rng = np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))
    drawn = rng.permutation(data.parts[PART])
    labels = data.labels[drawn]
    turn = np.empty(len(drawn), np.int64)
    for label in np.unique(labels):
        turn[labels == label] = np.arange((labels == label).sum())
    chosen = drawn[np.argsort(turn, kind="stable")[:count]]
    chosen = chosen[np.argsort(data.labels[chosen], kind="stable")]
    return Shown(
        images=data.pixels(chosen),
        names=chosen.tolist(),
        labels=data.labels[chosen].astype(np.int64),
    )


def free_path(study: Study, config_id: str) -> Path:
    """Returns the first folder in the study that is not there yet: `explained/<config_id>/1`."""
    room = study.folder / "explained" / config_id
    number = 1
    while (room / str(number)).exists():
        number += 1
    return room / str(number)


def _question(
    study: Study, shown: Shown, names: Sequence[str], choices: Mapping[str, Any]
) -> Question:
    for name in names:
        registry.source_file(ROOM, name)
    for choice in choices:
        takers = [name for name in registry.names(ROOM) if looking.takes(name, choice)]
        if names and not set(names) & set(takers):
            raise ValueError(
                f"{' and '.join(names)} take no --{choice}. Those that do: {', '.join(takers)}."
            )
    of = {name: registry.constant(ROOM, name, "OF") for name in registry.names(ROOM)}
    # Whoever brings images asks about these.
    fitting = [name for name in of if shown.labels is not None or of[name] != "part"]
    text = f"{study.spec.seed}/explain/seed"
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
    return Question(
        names=tuple(dict.fromkeys(names or fitting)),
        named=bool(names),
        choices={**choices, "seed": seed},
        images=shown.images,
        classes=None,
        part=PART,
    )


def _looked(
    study: Study, runs: Sequence[RunRecord], question: Question, tell: Callable[[str], None]
) -> list[Found]:
    """Explains the first run, then has the others explain the same classes, if there are maps."""
    backend = study.spec.backend
    _tell_again(study, runs[:1], tell)
    first = retraining.in_process(study, backend, looking.look, study, runs[0], question)
    tell(f"{runs[0].spec.run_name} explained.")
    found, others = [first], runs[1:]
    same = dataclasses.replace(
        question,
        names=tuple(name for name in first.arrays if _shown(name) == "maps"),
        classes=first.answers,
    )
    if not same.names or not others:
        return found
    _tell_again(study, others, tell)
    calls = [(study, run, same) for run in others]
    answers = retraining.in_processes(study, backend, looking.look, calls)
    for run, each in zip(others, answers, strict=True):
        found.append(each)
        tell(f"{run.spec.run_name} explained: {len(found)} of {len(runs)}.")
    return found


def _tell_again(study: Study, runs: Sequence[RunRecord], tell: Callable[[str], None]) -> None:
    """Says which runs are trained again, since their networks are not kept, and for how long."""
    again = [run for run in runs if not looking.is_kept(study, run)]
    if again:
        names = " and ".join(run.spec.run_name for run in again)
        seconds = durations.text(sum(run.seconds for run in again))
        tell(f"No network is kept of {names}: trained again, which took {seconds} the last time.")


def _shown(name: str) -> str:
    shown: str = registry.constant(ROOM, name, "SHOWN")
    return shown


def _agreements(found: Sequence[Found]) -> "dict[str, Agreement]":
    """Returns how far the seeds' maps agree, by explainer."""
    if len(found) < 2:
        return {}
    return {
        name: map_agreement.of(np.stack([each.arrays[name]["maps"] for each in found]))
        for name in found[1].arrays
    }


def _about(
    study: Study,
    runs: Sequence[RunRecord],
    shown: Shown,
    found: Sequence[Found],
    agreements: "Mapping[str, Agreement]",
) -> dict[str, Any]:
    spec = runs[0].spec
    classes = study.about["data"]["class_names"]
    labels = [None] * len(shown.names) if shown.labels is None else shown.labels.tolist()
    rows = zip(shown.names, labels, found[0].answers, found[0].probabilities, strict=True)
    return {
        "study": study.name,
        "config_id": spec.config_id,
        "run": spec.run_name,
        "part": PART,
        "class_names": classes,
        "images": [
            {
                "image": name,
                "label": None if label is None else classes[label],
                "answer": classes[answer],
                "probability": float(probability),
            }
            for name, label, answer, probability in rows
        ],
        "seeds": [run.spec.run_name for run in runs[: len(found)]],
        "explainers": {
            name: {
                "numbers": dict(numbers),
                "agreement": agreements[name].to_json() if name in agreements else None,
                "in_words": map_agreement.in_words(agreements[name]) if name in agreements else "",
            }
            for name, numbers in found[0].numbers.items()
        },
        "left_out": dict(found[0].left_out),
        "notes": _notes(spec.phase),
    }


def _notes(phase: str) -> list[str]:
    if phase != "final":
        return []
    return [f"These runs were trained on the {PART} images too: part of what they say is memory."]


def _with_files(
    explainers: Mapping[str, Mapping[str, Any]], files: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    return {name: {"files": files[name], **about} for name, about in explainers.items()}
