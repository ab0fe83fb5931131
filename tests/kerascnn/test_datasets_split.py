"""The division into parts."""

from typing import Any

import numpy as np
import pytest

from kerascnn import datasets
from kerascnn.datasets import _split
from kerascnn.datasets._arrays import Dataset


def _divide(labels: Any, groups: Any = None, is_test: Any = None, seed: int = 0) -> Any:
    labels = np.asarray(labels, np.int32)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    names = tuple("abcdefghij"[: labels.max() + 1])
    return _split.divide(
        labels,
        groups,
        None if is_test is None else np.asarray(is_test, bool),
        class_names=names,
        seed=seed,
    )


def _sizes(division: Any) -> dict[str, int]:
    return {name: len(part) for name, part in division.parts.items()}


def test_shares_without_a_test_set() -> None:
    # Test: 20 % of 200 and 300. Validation and confirmation: 15 % each of the other 400.
    division = _divide([0] * 200 + [1] * 300)
    assert _sizes(division) == {"train": 280, "validation": 60, "confirmation": 60, "test": 100}
    for part in division.parts.values():
        assert (part < 200).mean() == pytest.approx(0.4)
    assert division.notes == ()


def test_shares_beside_a_test_set() -> None:
    division = _divide([0, 1] * 120, is_test=[False] * 200 + [True] * 40)
    assert _sizes(division) == {"train": 140, "validation": 30, "confirmation": 30, "test": 40}
    np.testing.assert_array_equal(division.parts["test"], np.arange(200, 240))


def test_the_division_depends_on_its_seed_alone() -> None:
    np.random.seed(1)
    first = _divide([0, 1] * 50)
    np.random.seed(2)
    again, other = _divide([0, 1] * 50), _divide([0, 1] * 50, seed=1)
    for name, part in first.parts.items():
        np.testing.assert_array_equal(part, again.parts[name])
    np.testing.assert_array_equal(first.order, again.order)
    assert not np.array_equal(first.parts["test"], other.parts["test"])


def test_a_class_is_drawn_whatever_the_others_are() -> None:
    alone = _divide([0] * 40 + [1] * 5)
    beside = _divide([0] * 40 + [1] * 50)
    for name in alone.parts:
        ours, theirs = alone.parts[name], beside.parts[name]
        np.testing.assert_array_equal(ours[ours < 40], theirs[theirs < 40])


def test_classes_are_drawn_independently() -> None:
    test = _divide([0] * 50 + [1] * 50).parts["test"]
    assert not np.array_equal(test[test < 50], test[test >= 50] - 50)


def test_images_are_shuffled() -> None:
    test = _divide([0] * 500 + [1] * 500).parts["test"]
    assert np.median(test[test < 500]) == pytest.approx(250, abs=75)  # 1 in 1e4: sd is 21.
    assert (np.diff(test) > 1).any()


@pytest.mark.parametrize("seed", range(20))
def test_copies_stay_in_one_part(seed: int) -> None:
    groups = np.arange(120) // 12 * 12 + np.arange(120) % 2
    division = _divide([0, 1] * 60, groups=groups, seed=seed)
    part_of = {int(i): name for name, part in division.parts.items() for i in part}
    assert len(part_of) == 120
    assert all(part_of[i] == part_of[int(groups[i])] for i in range(120))
    assert "Exact copies of other images: 100; copies are kept in one part." in division.notes


def test_copies_with_another_label_are_said() -> None:
    groups = np.arange(40)
    groups[1] = 0
    division = _divide([0, 1] * 20, groups=groups)
    assert division.notes == (
        "Exact copies of other images: 1; copies are kept in one part.",
        "Exact copies with another label: 1; one of the labels is wrong.",
    )


def test_copies_of_test_images_are_left_out_of_training() -> None:
    groups = np.arange(60)
    groups[[50, 51, 52]] = [4, 5, 5]
    is_test = np.arange(60) >= 50
    division = _divide([0, 1] * 30, groups=groups, is_test=is_test)
    assert _sizes(division)["test"] == 10
    used = np.concatenate(list(division.parts.values()))
    assert sorted(set(range(60)) - set(used.tolist())) == [4, 5]
    sentence = "Training images left out, as the test set holds exact copies of them: 2."
    assert sentence in division.notes


@pytest.mark.parametrize("count", [4, 5, 6, 7, 8, 9, 13])
def test_every_part_has_every_class_however_small(count: int) -> None:
    labels = [0] * count + [1] * 100
    for part in _divide(labels).parts.values():
        assert (part < count).any()


def test_one_big_group_does_not_starve_a_part() -> None:
    groups = [0] * 97 + [97, 98, 99] + list(range(100, 140))
    division = _divide([0] * 100 + [1] * 40, groups=groups)
    for part in division.parts.values():
        assert (part < 100).any()


def test_a_class_too_small_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'b' has 3 images to divide, 3 .*at least 4: one each for test"
    ):
        _divide([0] * 10 + [1] * 3)
    with pytest.raises(ValueError, match=r"'b' has 5 images to divide, 2 of them different"):
        _divide([0] * 10 + [1] * 5, groups=[*range(10), 10, 10, 10, 13, 13])
    with pytest.raises(ValueError, match=r"'b' has 2 images .*at least 3: one each for validation"):
        _divide([0] * 10 + [1] * 3, is_test=[True] + [False] * 11 + [True])


