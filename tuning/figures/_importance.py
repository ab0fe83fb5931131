"""How much of the difference between means each setting explains: fANOVA, where Optuna is there.

Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance",
ICML 2014.
"""

import functools
import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

from tuning.rows import Row

# Configurations below which a forest of trees only repeats their noise.
_LEAST = 8
# Configurations it is computed of, as the time it takes grows faster than they do.
_MOST = 400


def of(rows: Sequence[Row], names: Sequence[str]) -> tuple[dict[str, float], str]:
    """Returns (setting -> its share of the variance, what is to be said of it).

    Args:
        rows: With means.
        names: Settings of more than one value.
    """
    if importlib.util.find_spec("optuna") is None:
        return {}, "Importance takes Optuna: python -m pip install 'kerascnn[optuna]'"
    whole = [row for row in rows if all(name in row.hyperparameters for name in names)]
    if len(whole) < _LEAST:
        return {}, f"Importance takes {_LEAST} configurations that share their settings."
    told = "Importance: how much of the variance of the means a setting explains alone."
    if len(whole) > _MOST:
        told = f"{told[:-1]}, of {_MOST} of {len(whole):,} configurations."
        whole = [whole[place * len(whole) // _MOST] for place in range(_MOST)]  # Good and bad.
    points = tuple(tuple(row.hyperparameters[name] for name in names) for row in whole)
    return dict(_shares(tuple(names), points, tuple(row.mean for row in whole))), told


@functools.lru_cache(maxsize=4)  # A selection draws the same again, and it takes seconds.
def _shares(
    names: tuple[str, ...], points: tuple[tuple[Any, ...], ...], means: tuple[float | None, ...]
) -> tuple[tuple[str, float], ...]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    columns = zip(names, zip(*points, strict=True), strict=True)
    space = {name: _domain(values) for name, values in columns}
    study = optuna.create_study()
    for point, mean in zip(points, means, strict=True):
        values = dict(zip(names, point, strict=True))
        study.add_trial(optuna.trial.create_trial(params=values, distributions=space, value=mean))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return tuple((str(name), float(value)) for name, value in found.items())


def _domain(values: Sequence[Any]) -> Any:
    from optuna import distributions

    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = float(min(values)), float(max(values))
        return distributions.FloatDistribution(low, high, log=low > 0 and high / low >= 50)
    return distributions.CategoricalDistribution(sorted(set(values), key=str))
