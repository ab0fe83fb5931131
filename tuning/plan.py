"""From what a user asks for to a study: everything is checked, then the data read, then begun."""

import dataclasses
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascnn import datasets, metrics, registry, training
from kerascnn.record import write_file
from kerascnn.spec import RunSpec, Value, default_of, settings
from tuning import executors, study
from tuning import space as spaces
from tuning.space import Space
from tuning.spaces import _training
from tuning.study import SearchSpec, Study

BACKENDS = ("tensorflow", "jax")


def new_search(
    family: str,
    dataset: str,
    *,
    oracle: str = "random_search",
    trials: int = 8,
    seeds: int = 3,
    epochs: int = 9,
    seed: int = 0,
    objective: str = "val_accuracy",
    fixed: Mapping[str, Value] | None = None,
    vary: Mapping[str, spaces.Domain | str] | None = None,
    threads: int | None = None,
    executor: str = "processes",
    **options: Any,
) -> Study:
    """Begins, or opens, the study of a search without running it.

    Args:
        family: See `launch.search`.
        dataset: See `launch.search`.
        oracle: See `launch.search`.
        trials: See `launch.search`.
        seeds: See `launch.search`.
        epochs: Planned passes over the training images.
        seed: Of the oracle, the runs' seeds and the division of the data.
        objective: The metric that ranks: "val_accuracy", or "accuracy" for short.
        fixed: Settings that are not searched, by name.
        vary: Domains that replace or join the family's space: "8:64:8", "1e-4:1e-1:log", "a,b".
        threads: CPU threads of each run; None: 1.
        executor: See `launch.search`.
        **options: As `_prepare` takes them: backend, trainer, name, image_size, skip_bad.
    """
    registry.source_file("tuning.oracles", oracle)
    registry.source_file("kerascnn.models", family)
    vary = vary or {}
    fixed = {**({} if "epochs" in vary else {"epochs": epochs}), **(fixed or {})}
    space = space_of(family, fixed, vary)
    spec: dict[str, Any] = {
        "space": space,
        "oracle": oracle,
        "objective": objective,
        "trials": trials,
        "seeds": seeds,
    }
    return _prepare(family, dataset, fixed, spec, seed, threads, 1, executor, **options)


