"""How soon a search names a configuration that is nearly the best, on recorded learning curves.

    python -m benchmarks.search_quality [--n 100] [--runs 60] [--searchers NAME ...] [--json]

`curves.npz` holds every epoch of every point of a grid, recorded once by `_record_curves.py`, so
that hundreds of searches run in minutes. A searcher (`_searchers.py`) buys epochs, sees their
accuracy on validation alone, and names a point after every purchase. It is judged by the shrunken
test mean of that point over all its recorded runs: the regret is what it is below the best one's,
in points of accuracy.

Searches are paired: in pair i every searcher gets the same runs of a point, in the same order.
Reported is the simulated time until the regret stays below 1 point (`--points`) for good. A
search that does not get there counts with its whole budget, so that means and ratios of means are
kinder to slow searchers than the truth. Intervals are 95 %, by a bootstrap over pairs.

What is paid: `_replay.Market`. An epoch here takes hundredths of a second and compiling a program
most of one, which is not how people use a search; so compiling is left out, or paid for with
`--compiling`.

Aim: `race` in half the time of the best other and a quarter of random's.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import _searchers, _timing
from benchmarks._replay import Array, Market, Played
from kerascnn import registry
from tuning import executors
from tuning.executors import processes

# Resamples of a bootstrap.
_DRAWS = 4000
# Parts of the budget after which the mean regret is shown.
_SHARES = (1 / 12, 1 / 6, 1 / 3, 2 / 3, 1)
_LEFT_OUT = ("our random_search", "our bayesian", "our gp")


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """What became of the searches of one searcher.

    Attributes:
        never: How many did not get there; they count with the whole budget.
        median, mean: Seconds.
        ratio: The fastest searcher's mean over this one's.
        median_ratio: The same of medians.
    """

    never: int
    median: Estimate
    mean: Estimate
    ratio: Estimate
    median_ratio: Estimate


def play_all(
    names: Sequence[str], setting: _searchers.Setting, n: int, workers: int
) -> dict[str, list[Played]]:
    """Returns the searches of each searcher, by pair."""
    environment = executors.settings("tensorflow", 1)
    pool = processes.executor(min(workers, n * len(names)), environment=environment)
    with pool:
        futures = {
            name: [pool.submit(_searchers.play, name, setting, seed) for seed in range(n)]
            for name in names
        }
        return {name: [each.result() for each in futures[name]] for name in names}


def times(played: Mapping[str, Sequence[Played]], points: float) -> dict[str, Array]:
    """Returns by searcher the seconds until its regret stays below `points`, (pairs,)."""
    return {
        name: np.array([each.until(points) for each in searches])
        for name, searches in played.items()
    }


def rows(found: Mapping[str, Array], budget: float, seed: int = 0) -> dict[str, Row]:
    """Returns what is reported of the times of each searcher.

    Args:
        found: (pairs,) by searcher; infinite: never.
        budget: Seconds that a search which never gets there counts with.
        seed: Of the bootstrap.
    """
    capped = {name: np.minimum(values, budget) for name, values in found.items()}
    n = len(next(iter(capped.values())))
    drawn = np.random.default_rng(seed).integers(0, n, (_DRAWS, n))
    means = {name: values[drawn].mean(axis=1) for name, values in capped.items()}
    medians = {name: np.median(values[drawn], axis=1) for name, values in capped.items()}
    fastest = min(capped, key=lambda name: capped[name].mean())
    made = {}
    for name, values in capped.items():
        mean, median = float(values.mean()), float(np.median(values))
        least = capped[fastest]
        made[name] = Row(
            never=int(np.isinf(found[name]).sum()),
            median=_estimate(median, medians[name]),
            mean=_estimate(mean, means[name]),
            ratio=_estimate(float(least.mean()) / mean, means[fastest] / means[name]),
            median_ratio=_estimate(
                float(np.median(least)) / median, medians[fastest] / medians[name]
            ),
        )
    return made


def _estimate(value: float, resampled: Array) -> Estimate:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def regrets(played: Mapping[str, Sequence[Played]], market: Market) -> dict[str, list[float]]:
    """Returns by searcher the mean regret after some parts of the budget.

    Where nothing is named yet, one of all points is taken blindly.
    """
    blind = float(market.regret.mean())
    found = {}
    for name, searches in played.items():
        found[name] = []
        for share in _SHARES:
            each = np.array([played.at(share * market.budget) for played in searches])
            found[name].append(float(np.where(np.isinf(each), blind, each).mean()))
    return found


def report(found: Mapping[str, Row], points: float, n: int) -> str:
    """Returns the table of times."""
    heads = [f"until below {points:g} for good", "never", "median s", "95 %", "mean s", "95 %"]
    heads += ["fastest / it, means", "95 %", "medians", "95 %"]
    cells = [
        [
            name,
            str(row.never),
            *_cells(row.median, 2),
            *_cells(row.mean, 2),
            *_cells(row.ratio, 2),
            *_cells(row.median_ratio, 2),
        ]
        for name, row in sorted(found.items(), key=lambda pair: pair[1].mean.value)
    ]
    return _timing.table(heads, cells)


def _cells(estimate: Estimate, digits: int) -> list[str]:
    low, high = f"{estimate.low:.{digits}f}", f"{estimate.high:.{digits}f}"
    return [f"{estimate.value:.{digits}f}", f"{low} to {high}"]


def difficulty(market: Market) -> str:
    """Returns how good the points are, and what a run costs."""
    regret, truth = market.regret, market.truth
    near = ", ".join(f"{int((regret < points).sum())} within {points:g}" for points in (0.5, 1, 2))
    return (
        f"{len(truth)} points, the best {truth.max():.2f} % on test: {near} points of it; "
        f"a run costs {market.run_seconds:.3f} s"
    )


def to_json(
    tables: Mapping[float, Mapping[str, Row]],
    after: Mapping[str, Sequence[float]],
    market: Market,
    given: argparse.Namespace,
) -> dict[str, Any]:
    """Returns what is printed as JSON values."""
    return {
        "n": given.n,
        "budget": market.budget,
        "run_seconds": market.run_seconds,
        "compiling": market.compiles,
        "within": {str(p): int((market.regret < p).sum()) for p in (0.5, 1.0, 2.0)},
        "until": {
            str(points): {name: dataclasses.asdict(row) for name, row in found.items()}
            for points, found in tables.items()
        },
        "regret": {"seconds": [share * market.budget for share in _SHARES], **after},
    }


def chosen(names: Sequence[str]) -> list[str]:
    """Returns the searchers to play; of all there are those that can be, and says which cannot."""
    for name in names:
        if name not in _searchers.SEARCHERS:
            raise SystemExit(registry.unknown("searchers", name, list(_searchers.SEARCHERS)))
    wanted = names or [name for name in _searchers.SEARCHERS if name not in _LEFT_OUT]
    absent = {name: _searchers.missing(name) for name in wanted}
    for name, package in absent.items():
        if package is not None:
            print(f"{name} is left out: {package} is not installed.\n")
    return [name for name in wanted if absent[name] is None]


def main() -> None:
    """Plays and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=100, help="pairs")
    parser.add_argument("--runs", type=float, default=60, help="the budget, in full-length runs")
    parser.add_argument("--points", type=float, nargs="+", default=[1.0, 0.5])
    parser.add_argument("--searchers", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--compiling", action="store_true", help="compiling is paid for")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    setting = _searchers.Setting(compiles=given.compiling, runs=given.runs)
    market = _searchers.market(setting)
    played = play_all(chosen(given.searchers), setting, given.n, given.processes)
    tables = {p: rows(times(played, p), market.budget) for p in given.points}
    after = regrets(played, market)
    if given.json:
        print(json.dumps(to_json(tables, after, market, given)))
        return
    print(f"n = {given.n} pairs, budget {market.budget:.1f} s; {difficulty(market)}")
    for points, found in tables.items():
        print(f"\n{report(found, points, given.n)}")
    heads = ["mean regret after", *(f"{share * given.runs:g} runs" for share in _SHARES)]
    cells = [[name, *(f"{each:.2f}" for each in values)] for name, values in after.items()]
    print(f"\n{_timing.table(heads, cells)}")
    print(f"\n{_timing.circumstances('keras-tuner', 'optuna', 'numpy', 'scipy', 'kerascnn')}")


if __name__ == "__main__":
    main()
