"""The claims: each takes the lab and the data sets, and yields what it found on each."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks import _claims_inside
from benchmarks._claims_lab import Data, Found, Lab, below_zero, contrast

Images = npt.NDArray[np.uint8]


def parameters(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """A convolutional network needs fewer parameters than a dense one for the same accuracy."""
    for each in data:
        dense = [lab.train(each, "mlp", dense=width) for width in (32, 128, 512)]
        convolutional = [lab.train(each, "cnn", filters=filters) for filters in (4, 8, 16, 32)]
        best = max(dense, key=lambda runs: runs.accuracy.mean())
        verdict, chosen = "worse", convolutional[-1]
        for runs in sorted(convolutional, key=lambda runs: runs.parameters):
            verdict, chosen = lab.pair(runs, best).verdict, runs
            if verdict in ("better", "equivalent"):
                break
        smaller = chosen.parameters < best.parameters
        held = smaller if verdict in ("better", "equivalent") else None
        yield Found(
            each.name,
            False if verdict == "worse" else held,
            f"cnn {chosen.accuracy.mean():.3f} with {chosen.parameters:,} is {verdict}; "
            f"best mlp {best.accuracy.mean():.3f} with {best.parameters:,}",
        )


def bias(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """A convolutional network has a lower bias than a linear model (0-1 loss)."""
    for each in data:
        linear, _, ours = (row.losses["zero_one"] for row in _apart(lab, each))
        yield _lower(each.name, "bias", ours["bias"], linear["bias"], "cnn", "linear")


def variance(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """A convolutional network has less variance than a dense one (0-1 loss)."""
    for each in data:
        _, dense, ours = (row.losses["zero_one"] for row in _apart(lab, each))
        yield _lower(each.name, "variance", ours["variance"], dense["variance"], "cnn", "mlp")


def gap(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """A convolutional network has a smaller gap between training and validation accuracy."""
    for each in data:
        ours, dense = (lab.train(each, family) for family in ("cnn", "mlp"))
        gaps = [runs.values("train_accuracy") - runs.accuracy for runs in (ours, dense)]
        value, low, high = contrast([(1, gaps[0]), (-1, gaps[1])])
        yield Found(
            each.name,
            below_zero(low, high),
            f"cnn {gaps[0].mean():.3f}, mlp {gaps[1].mean():.3f}, difference {value:+.3f} "
            f"({low:+.3f} to {high:+.3f})",
        )


def permuted(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """It loses its edge over a dense network when all images' pixels are permuted alike."""
    for each in data:
        other = lab.changed(each, "permuted", _permute)
        runs = [lab.train(d, family) for d in (each, other) for family in ("cnn", "mlp")]
        accuracies = [r.accuracy for r in runs]
        weights = (1, -1, -1, 1)
        value, low, high = contrast(list(zip(weights, accuracies, strict=True)))
        edge = [a.mean() - b.mean() for a, b in (accuracies[:2], accuracies[2:])]
        yield Found(
            each.name,
            below_zero(-high, -low) if edge[0] > 0 else None,  # There is none to lose.
            f"cnn ahead by {edge[0]:+.3f}, permuted by {edge[1]:+.3f}: it loses {value:.3f} "
            f"({low:+.3f} to {high:+.3f})",
        )


def tabular(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """On tabular data it is no better than a dense network."""
    for each in _tables(lab):
        ours, dense = (lab.train(each, family) for family in ("cnn", "mlp"))
        pair = lab.pair(ours, dense, margin=0.02)
        held = {"better": False, "worse": True, "equivalent": True, "undecided": None}
        low, high = pair.interval or (float("nan"), float("nan"))
        yield Found(
            each.name,
            held[pair.verdict],
            f"cnn {ours.accuracy.mean():.3f}, mlp {dense.accuracy.mean():.3f}, difference "
            f"{pair.difference:+.3f} ({low:+.3f} to {high:+.3f} for new data)",
        )


def residual(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """Shortcuts let depth help: without them a network of 32 layers falls behind one of 8."""
    for each in data:
        gains = {}
        for shortcut in ("identity", "none"):
            depths = [lab.train(each, "resnet", depth=d, shortcut=shortcut) for d in (8, 32)]
            gains[shortcut] = [runs.accuracy for runs in depths]
        with_them, without = gains["identity"], gains["none"]
        groups = [(1, with_them[1]), (-1, with_them[0]), (-1, without[1]), (1, without[0])]
        value, low, high = contrast(groups)
        told = "; ".join(
            f"{name} {shallow.mean():.3f} at 8 layers, {deep.mean():.3f} at 32"
            for name, (shallow, deep) in gains.items()
        )
        yield Found(
            each.name,
            below_zero(-high, -low),
            f"{told}; depth is worth {value:+.3f} more with them ({low:+.3f} to {high:+.3f})",
        )


# Name -> claim; what it says is its docstring.
CLAIMS: dict[str, Callable[[Lab, Sequence[Data]], Iterator[Found]]] = {
    each.__name__: each
    for each in (
        parameters,
        bias,
        variance,
        gap,
        _claims_inside.sharing,
        _claims_inside.pooling,
        _claims_inside.selectivity,
        permuted,
        tabular,
        residual,
    )
}


def _apart(lab: Lab, data: Data) -> "tuple[object, ...]":
    return lab.decompose(data, "linear", "mlp", "cnn")


def _lower(data: str, part: str, ours: "object", theirs: "object", one: str, other: str) -> Found:
    """Compares two parts of a loss by their intervals, which is the cautious way: they may not
    overlap."""
    mine, yours = ours.interval, theirs.interval  # type: ignore[attr-defined]
    told = [
        f"{name} {e.value:.3f} ({e.interval[0]:.3f} to {e.interval[1]:.3f})"
        for name, e in ((one, ours), (other, theirs))
    ]  # type: ignore[attr-defined]
    held = True if mine[1] < yours[0] else False if mine[0] > yours[1] else None
    return Found(data, held, f"{part}: " + ", ".join(told))


def _permute(images: Images) -> Images:
    """Puts the pixels of every image into another order, the same for all."""
    n, height, width, channels = images.shape
    order = np.random.default_rng(0).permutation(height * width)
    flat = images.reshape(n, height * width, channels)[:, order]
    return flat.reshape(images.shape)


def _tables(lab: Lab) -> Iterator[Data]:
    """Yields scikit-learn's tables with their columns as pixels of one row, 0 to 255."""
    from sklearn import datasets as tables

    for name in ("breast_cancer", "wine"):
        table = getattr(tables, f"load_{name}")()
        low, high = table.data.min(axis=0), table.data.max(axis=0)
        pixels = np.round(255 * (table.data - low) / (high - low)).astype(np.uint8)
        side = 6 if name == "breast_cancer" else 4  # 30 and 13 columns, filled up with zeros.
        padded = np.zeros((len(pixels), side * side), np.uint8)
        padded[:, : pixels.shape[1]] = pixels
        images = padded.reshape(-1, side, side, 1)
        split = np.random.default_rng(0).permutation(len(images))
        test, rest = split[: len(split) // 5], split[len(split) // 5 :]
        path = lab.folder / f"{name}.npz"
        lab.folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            np.savez(
                path,
                x_train=images[rest],
                y_train=table.target[rest],
                x_test=images[test],
                y_test=table.target[test],
            )
        yield Data(name=name, source=str(path.resolve()), train_size=0, epochs=40)
