"""Begins a study: what is quick to check is checked, then the data are read, then it is written."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascnn import datasets, host, metrics, registry, starts, trainers, training, weights
from kerascnn.checks import DRAW, subset_parts
from kerascnn.record import write_file
from kerascnn.spec import RunSpec, Value, settings
from tuning import executors, oracles, study, typed
from tuning import space as spaces
from tuning.contender import Contender
from tuning.search_spec import SearchSpec
from tuning.space import Space
from tuning.study import Study

BACKENDS = ("tensorflow", "jax")


def prepare(
    family: str,
    dataset: str,
    fixed: Mapping[str, Value],
    fields: dict[str, Any],
    seed: int,
    threads: int | None,
    default_threads: int,
    executor: str,
    rest: Sequence[tuple[str, Space]] = (),
    *,
    backend: str | None = None,
    trainer: str = "compiled",
    name: str | None = None,
    image_size: int = 0,
    skip_bad: bool = False,
    group_by: str = "",
    machines: executors.Machines = executors.HERE,
) -> Study:
    """Checks everything that is quick to check, then reads the data, then begins the study.

    Args:
        family, dataset, executor, machines: See `launch.search`.
        fixed: Settings by name.
        fields: Of the `SearchSpec`.
        seed: The study's.
        threads: What the user asked for.
        default_threads: What a new study gets if the user did not ask.
        rest: The other families, each with its space.
        backend: One of `BACKENDS`; None: what KERAS_BACKEND says, else the first installed.
        trainer: An entry of `kerascnn/trainers`.
        name: The study's name under `./runs`, or its path; None: made from its identity.
        image_size: Side in pixels to resize images to; 0: the dataset's own rule.
        skip_bad: Whether unreadable images are left out.
        group_by: Images in whose paths this pattern captures the same stay in one part.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    executors.check(executor, machines)
    registry.source_file("kerascnn.trainers", trainer)
    backend = _backend(backend)
    trainers.check_backend(trainer, backend)

    def base_of(family: str) -> RunSpec:
        check_names(family, fixed)
        return RunSpec(
            family=_own_path(family),
            code=registry.code_hash("kerascnn.models", family),
            dataset=data_path(dataset),
            image_size=image_size,
            split_seed=seed,
            skip_bad=skip_bad,
            group_by=group_by,
        ).configure(fixed)

    base = base_of(family)
    fields["objective"] = full_name(fields["objective"], "val_")
    spec = SearchSpec(
        base=base,
        seed=seed,
        backend=backend,
        trainer=trainer,
        threads=default_threads if threads is None else threads,
        others=tuple(Contender(base=base_of(each), space=space) for each, space in rest),
        **fields,
    )
    check_starts(spec)
    data = datasets.load(base.dataset, **base.data_options)
    _check_sizes(spec, data)
    return _begin(spec, data, threads, name)


def check_starts(spec: SearchSpec) -> None:
    """Refuses files of weights that are gone, changed or of no use to their family."""
    for value, family in spec.starts():
        starts.check(value, family)


def _check_sizes(spec: SearchSpec, data: Any) -> None:
    """Refuses a part of the training images that is larger than all of them."""
    for contender in spec.contenders:
        domain = contender.space.get("train_size")
        for size in (contender.base.train_size, *(spaces.ends(domain) if domain else ())):
            data.training(size)
            if spec.subsets:
                _check_classes(spec, data, size)


def _check_classes(spec: SearchSpec, data: Any, size: Any) -> None:
    """Refuses to draw training sets of which one would have no image of some class."""
    count, _, scheme = subset_parts(spec.training_sets[0])
    # Draws of a size all have what its prefix has of each class.
    present = np.bincount(data.labels[data.training(size)], minlength=data.num_classes)
    least = {"disjoint": count, "bootstrap": 1, "subsample": 2, DRAW: 1}[scheme]
    if present.min() < least:
        name = data.class_names[present.argmin()]
        if scheme == DRAW:
            raise ValueError(
                f"A training set of {size} images would have none of class {name!r}. Every class "
                f"has one from {data.covering} images on."
            )
        raise ValueError(
            f"{count} {scheme} subsets need at least {least} training images of every class. "
            f"Class {name!r} has {present.min()}."
        )


