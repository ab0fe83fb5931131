"""Small pictures of a study's hardest images, kept in its folder as one PNG and a list of them.

    examples-<part>.json              which images, of which runs' disagreement, in which picture
    examples-<part>-<12 hex>.png      the pictures, row by row in the order of the list

The list names the picture by what is in it, and is written after it: whoever is killed between the
two leaves the old pair. `read` and `picture` take nothing on trust, as a study may be a stranger's:
they open these two files, inside the study's folder, and run nothing.
"""

import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import datasets, metrics
from kerascnn.record import write_file
from tuning import begin, comparison, examples
from tuning.examples import Answers
from tuning.study import Study

# Images of each kind, the most contested and the most often wrong: one may be of both.
COUNT = 200
# Pixels of the longer side at most.
SIDE = 64
_COLUMNS = 20
_PICTURE = re.compile(r"[0-9a-f]{12}")
# Bytes of a file of ours at most: pictures of noise, and a list with paths.
_LARGEST = 2**23


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """One image.

    Attributes:
        index: Its place in the part, which is that of its logits.
        label: Its class.
        name: Its path in the dataset; of an image that is no file, its number there.
    """

    index: int
    label: str
    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thumbnails:
    """The list.

    Attributes:
        made_of: `examples.mark` of the runs that disagreed.
        runs: How many they were.
        picture: What `picture` is asked for; "" where there are no images.
        columns: Images in a row of the picture.
        height, width: Pixels of an image.
        images: In the order of the picture.
    """

    made_of: str
    runs: int
    picture: str
    columns: int
    height: int
    width: int
    images: tuple[Thumbnail, ...]

    def __post_init__(self) -> None:
        """Refuses what no writer of ours has written."""
        sides = self.columns, self.height, self.width
        right = all(isinstance(n, int) and 0 < n <= SIDE for n in sides)
        right &= isinstance(self.runs, int) and all(
            isinstance(text, str)
            for text in (self.made_of, *(t for i in self.images for t in (i.label, i.name)))
        )
        right &= all(isinstance(each.index, int) and each.index >= 0 for each in self.images)
        right &= bool(_PICTURE.fullmatch(self.picture) if self.images else self.picture == "")
        if not right or len(self.images) > 2 * COUNT:
            raise ValueError("it is no list of thumbnails")


def refresh(study: Study, *, foreign: bool = False) -> str:
    """Writes a study's thumbnails, unless they are there of these very runs.

    Args:
        study: The study; another process may be writing its log.
        foreign: Whether the study may be a stranger's: then data that would be downloaded, or
            are read by code of their own, are not.

    Returns:
        Why what there is to show cannot be; else "". Nothing is raised that the data or the disk
        are to blame for: thumbnails are a view.
    """
    if study.imported is not None or study.spec.subsets:
        return ""  # No run of theirs is asked image by image.
    part, _ = metrics.split_name(study.spec.objective)
    try:
        runs = examples.voters(study, part, _configurations(study))
        if _is_there(study.folder, part, examples.mark(runs)):
            return ""
        answers = examples.read(study, part, runs)
    except ValueError:  # Nobody has answered yet: it is the tab that says so.
        return ""
    dataset = study.spec.base.dataset
    try:
        if foreign and not datasets.is_at_hand(dataset):
            raise FileNotFoundError(f"{dataset} is not at hand.")
        write(study.folder, begin.data_of(study), part, answers, examples.mark(runs))
    except (ValueError, OSError, ImportError) as error:
        return f"No new thumbnails: {error}"
    return ""


def _configurations(study: Study) -> list[str]:
    """Returns the configurations that vote: those that are ranked, else all."""
    if not any(record.status == "finished" for record in study.log):
        return []
    rows = comparison.from_records(study)
    return [row.config_id for row in rows if row.is_ranked] or [row.config_id for row in rows]


def _is_there(folder: Path, part: str, mark: str) -> bool:
    try:
        known = read(folder, part)
        return known.made_of == mark and (not known.images or bool(picture(folder, part, known)))
    except ValueError:
        return False


