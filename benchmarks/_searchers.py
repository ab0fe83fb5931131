"""Ways to search, played on recorded curves.

A searcher is a function of a replay and a seed. It buys epochs of runs, says after each purchase
which point it would leave with, and ends when it likes or by the `SpentError` of the budget. To
add one, write it and give it a name in `SEARCHERS`; an entry of `tuning/oracles` needs only the
latter.
"""

import contextlib
import dataclasses
import functools
import importlib.util
import random
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import _curves
from benchmarks._curves import Curves
from benchmarks._replay import Market, Played, Replay, SpentError
from kerascnn import quiet
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec, Value
from tuning.asking import Asking
from tuning.search_spec import SearchSpec
from tuning.trial import Trial
from tuning.trials import Trials

Searcher = Callable[[Replay, int], None]

# How many "train everything one epoch" keeps.
_KEPT = 10
_OBJECTIVE = "val_accuracy"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """What searches are played on, and for how long; see `Market`."""

    file: str = str(_curves.FILE)
    compiles: bool = False
    runs: float = 60


class Leader:
    """The point with the best score so far; of equal ones the first."""

    def __init__(self) -> None:
        self.point: int | None = None
        self._score = float("-inf")

    def add(self, point: int, score: float) -> int | None:
        """Takes a score, and returns the leader."""
        if score > self._score:
            self.point, self._score = point, score
        return self.point


def random_search(replay: Replay, seed: int, *, seeds: int = 1) -> None:
    """Points in random order, `seeds` runs each, of the planned length; the best mean is named."""
    leader = Leader()
    for point in shuffled(replay.curves, seed):
        scores = [replay.train(point, run)[-1] for run in range(seeds)]
        replay.name(leader.add(point, statistics.fmean(scores)))


def one_epoch_each(replay: Replay, seed: int, *, points: int | None = None) -> None:
    """One epoch of every point, then the planned length of the best; the best is named.

    Args:
        replay: What it is played on.
        seed: Of the order.
        points: How many it draws; None: all there are.
    """
    leader = Leader()
    scores = {}
    for point in shuffled(replay.curves, seed)[:points]:
        scores[point] = replay.train(point, epochs=1)[-1]
        replay.name(leader.add(point, scores[point]))
    longest = Leader()
    for point in sorted(scores, key=lambda each: -scores[each])[:_KEPT]:
        replay.name(longest.add(point, replay.train(point)[-1]))


def keras_tuner_hyperband(replay: Replay, seed: int) -> None:
    """Keras Tuner's Hyperband as it comes, sweep after sweep."""
    epochs = replay.curves.epochs
    _stock(replay, "HyperbandOracle", max_epochs=epochs, hyperband_iterations=None, seed=seed + 1)


def keras_tuner_bayesian(replay: Replay, seed: int) -> None:
    """Keras Tuner's Bayesian optimization as it comes: it begins with 3 points a setting."""
    _stock(replay, "BayesianOptimizationOracle", max_trials=None, seed=seed + 1, quicken=True)


def _stock(replay: Replay, kind: str, *, quicken: bool = False, **options: Any) -> None:
    """Plays an oracle of Keras Tuner, driven by ask and tell; it takes seed 0 for none.

    By its rules a trial scores by its best epoch, and the best score is named, however short the
    trial. A promoted trial goes on where its parent was, and pays only further epochs, though
    Keras Tuner builds and compiles it anew.
    """
    import keras_tuner

    from benchmarks import _gaussian
    from tuning.oracles import _keras_tuner

    space = replay.curves.space
    oracle = _keras_tuner.make(getattr(keras_tuner.oracles, kind), space, maximize=True, **options)
    if quicken:
        oracle.gpr.predict = functools.partial(_gaussian.predict, oracle.gpr)
    numbers = numbered(replay.curves)
    leader, tried = Leader(), Counter[int]()
    runs: dict[str, int] = {}  # Keras Tuner's trial -> which run of its point it is
    while (trial := oracle.create_trial("worker")).status == "RUNNING":
        values = trial.hyperparameters.values
        point = numbers[key(values, replay.curves)]
        parent = values.get("tuner/trial_id")
        if parent is None:
            runs[trial.trial_id], tried[point] = tried[point], tried[point] + 1
        else:
            runs[trial.trial_id] = runs[parent]
        seen = replay.train(point, runs[trial.trial_id], values.get("tuner/epochs", 0))
        score = max(seen[values.get("tuner/initial_epoch", 0) :])
        _keras_tuner.end(oracle, trial, score)
        replay.name(leader.add(point, score))


