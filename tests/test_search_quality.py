"""The search benchmark's harness, on a hand-made recording whose answers are known."""

import contextlib
import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _curves, _gaussian, _searchers, search_quality
from benchmarks._replay import Market, Played, Replay, SpentError
from tuning.space import Choice

# Two programs of two points each. Points 0 to 3: validation rises to 10, 20, 30, 40 images.
SPACE = {"filters": Choice(8, 16), "learning_rate": Choice(1e-3, 1e-2)}
SETTINGS = {
    "family": "cnn",
    "dataset": "digits",
    "epochs": 3,
    "batch_size": 32,
    "optimizer": "adam",
}
LAST = np.array([10, 20, 30, 40])
SEEDS = 4


@pytest.fixture(scope="module")
def curves() -> _curves.Curves:
    rising = np.array([-2, -1, 0])
    spread = np.array([-1, 0, 0, 1])
    validation = LAST[:, None, None] + spread[:, None] + rising
    return _curves.Curves(
        space=SPACE,
        settings=SETTINGS,
        images={"train": 5, "validation": 50, "test": 100},
        validation=validation.astype(np.uint16),
        test=(2 * (LAST[:, None, None] + spread[:, None]) + 0 * rising).astype(np.uint16),
        epoch_seconds=np.array([1, 1, 2, 2], np.float32),
        building=np.array([0.5, 0.5, 0.5, 0.5], np.float32),
        compiling=np.array([10, 10, 20, 20], np.float32),
    )


@pytest.fixture(scope="module")
def market(curves: _curves.Curves) -> Market:
    return Market(curves=curves)


def test_a_recording_is_read_as_it_was_written(curves: _curves.Curves, tmp_path: Path) -> None:
    _curves.save(curves, tmp_path / "curves.npz")
    again = _curves.load(tmp_path / "curves.npz")
    assert (again.space, again.settings, again.images) == (SPACE, SETTINGS, curves.images)
    for name in ("validation", "test", "epoch_seconds", "building", "compiling"):
        assert getattr(again, name).dtype == getattr(curves, name).dtype
        assert (getattr(again, name) == getattr(curves, name)).all()
    assert again.points[1] == {"filters": 8, "learning_rate": 1e-2}


def test_the_recording_in_the_repository_is_what_was_asked_for() -> None:
    stored = _curves.load()
    points, seeds, epochs = stored.validation.shape
    assert points >= 300
    assert seeds >= 5
    assert epochs == 9
    assert stored.images["train"] == 400
    assert abs(stored.images["validation"] - stored.images["test"]) <= 1
    assert sum(stored.images.values()) == 1797
    assert (stored.validation <= stored.images["validation"]).all()
    assert (stored.test <= stored.images["test"]).all()
    # The two halves are alike, and training teaches.
    last = stored.accuracy[:, :, -1].mean(), stored.tested.mean()
    assert last[0] == pytest.approx(last[1], abs=0.02)
    assert stored.accuracy[:, :, 0].mean() < last[0] - 0.1
    assert _curves.FILE.stat().st_size < 300_000


def test_further_epochs_and_new_runs_are_paid_and_nothing_twice(market: Market) -> None:
    replay = Replay(market, seed=0)
    first = replay.train(0, epochs=1)
    assert replay.seconds == 1.5  # Built, and one epoch
    assert replay.train(0, epochs=3)[:1] == first
    assert replay.seconds == 3.5
    replay.train(0, epochs=2)
    assert replay.seconds == 3.5
    replay.train(0, run=1)
    assert replay.seconds == 7.0
    replay.train(2, epochs=1)
    assert replay.seconds == 9.5


def test_a_program_is_compiled_once_where_that_is_paid_for(curves: _curves.Curves) -> None:
    replay = Replay(Market(curves=curves, compiles=True), seed=0)
    replay.train(0, epochs=1)
    assert replay.seconds == 11.5
    replay.train(1, epochs=1)  # The same program with another learning rate
    assert replay.seconds == 13.0
    replay.train(2, epochs=1)
    assert replay.seconds == 35.5


