"""A study as a study of Optuna's: its trials for Optuna's samplers, figures and dashboard.

One trial there is one configuration here, in the order they were asked for, and its value the mean
over its seeds; of several objectives it has a value each. What the leaderboard does not rank, as it
was stopped early or lost a race, is PRUNED there: Optuna's best trial is the leader, and of several
objectives its best trials are the front. What failed, or cannot be built, is FAIL.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState

from kerascnn.record import RunRecord
from kerascnn.spec import Value
from tuning import comparison, gathered, objectives
from tuning import space as spaces
from tuning.gathered import Run
from tuning.oracles import _optuna
from tuning.rows import Row
from tuning.space import Choice, Domain, Float
from tuning.study import Study


def study(
    found: Study | str | Path, *, storage: str | None = None, name: str | None = None
) -> optuna.Study:
    """Returns a study as one of Optuna's.

    Its trials say as user attributes: `config_id`, `family`, `n` and `failed` runs, `sd` between
    the seeds, `scores` and `seeds` of those that finished, `epochs` reached, `parameters`,
    `seconds`, and of what has no value the `reason`. Intermediate values are of validation, epoch
    by epoch, the mean over the seeds.

    Args:
        found: A study, or its folder.
        storage: Where Optuna is to keep it, such as "sqlite:///trials.db"; None: in memory.
        name: The name it gets there; None: the study's own.

    Raises:
        ValueError: If no run of it has a score, it is no search or training, or the storage cannot
            be used or has a study of that name. Nothing is then written.
    """
    ours = found if isinstance(found, Study) else Study(found)
    if ours.spec.subsets:
        raise ValueError(f"{ours.folder} is of `{ours.spec.made_by}`: its runs are of no trials.")
    trials = _trials(ours)
    named = ours.spec.objectives
    directions = ["maximize" if each.maximize else "minimize" for each in named]
    with _optuna.silenced():
        try:
            made = optuna.create_study(
                study_name=name or ours.name, storage=storage, directions=directions
            )
        except optuna.exceptions.DuplicatedStudyError:
            raise ValueError(
                f"{storage} has a study {name or ours.name!r} already: give another name."
            ) from None
        except sqlalchemy.exc.SQLAlchemyError as error:
            why = str(error).partition("\n")[0]
            raise ValueError(f"Optuna cannot use the storage {storage!r}: {why}") from None
        try:
            made.set_metric_names([each.name for each in named])
            made.set_user_attr("objective", ours.spec.objective)
            made.set_user_attr("folder", str(ours.folder))
            made.add_trials(trials)
        except BaseException:
            optuna.delete_study(study_name=made.study_name, storage=made._storage)
            raise
    return made


def _trials(ours: Study) -> list[optuna.trial.FrozenTrial]:
    """Returns a trial for every configuration that has a run."""
    part, name = gathered.resolve([ours])
    groups, _ = gathered.gather([ours], part, name)
    rows = {row.config_id: row for row in comparison.from_records(ours)}
    groups = {**groups, **_infeasible(ours, groups)}
    settings = gathered.shown(groups)
    if len({runs[0].record.spec.family for runs in groups.values()}) > 1:
        for config, runs in groups.items():
            settings[config] = {"family": Path(runs[0].record.spec.family).stem, **settings[config]}
    distributions = _distributions(ours, settings.values())
    ordered = sorted(groups, key=lambda config: groups[config][0].record.trial or 0)
    return [
        _trial(
            ours,
            groups[config],
            rows.get(config),
            f"{name}/{part}",
            settings[config],
            distributions,
        )
        for config in ordered
    ]


def _infeasible(ours: Study, groups: gathered.Groups) -> dict[str, list[Run]]:
    """Returns the configurations that cannot be built, which no leaderboard shows."""
    return {
        config: [Run(ours, config, record)]
        for config, record in ours.identified()
        if record.status == "infeasible" and config not in groups
    }


def _trial(
    ours: Study,
    runs: Sequence[Run],
    row: Row | None,
    curve: str,
    values: Mapping[str, Value],
    distributions: Mapping[str, BaseDistribution],
) -> optuna.trial.FrozenTrial:
    """Returns the trial that a configuration is.

    Args:
        ours: The study.
        runs: Its runs.
        row: Its row of the leaderboard; None: it is infeasible.
        curve: The metric of an epoch, "accuracy/validation".
        values: Its settings.
        distributions: Of all settings.
    """
    records = sorted((run.record for run in runs), key=lambda record: record.spec.repeat)
    finished = [record for record in records if record.status == "finished"]
    mean = None if row is None else row.mean
    values_of = None if mean is None else [mean, *_further(ours, finished)]
    known = values_of is not None and not any(map(math.isnan, values_of))
    is_placed = row is not None and row.is_ranked and known
    state = TrialState.COMPLETE if is_placed else TrialState.PRUNED
    told: dict[str, Any] = {
        "config_id": runs[0].config_id,
        "family": records[0].spec.family,
        "n": len(finished),
        "failed": sum(record.status == "failed" for record in records),
        "sd": None if row is None else row.sd,
        "scores": [] if row is None else list(row.values),
        "seeds": [record.spec.seed for record in finished],
        "epochs": max(record.epoch for record in records),
        "parameters": None if row is None else row.parameters,
        "seconds": None if row is None else row.seconds,
    }
    if mean is None:
        told["reason"] = next((record.reason for record in records if record.reason), "")
    mine = {name: distributions[name] for name in values}
    return optuna.trial.create_trial(
        state=TrialState.FAIL if mean is None else state,
        values=values_of if known else None,
        params={
            name: float(value) if isinstance(mine[name], FloatDistribution) else value
            for name, value in values.items()
        },
        distributions=mine,
        user_attrs=told,
        intermediate_values=_means(finished, curve),
    )


def _further(ours: Study, finished: Sequence[RunRecord]) -> list[float]:
    """Returns the further objectives of a configuration; nan where one is not known."""
    ranked_by = ours.spec.objective
    names = [each.name for each in ours.spec.objectives[1:]]
    return [
        objectives.over_runs(name, objectives.values(name, finished, ranked_by)) for name in names
    ]


def _means(records: Sequence[RunRecord], curve: str) -> dict[int, float]:
    """Returns epoch -> mean over the runs, where all have a value."""
    curves = [record.history.get(curve, ()) for record in records]
    epochs = enumerate(zip(*curves, strict=False), start=1)
    return {
        epoch: statistics.fmean(values)
        for epoch, values in epochs
        if all(value is not None and math.isfinite(value) for value in values)
    }


def _distributions(
    ours: Study, points: Iterable[Mapping[str, Value]]
) -> dict[str, BaseDistribution]:
    """Returns the distribution of each setting: its domain, and what lies beside it.

    The family's defaults, or a point of the user's own, may lie outside what was searched; and a
    storage takes one distribution a setting, of whatever family.
    """
    searched = spaces.union(contender.space for contender in ours.spec.contenders)
    seen: dict[str, dict[Value, None]] = {}
    for point in points:
        for name, value in point.items():
            seen.setdefault(name, {})[value] = None
    return {
        name: _optuna.distribution(_domain(searched.get(name), list(values)))
        for name, values in seen.items()
    }


def _domain(searched: Domain | None, values: Sequence[Value]) -> Domain:
    """Returns a domain that has all the values, the searched one if that has."""
    beside = [value for value in values if searched is None or value not in searched]
    if searched is not None and not beside:
        return searched
    if any(isinstance(value, float) for value in values) or isinstance(searched, Float):
        numbers = [float(value) for value in beside]
        other: Domain = Float(min(numbers), max(numbers))
    else:
        other = Choice(*beside)
    return other if searched is None else spaces.union([{"it": searched}, {"it": other}])["it"]
