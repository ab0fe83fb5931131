"""The compiled trainer: what it shares between runs, and that it computes what `fit` does."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import datasets, registry
from kerascnn.datasets._arrays import Dataset
from kerascnn.spec import RunSpec
from kerascnn.trainers import _programs, _source, compiled, fit
from tests.networks import builder

SPEC = RunSpec(family="mlp", dataset="synthetic", batch_size=50, epochs=3, train_size=120)
# Of each family what a trainer must carry along: statistics, dropout, changes to the images.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "cnn": {"normalization": "batch", "dropout": 0.3},
    "mlp": {"normalization": "batch", "dropout": 0.3},
}
TRAINED: Mapping[str, Any] = {"augmentation": "shift+flip", "weight_decay": 1e-3}
Build = Callable[[int], keras.Model]
Result = tuple[list[Mapping[str, float]], np.ndarray]

REGULARIZED = {
    "kernel_regularizer": keras.regularizers.L2(0.01),
    "activity_regularizer": keras.regularizers.L1(0.001),
    "kernel_constraint": keras.constraints.MaxNorm(0.5),
}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.load("synthetic")


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    _programs.forget()
    yield
    _programs.forget()


def results(trainer: Any, build: Build, data: Dataset, *specs: RunSpec) -> list[Result]:
    histories: list[list[Mapping[str, float]]] = [[] for _ in specs]
    logits: list[np.ndarray] = []
    trainer.train(
        build,
        data,
        specs,
        on_epoch=lambda i, epoch, metrics: histories[i].append(metrics),
        on_end=lambda i, model, predict, epoch: logits.append(predict(data.probe)),
    )
    return list(zip(histories, logits, strict=True))


def same(a: Result, b: Result) -> bool:
    return a[0] == b[0] and np.array_equal(a[1], b[1])


def agree(ours: Result, theirs: Result) -> None:
    for mine, other in zip(ours[0], theirs[0], strict=True):
        assert mine.keys() == other.keys()
        for name in mine:
            assert mine[name] == pytest.approx(other[name], abs=1e-4), name
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("family", registry.names("kerascnn.models"))
def test_it_agrees_with_fit_on_every_family(data: Dataset, family: str) -> None:
    build = builder(data, registry.load("kerascnn.models", family), **SETTINGS.get(family, {}))
    specs = [SPEC.configure({"family": family, **TRAINED}).repeated(0, "search", i) for i in (0, 1)]
    for ours, theirs in zip(
        results(compiled, build, data, *specs), results(fit, build, data, *specs), strict=True
    ):
        agree(ours, theirs)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_it_agrees_with_fit_on_every_optimizer(data: Dataset, optimizer: str) -> None:
    """The optimizer's step is ours under TensorFlow."""
    build = builder(data)
    for decay in (0.0, 0.1):
        spec = SPEC.configure({"optimizer": optimizer, "weight_decay": decay, "epochs": 2})
        agree(results(compiled, build, data, spec)[0], results(fit, build, data, spec)[0])


def test_penalties_and_constraints_of_layers_count(data: Dataset) -> None:
    def build(seed: int) -> keras.Model:
        random.seed(seed)
        inputs = keras.Input(data.input_shape)
        x = keras.layers.Flatten()(inputs)
        x = keras.layers.Dense(8, activation="relu", name="dense", **REGULARIZED)(x)
        x = keras.layers.Dense(data.num_classes, name="logits")(x)
        return keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(x))

    norms: list[float] = []

    def on_end(i: int, model: keras.Model, predict: Any, epoch: int) -> None:
        kernel = model.get_layer("dense").get_weights()[0]
        norms.append(float(np.linalg.norm(kernel, axis=0).max()))

    agree(results(compiled, build, data, SPEC)[0], results(fit, build, data, SPEC)[0])
    compiled.train(build, data, [SPEC], on_epoch=lambda *_: None, on_end=on_end)
    assert norms[0] <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("change", "shared"),
    [
        ({"learning_rate": 0.01}, True),
        ({"weight_decay": 0.5}, True),
        ({"train_size": 90}, True),
        ({"optimizer": "sgd"}, False),
        ({"weight_decay": 0.0}, False),
        ({"batch_size": 40}, False),
        ({"augmentation": "none"}, False),
        ({"label_smoothing": 0.1}, False),
        ({"balance": "weights"}, False),
    ],
    ids=str,
)
def test_runs_share_a_program_where_they_can(
    data: Dataset, change: Mapping[str, Any], shared: bool
) -> None:
    """Also from call to call; and a run on a reused program equals one in a fresh process."""
    build = builder(data, normalization="batch", dropout=0.3)
    first = SPEC.configure(TRAINED)
    results(compiled, build, data, first.repeated(0, "search", 0))
    (program,) = _programs.kept()
    traces = program.traces
    second = first.configure(change).repeated(0, "search", 1)
    reused = results(compiled, build, data, second)[0]
    assert (len(_programs.kept()) == 1) == shared
    if shared and keras.backend.backend() == "tensorflow":  # A last batch of another size is
        assert program.traces == traces == 2  # another program under JAX.
    _programs.forget()
    assert same(reused, results(compiled, build, data, second)[0])