def write(folder: Path, data: Any, part: str, answers: Answers, made_of: str) -> None:
    """Writes the pictures, then the list that names them; what it named before is removed.

    Args:
        folder: The study's.
        data: Its data.
        part: A part of them.
        answers: On that part.
        made_of: `examples.mark` of who answered.

    Raises:
        OSError: If the disk is full.
    """
    chosen = hardest(answers)
    places = data.parts[part][chosen]
    content = _sheet(_small(data, places)) if len(chosen) else b""
    height, width = _sizes(data.input_shape)
    names = data.names
    made = Thumbnails(
        made_of=made_of,
        runs=answers.runs,
        picture=_digest(content) if content else "",
        columns=_COLUMNS,
        height=height,
        width=width,
        images=tuple(
            Thumbnail(
                index=int(index),
                label=data.class_names[data.labels[place]],
                name=names[place] if names else f"image {place}",
            )
            for index, place in zip(chosen, places, strict=True)
        ),
    )
    if content:
        write_file(_picture_file(folder, part, made.picture), content)
    text = json.dumps(dataclasses.asdict(made), indent=1)
    write_file(_list_file(folder, part), text.encode())
    for path in folder.glob(f"examples-{part}-*.png"):
        if path != _picture_file(folder, part, made.picture):
            path.unlink(missing_ok=True)


def hardest(answers: Answers) -> npt.NDArray[np.int64]:
    """Returns the most contested images, then the most often wrong that are not among them."""
    contested, wrong = answers.contested()[:COUNT], answers.often_wrong()[:COUNT]
    return np.concatenate([contested, wrong[~np.isin(wrong, contested)]])


def read(folder: Path, part: str) -> Thumbnails:
    """Returns the list of a study's folder.

    Raises:
        ValueError: If there is none, or it is damaged, or a link leads outside.
    """
    path = _list_file(folder, part)
    try:
        fields = json.loads(_content(folder, path))
        images = tuple(Thumbnail(**each) for each in fields.pop("images"))
        return Thumbnails(**fields, images=images)
    except FileNotFoundError:
        told = "none are written yet: the search does so at its end, and `dashboard` when it starts"
        raise ValueError(told) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from None


def picture(folder: Path, part: str, known: Thumbnails) -> bytes:
    """Returns the PNG that a list names.

    Raises:
        ValueError: If it is missing, or another than it was, or a link leads outside.
    """
    path = _picture_file(folder, part, known.picture)
    try:
        content = _content(folder, path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
    if _digest(content) != known.picture:
        raise ValueError(f"{path.name} is damaged")
    return content


def _content(folder: Path, path: Path) -> bytes:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError("a link leads outside of the study")
    if path.exists() and (not path.is_file() or path.stat().st_size > _LARGEST):
        raise ValueError("it is too large, or no file")
    return path.read_bytes()


def _list_file(folder: Path, part: str) -> Path:
    return folder / f"examples-{part}.json"


def _picture_file(folder: Path, part: str, picture: str) -> Path:
    return folder / f"examples-{part}-{picture}.png"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _small(data: Any, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Returns images as they are stored, uint8, made smaller only where they are larger."""
    pixels = data.whole(places)
    channels = pixels.shape[3]
    pixels = pixels[..., : 3 if channels >= 3 else 1]
    if max(pixels.shape[1:3]) <= SIDE:
        return np.asarray(pixels)
    from PIL import Image

    height, width = _sizes(pixels.shape[1:])
    size = width, height
    shrunk = [np.asarray(_image(each).resize(size, Image.Resampling.BOX)) for each in pixels]
    return np.stack(shrunk).reshape(len(shrunk), height, width, pixels.shape[3])


def _sizes(shape: Sequence[int]) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(shape[:2]))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _sheet(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Returns a PNG of images (n, height, width, channels) side by side."""
    count, height, width, channels = pixels.shape
    rows = -(-count // _COLUMNS)
    sheet = np.zeros((rows * _COLUMNS, height, width, channels), np.uint8)
    sheet[:count] = pixels
    sheet = sheet.reshape(rows, _COLUMNS, height, width, channels).swapaxes(1, 2)
    file = io.BytesIO()
    _image(sheet.reshape(rows * height, _COLUMNS * width, channels)).save(file, "PNG")
    return file.getvalue()


def _image(pixels: npt.NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