def test_what_the_budget_does_not_pay_is_not_bought(curves: _curves.Curves) -> None:
    market = Market(curves=curves, runs=1)  # A run costs (2 x 3.5 + 2 x 6.5) / 4
    assert market.budget == 5.0
    replay = Replay(market, seed=0)
    replay.train(0)
    with pytest.raises(SpentError):
        replay.train(2, epochs=1)
    assert replay.seconds == 3.5
    replay.train(1, epochs=1)
    assert replay.seconds == 5.0


def test_a_pair_shares_its_runs_and_pairs_differ(market: Market) -> None:
    def seen(seed: int) -> list[float]:
        replay = Replay(market, seed)
        return [replay.train(0, run)[-1] for run in range(SEEDS)]

    assert sorted(seen(0)) == [0.18, 0.2, 0.2, 0.22]
    assert seen(3) == seen(3)
    assert len({tuple(seen(seed)) for seed in range(8)}) > 1
    replay = Replay(market, 0)
    assert replay.train(0, SEEDS) == replay.train(0, 0)


def test_means_are_shrunken_towards_each_other(market: Market) -> None:
    """Test means are 20, 40, 60, 80 %, each with the error sqrt(8 / 3 / 4): hardly noise."""
    error = 8 / 3 / SEEDS
    spread = np.var([20, 40, 60, 80], ddof=1) - error  # DerSimonian and Laird's, for equal errors
    kept = spread / (spread + error)
    assert market.truth == pytest.approx([50 + kept * step for step in (-30, -10, 10, 30)])
    assert market.regret == pytest.approx([60 * kept, 40 * kept, 20 * kept, 0])


def test_runs_that_are_all_alike_have_an_error_too(curves: _curves.Curves) -> None:
    alike = dataclasses.replace(curves, test=np.repeat(curves.test[:, 1:2], SEEDS, axis=1))
    assert Market(curves=alike).truth == pytest.approx([20, 40, 60, 80], abs=0.05)


def test_the_time_is_the_last_at_which_regret_was_too_large() -> None:
    played = Played((1.0, 2.0, 4.0, 7.0), (5.0, 0.4, 3.0, 0.9))
    assert played.until(1.0) == 7.0  # At 2 it was below, but not for good.
    assert played.until(10.0) == 1.0
    assert played.until(0.9) == np.inf
    assert [played.at(seconds) for seconds in (0.5, 2.0, 6.9)] == [np.inf, 0.4, 3.0]
    assert Played((), ()).until(1.0) == np.inf


def test_naming_the_same_again_changes_nothing(market: Market) -> None:
    replay = Replay(market, seed=0)
    replay.name(None)
    for point in (0, 0, 3):
        replay.train(point)
        replay.name(point)
    assert replay.trace == [(3.5, 0), (10.0, 3)]
    assert Played.of(replay).until(1.0) == 10.0


def test_intervals_and_ratios_of_times() -> None:
    rng = np.random.default_rng(0)
    fast = rng.exponential(size=400)
    found = search_quality.rows({"fast": fast, "slow": 2 * fast, "never": fast + np.inf}, 100.0)
    assert found["slow"].ratio == search_quality.Estimate(0.5, 0.5, 0.5)  # They are paired.
    assert found["slow"].median_ratio.value == 0.5
    mean = found["fast"].mean
    # Of an exponential with mean 1 the standard error is 1 / 20.
    assert mean.high - mean.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert mean.low < fast.mean() < mean.high
    assert [found[name].never for name in found] == [0, 0, 400]
    assert found["never"].mean == search_quality.Estimate(100.0, 100.0, 100.0)


@pytest.mark.parametrize("oracle", ["random_search", "hyperband"])
def test_our_oracles_find_the_best_of_four(market: Market, oracle: str) -> None:
    replay = Replay(Market(curves=market.curves, runs=1000), seed=1)
    _searchers.our_oracle(replay, 1, oracle=oracle)
    assert replay.trace[-1][1] == 3
    # Trial 0 is the defaults: 16 filters, learning rate 1e-3.
    assert replay.trace[0] == (6.5, 2)


