"""Pictures of what explainers find: arrays to sheets of tiles, with Pillow alone.

A tile is an image or a map, enlarged by a whole factor so that every pixel stays a square.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]

# Least longer side of a tile, in pixels.
TILE = 96
_SMALL_TILE = 48
_GAP = 6
_TEXT = 13
# Longest name of a class, in letters; classes beyond which a cell has no room for a number.
_LONGEST = 16
_MOST_NUMBERS = 30
# Colours at equal steps: dark to bright for what is at least 0, blue over white to red for signs.
_BRIGHTER = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
_SIGNED = ((33, 80, 160), (146, 180, 220), (247, 247, 247), (230, 150, 125), (165, 20, 40))


def shown(image: npt.NDArray[Any]) -> Pixels:
    """Returns an image in [0, 1], (height, width, 1, 3 or any channels), as colours.

    What lies beyond is cut off; of other numbers of channels the mean is shown.
    """
    levels = np.clip(np.asarray(image, np.float64), 0, 1)
    if levels.shape[-1] != 3:
        levels = np.repeat(levels.mean(axis=-1, keepdims=True), 3, axis=-1)
    return (levels * 255 + 0.5).astype(np.uint8)


def weights(picture: npt.NDArray[Any]) -> Pixels:
    """Returns weights (height, width, channels) as colours, 0 in the middle, by the largest.

    One channel is blue where it is below 0 and red where above.
    """
    if picture.shape[-1] == 1:
        return coloured(picture[..., 0], signed=True)
    most = np.abs(picture).max()
    return shown(0.5 + picture / (2 * most) if most > 0 else np.full(picture.shape, 0.5))


def feature(picture: npt.NDArray[Any]) -> Pixels:
    """Returns one feature map (height, width) as greys from its least to its most."""
    low, high = float(picture.min()), float(picture.max())
    levels = (picture - low) / (high - low) if high > low else np.zeros(picture.shape)
    return shown(levels[..., None])


def coloured(map: npt.NDArray[Any], *, signed: bool) -> Pixels:
    """Returns a map (height, width) as colours, by its largest magnitude."""
    share = _share(map)
    anchors = np.array(_SIGNED if signed else _BRIGHTER, np.float64)
    place = (share + 1) / 2 if signed else np.maximum(share, 0)
    steps = np.linspace(0, 1, len(anchors))
    colours = [np.interp(place, steps, anchors[:, c]) for c in range(3)]
    return (np.stack(colours, axis=-1) + 0.5).astype(np.uint8)


def overlaid(image: npt.NDArray[Any], map: npt.NDArray[Any], *, signed: bool) -> Pixels:
    """Returns an image in greys with a map (height, width) over it, denser where it says more."""
    grey = shown(np.asarray(image).mean(axis=-1, keepdims=True)).astype(np.float64)
    # Greys from dark to middling: colours must be seen on black and on white.
    ground = 40 + grey * 0.6
    dense = 0.85 * np.sqrt(np.abs(_share(map)))[..., None]
    return ((1 - dense) * ground + dense * coloured(map, signed=signed) + 0.5).astype(np.uint8)


def sheet(
    rows: Sequence[Sequence[Pixels]],
    *,
    left: Sequence[str] = (),
    top: Sequence[str] = (),
    small: bool = False,
) -> Image.Image:
    """Returns tiles in rows, enlarged alike, with words before each row and over each column.

    Args:
        rows: Pictures, (height, width, 3), of one size in a column; rows may differ in length.
        left: Words before the rows, with line breaks; none: no column of them.
        top: Words over the columns.
        small: Whether tiles may be half as large: there are many.
    """
    least = _SMALL_TILE if small else TILE
    larger = [[enlarged(tile, least) for tile in row] for row in rows]
    font = _font()
    columns = max((len(row) for row in larger), default=0)
    over = [*top, *[""] * columns]
    widths = [
        max(_width(font, over[c]), *(row[c].width for row in larger if c < len(row)))
        for c in range(columns)
    ]
    words = list(left) or [""] * len(larger)
    margin = max((_width(font, line) for text in words for line in text.split("\n")), default=0)
    heights = [
        max(_height(text), *(tile.height for tile in row))
        for row, text in zip(larger, words, strict=True)
    ]
    header = _height(top[0]) + _GAP if top else 0
    start = _GAP + (margin + _GAP if margin > 1 else 0)
    page, draw = _page(start + _span(widths), _GAP + header + _span(heights))
    for c, text in enumerate(top):
        draw.text((start + _span(widths[:c]), _GAP), text, "black", font)
    for i, row in enumerate(larger):
        y = _GAP + header + _span(heights[:i])
        draw.text((_GAP, y), words[i], "black", font)
        for c, tile in enumerate(row):
            page.paste(tile, (start + _span(widths[:c]), y))
    return page


def gallery(tiles: Sequence[Pixels], words: Sequence[str], *, columns: int) -> Image.Image:
    """Returns tiles of one size, `columns` in a row, each with its words above."""
    font = _font()
    larger = [enlarged(tile, TILE) for tile in tiles]
    if not larger:
        page, draw = _page(2 * TILE, _TEXT + 3 * _GAP)
        draw.text((_GAP, _GAP), "none", "black", font)
        return page
    lines = [line for text in words for line in text.split("\n")]
    width = max(larger[0].width, *(_width(font, line) for line in lines)) + _GAP
    above = max(map(_height, words)) + 2
    height = above + larger[0].height + _GAP
    rows = -(-len(larger) // columns)
    page, draw = _page(_GAP + min(columns, len(larger)) * width, _GAP + rows * height)
    for i, (tile, text) in enumerate(zip(larger, words, strict=True)):
        x, y = _GAP + i % columns * width, _GAP + i // columns * height
        draw.text((x, y), text, "black", font)
        page.paste(tile, (x, y + above))
    return page


def table(counts: npt.NDArray[np.int64], names: Sequence[str]) -> Image.Image:
    """Returns counts (labels, answers) as a table: each cell as dark as its share of the row."""
    font = _font()
    names = [name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..." for name in names]
    many = len(names) > _MOST_NUMBERS
    cell = 10 if many else max(26, _width(font, f"{int(counts.max()):,}") + 10)
    words = "rows: label; columns: said"
    header = _height(words) + _GAP
    left = max(_width(font, name) for name in names) + 2 * _GAP
    top, side = header + left, len(names) * cell
    page, draw = _page(max(left + side, _width(font, words)) + _GAP, top + side + _GAP)
    draw.text((_GAP, _GAP), words, "black", font)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    for i, name in enumerate(names):
        middle = i * cell + cell // 2
        if not many or i % 5 == 0:
            draw.text((left - _GAP, top + middle), name, "black", font, anchor="rm")
            _upright(page, name, left + middle, top - _GAP, font)
        for j in range(len(names)):
            x, y = left + j * cell, top + i * cell
            ground = _shade(float(shares[i, j]), right=i == j)
            draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill=ground)
            if counts[i, j] and not many:
                ink = "white" if sum(ground) < 380 else "black"
                text = f"{int(counts[i, j]):,}"
                draw.text((x + cell / 2 - 1, y + cell / 2 - 1), text, ink, font, anchor="mm")
    return page


def enlarged(tile: Pixels, least: int) -> Image.Image:
    """Returns a tile so many times as large that its longer side has at least `least` pixels."""
    height, width = tile.shape[:2]
    factor = max(1, -(-least // max(height, width)))
    image = Image.fromarray(tile)
    return image.resize((width * factor, height * factor), Image.Resampling.NEAREST)


def _share(map: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    most = float(np.abs(map).max())
    return np.asarray(map, np.float64) / (most if most > 0 else 1)


def _shade(share: float, *, right: bool) -> tuple[int, int, int]:
    """Returns a cell's colour: blue on the diagonal, red beside it, where few are much."""
    dark = np.array((33, 80, 160) if right else (165, 20, 40))
    much = share if right else share**0.5
    red, green, blue = (int(v) for v in 250 + much * (dark - 250))
    return red, green, blue


def _upright(page: Image.Image, text: str, x: int, bottom: int, font: Any) -> None:
    """Writes text from bottom to top, its end at `bottom`."""
    width = _width(font, text) + 2
    strip = Image.new("RGB", (width, _TEXT + 4), "white")
    ImageDraw.Draw(strip).text((0, 0), text, fill="black", font=font)
    turned = strip.rotate(90, expand=True)
    page.paste(turned, (x - turned.width // 2, bottom - turned.height))


def _page(width: int, height: int) -> tuple[Image.Image, Any]:
    page = Image.new("RGB", (width, height), "white")
    return page, ImageDraw.Draw(page)


def _span(sizes: Sequence[int]) -> int:
    """Returns how far so many tiles reach, the gap after each included."""
    return sum(sizes) + _GAP * len(sizes)


def _height(text: str) -> int:
    return (text.count("\n") + 1) * (_TEXT + 4) if text else 0


def _width(font: Any, text: str) -> int:
    return int(font.getlength(text)) + 1


def _font() -> Any:
    return ImageFont.load_default(_TEXT)
