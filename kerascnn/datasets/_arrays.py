"""The two shapes data take: `Images` as an entry reads them, `Dataset` as a run uses them."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

PARTS = ("train", "validation", "confirmation", "test")
PROBE_SIZE = 5000


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Images:
    """Labelled images as an entry of the room reads them.

    Attributes:
        images: uint8 (n, height, width, channels), 0 to 255; or float32, any finite range.
        labels: Whole numbers from 0 up, or strings (n,), with or without gaps.
        is_test: bool (n,): the official test images; None if there is no official test set.
        class_names: Names of the sorted distinct labels; empty: the labels themselves.
        notes: What the user should be told, a sentence each.
        names: The path of each image in the dataset, with `/`, for `group_by`; empty if the
            images are not files.
    """

    images: np.ndarray
    labels: np.ndarray
    is_test: npt.NDArray[np.bool_] | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Labelled images, divided into parts.

    Attributes:
        name: What the user typed.
        images: uint8 or float32 (n, height, width, channels), as stored; a read-only memory map.
        labels: int32 (n,), class indices below `num_classes`.
        parts: Part -> int64 indices into `images`, sorted: train, validation (what a search
            sees), confirmation (what only `confirm` sees), test. No index is in two parts.
        order: int64, the indices of train in a stratified order: in every prefix each class has
            its share of images, to within one.
        class_names: One name per class.
        scale, offset: A pixel in [0, 1] is `image * scale + offset`. Test pixels may lie beyond
            where images are float32 of another range than 0 to 255: training images set it.
        fingerprint: SHA-256 over pixels, labels and parts, in hexadecimal.
        notes: What the user should be told, a sentence each.
        named: The file that holds `names`, which nobody who trains needs.
    """

    name: str
    images: np.ndarray
    labels: npt.NDArray[np.int32]
    parts: Mapping[str, npt.NDArray[np.int64]]
    order: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    scale: float
    offset: float
    fingerprint: str
    notes: tuple[str, ...] = ()
    named: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The path of each image in the dataset, with `/`; empty if the images are not files."""
        return () if self.named is None else read_names(self.named)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image."""
        height, width, channels = (int(side) for side in self.images.shape[1:])
        return height, width, channels

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def probe(self) -> npt.NDArray[np.int64]:
        """A fixed stratified sample of train, at most 5,000 images: sorted indices."""
        return np.sort(self.order[:PROBE_SIZE])

    @property
    def covering(self) -> int:
        """The least number of images that `training` gives of every class."""
        return int(np.unique(self.labels[self.order], return_index=True)[1].max()) + 1

    def training(
        self,
        train_size: int = 0,
        count: int = 1,
        part: int = 0,
        scheme: str = "disjoint",
        *,
        besides: Sequence[str] = (),
    ) -> npt.NDArray[np.int64]:
        """Returns the sorted indices to train on: subset `part` of `count`, stratified by class.

        "disjoint" subsets share no image and are all images together. A "bootstrap" has as many
        images of each class as there are, drawn with replacement: some come twice or more, about
        37 % never. A "subsample" has half of the images of each class, to within one, drawn
        without replacement. These two are drawn by (scheme, count, part) alone, so that every
        configuration and seed gets the same. A "draw" has `train_size` images of all there are,
        as many of each class as the first `train_size` of `order`, drawn without replacement by
        (scheme, size, part). Copies and groups of related images may be torn apart: subsets are
        then less independent than they look.

        Args:
            train_size: Images in all, before the division; of a "draw", its own; 0: all there are.
            count: Number of subsets.
            part: Which of them.
            scheme: One of `checks.SCHEMES`, or `checks.DRAW`.
            besides: Parts of the data that are trained on besides train, unless `train_size`
                asks for fewer images.

        Raises:
            ValueError: If there are fewer images than asked for, or fewer than parts.
        """
        if train_size > len(self.order):
            raise ValueError(
                f"`train_size` must be at most {len(self.order)}, the images of train. "
                f"Received: {train_size}"
            )
        # Dealt class by class: a plain stride through `order` may meet one class alone.
        prefix = self.order[: train_size or None]
        if not train_size:
            prefix = np.concatenate([prefix, *(self.parts[name] for name in besides)])
        by_class = prefix[np.argsort(self.labels[prefix], kind="stable")]
        if scheme == "draw":
            return self._drawn(prefix, part)
        if scheme == "disjoint":
            chosen = by_class[part::count]
        else:
            rng = np.random.default_rng([*scheme.encode(), count, part])
            _, firsts, sizes = np.unique(
                self.labels[by_class], return_index=True, return_counts=True
            )
            draw = {"bootstrap": _with_replacement, "subsample": _shuffled}[scheme]
            drawn = [first + draw(size, rng) for first, size in zip(firsts, sizes, strict=True)]
            chosen = by_class[np.concatenate(drawn)]
            if scheme == "subsample":
                chosen = chosen[::2]
        if not len(chosen):
            raise ValueError(f"{len(self.order)} training images cannot make {count} parts.")
        return np.sort(chosen)

    def _drawn(self, like: npt.NDArray[np.int64], part: int) -> npt.NDArray[np.int64]:
        """Returns sorted indices of train, of each class as many as in `like`, none twice."""
        rng = np.random.default_rng([*b"draw", len(like), part])
        chosen = [
            rng.permutation(self.order[self.labels[self.order] == label])[:size]
            for label, size in enumerate(np.bincount(self.labels[like]))
        ]
        return np.sort(np.concatenate(chosen))

    def pixels(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Returns images as the networks take them: float32 (n, height, width, channels)."""
        scaled = self.images[indices].astype(np.float32) * np.float32(self.scale)
        if self.offset:
            scaled += np.float32(self.offset)
        return np.asarray(scaled, np.float32)

    def whole(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Returns images as uint8: as stored, or rounded to 256 levels of [0, 1]."""
        if self.images.dtype == np.uint8:
            return np.asarray(self.images[indices])
        return np.rint(np.clip(self.pixels(indices), 0, 1) * 255).astype(np.uint8)


def read_names(path: Path) -> tuple[str, ...]:
    """Returns the names that a file of the cache holds."""
    return tuple(json.loads(path.read_text(encoding="utf-8")))


def _with_replacement(size: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return rng.integers(0, size, size)


def _shuffled(size: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return rng.permutation(size)
