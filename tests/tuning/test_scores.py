"""Logits are read in blocks, and files that are no logits are told."""

from pathlib import Path

import numpy as np
import pytest

from kerascnn import metrics
from tuning import scores


def stored(folder: Path, runs: int = 3, images: int = 50) -> tuple[Path, list[Path], np.ndarray]:
    """Returns (labels, files, logits) of made runs."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(runs, images, 4)).astype(np.float32)
    np.save(folder / "labels-validation.npy", rng.integers(0, 4, images).astype(np.int32))
    files = []
    for run, values in enumerate(logits):
        files.append(folder / "abcdefghi" / f"search{run}" / "logits-validation.npy")
        files[-1].parent.mkdir(parents=True)
        np.save(files[-1], values)
    return folder / "labels-validation.npy", files, logits


@pytest.mark.parametrize("block", [1, 4 * 7, 2**20])
@pytest.mark.parametrize("name", metrics.OVER_IMAGES)
def test_blocks_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, name: str
) -> None:
    labels, files, logits = stored(tmp_path)
    monkeypatch.setattr(scores, "_BLOCK", block)
    found, wrong = scores.read(labels, files, name)
    expected = [metrics.per_image(run, np.load(labels), name) for run in logits]
    assert found is not None
    np.testing.assert_array_equal(found, np.array(expected))
    assert wrong == []
    together = [values for _, values in scores.blocks(50, files)]
    np.testing.assert_array_equal(np.concatenate(together, axis=1), logits)


def test_means_over_images_are_those_that_have_scores() -> None:
    empty = np.zeros((0, 2)), np.zeros(0, int)
    found = {name for name in metrics.DIRECTIONS if metrics.per_image(*empty, name) is not None}
    assert found == set(metrics.OVER_IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "search1 of abcdef: .*search1/logits-validation.npy is missing"),
        (b"", "search1 of abcdef: .* is damaged: "),
        (b"no array", "is damaged: "),
        (np.zeros((50, 4), np.float32), ""),
        (np.zeros((49, 4), np.float32), r"its shape is \(49, 4\), there are 50 labels"),
        (np.zeros((50, 2), np.float32), r"its shape is \(50, 2\)"),
        (np.zeros(50, np.float32), r"its shape is \(50,\)"),
    ],
)
def test_what_is_wrong_with_a_file(
    tmp_path: Path, content: bytes | np.ndarray | None, message: str
) -> None:
    labels, files, _ = stored(tmp_path)
    files[1].unlink()
    if isinstance(content, bytes):
        files[1].write_bytes(content)
    elif content is not None:
        np.save(files[1], content)
    found, wrong = scores.read(labels, files, "accuracy")
    assert (found is None) == bool(message)
    assert len(wrong) == bool(message)
    if message:
        with pytest.raises(ValueError, match=message):
            raise ValueError(wrong[0])


def test_damaged_labels(tmp_path: Path) -> None:
    labels, files, _ = stored(tmp_path)
    np.save(labels, np.zeros(50))
    found, wrong = scores.read(labels, files, "loss")
    assert found is None
    assert wrong == [f"{labels} is damaged: it holds float64 of shape (50,)"]
    assert scores.read_labels(labels) is None
