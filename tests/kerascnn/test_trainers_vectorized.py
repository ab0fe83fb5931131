"""Several runs as one program: the numbers of runs alone, in every form and group."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn import datasets, registry, trainers
from kerascnn.datasets._arrays import Dataset
from kerascnn.models import cnn, linear
from kerascnn.spec import RunSpec
from kerascnn.trainers import Stop, vectorized
from tests import networks
from tests.networks import builder

pytestmark = pytest.mark.skipif(
    keras.backend.backend() not in vectorized.BACKENDS, reason="vectorized runs under JAX only"
)

FAMILIES = registry.names("kerascnn.models")
# Family -> the smallest of it that has all its kinds of layer.
SMALL: Mapping[str, Mapping[str, Any]] = {
    "cnn": {"filters": 4, "normalization": "batch", "dropout": 0.2},
    "efficientnet": {"width": 0.1, "depth": 0.1},
    "resnet": {"filters": 4},
    "resnet9": {"filters": 4},
    "vgg": {"filters": 4},
}
SETTINGS: Mapping[str, Any] = {
    "family": "cnn",
    "dataset": "synthetic",
    "train_size": 70,
    "batch_size": 32,
    "epochs": 3,
    "learning_rate": 0.001,
}
TOGETHER = ("grouped", "patches")
# Per run: what it was told after each epoch, its logits at the end, and of which epoch they are.
Results = dict[int, tuple[list[Mapping[str, float]], np.ndarray, int]]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.load("synthetic")


@pytest.fixture(scope="module")
def misleading(data: Dataset) -> Dataset:
    return networks.misleading(data)


def results(
    trainer: str, data: Dataset, specs: list[RunSpec], family: Any = linear, **settings: Any
) -> Results:
    told: dict[int, list[Mapping[str, float]]] = {i: [] for i in range(len(specs))}
    found: Results = {}

    def on_end(i: int, model: keras.Model, predict: Callable[..., np.ndarray], epoch: int) -> None:
        found[i] = told[i], predict(data.parts["validation"]), epoch

    trainers.load(trainer)(
        builder(data, family, **settings),
        data,
        specs,
        on_epoch=lambda i, epoch, metrics: told[i].append(metrics),
        on_end=on_end,
    )
    return found


def losses(found: Results) -> np.ndarray:
    names = ("loss/train", "loss/validation")
    return np.array([[[m[n] for n in names] for m in found[i][0]] for i in sorted(found)])


def same(a: Results, b: Results) -> bool:
    return a.keys() == b.keys() and all(
        a[i][0] == b[i][0] and np.array_equal(a[i][1], b[i][1]) and a[i][2] == b[i][2] for i in a
    )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_losses_are_those_of_runs_alone(data: Dataset, family: str) -> None:
    """Seeds, learning rates and weight decays differ; three epochs; both references.

    Without ReLUs where a family has others: one that is within rounding of 0 passes its gradient
    in one form and not in another, which Adam makes large. Seen in vgg: a single one of 4,096 on
    the other side of 0 moved the gradients before it by 0.2 %, and those after it by 0.0002 %.
    """
    settings = {**SETTINGS, "family": family, "train_size": 64, "augmentation": "shift+flip"}
    specs = [
        RunSpec(**{**settings, "learning_rate": rate, "weight_decay": decay}, seed=seed)
        for seed, rate, decay in ((1, 1e-3, 1e-3), (2, 1e-3, 1e-3), (3, 3e-4, 0.1))
    ]
    module = registry.load("kerascnn.models", family)
    smooth = "activation" in registry.keywords("kerascnn.models", family, "build")
    small = {**SMALL.get(family, {}), **({"activation": "tanh"} if smooth else {})}
    expected = losses(results("compiled", data, specs, module, **small))
    fitted = losses(results("fit", data, specs[:1], module, **small))
    for form in TOGETHER:
        found = losses(results(f"vectorized:{form}:3", data, specs, module, **small))
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=form)
        np.testing.assert_allclose(found[:1], fitted, atol=1e-4, err_msg=form)


@pytest.mark.slow
@pytest.mark.parametrize("form", TOGETHER)
def test_a_run_is_the_same_in_whatever_company(data: Dataset, form: str) -> None:
    """A group that is not full is filled up, so that a resumed study has the same numbers."""
    settings = {**SETTINGS, "augmentation": "flip"}
    specs = [RunSpec(**settings, seed=seed) for seed in (1, 2, 3)]
    together = results(f"vectorized:{form}:2", data, specs, cnn, **SMALL["cnn"])
    alone = results(f"vectorized:{form}:2", data, specs[1:2], cnn, **SMALL["cnn"])
    assert same({0: together[1]}, alone)


@pytest.mark.slow
@pytest.mark.parametrize("form", TOGETHER)
def test_a_run_that_stops_leaves_the_others_to_go_on(misleading: Dataset, form: str) -> None:
    """By `Stop`, by its own last epoch, or by patience, each at another epoch."""
    data = misleading
    plain = {**SETTINGS, "epochs": 5, "learning_rate": 0.01}
    specs = [
        RunSpec(**plain, seed=1),
        RunSpec(**plain, seed=2),
        RunSpec(**plain, seed=3, stop_epoch=2),
        RunSpec(**plain, seed=4, patience=1),
    ]
    expected = results("compiled", data, specs)
    assert expected[3][2] < len(expected[3][0]) <= 5, "patience must go back"
    told: list[tuple[int, int]] = []
    ended: dict[int, tuple[np.ndarray, int]] = {}

    def on_epoch(i: int, epoch: int, metrics: Mapping[str, float]) -> None:
        told.append((i, epoch))
        assert metrics["loss/validation"] == pytest.approx(
            expected[i][0][epoch - 1]["loss/validation"], abs=1e-4
        )
        if (i, epoch) == (0, 2):
            raise Stop

    def on_end(i: int, model: keras.Model, predict: Callable[..., np.ndarray], epoch: int) -> None:
        ended[i] = predict(data.parts["validation"]), epoch

    train = trainers.load(f"vectorized:{form}:4")
    train(builder(data, linear), data, specs, on_epoch=on_epoch, on_end=on_end)
    assert sorted(ended) == [1, 2, 3]
    for i, (logits, epoch) in ended.items():
        np.testing.assert_allclose(logits, expected[i][1], atol=1e-3)
        assert epoch == expected[i][2]
    counts = {i: sum(who == i for who, _ in told) for i in range(4)}
    assert counts == {0: 2, 1: 5, 2: 2, 3: len(expected[3][0])}


@pytest.mark.slow
def test_little_memory_makes_several_groups_of_the_same_numbers(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerascnn.trainers import _group, _programs, _replicas

    specs = [RunSpec(**SETTINGS, seed=seed) for seed in range(5)]
    run = _group.Run(0, specs[0], data)
    program = _group.program(builder(data, cnn, **SMALL["cnn"]), data, run)
    replicas = _replicas.of(program, "patches")
    many = _replicas.fitting(replicas, None, data.input_shape)
    one = _replicas.capacity() / many  # Bytes
    assert many > 5
    whole = results("vectorized:patches:5", data, specs, cnn, **SMALL["cnn"])
    widths: list[int] = []

    class Watched(_group.Group):
        def __init__(self, build: Any, data: Dataset, runs: Any, how: str, width: int) -> None:
            widths.append(width)
            super().__init__(build, data, runs, how, width)

    monkeypatch.setattr(_group, "Group", Watched)
    monkeypatch.setattr(_replicas, "capacity", lambda: int(2.5 * one))
    parts = results("vectorized:patches:5", data, specs, cnn, **SMALL["cnn"])
    assert widths == [2, 2, 2]
    np.testing.assert_allclose(losses(parts), losses(whole), atol=1e-5)
    monkeypatch.setattr(_replicas, "capacity", lambda: 1)  # Not even one: one after another.
    alone = results("vectorized:patches:5", data, specs, cnn, **SMALL["cnn"])
    assert widths == [2, 2, 2]
    assert same(alone, results("compiled", data, specs, cnn, **SMALL["cnn"]))
    _programs.forget()


def test_patience_and_patches_take_memory(data: Dataset) -> None:
    """What is reckoned with grows with the batch and with what a form keeps of it."""
    from kerascnn.trainers import _group, _replicas

    build = builder(data, cnn, **SMALL["cnn"])

    def fitting(form: str, size: int) -> int:
        run = _group.Run(0, RunSpec(**{**SETTINGS, "batch_size": size}), data)
        replicas = _replicas.of(_group.program(build, data, run), form)
        return _replicas.fitting(replicas, None, data.input_shape)

    assert fitting("grouped", 64) < fitting("grouped", 8)
    assert fitting("patches", 64) < fitting("grouped", 64)


@pytest.mark.parametrize("form", TOGETHER)
def test_seeds_share_one_compiled_program(data: Dataset, form: str) -> None:
    from kerascnn.trainers import _group, _programs, _replicas

    _programs.forget()
    specs = [RunSpec(**SETTINGS, seed=seed) for seed in range(4)]
    results(f"vectorized:{form}:2", data, specs[:2])
    run = _group.Run(0, specs[0], data)
    replicas = _replicas.of(_group.program(builder(data, linear), data, run), form)
    traces = replicas.traces
    assert traces == 3  # A whole batch, the last batch, a block of validation.
    results(f"vectorized:{form}:2", data, specs)
    assert replicas.traces == traces


def test_data_too_large_for_the_device_stream(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kerascnn.trainers import _programs, _source

    specs = [RunSpec(**SETTINGS, augmentation="flip", seed=seed) for seed in (1, 2)]
    resident = results("vectorized:grouped:2", data, specs)
    monkeypatch.setattr(_source, "_RESIDENT", 1e-12)
    _programs.forget()
    assert _programs.source(data)._resident is None
    assert same(results("vectorized:grouped:2", data, specs), resident)
    _programs.forget()


@pytest.mark.slow
def test_loops_give_the_numbers_of_single_steps(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off a CPU the steps of a call are a loop inside the program."""
    import jax

    from kerascnn.trainers import _group, _programs, _replicas
    from kerascnn.trainers._program_jax import Program

    run = _group.Run(0, RunSpec(**SETTINGS, augmentation="shift"), data)
    found = []
    for device in ("cpu", "gpu"):
        program: Program = _group.program(builder(data, cnn, filters=4), data, run)
        monkeypatch.setattr(jax, "default_backend", lambda device=device: device)
        replicas = _replicas.Replicas(program, "patches")
        replicas.start_over([program.state()] * 2)
        [piece] = _group.pieces(_programs.source(data), [run.epochs.draw(1)] * 2, 32)
        found.append(replicas.steps(piece, None, 0, 3))
        assert found[-1][0].shape == found[-1][1].shape == (3, 2)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": (3, 2), "padding": "valid", "use_bias": False},
        {"kernel_size": 3, "strides": 2, "padding": "same"},
        {"kernel_size": (2, 5), "strides": (3, 2), "padding": "valid", "activation": "relu"},
        {"kernel_size": 3, "dilation_rate": (2, 3), "padding": "same"},
        {"kernel_size": 2, "dilation_rate": 2, "padding": "valid"},
        {"kernel_size": 1, "strides": 2, "padding": "valid"},
        {"kernel_size": 3, "groups": 2},
    ],
    ids=str,
)
def test_patches_times_a_kernel_are_a_convolution(settings: Mapping[str, Any]) -> None:
    import jax

    from kerascnn.trainers import _patches

    inputs = keras.Input((9, 11, 4), name="image")
    plain = keras.Model(inputs, keras.layers.Conv2D(6, **settings, name="conv")(inputs))
    other = _patches.multiplying(plain)
    assert [v.path for v in other.variables] == [v.path for v in plain.variables]
    images = np.random.default_rng(0).normal(size=(5, 9, 11, 4)).astype(np.float32)
    values = [v.value for v in plain.variables]

    def energy(model: keras.Model, values: Any, images: Any) -> Any:
        return (model.stateless_call(values, [], images)[0] ** 2).mean()

    found, expected = (
        jax.value_and_grad(energy, argnums=(1, 2))(model, values, images)
        for model in (other, plain)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, expected)
    replaced = type(other.get_layer("conv")) is not keras.layers.Conv2D
    assert replaced == ("groups" not in settings)


