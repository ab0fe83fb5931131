"""From what a user asks for to a study, without running it."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn import registry
from kerascnn.checks import SCHEMES
from kerascnn.spec import RunSpec, Value, default_of
from tuning import begin, executors, objectives, oracles
from tuning import space as spaces
from tuning.rules import Rules
from tuning.searchable import preset_of, space_of
from tuning.space import Choice, Space
from tuning.study import Study


def new_search(
    family: str,
    dataset: str,
    *,
    oracle: str = "random_search",
    points: str | None = None,
    trials: int = 8,
    seeds: int = 3,
    epochs: int = 9,
    seed: int = 0,
    objective: str | Sequence[str] = "val_accuracy",
    fixed: Mapping[str, Value] | None = None,
    vary: Mapping[str, spaces.Domain | str] | None = None,
    rules: Mapping[str, Any] | None = None,
    max_params: int = 0,
    max_macs: int = 0,
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
        points: Which oracle draws the points of one that leaves them to another; None: as that
            one likes best.
        trials: See `launch.search`.
        seeds: See `launch.search`.
        epochs: Planned passes over the training images.
        seed: Of the oracle, the runs' seeds and the division of the data.
        objective: The metric that ranks: "val_accuracy", or "accuracy" for short. Or several
            objectives, the one that ranks first: ("val_accuracy", "parameters:min").
        fixed: Settings that are not searched, by name.
        vary: Domains that replace or join the family's space: "8:64:8", "1e-4:1e-1:log", "a,b".
        max_params: Points whose network has more parameters are infeasible; 0: none is.
        max_macs: The same for multiply-accumulates of one image's forward pass.
        rules: What `confirm` is to go by, by name (see `Rules`); None: as usual.
        workers: See `launch.search`; a new study looks ahead as far as they need.
        threads: CPU threads of each run; None: 1.
        executor: See `launch.search`.
        **options: As `begin.prepare` takes them: backend, trainer, name, image_size, skip_bad,
            group_by, machines.
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
    ranks, further = objectives.parse(objective)
    if further:
        _check_several(oracle, points)
    spec: dict[str, Any] = {
        "space": found[0],
        "oracle": oracle,
        "points": _points(oracle, points),
        "objective": ranks,
        "further": further,
        "trials": trials,
        "seeds": seeds,
        "rules": Rules().replaced(rules or {}),
        "max_params": max_params,
        "max_macs": max_macs,
        "lookahead": 2 * max(2, workers or executors.cores()),
    }
    for each in filter(None, (oracle, spec["points"])):
        oracles.check(each, found)
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
    points = given(family, preset, fixed, epochs)
    calls = seeds * len(points)
    shared = executors.shared_threads(calls, workers or calls)
    objective = begin.full_name(objective, "test_" if test else "val_")
    spec: dict[str, Any] = {"oracle": "", "objective": objective, "trials": 1, "seeds": seeds}
    rest: list[tuple[str, Space]] = [(each, {}) for each in list(points)[1:]]
    first, base = next(iter(points.items()))
    begun = begin.prepare(
        first, dataset, base, spec, seed, threads, shared, executor, rest, **options
    )
    return begun, [begin.pointed(each, point) for each, point in points.items()]


def new_decomposition(
    family: str,
    dataset: str,
    *,
    preset: str | None = None,
    fixed: Mapping[str, Value] | None = None,
    over: Mapping[str, spaces.Domain | str] | None = None,
    scheme: str = "disjoint",
    subsets: int = 4,
    seeds: int = 3,
    epochs: int = 9,
    seed: int = 0,
    workers: int | None = None,
    threads: int | None = None,
    executor: str = "processes",
    **options: Any,
) -> tuple[Study, list[dict[str, Value]]]:
    """Begins, or opens, the study of a decomposition, without training anything.

    Args:
        family: See `launch.train`.
        dataset: See `launch.search`.
        preset: See `new_training`.
        fixed: See `new_training`.
        over: One setting and the values it is swept over: {"filters": "8,16,32"}.
        scheme: How the training sets are drawn, one of `checks.SCHEMES`.
        subsets: How many.
        seeds: Runs on each, with the same seeds on all.
        epochs: See `new_training`.
        seed: See `new_training`.
        workers: See `launch.search`.
        threads: CPU threads of each run; None: the cores shared out among the runs.
        executor: See `launch.search`.
        **options: As `begin.prepare` takes them.

    Returns:
        The study, and the points in it that are these configurations.
    """
    configurations = given(family, preset, fixed, epochs)
    if scheme not in SCHEMES:
        raise ValueError(registry.unknown("schemes", scheme, SCHEMES))
    if seeds < 2:
        raise ValueError(f"`seeds >= 2` must hold: one shows no variance. Received: {seeds}")
    families = list(configurations)
    swept = _swept(families, fixed or {}, over or {})
    values = [{name: value} for name, choice in swept.items() for value in choice.values] or [{}]
    points = [
        (each, {**point, **value}) for each, point in configurations.items() for value in values
    ]
    for each, point in points:
        RunSpec(family=each, dataset="").configure(point)
    calls = seeds * len(points)
    shared = executors.shared_threads(calls * subsets, workers or calls)
    spec: dict[str, Any] = {"oracle": "", "objective": "val_accuracy", "trials": 1, "seeds": seeds}
    spec |= {"space": swept, "subsets": f"{scheme}:{subsets}"}
    base = {name: value for name, value in points[0][1].items() if name not in swept}
    rest: list[tuple[str, Space]] = [(each, swept) for each in families[1:]]
    begun = begin.prepare(
        families[0], dataset, base, spec, seed, threads, shared, executor, rest, **options
    )
    return begun, [begin.pointed(each, point) for each, point in points]


def given(
    family: str, preset: str | None, fixed: Mapping[str, Value] | None, epochs: int
) -> dict[str, dict[str, Value]]:
    """Returns family -> the settings that a user gives its one configuration, all of them known."""
    families = _families(family)
    if preset is not None and len(families) > 1:
        raise ValueError(f"A preset is of one family. Received: {preset!r} with {family}")
    points = {f: {"epochs": epochs, **preset_of(f, preset), **(fixed or {})} for f in families}
    for each, point in points.items():
        begin.check_names(each, point)
    return points


def _swept(
    families: Sequence[str],
    fixed: Mapping[str, Value],
    over: Mapping[str, spaces.Domain | str],
) -> dict[str, Choice]:
    """Returns the one setting that is swept with its values, of the type the families take."""
    if len(over) > 1:
        raise ValueError(f"One setting is swept at a time. Received: {', '.join(over)}")
    swept = {}
    for name, domain in over.items():
        if name in fixed:
            raise ValueError(f"A setting is fixed or swept, not both. Received both for: {name}")
        for each in families:
            begin.check_names(each, {name: 0})
        if isinstance(domain, str):
            domain = spaces.parse(domain, default_of(families[0], name))
        if not isinstance(domain, Choice) or len(domain.values) < 2:
            raise ValueError(f"A sweep takes values: {name}=a,b,c. Received: {over[name]}")
        swept[name] = domain
    return swept


def _points(oracle: str, points: str | None) -> str:
    """Returns which oracle draws the points of another, "" for the one it likes best.

    Raises:
        ValueError: If it draws them itself, or cannot leave them to that one.
    """
    known = registry.constant("tuning.oracles", oracle, "POINTS", ())
    if points is None:
        return ""
    if not known:
        raise ValueError(f"{oracle} draws its points itself. Received also: --points {points}")
    if points not in known:
        raise ValueError(registry.unknown(f"what draws the points of {oracle}", points, known))
    return "" if points == known[0] else points


def _check_several(oracle: str, points: str | None) -> None:
    """Refuses an oracle that goes by one objective alone."""
    room = "tuning.oracles"
    able = [each for each in registry.names(room) if registry.constant(room, each, "SEVERAL")]
    for name in (oracle, *((points,) if points else ())):
        registry.source_file(room, name)
        if not registry.constant(room, name, "SEVERAL", False):
            raise ValueError(
                f"{name} goes by one objective. Those that take several: {', '.join(able)}."
            )


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
