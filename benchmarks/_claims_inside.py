"""Claims on what trained networks do: shifted images, and what their layers tell apart."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._claims_lab import Data, Found, Lab, Runs, below_zero, contrast
from kerascnn import building, datasets, trainers
from kerascnn.spec import RunSpec
from tuning import measures, robustness
from tuning.robust_runs import Protocol

Array = npt.NDArray[np.float64]
# Validation images that are shifted and looked at, and by how many pixels they are shifted: on
# images of 8 x 8, by one.
_IMAGES = 1000
_SHIFT = 2
_SMALL = 16


def sharing(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """Shared weights buy tolerance of shifts: it loses less than a dense network."""
    for each in data:
        ours, dense = lab.train(each, "cnn", pooling="none"), lab.train(each, "mlp")
        yield _less_lost(each, [ours, dense], ["cnn without pooling", "mlp"])


def pooling(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """Pooling buys more of it: with maxima it loses less than without."""
    for each in data:
        ours, bare = (lab.train(each, "cnn", pooling=kind) for kind in ("max", "none"))
        yield _less_lost(each, [ours, bare], ["max pooling", "no pooling"])


def _less_lost(data: Data, runs: Sequence[Runs], names: Sequence[str]) -> Found:
    asked = [each.config_id for each in runs]
    side = min(datasets.load(data.source).input_shape[:2])
    protocol = Protocol(corruptions=(), shift=1 if side < _SMALL else _SHIFT, images=_IMAGES)
    standings = robustness.measure(runs[0].study, asked, protocol=protocol).standings
    lost = [np.subtract(s.scores["clean"].values, s.scores["shifted"].values) for s in standings]
    value, low, high = contrast([(1, lost[0]), (-1, lost[1])])
    told = ", ".join(
        f"{name} {each.scores['clean'].mean:.3f} to {each.scores['shifted'].mean:.3f}"
        for name, each in zip(names, standings, strict=True)
    )
    words = f"{told} shifted by {protocol.shift}; difference of losses {value:+.3f}"
    return Found(data.name, below_zero(low, high), f"{words} ({low:+.3f} to {high:+.3f})")


def selectivity(lab: Lab, data: Sequence[Data]) -> Iterator[Found]:
    """Deeper layers are more class-selective.

    The index is that of Morcos et al., "On the importance of single directions for generalization",
    ICLR 2018: a unit's highest mean activation over classes, less its mean over the others, by
    their sum; a layer's is the mean over its units, each at its mean over places.
    """
    for each in data:
        layers, indices = _selectivities(lab, each)
        gaps = indices[:, -1] - indices[:, 0]
        low, high = measures.t_interval(list(gaps)) or (gaps.mean(), gaps.mean())
        told = ", ".join(
            f"{name} {mean:.3f}" for name, mean in zip(layers, indices.mean(axis=0), strict=True)
        )
        words = f"{told}; last less first {gaps.mean():+.3f} ({low:+.3f} to {high:+.3f})"
        yield Found(each.name, below_zero(-high, -low), words)


def _selectivities(lab: Lab, each: Data) -> tuple[list[str], Array]:
    """Returns (layers by depth, index of each by seed: (seeds, layers)) of a cnn."""
    data = datasets.load(each.source)
    spec = RunSpec(
        family="cnn",
        dataset=each.source,
        fingerprint=data.fingerprint,
        epochs=each.epochs,
        train_size=each.train_size,
        hyperparameters={"depth": 2 if min(data.input_shape[:2]) < _SMALL else 3},
    )
    specs = [spec.repeated(0, "search", repeat) for repeat in range(lab.seeds)]
    images = data.parts["validation"][:_IMAGES]
    pixels = data.images[images].astype(np.float32) * data.scale + data.offset
    names: list[str] = []
    found: list[list[float]] = []

    def look(i: int, model: Any, predict: Any, epoch: int) -> None:
        import keras

        layers = [layer for layer in model.layers if layer.name.endswith("_act")]
        names[:] = [layer.name.removesuffix("_act") for layer in layers]
        outputs = keras.Model(model.input, [layer.output for layer in layers]).predict(
            pixels, verbose=0
        )
        found.append([_index(np.asarray(each), data.labels[images]) for each in outputs])

    build = building.Builder(spec, data)
    trainers.load("compiled")(build, data, specs, on_epoch=lambda *told: None, on_end=look)
    return names, np.array(found)


def _index(outputs: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    units = outputs.reshape(len(outputs), -1, outputs.shape[-1]).mean(axis=1, dtype=np.float64)
    means = np.stack([units[labels == label].mean(axis=0) for label in np.unique(labels)])
    best = means.max(axis=0)
    others = (means.sum(axis=0) - best) / (len(means) - 1)
    alive = best + others > 0
    return float(((best - others)[alive] / (best + others)[alive]).mean())