def test_depthwise_and_nested_convolutions() -> None:
    from kerascnn.trainers import _patches

    inner_in = keras.Input((6, 6, 2))
    inner = keras.Model(inner_in, keras.layers.Conv2D(3, 3, name="inside")(inner_in), name="inner")
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(inputs)
    plain = keras.Model(inputs, inner(x))
    other = _patches.multiplying(plain)
    assert type(other.get_layer("depthwise")) is keras.layers.DepthwiseConv2D
    inside = other.get_layer("inner").get_layer("inside")
    assert type(inside) is not keras.layers.Conv2D
    other.set_weights(plain.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(other(images), plain(images), atol=1e-5)


def test_the_fastest_form_is_chosen(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [RunSpec(**SETTINGS, seed=seed) for seed in range(3)]
    build = builder(data, linear)
    chosen = vectorized.choose(build, data, specs)
    assert set(chosen["seconds"]) == set(vectorized.FORMS)
    assert all(seconds > 0 for seconds in chosen["seconds"].values())
    took = {"grouped": 2.0, "patches": 1.0, "separate": 3.0}
    monkeypatch.setattr(vectorized, "_seconds", lambda b, d, s, form: took[form])
    assert vectorized.choose(build, data, specs) == {
        "form": "patches:3",
        "together": 3,
        "seconds": took,
    }
    took["separate"] = 0.5
    chosen = vectorized.choose(build, data, specs)
    assert (chosen["form"], chosen["together"]) == ("separate", 1)
    took |= {"patches": float("inf")}  # No memory for it.
    assert set(vectorized.choose(build, data, specs)["seconds"]) == {"grouped", "separate"}
    assert vectorized.choose(build, data, specs[:1])["form"] == "separate"


def test_an_unknown_form_is_refused(data: Dataset) -> None:
    with pytest.raises(ValueError, match=r"^No 'patch' in the forms .* Did you mean 'patches'\?$"):
        results("vectorized:patch:2", data, [])
