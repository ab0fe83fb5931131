"""Repeats a study from its `study.json`: the same configurations, seeds and numbers."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerascnn import datasets, registry, weights
from kerascnn.record import RunLog
from kerascnn.spec import RunSpec
from tuning import begin, executors, oracles, study
from tuning.search_spec import SearchSpec
from tuning.space import Choice, Space
from tuning.study import Study


@dataclasses.dataclass(frozen=True)
class Original:
    """A study that is to be repeated, as its `study.json` says.

    Attributes:
        path: That file.
        about: What it says.
        spec: What the study is, the user's own families where they are found here.
        enqueued: The points put in line before its first ask, as events: they are in the log, and
            so none where a `study.json` lies alone.
        later: How many were put in line after it. When they were tried decides what its oracle
            asked for then, so that they are not repeated.
    """

    path: Path
    about: Mapping[str, Any]
    spec: SearchSpec
    enqueued: Sequence[Mapping[str, Any]]
    later: int


def read(text: str) -> Original:
    """Reads the study in a folder, or a `study.json` by whatever name.

    Raises:
        ValueError: If there is none, it is no search, or what it needs is not here.
    """
    path = Path(text) if Path(text).exists() else study.RUNS / text
    path = path / "study.json" if path.is_dir() else path
    try:
        about = json.loads(path.read_bytes())
        spec = SearchSpec.from_json(about["spec"])
    except FileNotFoundError:
        raise ValueError(f"No study at {text}: it has no study.json.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no study.json: {error}") from None
    if not spec.oracle or "imported" in about:
        raise ValueError(f"{path} is of no search: --like repeats searches.")
    registry.source_file("tuning.oracles", spec.oracle)
    for each in filter(None, (spec.oracle, spec.points)):
        oracles.check(each, [contender.space for contender in spec.contenders])
    registry.source_file("kerascnn.trainers", spec.trainer)
    executors.check_installed(spec.backend)
    spec = _started(spec, path.parent)
    bases = [_found(each.base, path.parent) for each in spec.contenders]
    before, after = _enqueued(RunLog(path.parent / "log.jsonl"))
    return Original(path, about, spec.based(bases), before, len(after))


def repeat(
    original: Original,
    dataset: str | None = None,
    *,
    name: str | None = None,
    trials: int | None = None,
    seeds: int | None = None,
) -> Study:
    """Begins, or opens, the repetition of a study without running it.

    Args:
        original: The study.
        dataset: Where its data lie here; None: where they lay there.
        name: As in `begin.prepare`.
        trials: Distinct configurations to try; None: as many as were planned there.
        seeds: Runs of each; None: likewise.

    Raises:
        ValueError: If the data are others, or the folder is the original's own.
    """
    spec = dataclasses.replace(
        original.spec,
        trials=original.spec.trials if trials is None else trials,
        seeds=original.spec.seeds if seeds is None else seeds,
    )
    where = begin.data_path(dataset or spec.base.dataset)
    if dataset is None and Path(where).is_absolute() and not Path(where).exists():
        raise ValueError(f"The data of {original.path} lay at {where}: say where they lie here.")
    data = datasets.load(where, **spec.base.data_options)
    if changes := _differences(original, data):
        raise ValueError(f"These are not the data of {original.path}: {'; '.join(changes)}.")
    spec = spec.based([dataclasses.replace(e.base, dataset=where) for e in spec.contenders])
    threads = None if spec.threads == 1 else spec.threads  # 1 is what nobody need say.
    folder = study.folder_of(study.default_name(spec, threads) if name is None else name)
    if folder.resolve() == original.path.parent.resolve():
        raise ValueError(f"{folder} is that study itself: --study NAME says where to repeat it.")
    form = {"form": original.about["form"]} if "form" in original.about else {}
    begun = begin.begin_on(spec, data, folder, form)
    if not any(True for _ in begun.log.lines()):
        with begun.log:
            for event in original.enqueued:
                begun.log.append("event", event)
    return begun


def _enqueued(log: RunLog) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns the points put in line before the first ask, and those after, as events."""
    before: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    found = before
    for line in log.lines():
        if line["kind"] == "ask":
            found = after
        elif line["kind"] == "event" and line["name"] == "enqueued":
            found.append({name: value for name, value in line.items() if name != "kind"})
    return before, after


def _found(base: RunSpec, beside: Path) -> RunSpec:
    """Returns `base` with the user's own family where it lies here, unchanged."""
    if not base.code:
        return base
    copy = beside / "code" / base.code / Path(base.family).name
    family = str(copy.resolve()) if copy.is_file() else base.family
    try:
        found = registry.code_hash("kerascnn.models", family)
    except ValueError:
        found = "none"
    if found != base.code:
        raise ValueError(
            f"The code of {Path(base.family).name} ({base.code}) is neither at {copy} nor at "
            f"{base.family}, where {found} is."
        )
    return dataclasses.replace(base, family=family)


def _started(spec: SearchSpec, beside: Path) -> SearchSpec:
    """Returns `spec` with files of weights where they lie here, unchanged: there, or `beside`."""

    def space_of(space: Space) -> Space:
        domain = space.get("weights")
        if not isinstance(domain, Choice):
            return space
        return {**space, "weights": Choice(*(weights.found(str(v), beside) for v in domain.values))}

    bases = [
        dataclasses.replace(each.base, weights=weights.found(each.base.weights, beside))
        for each in spec.contenders
    ]
    spec = spec.based(bases)
    others = (dataclasses.replace(each, space=space_of(each.space)) for each in spec.others)
    return dataclasses.replace(spec, space=space_of(spec.space), others=tuple(others))


def _differences(original: Original, data: Any) -> list[str]:
    """Returns in what the data are others than the study's, a phrase each; empty: in nothing."""
    base, told = original.spec.base, original.about.get("data", {})
    if data.fingerprint == base.fingerprint:
        return []
    here = {
        "input_shape": list(data.input_shape),
        "class_names": list(data.class_names),
        "parts": {part: len(indices) for part, indices in data.parts.items()},
    }
    words = {"input_shape": "images", "class_names": "classes", "parts": "parts"}
    changed = [
        f"{words[name]} are {told[name]} there, {here[name]} here"
        for name in here
        if name in told and told[name] != here[name]
    ]
    fingerprints = f"fingerprint {base.fingerprint[:12]} there, {data.fingerprint[:12]} here"
    return [*(changed or ["pixels, labels or their division differ"]), fingerprints]
