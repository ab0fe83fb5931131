"""The sheets of an explanation: one file or more an explainer, by how its arrays are shown."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from kerascnn import registry
from tuning import sheets
from tuning.looking import ROOM, Found, Shown

# Tiles in a row where they have no other order; channels shown of a feature map.
_COLUMNS = 8
_CHANNELS = 12
# Images whose feature maps are shown: a row each.
_ROWS = 6

Arrays = Mapping[str, npt.NDArray[Any]]
# File name without ending -> what it shows.
Pages = dict[str, Image.Image]


def write(
    folder: Path, shown: Shown, about: Mapping[str, Any], found: Sequence[Found]
) -> dict[str, list[str]]:
    """Writes the sheets to a folder, and returns explainer -> its files."""
    files = {}
    for name in found[0].arrays:
        how = registry.constant(ROOM, name, "SHOWN")
        pages = _DRAWN[how](name, shown, about, found)
        files[name] = [f"{page}.png" for page in pages]
        for page, image in pages.items():
            image.save(folder / f"{page}.png")
    return files


def _maps(name: str, shown: Shown, about: Mapping[str, Any], found: Sequence[Found]) -> Pages:
    """Draws a row an image: the image, its map, both, then the other seeds' maps and their mean."""
    maps = np.stack([each.arrays[name]["maps"] for each in found if name in each.arrays])
    signed = bool((maps < 0).any())
    rows = []
    for i, image in enumerate(shown.images):
        first = maps[0, i]
        row = [
            sheets.shown(image),
            sheets.coloured(first, signed=signed),
            sheets.overlaid(image, first, signed=signed),
        ]
        if len(maps) > 1:
            row += [sheets.coloured(each[i], signed=signed) for each in maps[1:]]
            row.append(sheets.coloured(_mean(maps[:, i]), signed=signed))
        rows.append(row)
    top = ["image", about["seeds"][0], "over image"]
    if len(maps) > 1:
        top += [*about["seeds"][1:], f"mean of {len(maps)}"]
    return {name: sheets.sheet(rows, left=_captions(about), top=top)}


def _mean(maps: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the mean of maps (seeds, height, width), each by its largest magnitude."""
    most = np.abs(maps).max(axis=(1, 2), keepdims=True)
    mean: npt.NDArray[Any] = (maps / np.where(most > 0, most, 1)).mean(axis=0)
    return mean


def _features(name: str, shown: Shown, about: Mapping[str, Any], found: Sequence[Found]) -> Pages:
    """Draws a sheet a layer: a row an image, its first channels after it."""
    pages = {}
    for number, (layer, maps) in enumerate(found[0].arrays[name].items(), start=1):
        channels = min(_CHANNELS, maps.shape[-1])
        rows = [
            [
                sheets.shown(image),
                *(sheets.feature(maps[i, :, :, channel]) for channel in range(channels)),
            ]
            for i, image in enumerate(shown.images[:_ROWS])
        ]
        top = ["image", *map(str, range(channels))]
        pages[f"{name}-{number}-{_plain(layer)}"] = sheets.sheet(
            rows, left=_captions(about)[:_ROWS], top=top
        )
    return pages


def _weights(name: str, shown: Shown, about: Mapping[str, Any], found: Sequence[Found]) -> Pages:
    """Draws a tile a filter; of filters that see features, a row each with its first channels."""
    pages = {}
    for layer, filters in found[0].arrays[name].items():
        if filters.shape[-1] in (1, 3):
            page = _gallery([sheets.weights(each) for each in filters])
        else:
            channels = range(min(_CHANNELS, filters.shape[-1]))
            rows = [
                [sheets.coloured(each[:, :, c], signed=True) for c in channels]
                for each in filters[: 2 * _COLUMNS]
            ]
            left = list(map(str, range(len(rows))))
            page = sheets.sheet(rows, left=left, top=list(map(str, channels)), small=True)
        pages[f"{name}-{_plain(layer)}"] = page
    return pages


def _images(name: str, shown: Shown, about: Mapping[str, Any], found: Sequence[Found]) -> Pages:
    """Draws a tile an image, with what its numbers say of it beneath."""
    pages = {}
    for key, images in found[0].arrays[name].items():
        words = _words(found[0].numbers[name], about["class_names"], len(images))
        stem = name if key == name else f"{name}-{_plain(key)}"
        pages[stem] = _gallery([sheets.shown(each) for each in images], words)
    return pages


def _counts(name: str, shown: Shown, about: Mapping[str, Any], found: Sequence[Found]) -> Pages:
    table = next(iter(found[0].arrays[name].values()))
    return {name: sheets.table(table, about["class_names"])}


def _gallery(tiles: Sequence[npt.NDArray[np.uint8]], words: Sequence[str] = ()) -> Image.Image:
    return sheets.gallery(tiles, words or [str(i) for i in range(len(tiles))], columns=_COLUMNS)


def _words(numbers: Mapping[str, Any], classes: Sequence[str], count: int) -> list[str]:
    """Returns what stands over each image: of a mistake what was said, of a unit its answer."""
    if "answers" in numbers:
        rows = zip(numbers["labels"], numbers["answers"], numbers["probabilities"], strict=True)
        return [f"{classes[a]}\nsaid {classes[b]} {p:.3f}" for a, b, p in rows]
    if "units" in numbers:
        names = [classes[u] if numbers["layer"] == "logits" else str(u) for u in numbers["units"]]
        return [f"{n}: {r:.3g}" for n, r in zip(names, numbers["reached"], strict=True)]
    return [str(i) for i in range(count)]


def _captions(about: Mapping[str, Any]) -> list[str]:
    found = []
    for row in about["images"]:
        name = row["label"] if row["label"] is not None else Path(str(row["image"])).name
        found.append(f"{name}\nsaid {row['answer']}\n{row['probability']:.3f}")
    return found


def _plain(layer: str) -> str:
    """Returns a layer's name as a part of a file's."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in layer)


_DRAWN: dict[str, Callable[..., Pages]] = {
    "maps": _maps,
    "features": _features,
    "weights": _weights,
    "images": _images,
    "counts": _counts,
}