def new_training(
    family: str,
    dataset: str,
    *,
    preset: str | None = None,
    fixed: Mapping[str, Value] | None = None,
    seeds: int = 1,
    epochs: int = 9,
    seed: int = 0,
    objective: str = "val_accuracy",
    workers: int | None = None,
    threads: int | None = None,
    executor: str = "processes",
    **options: Any,
) -> tuple[Study, dict[str, Value]]:
    """Begins, or opens, the study that a configuration is trained in, without training it.

    Args:
        family: See `launch.search`.
        dataset: See `launch.search`.
        preset: A published variant: a key of the family's `PRESETS`.
        fixed: Settings by name; they override the preset's.
        seeds: Runs to train.
        epochs: Planned passes over the training images.
        seed: Of the runs' seeds and the division of the data.
        objective: See `new_search`.
        workers: See `launch.search`.
        threads: CPU threads of each run; None: the cores shared out among the seeds.
        executor: See `launch.search`.
        **options: As `_prepare` takes them.

    Returns:
        The study, and the point in it that is this configuration.
    """
    registry.source_file("kerascnn.models", family)
    point = {"epochs": epochs, **preset_of(family, preset), **(fixed or {})}
    at_once = min(seeds, executors.cores(), workers or seeds)
    shared = max(1, executors.cores() // max(1, at_once))
    spec: dict[str, Any] = {"oracle": "", "objective": objective, "trials": 1, "seeds": seeds}
    begun = _prepare(family, dataset, point, spec, seed, threads, shared, executor, **options)
    code = registry.code_hash("kerascnn.models", family)
    return begun, {"family": _own_path(family), **({"code": code} if code else {}), **point}


def space_of(
    family: str, fixed: Mapping[str, Value], vary: Mapping[str, spaces.Domain | str]
) -> Space:
    """Returns the family's space, less what is fixed, with the domains of `vary` in place.

    A family without a file in `tuning/spaces` has the training settings, and what a `SPACE` of
    its own names, as text: `SPACE = {"filters": "8:64:8"}`.

    Raises:
        ValueError: If a name is no setting of the family, or a domain has a value it cannot take.
    """
    if both := [name for name in vary if name in fixed]:
        raise ValueError(f"A setting is fixed or varied, not both. Received both for: {both[0]}")
    space: dict[str, spaces.Domain] = {}
    own: Mapping[str, str] = {}
    if family in registry.names("tuning.spaces"):
        space |= registry.load("tuning.spaces", family).SPACE
    else:
        space |= _training.TRAINING
        own = registry.constant("kerascnn.models", family, "SPACE", {})
    for name, domain in {**own, **vary}.items():
        if name not in settings(family):
            raise ValueError(registry.unknown(f"the settings of {family}", name, settings(family)))
        if isinstance(domain, str):
            domain = spaces.parse(domain, default_of(family, name))
        space[name] = domain
    chosen = {name: domain for name, domain in space.items() if name not in fixed}
    _check(RunSpec(family=family, dataset=""), chosen)
    return chosen


def preset_of(family: str, preset: str | None) -> dict[str, Value]:
    """Returns the hyperparameters of a published variant; none for None.

    Raises:
        ValueError: If the family has no such preset.
    """
    if preset is None:
        return {}
    known = registry.constant("kerascnn.models", family, "PRESETS", {})
    if preset not in known:
        raise ValueError(registry.unknown(f"the presets of {family}", preset, known))
    return dict(known[preset])


def _check(base: RunSpec, space: Space) -> None:
    """Refuses a domain with an end that the setting cannot take, before anything is trained."""
    for name, domain in space.items():
        for value in spaces.ends(domain):
            base.configure({name: value})


def _prepare(
    family: str,
    dataset: str,
    fixed: Mapping[str, Value],
    fields: dict[str, Any],
    seed: int,
    threads: int | None,
    default_threads: int,
    executor: str,
    *,
    backend: str | None = None,
    trainer: str = "fit",
    name: str | None = None,
    image_size: int = 0,
    skip_bad: bool = False,
) -> Study:
    """Checks everything that is quick to check, then reads the data, then begins the study.

    Args:
        family, dataset, executor: See `launch.search`.
        fixed: Settings by name.
        fields: Of the `SearchSpec`.
        seed: The study's.
        threads: What the user asked for.
        default_threads: What a new study gets if the user did not ask.
        backend: One of `BACKENDS`; None: what KERAS_BACKEND says, else TensorFlow.
        trainer: An entry of `kerascnn/trainers`.
        name: The study's name under `./runs`, or its path; None: made from its identity.
        image_size: Side in pixels to resize images to; 0: the dataset's own rule.
        skip_bad: Whether unreadable images are left out.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    registry.source_file("tuning.executors", executor)
    registry.source_file("kerascnn.trainers", trainer)
    if unknown := [name for name in fixed if name not in settings(family)]:
        raise ValueError(
            registry.unknown(f"the settings of {family}", unknown[0], settings(family))
        )
    base = RunSpec(
        family=_own_path(family),
        code=registry.code_hash("kerascnn.models", family),
        dataset=_data_path(dataset),
        image_size=image_size,
        split_seed=seed,
        skip_bad=skip_bad,
    ).configure(fixed)
    objective = fields["objective"]
    fields["objective"] = f"val_{objective}" if objective in metrics.DIRECTIONS else objective
    spec = SearchSpec(
        base=base,
        seed=seed,
        backend=_backend(backend),
        trainer=trainer,
        threads=default_threads if threads is None else threads,
        **fields,
    )
    data = datasets.load(base.dataset, image_size=image_size, split_seed=seed, skip_bad=skip_bad)
    _check_sizes(spec, data)
    return _begin(spec, data, threads, name)


def _check_sizes(spec: SearchSpec, data: Any) -> None:
    """Refuses a part of the training images that is larger than all of them."""
    domain = spec.space.get("train_size")
    for size in (spec.base.train_size, *(spaces.ends(domain) if domain else ())):
        data.training(size)


def _begin(spec: SearchSpec, data: Any, threads: int | None, name: str | None) -> Study:
    asked = dataclasses.replace(spec.base, fingerprint=data.fingerprint)
    spec = dataclasses.replace(spec, base=asked)
    folder = study.folder_of(study.default_name(spec, threads) if name is None else name)
    if threads is None and (folder / "study.json").exists():
        spec = dataclasses.replace(spec, threads=Study(folder).spec.threads)
    if not spec.oracle:  # Each command's point carries all of its settings.
        spec = dataclasses.replace(spec, base=_data_alone(asked))
    begun = study.create(folder, spec, _about(data))
    if asked.code and asked.family.endswith(".py"):
        source = registry.source_file("kerascnn.models", asked.family)
        write_file(begun.code(asked.family, asked.code), source.read_bytes())
    # The data may have moved since the study was begun: the fingerprint says they are the same.
    begun = Study(begun.folder)
    begun.use(dataclasses.replace(begun.spec.base, dataset=asked.dataset))
    for part in ("train", "validation", "confirmation"):
        indices = data.probe if part == "train" else data.parts[part]
        study.save_labels(folder, part, data.labels[indices])
    return begun


def _data_alone(base: RunSpec) -> RunSpec:
    """Returns `base` with its data and every setting at its default."""
    return RunSpec(
        family="linear",
        dataset=base.dataset,
        fingerprint=base.fingerprint,
        image_size=base.image_size,
        split_seed=base.split_seed,
        skip_bad=base.skip_bad,
    )


def _about(data: Any) -> dict[str, Any]:
    return {
        "command": " ".join(["run.py", *sys.argv[1:]]) if sys.argv[0] else "",
        "versions": training.versions("keras-tuner", "keras", "tensorflow", "jax", "numpy"),
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


def _data_path(dataset: str) -> str:
    if dataset in registry.names("kerascnn.datasets") or not Path(dataset).exists():
        return dataset
    return str(Path(dataset).resolve())


def _backend(name: str | None) -> str:
    name = name or os.environ.get("KERAS_BACKEND", "")
    name = name if name in BACKENDS or name not in ("", "numpy") else "tensorflow"
    if name not in BACKENDS:
        raise ValueError(registry.unknown("backends", name, BACKENDS))
    if importlib.util.find_spec(name) is None:
        raise ValueError(f"The backend {name} is not installed. Try: python -m pip install {name}")
    return name
