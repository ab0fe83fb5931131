"""Small folders of image files, for tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def fill(root: Path, count: int = 8, mode: str = "RGB", seed: int = 0) -> None:
    """Makes `count` cats and as many dogs, 6 x 6 pixels each, as PNG files in class folders."""
    rng = np.random.default_rng(seed)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(root / name / f"{index}.png")
