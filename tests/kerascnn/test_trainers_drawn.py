"""What is drawn for an epoch: order, classes in balance, and how images are changed."""

import numpy as np
import pytest

from kerascnn.checks import AUGMENTATIONS
from kerascnn.spec import RunSpec
from kerascnn.trainers import _augment, _order

ALL = "+".join(AUGMENTATIONS)
IMAGE = np.arange(1, 7, dtype=np.float32).reshape(1, 2, 3, 1)


def random_images(count: int = 3, height: int = 8, width: int = 6) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((count, height, width, 2), dtype=np.float32)


def test_order_is_a_permutation_of_seed_and_epoch() -> None:
    orders = {
        (seed, epoch): tuple(_order.permutation(seed, epoch, 20))
        for seed in range(3)
        for epoch in (1, 2)
    }
    assert len(set(orders.values())) == 6
    assert all(sorted(order) == list(range(20)) for order in orders.values())
    # Pinned: studies on disk were trained in this order.
    assert orders[0, 1][:5] == (10, 0, 15, 13, 9)


@pytest.mark.parametrize("balance", ["none", "weights"])
def test_without_sampling_every_image_comes_once(balance: str) -> None:
    spec = RunSpec(family="cnn", dataset="digits", balance=balance, seed=3)
    labels = np.array([0, 0, 1, 2, 2, 2], np.int32)
    assert _order.order(spec, 2, labels).tolist() == _order.permutation(3, 2, 6).tolist()


def test_sampling_shows_every_class_equally_often() -> None:
    """Classes of 3, 16 and 0 images, and 1 left over when an epoch of 20 is shared by 3."""
    labels = np.array([0] * 3 + [1] * 16 + [3], np.int32)
    spec = RunSpec(family="cnn", dataset="digits", balance="sampling")
    extra = set()
    for epoch in range(1, 30):
        order = _order.order(spec, epoch, labels)
        assert len(order) == len(labels)
        counts = np.bincount(labels[order], minlength=4)
        assert sorted(counts) == [0, 6, 7, 7]
        extra.add(tuple(counts))
        times = np.bincount(order, minlength=20)
        for members in (times[:3], times[3:19], times[19:]):
            assert members.max() - members.min() <= 1
    assert extra == {(6, 7, 0, 7), (7, 6, 0, 7), (7, 7, 0, 6)}
    first, second = (_order.order(spec, epoch, labels).tolist() for epoch in (1, 2))
    assert sorted(first) != sorted(second)  # Another part of the large class.
    assert first == _order.order(spec, 1, labels).tolist()
    assert labels[first].tolist() != sorted(labels[first])  # Not class by class.


def test_draws_are_pinned() -> None:
    """Studies on disk were trained with these."""
    drawn = _augment.draw(ALL, 1, 2, 4, (16, 20))
    expected = {
        "shifts": [[1, 2], [-1, -2], [0, 1], [1, -2]],
        "flips": [True, True, False, False],
        "angles": [0.089259, -0.203672, 0.006026, -0.075306],
        "crops": [
            [0.809334, 0.157479, 0.079346],
            [0.981835, 0.011250, 0.010133],
            [0.841440, 0.142068, 0.003884],
            [0.947880, 0.002762, 0.003656],
        ],
        "holes": [[3, 9], [6, 13], [15, 6], [14, 10]],
    }
    assert set(vars(drawn)) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(drawn, name), values, atol=1e-6)


@pytest.mark.parametrize("kind", ["none", *AUGMENTATIONS, ALL])
def test_drawing_one_never_moves_another(kind: str) -> None:
    alone, together = (_augment.draw(each, 1, 2, 4, (16, 20)) for each in (kind, ALL))
    for name, values in vars(alone).items():
        assert values is None or np.array_equal(values, getattr(together, name))
    drawn = [name for name, values in vars(alone).items() if values is not None]
    assert len(drawn) == (0 if kind == "none" else kind.count("+") + 1)


def test_what_is_drawn_is_in_its_range() -> None:
    drawn = _augment.draw(ALL, 1, 1, 3000, (16, 20))
    assert drawn.shifts is not None
    assert set(drawn.shifts.ravel()) == set(range(-2, 3))
    assert drawn.flips is not None
    assert set(drawn.flips) == {False, True}
    assert drawn.angles is not None
    assert 14 < np.degrees(drawn.angles).max() <= 15
    assert -15 <= np.degrees(drawn.angles).min() < -14
    assert drawn.crops is not None
    share, top, left = drawn.crops.T
    assert 0.64 <= (share**2).min() < 0.65
    assert 0.99 < (share**2).max() <= 1
    for start in (top, left):
        assert start.min() >= 0
        assert (start + share).max() <= 1
    assert drawn.holes is not None
    assert set(drawn.holes[:, 0]) == set(range(16))
    assert set(drawn.holes[:, 1]) == set(range(20))


