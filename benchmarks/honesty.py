"""By how much the number a search reports is too good, when nothing is better than anything.

    python benchmarks/honesty.py [--studies 20000] [--configurations 40]

Simulated studies of configurations that are all equal, so that whatever is reported above their
one true accuracy is luck. A run's score at an epoch of the plateau its training ends on is

    truth + sqrt(1 - share) x (the run's luck) + sqrt(share) x (the epoch's luck),

both normal with standard deviation 1, the latter drawn anew for each of `--epochs` epochs. The
score of the last epoch so has a standard deviation of 1 between seeds, the unit of the table.
`share` is 0.5: half of what the last epoch's scores of two seeds differ by is gone an epoch
later. Keras Tuner 1.4.8 scores an execution by its best epoch, averages the executions and
reports the best average (read in `keras_tuner/src/engine/tuner_utils.py`).

Aim: what fresh seeds report is right on average, to 4 of its standard errors.
"""

import argparse
import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tuning import selection

Array = npt.NDArray[np.float64]
ONE = "one seed each, the best"
LUCKIEST = "{seeds} seeds each, the luckiest run"
MEAN = "{seeds} seeds each, the best mean"
KERAS_TUNER = "Keras Tuner: best epochs, the best mean"
FRESH = "the one chosen by {seeds}, {fresh} fresh seeds"
# Studies drawn at a time: some 20 MB of scores.
BLOCK = 2000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """What is simulated."""

    studies: int = 20_000
    configurations: int = 40
    seeds: int = 3
    fresh: int = 5
    epochs: int = 10
    share: float = 0.5
    seed: int = 0


def simulate(setting: Setting) -> dict[str, Array]:
    """Returns by rule how much too good each study's number is, (studies,), in seed sds."""
    rng = np.random.default_rng(setting.seed)
    blocks = []
    for start in range(0, setting.studies, BLOCK):
        studies = min(BLOCK, setting.studies - start)
        blocks.append(report(draw(rng, studies, setting), fresh(rng, studies, setting)))
    return {rule: np.concatenate([block[rule] for block in blocks]) for rule in blocks[0]}


def draw(rng: np.random.Generator, studies: int, setting: Setting) -> Array:
    """Returns scores less their truth, (studies, configurations, seeds, epochs)."""
    shape = (studies, setting.configurations, setting.seeds)
    run = rng.normal(0, np.sqrt(1 - setting.share), (*shape, 1))
    return np.asarray(run + rng.normal(0, np.sqrt(setting.share), (*shape, setting.epochs)))


def fresh(rng: np.random.Generator, studies: int, setting: Setting) -> Array:
    """Returns last-epoch scores less their truth, (studies, configurations, fresh seeds)."""
    return rng.normal(size=(studies, setting.configurations, setting.fresh))


def report(scores: Array, again: Array) -> dict[str, Array]:
    """Returns by rule what it reports of each study, (studies,)."""
    last, seeds, new = scores[..., -1], scores.shape[2], again.shape[2]
    chosen = last.mean(axis=2).argmax(axis=1)
    return {
        ONE: last[:, :, 0].max(axis=1),
        LUCKIEST.format(seeds=seeds): last.max(axis=(1, 2)),
        MEAN.format(seeds=seeds): last.mean(axis=2).max(axis=1),
        KERAS_TUNER: scores.max(axis=3).mean(axis=2).max(axis=1),
        FRESH.format(seeds=seeds, fresh=new): again[np.arange(len(chosen)), chosen].mean(axis=1),
    }


def expected(setting: Setting) -> dict[str, float]:
    """Returns by rule what theory says; nothing is said of Keras Tuner's."""
    k, seeds = setting.configurations, setting.seeds
    return {
        ONE: selection.optimism(k, 1),
        LUCKIEST.format(seeds=seeds): selection.optimism(k * seeds, 1),
        MEAN.format(seeds=seeds): selection.optimism(k, seeds**-0.5),
        FRESH.format(seeds=seeds, fresh=setting.fresh): 0.0,
    }


def table(setting: Setting, found: Mapping[str, Array]) -> str:
    """Returns the table: mean, its standard error, theory, and spread between studies."""
    theory = expected(setting)
    lines = [
        f"{setting.configurations} equal configurations, unit: standard deviation between seeds, "
        f"n = {setting.studies:,} studies",
        f"{'what is reported':<42} {'too good by':>11} {'std error':>9} {'theory':>7} {'sd':>6}",
    ]
    for rule, values in found.items():
        error = values.std(ddof=1) / np.sqrt(len(values))
        said = f"{theory[rule]:7.3f}" if rule in theory else f"{'':7}"
        lines.append(
            f"{rule:<42} {values.mean():11.3f} {error:9.4f} {said} {values.std(ddof=1):6.3f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Simulates and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for field in dataclasses.fields(Setting):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    setting = Setting(**vars(parser.parse_args()))
    print(table(setting, simulate(setting)))


if __name__ == "__main__":
    main()