def test_seeds_are_traced_once(data: Dataset) -> None:
    build, specs = builder(data), [SPEC.repeated(0, "search", i) for i in range(3)]
    results(compiled, build, data, specs[0])
    (program,) = _programs.kept()
    traces = program.traces
    assert traces > 0
    results(compiled, build, data, *specs)
    assert _programs.kept() == (program,)
    assert program.traces == traces


def test_another_network_of_the_same_settings_is_another_program(data: Dataset) -> None:
    results(compiled, builder(data, dense=8), data, SPEC)
    results(compiled, builder(data, dense=9), data, SPEC)
    results(compiled, builder(data, dense=8, activation="tanh"), data, SPEC)
    assert len(_programs.kept()) == 3


def test_old_programs_are_let_go(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_programs, "_MOST", 2)
    for dense in (8, 9, 10):
        results(compiled, builder(data, dense=dense), data, SPEC)
    assert len(_programs.kept()) == 2
    monkeypatch.setattr(_programs, "_BYTES", 0)
    results(compiled, builder(data, dense=11), data, SPEC)
    assert len(_programs.kept()) == 1


@pytest.mark.parametrize("piece", [1, 10_000, 10_000_000])
def test_streamed_data_give_the_same_numbers(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    spec = SPEC.configure({"augmentation": "shift+flip+cutout", "balance": "weights"})
    resident = results(compiled, builder(data), data, spec)[0]
    monkeypatch.setattr(_source, "_RESIDENT", 0)
    monkeypatch.setattr(_source, "_PIECE", piece)
    _programs.forget()
    streamed = results(compiled, builder(data), data, spec)[0]
    assert streamed[0] == resident[0]
    np.testing.assert_allclose(streamed[1], resident[1], atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a choice of the JAX program alone")
def test_steps_in_a_loop_are_the_steps_called_one_by_one(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on an accelerator."""
    import jax

    build, spec = builder(data, normalization="batch", dropout=0.3), SPEC.configure(TRAINED)
    one_by_one = results(compiled, build, data, spec)[0]
    _programs.forget()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    agree(results(compiled, build, data, spec)[0], one_by_one)


def test_calls_take_about_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a step takes; the first call, which compiles, is of one step and says nothing."""
    now = 0.0
    monkeypatch.setattr(compiled.time, "perf_counter", lambda: now)
    pace, taken = compiled.Pace(), []
    for seconds in (0.01, 0.01, 2.0):
        for first, last in pace.calls(200):
            now += 60.0 if not taken else seconds * (last - first)
            taken.append((first, last))
    assert taken[:4] == [(0, 1), (1, 2), (2, 52), (52, 102)]
    assert taken[6:10] == [(0, 50), (50, 100), (100, 150), (150, 200)]
    assert taken[10:13] == [(0, 50), (50, 51), (51, 52)]
    assert taken[-1] == (199, 200)


MEMORY = """
import gc, tempfile
from kerascnn import training
from kerascnn.spec import RunSpec
folder = tempfile.mkdtemp()
base = RunSpec(family="mlp", dataset="synthetic", epochs=1, train_size=50)
for dense in range(8, 58):
    training.run([base.configure({"dense": dense})], folder=folder, loggers=())
    if dense in (27, 57):
        gc.collect()
        print(int(open("/proc/self/statm").read().split()[1]) * 4096)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_flat_over_50_configurations() -> None:
    """Keras' own optimizer step makes TensorFlow keep every graph: 2 to 5 MB a network."""
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=300
    )
    after_20, after_50 = (int(line) for line in ran.stdout.split())
    assert after_50 < 1.05 * after_20