def _begin(spec: SearchSpec, data: Any, threads: int | None, name: str | None) -> Study:
    asked = [
        dataclasses.replace(each.base, fingerprint=data.fingerprint) for each in spec.contenders
    ]
    spec = spec.based(asked)
    folder = study.folder_of(study.default_name(spec, threads) if name is None else name)
    if threads is None and (folder / "study.json").exists():
        spec = dataclasses.replace(spec, threads=Study(folder).spec.threads)
    return begin_on(spec, data, folder, {})


def begin_on(spec: SearchSpec, data: Any, folder: Path, about: Mapping[str, Any]) -> Study:
    """Begins, or opens, the study that `spec` is in a folder.

    Args:
        spec: What it is, the data's fingerprint included.
        data: Its data.
        folder: Where it lies.
        about: What `study.json` says besides, if it is new.
    """
    asked = [each.base for each in spec.contenders]
    if not spec.oracle:  # Each command's point carries all of its settings.
        spec = dataclasses.replace(spec, base=_data_alone(asked[0]), space={}, others=())
    begun = study.create(folder, spec, {**_about(spec, data), **about})
    for base in asked:
        if base.code and base.family.endswith(".py"):
            source = registry.source_file("kerascnn.models", base.family)
            write_file(begun.code(base.family, base.code), source.read_bytes())
    # The data may have moved since the study was begun: the fingerprint says they are the same.
    begun = Study(begun.folder)
    check_starts(begun.spec)
    begun.use(asked[0].dataset)
    for part in ("train", *training.SCORED_PARTS[spec.phase], "confirmation"):
        indices = data.probe if part == "train" else data.parts[part]
        study.save_labels(folder, part, data.labels[indices])
    return begun


def _data_alone(base: RunSpec) -> RunSpec:
    """Returns `base` with its data and every setting at its default."""
    return RunSpec(
        family="linear", dataset=base.dataset, fingerprint=base.fingerprint, **base.data_options
    )


def _about(spec: SearchSpec, data: Any) -> dict[str, Any]:
    asked = [each for name in (spec.oracle, spec.points) if name for each in oracles.needs(name)]
    packages = ("keras-tuner", "keras", "tensorflow", "jax", "numpy", *dict.fromkeys(asked))
    return {
        "command": typed.command(),
        "versions": host.versions(*packages),
        "data": {
            "name": data.name,
            "input_shape": list(data.input_shape),
            "class_names": list(data.class_names),
            "parts": {part: len(indices) for part, indices in data.parts.items()},
            "notes": list(data.notes),
        },
    }


def _own_path(family: str) -> str:
    """Makes the path of the user's own family absolute, so that workers and later days find it."""
    return str(Path(family).resolve()) if family.endswith(".py") else family


def data_path(dataset: str) -> str:
    """Makes the path of the user's own data absolute; an entry's name stays."""
    if dataset in registry.names("kerascnn.datasets") or not Path(dataset).exists():
        return dataset
    return str(Path(dataset).resolve())


def _backend(name: str | None) -> str:
    name = name or os.environ.get("KERAS_BACKEND", "")
    if name in ("", "numpy"):  # Nobody chose: "numpy" is what `search` itself asks with.
        name = next(filter(executors.is_installed, BACKENDS), BACKENDS[0])
    if name not in BACKENDS:
        raise ValueError(registry.unknown("backends", name, BACKENDS))
    executors.check_installed(name)
    return name


def check_names(family: str, fixed: Mapping[str, Value]) -> None:
    """Raises ValueError if a name in `fixed` is no setting of the family."""
    if unknown := [name for name in fixed if name not in settings(family)]:
        raise ValueError(
            registry.unknown(f"the settings of {family}", unknown[0], settings(family))
        )


def full_name(objective: str, prefix: str) -> str:
    """Returns "val_accuracy" for "accuracy"; what is no metric without prefix stays."""
    return prefix + objective if objective in metrics.DIRECTIONS else objective


def pointed(family: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the point of a study of given points: it carries its family and all settings."""
    code = registry.code_hash("kerascnn.models", family)
    start = {"weights": weights.named(str(values["weights"]))} if "weights" in values else {}
    return {"family": _own_path(family), **({"code": code} if code else {}), **values, **start}


def data_of(study: Study) -> Any:
    """Returns the data that a study is of.

    Raises:
        ValueError: If they are no longer what they were.
    """
    check_starts(study.spec)
    base = study.spec.base
    data = datasets.load(base.dataset, **base.data_options)
    if data.fingerprint != base.fingerprint:
        raise ValueError(
            f"The data of {base.dataset} changed: fingerprint {data.fingerprint[:12]}, "
            f"the study's {base.fingerprint[:12]}."
        )
    return data