def optuna_tpe(replay: Replay, seed: int) -> None:
    """Optuna's TPE with its Hyperband pruner, which every epoch is reported to.

    Numbers are suggested by their place among the values, so that their order is known. The best
    complete trial is named; before there is one, the best pruned.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    epochs = replay.curves.epochs
    study = optuna.create_study(
        study_name=f"search {seed}",  # Its pruner draws brackets by it.
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs),
    )
    numbers, tried = numbered(replay.curves), Counter[int]()
    pruned, complete = Leader(), Leader()
    while True:
        trial = study.ask()
        point = numbers[key(suggested(trial, replay.curves), replay.curves)]
        run, score, ended = tried[point], 0.0, True
        tried[point] += 1
        for epoch in range(1, epochs + 1):
            score = replay.train(point, run, epoch)[-1]
            trial.report(score, epoch)
            if epoch < epochs and trial.should_prune():
                ended = False
                break
        if ended:
            study.tell(trial, score)
        else:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        (complete if ended else pruned).add(point, score)
        replay.name(pruned.point if complete.point is None else complete.point)


def our_oracle(replay: Replay, seed: int, *, oracle: str, seeds: int = 1) -> None:
    """An entry of `tuning/oracles` as a search of ours plays it, with one worker and no lookahead.

    What leads the leaderboard is named: the best mean of those trained longest. The first trial
    is the family's defaults, the baseline.
    """
    study = _Study(replay.curves, oracle=oracle, seed=seed, seeds=seeds)
    trials = Trials(study)  # type: ignore[arg-type]
    asking = Asking(study.spec, trials, {})
    numbers = numbered(replay.curves)
    while (found := asking.next()) is not None:
        ask, circumstances = found
        asking.asked(circumstances)
        trial = trials.enter(ask)
        _train(replay, trials, trial)
        asking.tell(trial, trial.scores(_OBJECTIVE))
        best = trials.ranked()[0]
        replay.name(numbers[key(best.point, replay.curves)])


class _Study:
    """As much of a study as trials and oracles need: it has no folder."""

    def __init__(self, curves: Curves, *, oracle: str, seed: int, seeds: int) -> None:
        names = ("family", "dataset", "epochs", "batch_size", "optimizer")
        self.spec = SearchSpec(
            base=RunSpec(**{name: curves.settings[name] for name in names}),
            space=curves.space,
            oracle=oracle,
            seed=seed,
            seeds=seeds,
            trials=len(curves.points),
            lookahead=0,
        )

    def configured(self, point: Mapping[str, Value]) -> RunSpec:
        """Returns the configuration that a point is."""
        return self.spec.base.configure(point)


def _train(replay: Replay, trials: Trials, trial: Trial) -> None:
    """Trains the runs that a trial has not inherited."""
    point = numbered(replay.curves)[key(trial.point, replay.curves)]
    for repeat in range(trial.seeds):
        if repeat not in trial.runs:
            score = replay.train(point, repeat, trial.config.last_epoch)[-1]
            spec = dataclasses.replace(trial.config, repeat=repeat)
            trials.take(trial, RunRecord(spec=spec, metrics={_OBJECTIVE: score}))


def shuffled(curves: Curves, seed: int) -> list[int]:
    """Returns the numbers of all points in random order."""
    points = list(range(len(curves.points)))
    random.Random(f"{seed}/order").shuffle(points)
    return points


@functools.lru_cache(maxsize=1)
def numbered(curves: Curves) -> Mapping[tuple[Value, ...], int]:
    """Returns the number of a point by its values."""
    return {key(point, curves): number for number, point in enumerate(curves.points)}


def key(values: Mapping[str, Value], curves: Curves) -> tuple[Value, ...]:
    """Returns the values of a point in the order of the space."""
    return tuple(values[name] for name in curves.space)


def suggested(trial: Any, curves: Curves) -> dict[str, Value]:
    """Returns what Optuna suggests for each setting."""
    found = {}
    for name, domain in curves.space.items():
        values = domain.values or ()
        if isinstance(values[0], str):
            found[name] = trial.suggest_categorical(name, list(values))
        else:
            found[name] = values[trial.suggest_int(name, 0, len(values) - 1)]
    return found


# Name in the table -> searcher
SEARCHERS: Mapping[str, Searcher] = {
    "random": random_search,
    "random, 3 seeds": functools.partial(random_search, seeds=3),
    "one epoch each, best 10": one_epoch_each,
    "one epoch of 100, best 10": functools.partial(one_epoch_each, points=100),
    "Keras Tuner Hyperband": keras_tuner_hyperband,
    "Keras Tuner Bayesian": keras_tuner_bayesian,
    "Optuna TPE, Hyperband": optuna_tpe,
    "our random_search": functools.partial(our_oracle, oracle="random_search"),
    "our hyperband": functools.partial(our_oracle, oracle="hyperband"),
    "race": functools.partial(our_oracle, oracle="race", seeds=3),
    "our bayesian": functools.partial(our_oracle, oracle="bayesian"),
    "our tpe": functools.partial(our_oracle, oracle="tpe"),
    "our nsga2": functools.partial(our_oracle, oracle="nsga2"),
    "our cma_es": functools.partial(our_oracle, oracle="cma_es"),
    "our gp": functools.partial(our_oracle, oracle="gp"),
}
# Name in the table -> the package it needs
NEEDS = {
    "Optuna TPE, Hyperband": "optuna",
    "our tpe": "optuna",
    "our nsga2": "optuna",
    "our cma_es": "cmaes",
    "our gp": "torch",
}


def missing(name: str) -> str | None:
    """Returns the package a searcher needs and this Python lacks, or None."""
    package = NEEDS.get(name)
    absent = package is not None and importlib.util.find_spec(package) is None
    return package if absent else None


def play(name: str, setting: Setting, seed: int) -> Played:
    """Plays one search to the end of its budget, or its own."""
    replay = Replay(market(setting), seed)
    with warnings.catch_warnings(), quiet.silenced():
        warnings.simplefilter("ignore")  # What other packages think of their own.
        with contextlib.suppress(SpentError):
            SEARCHERS[name](replay, seed)
    return Played.of(replay)


@functools.lru_cache(maxsize=1)
def market(setting: Setting) -> Market:
    """Returns what searches are played on, read once a process."""
    return Market(
        curves=_curves.load(Path(setting.file)), compiles=setting.compiles, runs=setting.runs
    )