def test_an_oracle_is_played_with_as_many_seeds_as_wanted(market: Market) -> None:
    replay = Replay(Market(curves=market.curves, runs=1000), seed=1)
    _searchers.our_oracle(replay, 1, oracle="random_search", seeds=3)
    assert replay.seconds == pytest.approx(3 * 4 * market.run_seconds)


@pytest.mark.parametrize(
    "searcher", [_searchers.keras_tuner_hyperband, _searchers.keras_tuner_bayesian]
)
def test_keras_tuner_is_played_as_it_comes(market: Market, searcher: _searchers.Searcher) -> None:
    replay = Replay(Market(curves=market.curves, runs=12), seed=1)
    with contextlib.suppress(SpentError):
        searcher(replay, 1)
    assert replay.trace[-1][1] == 3
    assert replay.seconds <= replay.market.budget


def test_random_and_one_epoch_each(market: Market) -> None:
    rich = Market(curves=market.curves, runs=1000)
    replay = Replay(rich, seed=2)
    _searchers.random_search(replay, 2)
    assert replay.seconds == pytest.approx(4 * market.run_seconds)
    assert replay.trace[-1][1] == 3
    replay = Replay(rich, seed=2)
    _searchers.random_search(replay, 2, seeds=3)
    assert replay.seconds == pytest.approx(12 * market.run_seconds)
    replay = Replay(rich, seed=2)
    _searchers.one_epoch_each(replay, 2)
    assert replay.seconds == pytest.approx(4 * market.run_seconds)  # All four are kept.
    assert replay.trace[-1][1] == 3
    # After an epoch each the best is known.
    assert Played.of(replay).until(1.0) <= 4 * 0.5 + 2 * (1 + 2)


def test_the_quick_gaussian_process_predicts_what_the_usual_one_does() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels

    rng = np.random.default_rng(0)
    process = GaussianProcessRegressor(
        kernels.Matern(0.7, nu=2.5), alpha=1e-4, normalize_y=True, optimizer=None
    )
    for count in (8, 12):  # Fitted again, it is prepared again.
        x = rng.random((count, 3))
        y = np.sin(3 * x).sum(axis=1)
        process.fit(x, y)
        at = rng.random((5, 3))
        usual = process.predict(at, return_std=True)
        assert np.allclose(_gaussian.predict(process, at), usual, atol=1e-12, rtol=0)


def test_optuna_reports_every_epoch(market: Market) -> None:
    pytest.importorskip("optuna")
    replay = Replay(Market(curves=market.curves, runs=20), seed=1)
    with pytest.raises(SpentError):
        _searchers.optuna_tpe(replay, 1)
    assert replay.trace[-1][1] == 3


def test_the_benchmark_prints_all_of_it(
    curves: _curves.Curves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _curves.save(curves, tmp_path / "curves.npz")
    setting = _searchers.Setting(file=str(tmp_path / "curves.npz"), runs=10)
    names = ["random", "one epoch each, best 10"]
    played = {name: [_searchers.play(name, setting, seed) for seed in range(20)] for name in names}
    market = _searchers.market(setting)
    found = search_quality.rows(search_quality.times(played, 1.0), market.budget)
    text = search_quality.report(found, 1.0, 20)
    assert all(name in text for name in names)
    assert found["random"].never == 0
    after = search_quality.regrets(played, market)
    assert after["random"][-1] == 0
    assert "4 points, the best 79.9" in search_quality.difficulty(market)


def test_a_searcher_that_is_not_there_is_named() -> None:
    with pytest.raises(SystemExit, match=r"randon.*random"):
        search_quality.chosen(["randon"])


def test_what_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_searchers, "NEEDS", {"random": "no_such_package"})
    monkeypatch.setattr(
        _searchers, "SEARCHERS", {"random": functools.partial(_searchers.random_search)}
    )
    assert search_quality.chosen([]) == []
    assert "no_such_package is not installed" in capsys.readouterr().out
