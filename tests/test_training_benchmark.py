"""What the benchmark of trainers computes, and that what is written by hand does the same work."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks import _timing, training
from benchmarks.training import BY_HAND, Clock, Measured
from kerascnn import datasets
from kerascnn.building import Builder
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop


def test_things_take_turns_backwards_every_other_round() -> None:
    called = itertools.count()
    found = _timing.turns(2, {"a": lambda: next(called), "b": lambda: next(called)})
    assert found == {"a": [0, 3], "b": [1, 2]}


def test_ratios_are_taken_round_by_round() -> None:
    assert _timing.ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="longer"):
        _timing.ratios([1.0], [1.0, 2.0])


def test_a_spread_is_median_lowest_highest() -> None:
    assert _timing.spread([3.0, 1.0, 2.5], 1) == ["2.5", "1.0", "3.0"]
    assert _timing.spread([]) == ["", "", ""]


def test_a_table_has_words_flush_left_and_numbers_right() -> None:
    text = _timing.table(["what", "s"], [["a", "1.0"], ["longer", "10.0"]])
    assert text.splitlines() == ["what       s", "a        1.0", "longer  10.0"]


def test_circumstances_name_the_versions_there_are() -> None:
    text = _timing.circumstances("numpy", "no-such-package")
    assert f"numpy {np.__version__}" in text
    assert "no-such-package" not in text


def test_the_first_epoch_is_no_part_of_an_epochs_seconds() -> None:
    times = iter([0.0, 5.0, 6.0, 7.0, 9.0, 12.0])
    clock = Clock(3.5, lambda: next(times))
    for epoch in (1, 2, 3):
        clock(0, epoch, {})
    with pytest.raises(Stop):
        clock(0, 4, {})
    with pytest.raises(Stop):
        clock(1, 1, {})
    assert clock.measured() == Measured(epoch=4 / 3, first=5.0, again=3.0)


def test_one_epoch_is_trained_after_the_first_however_long_they_take() -> None:
    times = iter([0.0, 5.0, 6.0])
    clock = Clock(0.0, lambda: next(times))
    clock(0, 1, {})
    with pytest.raises(Stop):
        clock(0, 2, {})


def test_fewer_images_keep_the_share_of_validation() -> None:
    data = datasets.load("digits")
    less = training.smaller(data, 300)
    count = len(data.parts["validation"]) * 300 // len(data.order)
    assert len(less.training()) == len(less.parts["train"]) == 300
    assert len(less.parts["validation"]) == count
    assert set(less.parts["validation"]) < set(data.parts["validation"])
    assert training.smaller(data, 10**6) is data


def test_every_trainer_stands_beside_by_hand_and_fit_beside_every_other() -> None:
    found = {
        "compiled": [Measured(1.0, 3.0, 2.0), Measured(2.0, 3.0, 2.0)],
        "fit": [Measured(4.0, 3.0, 2.0), Measured(4.0, 3.0, 2.0)],
        BY_HAND: [Measured(1.0, 3.5, 2.0), Measured(1.0, 3.5, 2.0)],
    }
    assert training.ratio_rows(["d"], found) == [
        ["d", "compiled / by hand", "1.50", "1.00", "2.00"],
        ["d", "fit / by hand", "4.00", "4.00", "4.00"],
        ["d", "fit / compiled", "3.00", "2.00", "4.00"],
    ]
    assert training.rows(["d"], found)[0] == [
        *["d", "compiled", "1.5000", "1.0000", "2.0000", "3.00", "2.00"]
    ]


@pytest.mark.slow
def test_by_hand_does_the_work_of_fit() -> None:
    """From the same seed, the losses of both runs and their validation agree to 1e-4."""
    from benchmarks import _by_hand
    from kerascnn.trainers import fit

    data = training.smaller(datasets.load("digits"), 150)
    spec = RunSpec(family="cnn", dataset="digits", hyperparameters={"filters": 4}, epochs=3)
    specs = [dataclasses.replace(spec, seed=seed) for seed in (1, 2)]
    assert len(data.order) % spec.batch_size  # The last batch is smaller.
    seen: dict[str, list[float]] = {"fit": [], BY_HAND: []}
    for name, train in (("fit", fit.train), (BY_HAND, _by_hand.train)):

        def take(i: int, epoch: int, metrics: Mapping[str, float], name: str = name) -> None:
            seen[name] += [metrics[each] for each in sorted(metrics)]

        build = Builder(spec, data)
        train(build, data, specs, on_epoch=take, on_end=lambda *ended: None)
    assert len(seen["fit"]) == 2 * 3 * 4
    np.testing.assert_allclose(seen[BY_HAND], seen["fit"], rtol=0, atol=1e-4)
