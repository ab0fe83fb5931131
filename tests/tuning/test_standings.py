"""Counts and an order that are kept as runs end, against counting and sorting anew."""

import dataclasses
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from kerascnn import attempt
from kerascnn.record import RunRecord
from tests.tuning.test_search import SPEC, begin
from tuning.oracles import Ask
from tuning.standings import Ranking, Sums, Tally
from tuning.study import Study
from tuning.trial import Trial, has_score
from tuning.trials import Trials


def test_items_stand_in_the_order_of_their_keys() -> None:
    ranking: Ranking[str, str] = Ranking()
    rng = random.Random(0)
    keys = list(range(50))
    rng.shuffle(keys)
    for key in keys:
        ranking.put(f"old {key % 7}", key, str(key))
    last = {key % 7: key for key in keys}  # Of each name the last that was put
    assert ranking.items() == [str(key) for key in sorted(last.values())]
    assert ranking.items(2) == ranking.items()[:2]
    ranking.remove("old 3")
    ranking.remove("nobody")
    assert str(last[3]) not in ranking.items()
    assert ranking["old 4"] == str(last[4])
    assert ranking.items()[ranking.place("old 4")] == str(last[4])
    assert len(ranking) == len(last) - 1
    with pytest.raises(KeyError):
        ranking["old 3"]


def test_what_leaves_a_sum_leaves_no_trace() -> None:
    """A sum of floats would have lost the small one beside the large."""
    sums: Sums[str] = Sums(2)
    sums.put("small", (0.1, 1))
    sums.put("large", (1e30, 1))
    sums.put("large", (1e20, 2))
    assert [float(total) for total in sums.totals] == [1e20, 3]
    sums.remove("large")
    sums.remove("nobody")
    assert sums.totals == [Fraction(0.1), 1]
    assert len(sums) == 1


def test_a_part_of_a_sum_is_replaced() -> None:
    assert Tally(5, 1, 9).replaced(Tally(2, 1, 3), Tally(3, 0, 4)) == Tally(6, 0, 10)


def anew(trials: Trials, number: int) -> list[Trial]:
    """Returns what `ranked` should, from nothing but the trials."""
    furthest = {}
    for trial in (trials[each] for each in range(number)):
        if trial.complete:
            furthest[trial.config.config_id] = trial
    pairs = [(trial.score("val_accuracy"), trial) for trial in furthest.values()]
    scored = [(score, trial) for score, trial in pairs if score is not None]
    scored.sort(key=lambda pair: (pair[1].config.last_epoch, pair[0]), reverse=True)
    return [trial for _, trial in scored]


def ended(trial: Trial, study: Study, rng: random.Random) -> RunRecord:
    """Returns a record of the next run of a trial: scores tie often."""
    repeat = next(each for each in range(99) if each not in trial.runs)
    spec = trial.config.repeated(study.spec.seed, "search", repeat)
    fate = rng.random()
    if fate < 0.1:
        return RunRecord(spec=spec, status="infeasible", error="Too deep.")
    if fate < 0.3:
        return RunRecord(spec=spec, status="failed", error="Boom")
    return RunRecord(spec=spec, metrics={"val_accuracy": rng.randrange(4) / 4})


@pytest.mark.parametrize("seed", range(5))
def test_standings_are_what_counting_anew_gives(tmp_path: Path, seed: int) -> None:
    study = begin(tmp_path / "s", dataclasses.replace(SPEC, trials=40))
    trials, rng = Trials(study), random.Random(seed)
    for _ in range(150):
        what = rng.random()
        if not len(trials) or what < 0.3:
            trials.enter(Ask(point={"filters": 4 * rng.randint(1, 8), "depth": rng.randint(1, 3)}))
        elif what < 0.45:
            parent = trials[rng.randrange(len(trials))]
            epochs = rng.choice([None, 3])
            trials.enter(Ask(point=parent.point, epochs=epochs, parent=parent.number, seeds=3))
        elif what < 0.5:
            trials.seeds = rng.randint(1, 3)
        else:
            trial = trials[rng.randrange(len(trials))]
            trials.take(trial, ended(trial, study, rng))
        check(trials)


def check(trials: Trials) -> None:
    """Compares what is kept with what counting anew gives."""
    every = [trials[number] for number in range(len(trials))]
    assert trials.ranked() == anew(trials, len(every))
    for known in (0, len(every) // 2, len(every)):
        begun = [trial for trial in every if trial.parent is None]
        counted = [each for each in begun if not (each.number < known and each.infeasible)]
        assert trials.counted(known) == len(counted)
    assert trials.begun().total() == len(begun)
    progress = trials.progress()
    running = [trial for trial in every if trial.seeds and not trial.infeasible]
    own = [[trial.runs[each] for each in trial.runs.keys() - trial.inherited] for trial in running]
    runs = [run for some in own for run in some]
    assert progress.ended == len(runs)
    assert progress.failed == sum(run.status == "failed" for run in runs)
    to_come = max(0, trials.trials - trials.feasible) * trials.seeds
    planned = sum(
        max(trial.seeds - len(trial.inherited), len(some))
        for trial, some in zip(running, own, strict=True)
    )
    assert progress.planned == planned + to_come
    leaders = trials.ranked()
    assert progress.best == (leaders[0].score("val_accuracy") if leaders else None)


def test_only_leaders_keep_their_models(tmp_path: Path) -> None:
    study = begin(tmp_path / "s")
    trials = Trials(study)
    models = []
    for number, score in enumerate([0.1, 0.5, 0.3, 0.5, 0.9]):
        trial = trials.enter(Ask(point={"filters": 4 + 4 * number}))
        for repeat in range(trial.seeds):
            spec = trial.config.repeated(0, "search", repeat)
            trials.take(trial, RunRecord(spec=spec, metrics={"val_accuracy": score}))
        models.append(attempt.run_dir(study.folder, trial.runs[0].spec) / "model.keras")
        models[-1].parent.mkdir(parents=True)
        models[-1].touch()
        trials.prune(study.folder, 2)
        best = sorted(range(number + 1), key=lambda n: -trials[n].score("val_accuracy"))[:2]
        assert [n for n in range(number + 1) if models[n].exists()] == sorted(best)


def test_half_must_finish() -> None:
    assert np.array_equal([has_score(n, 3) for n in range(4)], [False, False, True, True])
