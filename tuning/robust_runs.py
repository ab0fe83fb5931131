"""What runs answer on shifted and corrupted images: measured once, kept in their folders."""

import dataclasses
import hashlib
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascnn import attempt, corruptions, registry, training
from kerascnn.exporters import _check
from kerascnn.exporters.keras_archive import open_network
from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tuning import pools, retraining
from tuning.executors import HERE, Machines
from tuning.study import Study
from tuning.trial import Progress

ROOM = "kerascnn.corruptions"
# What comes in where a shift leaves a gap: the other side, the edge's value, or 0.
PADDINGS = ("circular", "edge", "zero")
# The part that is shifted and corrupted; neither confirmation nor test are read.
PART = "validation"
# Shifts are by this share of a side, at least a pixel.
_SHIFT = 1 / 8
# Images a network is given at once.
_BLOCK = 2048


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is done to which images.

    Attributes:
        corruptions: Entries of `kerascnn/corruptions`, or the user's own.
        padding: One of `PADDINGS`.
        shift: How far images are shifted, in pixels; 0: an eighth of a side.
        images: Validation images that are used, a stratified sample; 0: all.
        seed: Of what corruptions draw.
    """

    corruptions: tuple[str, ...]
    padding: str = "circular"
    shift: int = 0
    images: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.corruptions:
            registry.source_file(ROOM, name)
        if self.padding not in PADDINGS:
            raise ValueError(registry.unknown("paddings", self.padding, PADDINGS))

    @property
    def digest(self) -> str:
        """Eight hex digits: another protocol is measured anew."""
        strengths = {name: registry.constant(ROOM, name, "STRENGTHS") for name in self.corruptions}
        code = [registry.code_hash(ROOM, name) for name in self.corruptions]
        values = [strengths, code, self.padding, self.shift, self.images, self.seed]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:8]


def positions(labels: npt.NDArray[np.integer[Any]], images: int) -> npt.NDArray[np.int64]:
    """Returns which images are used, sorted: every so many-th of those ordered by class.

    Args:
        labels: Of all.
        images: How many; 0, or more than there are: all.
    """
    if not 0 < images < len(labels):
        return np.arange(len(labels))
    chosen = np.linspace(0, len(labels) - 1, images).round().astype(int)
    return np.sort(np.argsort(labels, kind="stable")[chosen])


def shifts(shape: Sequence[int], by: int = 0) -> list[tuple[int, int]]:
    """Returns the nine shifts (down, right) in pixels, (0, 0) first, of images (height, width).

    Args:
        shape: Of an image.
        by: How far in pixels; 0: an eighth of each side, at least one.

    Raises:
        ValueError: If nothing of the image would be left in place of another part of it.
    """
    if by >= min(shape[:2]):
        raise ValueError(f"A shift must be below the side, {min(shape[:2])} pixels. Received: {by}")
    down, right = (by or max(1, int(side * _SHIFT)) for side in shape[:2])
    found = itertools.product((0, -down, down), (0, -right, right))
    return list(found)


def shifted(
    images: npt.NDArray[np.uint8], shift: tuple[int, int], padding: str
) -> npt.NDArray[np.uint8]:
    """Returns images (n, height, width, channels) moved down and right."""
    if padding == "circular":
        return np.roll(images, shift, axis=(1, 2))
    (down, right), (_, height, width, _) = shift, images.shape
    margins = ((0, 0), (abs(down),) * 2, (abs(right),) * 2, (0, 0))
    wide = np.pad(images, margins, mode="edge" if padding == "edge" else "constant")
    top, left = abs(down) - down, abs(right) - right
    return wide[:, top : top + height, left : left + width]


def variants(images: npt.NDArray[np.uint8], protocol: Protocol) -> Iterator[npt.NDArray[np.uint8]]:
    """Yields the images shifted, nine times, then corrupted: each corruption at its strengths."""
    for shift in shifts(images.shape[1:], protocol.shift):
        yield shifted(images, shift, protocol.padding)
    for name, strength in itertools.product(protocol.corruptions, range(1, corruptions.LEVELS + 1)):
        yield corruptions.apply(name, images, strength, seed=protocol.seed)


def votes_of(
    answer: Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]],
    images: npt.NDArray[np.uint8],
    protocol: Protocol,
) -> npt.NDArray[np.int32]:
    """Returns the class given to each image in each variant, (variants, images).

    Args:
        answer: Maps float32 images in [0, 1] to scores (n, classes).
        images: uint8 (n, height, width, channels).
        protocol: What is done to them.
    """

    def vote(changed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        blocks = range(0, len(changed), _BLOCK)
        pixels = (changed[at : at + _BLOCK].astype(np.float32) / np.float32(255) for at in blocks)
        return np.concatenate([answer(block).argmax(axis=1) for block in pixels]).astype(np.int32)

    return np.stack([vote(changed) for changed in variants(images, protocol)])


def votes_file(study: Study, spec: RunSpec, protocol: Protocol) -> Path:
    """Returns where a run's votes are kept."""
    return attempt.run_dir(study.folder, spec) / f"robustness-{protocol.digest}.npy"