def test_changes_of_a_batch_are_those_of_its_images() -> None:
    images = random_images()
    drawn = _augment.draw(ALL, 0, 1, 3, (8, 6))
    whole = _augment.apply(images, drawn)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(_augment.apply(images[1:], drawn[1:3]), whole[1:])


def test_nothing_drawn_changes_nothing() -> None:
    images = random_images()
    drawn = _augment.draw("none", 0, 1, 3, (8, 6))
    assert _augment.apply(images, drawn) is images


def test_move_shifts_flips_and_fills_with_0() -> None:
    right = _augment.move(IMAGE, np.array([[0, 1]]), np.array([False]))
    assert right[0, :, :, 0].tolist() == [[0, 1, 2], [0, 4, 5]]
    up = _augment.move(IMAGE, np.array([[-1, 0]]), None)
    assert up[0, :, :, 0].tolist() == [[4, 5, 6], [0, 0, 0]]
    flipped = _augment.move(IMAGE, np.array([[0, 1]]), np.array([True]))
    assert flipped[0, :, :, 0].tolist() == [[0, 3, 2], [0, 6, 5]]
    assert _augment.move(IMAGE, None, np.array([True]))[0, :, :, 0].tolist() == [
        [3, 2, 1],
        [6, 5, 4],
    ]


def test_no_rotation_and_the_whole_region_are_the_image_itself() -> None:
    images = random_images()
    whole = np.tile([1.0, 0.0, 0.0], (3, 1))
    for angles, crops in ((np.zeros(3), None), (None, whole), (np.zeros(3), whole)):
        np.testing.assert_array_equal(_augment.resample(images, angles, crops), images)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_those_of_numpy(quarters: int) -> None:
    """A quarter turn counter-clockwise takes pixels to pixels."""
    images = random_images(height=5, width=5)
    turned = _augment.resample(images, np.full(3, quarters * np.pi / 2), None)
    np.testing.assert_allclose(turned, np.rot90(images, quarters, axes=(1, 2)), atol=1e-6)


def test_rotation_is_bilinear_and_0_outside() -> None:
    """A planted pixel, and the corner that an eighth turn brings from beyond the edge."""
    image = np.zeros((1, 3, 3, 1), np.float32)
    image[0, 0, 1] = 1
    turned = _augment.resample(image, np.array([np.pi / 4]), None)[0, :, :, 0]
    # The top left pixel looks sqrt(2) up from the centre, beyond the planted pixel's centre but
    # within the pixel; its neighbours look sqrt(1/2) up and to a side.
    mixed = np.sqrt(0.5) * (1 - np.sqrt(0.5))
    expected = [[1, mixed, 0], [mixed, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(turned, expected, atol=1e-6)
    full = _augment.resample(np.ones((1, 8, 8, 1), np.float32), np.array([np.pi / 4]), None)
    assert full[0, 0, 0, 0] == full[0, 7, 7, 0] == 0
    assert full[0, 4, 4, 0] == 1


def test_a_crop_is_resized_back() -> None:
    """The lower left half of a ramp of columns, and its edge as it is."""
    ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))[None, :, :, None]
    cropped = _augment.resample(ramp, None, np.array([[0.5, 0.5, 0.0]]))[0, :, :, 0]
    np.testing.assert_allclose(cropped, np.tile([0, 0.25, 0.75, 1.25], (4, 1)))
    rows = ramp.transpose(0, 2, 1, 3)
    cropped = _augment.resample(rows, None, np.array([[0.5, 0.5, 0.0]]))[0, :, :, 0]
    np.testing.assert_allclose(cropped, np.tile([[1.75], [2.25], [2.75], [3]], (1, 4)))


def test_an_image_is_turned_before_it_is_cropped() -> None:
    """In one go as in two, where both take pixels to pixels."""
    images = random_images(height=6, width=6)
    quarter, corner = np.full(3, np.pi / 2), np.tile([1 / 3, 0.0, 2 / 3], (3, 1))
    turned = np.rot90(images, 1, axes=(1, 2))
    expected = _augment.resample(np.ascontiguousarray(turned), None, corner)
    np.testing.assert_allclose(_augment.resample(images, quarter, corner), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "centre", "rows", "columns"),
    [
        ((8, 10), (4, 5), (2, 6), (3, 7)),
        ((8, 10), (0, 9), (0, 2), (7, 10)),
        ((7, 7), (3, 3), (2, 5), (2, 5)),
        ((1, 1), (0, 0), (0, 1), (0, 1)),
    ],
)
def test_cutout_is_a_square_of_half_the_shorter_side(
    shape: tuple[int, int], centre: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    cut = _augment.cut(np.ones((1, *shape, 3), np.float32), np.array([centre]))
    expected = np.ones((*shape, 3))
    expected[slice(*rows), slice(*columns)] = 0
    np.testing.assert_array_equal(cut[0], expected)
