"""From what a user asks for to a study, without running it."""

from collections.abc import Mapping
from typing import Any

from kerascnn import registry
from kerascnn.spec import Value
from tuning import begin, executors
from tuning import space as spaces
from tuning.rules import Rules
from tuning.searchable import preset_of, space_of
from tuning.space import Space
from tuning.study import Study


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
    rules: Mapping[str, Any] | None = None,
    workers: int | None = None,
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
        rules: What `confirm` is to go by, by name (see `Rules`); None: as usual.
        workers: See `launch.search`; a new study looks ahead as far as they need.
        threads: CPU threads of each run; None: 1.
        executor: See `launch.search`.
        **options: As `begin.prepare` takes them: backend, trainer, name, image_size, skip_bad,
            group_by.
    """
    registry.source_file("tuning.oracles", oracle)
    families = _families(family)
    if baseline := (rules or {}).get("baseline"):
        registry.source_file("kerascnn.models", baseline)
    vary = vary or {}
    fixed = {**({} if "epochs" in vary else {"epochs": epochs}), **(fixed or {})}
    if "epochs" in vary and registry.constant("tuning.oracles", oracle, "CONTINUES", False):
        raise ValueError(f"{oracle} chooses the epochs itself: give their number with --epochs.")
    found = [space_of(each, fixed, vary) for each in families]
    spec: dict[str, Any] = {
        "space": found[0],
        "oracle": oracle,
        "objective": objective,
        "trials": trials,
        "seeds": seeds,
        "rules": Rules().replaced(rules or {}),
        "lookahead": 2 * max(2, workers or executors.cores()),
    }
    rest = list(zip(families[1:], found[1:], strict=True))
    return begin.prepare(
        families[0], dataset, fixed, spec, seed, threads, 1, executor, rest, **options
    )


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
    test: bool = False,
    workers: int | None = None,
    threads: int | None = None,
    executor: str = "processes",
    **options: Any,
) -> tuple[Study, list[dict[str, Value]]]:
    """Begins, or opens, the study that configurations are trained in, without training them.

    Args:
        family: See `launch.train`.
        dataset: See `launch.search`.
        preset: A published variant: a key of the family's `PRESETS`.
        fixed: Settings by name; they override the preset's.
        seeds: Runs to train of each configuration.
        epochs: Planned passes over the training images.
        seed: Of the runs' seeds and the division of the data.
        objective: See `new_search`.
        test: See `launch.train`.
        workers: See `launch.search`.
        threads: CPU threads of each run; None: the cores shared out among the seeds.
        executor: See `launch.search`.
        **options: As `begin.prepare` takes them.

    Returns:
        The study, and the points in it that are these configurations.
    """
    families = _families(family)
    if preset is not None and len(families) > 1:
        raise ValueError(f"A preset is of one family. Received: {preset!r} with {family}")
    points = [{"epochs": epochs, **preset_of(f, preset), **(fixed or {})} for f in families]
    at_once = min(seeds * len(families), executors.cores(), workers or seeds * len(families))
    shared = max(1, executors.cores() // max(1, at_once))
    objective = begin.full_name(objective, "test_" if test else "val_")
    spec: dict[str, Any] = {"oracle": "", "objective": objective, "trials": 1, "seeds": seeds}
    rest: list[tuple[str, Space]] = [(each, {}) for each in families[1:]]
    for each, point in zip(families, points, strict=True):
        begin.check_names(each, point)
    begun = begin.prepare(
        families[0], dataset, points[0], spec, seed, threads, shared, executor, rest, **options
    )
    return begun, [begin.pointed(each, point) for each, point in zip(families, points, strict=True)]


def _families(typed: str) -> list[str]:
    """Returns the families in "cnn,vgg", each of which there is.

    Raises:
        ValueError: If there is none of that name, or one is named twice.
    """
    families = [name.strip() for name in typed.split(",")]
    for name in families:
        registry.source_file("kerascnn.models", name)
    if twice := [name for name in families if families.count(name) > 1]:
        raise ValueError(f"{typed!r} names {twice[0]!r} twice.")
    return families