def read_votes(study: Study, spec: RunSpec, protocol: Protocol) -> npt.NDArray[np.int32] | None:
    """Returns a run's votes, (variants, images); None if they are not there, or damaged."""
    try:
        votes: npt.NDArray[np.int32] = np.load(votes_file(study, spec, protocol))
    except (OSError, ValueError, EOFError):
        return None
    return votes


def measure(
    study: Study,
    records: Sequence[RunRecord],
    protocol: Protocol,
    *,
    workers: int | None = None,
    executor: str = "processes",
    machines: Machines = HERE,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Leaves the votes of runs in their folders, those that are not there yet.

    A run whose network is not kept is trained again first, in a worker, with the same numbers.
    What a stop leaves undone the same call does later.

    Args:
        study: The study.
        records: Its runs, finished.
        protocol: What is done to the images.
        workers: Runs at once; None: see `launch.search`.
        executor: An entry of `tuning/executors`.
        machines: What it is told besides.
        watch: Called with a `Progress` after every run.

    Raises:
        RuntimeError: If a run cannot be had again.
    """
    missing = [each for each in records if read_votes(study, each.spec, protocol) is None]
    ended = len(records) - len(missing)
    if not missing:
        return
    with pools.pool(study, executor, workers, len(missing), machines) as (pool, _):
        futures = [pool.submit(_measure, study, record, protocol) for record in missing]
        try:
            for future in as_completed(futures):
                future.result()
                ended += 1
                watch(Progress(ended, len(records), 0, None))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _measure(study: Study, record: RunRecord, protocol: Protocol) -> None:
    """What a worker does: has the network, sees that it is the recorded one, and asks it."""
    folder = attempt.run_dir(study.folder, record.spec)
    recorded = folder / f"logits-{PART}.npy"
    logits = _check.read_logits(recorded)
    with tempfile.TemporaryDirectory(prefix="kerascnn-") as scratch:
        network = folder / "model.keras"
        if not network.exists():
            network = Path(scratch) / "model.keras"
            retraining.train_again(study, record, recorded, network)
        model = open_network(network)

    def answer(pixels: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        return np.asarray(model.predict_on_batch(pixels))

    data = retraining.data_of(record)
    own = data.parts[PART]
    chosen = positions(data.labels[own], protocol.images)
    answers = [
        answer(data.pixels(own[block]))
        for block in np.split(chosen, range(_BLOCK, len(chosen), _BLOCK))
    ]
    _check.compare(
        np.concatenate(answers),
        logits[chosen],
        f"The network of {record.spec.run_name} is not the recorded one",
        precision=record.spec.precision,
    )
    votes = votes_of(answer, data.whole(own[chosen]), protocol)
    training.save_array(votes_file(study, record.spec, protocol), votes)
