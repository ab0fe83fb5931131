"""What related images on both sides of a division do to a score, and what `--group-by` says then.

    python -m benchmarks.groups CIFAR10 [--seeds 3] [--epochs 30]

CIFAR10 is a folder of class folders, or one that holds `train/` with them. From 20 photos of each
of six classes bursts of ten shots are made: shifted by a pixel, a little brighter or darker,
noisy. A `cnn` is trained on them twice, divided by image and by burst; 300 other photos of each
class are what it will meet. Aim: the first score is far above what the network does on those, the
second is not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import _timing

CLASSES = ("airplane", "automobile", "cat", "deer", "horse", "ship")
PHOTOS, SHOTS, OTHERS = 20, 10, 300
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Makes the bursts, trains on them twice and prints both scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cifar10", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(given.cifar10, Path(folder))
        rows = [
            [words, *measured(Path(folder), ["--seeds", str(given.seeds), *options], given.epochs)]
            for words, options in {
                "by image": [],
                "by burst": ["--group-by", r"IMG_(\d+)_"],
            }.items()
        ]
    heads = ["divided", "n", "validation", "other photos", "95 %"]
    print(_timing.table(heads, rows), end="\n\n")
    print(_timing.circumstances("keras", "tensorflow", "jax", "numpy"))


def make(cifar10: Path, folder: Path) -> None:
    """Writes `bursts/` and `new/`, class folders of PNG files each."""
    source = cifar10 / "train" if (cifar10 / "train").is_dir() else cifar10
    rng = np.random.default_rng(0)
    number = 0
    for name in CLASSES:
        for part in ("bursts", "new"):
            (folder / part / name).mkdir(parents=True)
        files = sorted((source / name).iterdir())
        for path in files[:PHOTOS]:
            number += 1
            for shot in range(SHOTS):
                image = Image.fromarray(taken(np.asarray(Image.open(path).convert("RGB")), rng))
                image.save(folder / "bursts" / name / f"IMG_{number:04d}_{shot}.png")
        for path in files[-OTHERS:]:
            Image.open(path).save(folder / "new" / name / f"{path.stem}.png")


def taken(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns one more shot of a photo, uint8 (height, width, 3)."""
    moved = np.roll(photo.astype(float), tuple(rng.integers(-1, 2, 2)), (0, 1))
    shot = moved * rng.uniform(0.95, 1.05) + rng.normal(0, 6, photo.shape)
    return np.clip(shot, 0, 255).astype(np.uint8)


def measured(folder: Path, options: list[str], epochs: int) -> list[str]:
    """Returns runs, mean accuracy on validation, and run 0's on the other photos with interval."""
    study = folder / f"study{len(options)}"
    settings = ["--epochs", str(epochs), *options, "--study", str(study)]
    kerascnn("train", "cnn", str(folder / "bursts"), *settings)
    (row,) = json.loads(kerascnn("compare", str(study), "--json"))["configurations"]
    kerascnn("export", str(study), "--to", str(study / "model"))
    found = json.loads(kerascnn("evaluate", str(study / "model"), str(folder / "new"), "--json"))
    low, high = found["interval"]
    return [
        str(row["n"]),
        f"{row['mean']:.4f}",
        f"{found['accuracy']:.4f}",
        f"{low:.4f} to {high:.4f}",
    ]


def kerascnn(*arguments: str) -> str:
    """Runs a command of this project and returns what it printed."""
    command = [sys.executable, str(ROOT / "run.py"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
