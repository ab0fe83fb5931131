"""What is said of convolutional networks, tested: docs/claims.md holds what this printed.

    python -m benchmarks.claims [digits] [mnist.npz] [CIFAR10/] [--claims parameters,residual]
                                [--seeds 5] [--images 1000] [--epochs 12] [--runs FOLDER]

Each claim is tested on each data set, with as many training images and epochs as two cores can
afford unless they are given, and every number is a mean over seeds. A claim holds, fails, or is
undecided: an interval decides, at 95 % for each line, not for all of them together. Runs are
studies in FOLDER, so that the same command goes on where it stopped.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import _claims, _timing
from benchmarks._claims_lab import Data, Lab

# Data set -> training images (0: all) and epochs.
SIZES = {"digits": (0, 20), "mnist": (3000, 8), "cifar": (3000, 12)}


def main() -> None:
    """Tests the claims and prints a line for each and each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=["digits"])
    parser.add_argument("--claims", default=",".join(_claims.CLAIMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, help="training images of each data set; 0: all")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--runs", type=Path)
    given = parser.parse_args()
    chosen = [name for name in given.claims.split(",") if name]
    if unknown := [name for name in chosen if name not in _claims.CLAIMS]:
        parser.error(f"no claim {unknown[0]!r}: expected one of {', '.join(_claims.CLAIMS)}")
    with tempfile.TemporaryDirectory() as scratch:
        lab = Lab(given.runs or Path(scratch), given.seeds)
        data = [data_of(source, given.images, given.epochs) for source in given.data]
        rows = list(tested(chosen, data, lab))
    print(_timing.table(["claim", "data", "held", "what was seen"], rows, words=4), end="\n\n")
    print(_timing.circumstances("keras", "tensorflow", "numpy"))


def data_of(source: str, images: int | None = None, epochs: int | None = None) -> Data:
    """Returns a data set with what of it is trained on; None: as `SIZES` has it."""
    name = Path(source).stem.lower()
    usual = next((sizes for key, sizes in SIZES.items() if name.startswith(key)), SIZES["cifar"])
    return Data(
        name=name,
        source=str(Path(source).resolve()) if Path(source).exists() else source,
        train_size=usual[0] if images is None else images,
        epochs=usual[1] if epochs is None else epochs,
    )


def tested(chosen: Sequence[str], data: Sequence[Data], lab: Lab) -> "list[list[str]]":
    """Returns a row for each claim and data set."""
    rows = []
    for name in chosen:
        for found in _claims.CLAIMS[name](lab, data):
            held = {True: "yes", False: "NO", None: "undecided"}[found.held]
            rows.append([name, found.data, held, found.seen])
            print("  ".join(rows[-1]), flush=True)
    print()
    return rows


if __name__ == "__main__":
    main()
