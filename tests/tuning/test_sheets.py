"""Pictures: every pixel a square, 0 in the middle, words where they belong."""

import numpy as np
import pytest
from PIL import Image

from tuning import sheets


def _at(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def test_an_image_is_shown_as_it_is() -> None:
    image = np.array([[[0.0], [0.5]], [[1.0], [2.0]]])
    assert sheets.shown(image)[..., 0].tolist() == [[0, 128], [255, 255]]
    colour = np.array([[[1.0, 0.0, -1.0]]])
    assert sheets.shown(colour).tolist() == [[[255, 0, 0]]]
    assert sheets.shown(np.ones((2, 3, 7))).shape == (2, 3, 3)


def test_pixels_stay_squares() -> None:
    tile = np.zeros((3, 5, 3), np.uint8)
    tile[1, 2] = 255
    image = sheets.enlarged(tile, 96)
    assert image.size == (100, 60)
    white = np.asarray(image)[..., 0] == 255
    assert white.sum() == 400
    assert white[20:40, 40:60].all()
    assert sheets.enlarged(np.zeros((200, 100, 3), np.uint8), 96).size == (100, 200)


def test_a_map_with_signs_is_blue_white_and_red() -> None:
    found = sheets.coloured(np.array([[-2.0, 0.0, 2.0]]), signed=True)
    blue, white, red = found[0].astype(int)
    assert blue[2] > blue[0] + 100
    assert white.min() > 240
    assert red[0] > red[2] + 100
    dark, bright = sheets.coloured(np.array([[0.0, 3.0]]), signed=False)[0].astype(int)
    assert dark.sum() < 10
    assert bright.sum() > 600
    assert not sheets.coloured(np.zeros((2, 2)), signed=False).max() > 10


def test_an_overlay_shows_the_image_where_the_map_says_nothing() -> None:
    image = np.array([[[0.0], [1.0], [1.0]]])
    found = sheets.overlaid(image, np.array([[0.0, 0.0, 1.0]]), signed=True)[0].astype(int)
    assert found[1].min() > found[0].max() + 100
    assert found[1].tolist() == [found[1][0]] * 3
    assert found[2][0] > found[2][2] + 80


def test_weights_and_features() -> None:
    grey = sheets.weights(np.zeros((2, 2, 3)))
    assert grey.min() == grey.max() == 128
    assert sheets.weights(np.array([[[-1.0, 0.0, 1.0]]])).tolist() == [[[0, 128, 255]]]
    assert sheets.feature(np.array([[-3.0, 1.0]]))[..., 0].tolist() == [[0, 255]]
    assert sheets.feature(np.full((2, 2), 4.0)).max() == 0


def test_a_sheet_has_room_for_rows_columns_and_words() -> None:
    tile = np.full((4, 4, 3), 7, np.uint8)
    plain = sheets.sheet([[tile, tile], [tile]])
    assert plain.size == (6 + 2 * 102, 6 + 2 * 102)
    assert _at(plain, 10, 10) == (7, 7, 7)
    assert _at(plain, 150, 150) == (255, 255, 255)
    worded = sheets.sheet([[tile, tile], [tile]], left=["one\ntwo", "three"], top=["a", "b"])
    assert worded.width > plain.width
    assert worded.height > plain.height
    assert sheets.sheet([[tile]], small=True).width < sheets.sheet([[tile]]).width
    tall = sheets.sheet([[tile]], left=["\n".join("abcdefghijkl")])
    assert tall.height > 12 * 13


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_gallery_goes_on_in_the_next_row(count: int) -> None:
    tiles = [np.zeros((4, 4, 3), np.uint8)] * count
    found = sheets.gallery(tiles, list(map(str, range(count))), columns=4)
    black = (np.asarray(found)[..., 0] == 0).sum()
    assert black >= count * 96 * 96
    assert found.height > 96 * -(-count // 4)


@pytest.mark.parametrize("classes", [2, 10, 60])
def test_a_table_has_a_cell_a_pair(classes: int) -> None:
    counts = np.diag(np.arange(1, classes + 1))
    found = sheets.table(counts, ["a name that is too long to be shown in full"] * classes)
    assert found.width < 2200
    blue = (np.asarray(found) == (33, 80, 160)).all(axis=-1).sum()
    cell = 26 if classes <= 30 else 10
    assert blue > classes * (cell - 2) ** 2 / 2