def test_a_test_set_without_a_class_is_refused() -> None:
    with pytest.raises(ValueError, match="test set has no image of class 'b', 'c'"):
        _divide([0, 1, 2] * 5, is_test=[True] + [False] * 14)


def test_every_prefix_of_the_order_is_stratified() -> None:
    division = _divide([0] * 100 + [1] * 300 + [2] * 600)
    labels = np.repeat([0, 1, 2], [100, 300, 600])[division.order]
    n = len(labels)
    for label in range(3):
        taken = np.cumsum(labels == label)
        expected = np.arange(1, n + 1) * (labels == label).mean()
        assert np.abs(taken - expected).max() < 2.5
    np.testing.assert_array_equal(np.sort(division.order), division.parts["train"])


def _dataset(counts: list[int]) -> Dataset:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    division = _divide(labels)
    return Dataset(
        name="data",
        images=np.zeros((len(labels), 1, 1, 1), np.uint8),
        labels=labels,
        parts=division.parts,
        order=division.order,
        class_names=tuple("abcdefghij"[: len(counts)]),
        scale=1 / 255,
        offset=0.0,
        fingerprint="0",
    )


@pytest.mark.parametrize("count", [2, 3, 4, 5, 10])
@pytest.mark.parametrize("counts", [[100, 100], [100] * 10, [60, 200, 30]])
def test_disjoint_training_parts_are_stratified(counts: list[int], count: int) -> None:
    data = _dataset(counts)
    parts = [data.training(0, count, part) for part in range(count)]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), data.parts["train"])
    for label in range(len(counts)):
        members = [int((data.labels[part] == label).sum()) for part in parts]
        assert max(members) - min(members) <= 1


def test_bootstraps_are_stratified_and_hold_63_percent() -> None:
    data = _dataset([3000, 1500])
    parts = [data.training(0, 4, part, "bootstrap") for part in range(4)]
    pool = data.parts["train"]
    for part in parts:
        assert set(part.tolist()) <= set(pool.tolist())
        assert (np.bincount(data.labels[part]) == np.bincount(data.labels[pool])).all()
        # The share is normal with a standard error of 0.0068 at 1,500 and more images.
        assert len(np.unique(part)) / len(pool) == pytest.approx(1 - np.exp(-1), abs=0.03)
        assert (np.diff(part) >= 0).all()
    assert len({part.tobytes() for part in parts}) == 4


@pytest.mark.parametrize("counts", [[100, 100], [61, 203, 31], [100] * 10])
def test_subsamples_are_stratified_halves_without_repetition(counts: list[int]) -> None:
    data = _dataset(counts)
    parts = [data.training(0, 4, part, "subsample") for part in range(4)]
    pool = np.bincount(data.labels[data.parts["train"]])
    for part in parts:
        assert len(np.unique(part)) == len(part) == (pool.sum() + 1) // 2
        assert (abs(2 * np.bincount(data.labels[part]) - pool) <= 1).all()
        assert set(part.tolist()) <= set(data.parts["train"].tolist())
    assert len({part.tobytes() for part in parts}) == 4


@pytest.mark.parametrize("scheme", ["bootstrap", "subsample"])
def test_draws_depend_on_scheme_count_and_part_alone(scheme: str) -> None:
    first, other = _dataset([60, 200, 30]), _dataset([60, 200, 30])
    ours = first.training(0, 4, 1, scheme)
    np.testing.assert_array_equal(ours, other.training(0, 4, 1, scheme))
    assert ours.tolist() != first.training(0, 5, 1, scheme).tolist()
    assert len(first.training(100, 4, 1, scheme)) in (50, 100)


def test_a_training_sample_is_stratified_and_nested() -> None:
    data = _dataset([100, 300])
    small, large = data.training(50), data.training(100)
    assert len(small) == 50
    assert set(small.tolist()) < set(large.tolist())
    assert (data.labels[large] == 0).sum() == pytest.approx(25, abs=2)
    np.testing.assert_array_equal(data.training(), data.parts["train"])
    assert set(data.probe.tolist()) <= set(data.parts["train"].tolist())


def test_other_parts_may_be_trained_on_but_not_beyond_a_sample() -> None:
    data = datasets.load("synthetic")
    both = data.training(besides=("validation", "confirmation"))
    parts = [data.parts[name] for name in ("train", "validation", "confirmation")]
    np.testing.assert_array_equal(both, np.sort(np.concatenate(parts)))
    np.testing.assert_array_equal(data.training(50, besides=("validation",)), data.training(50))


def test_training_refuses_what_there_is_not() -> None:
    data = _dataset([20, 20])
    with pytest.raises(ValueError, match=r"`train_size` must be at most 2\d.*Received: 1000"):
        data.training(1000)
    with pytest.raises(ValueError, match="cannot make 99 parts"):
        data.training(0, 99, 98)
