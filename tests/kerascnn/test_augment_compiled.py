"""Images changed inside a compiled call are those changed in NumPy."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerascnn.checks import AUGMENTATIONS
from kerascnn.trainers import _augment

ROOT = Path(__file__).parents[2]
ALL = "+".join(AUGMENTATIONS)
KINDS = ["none", *AUGMENTATIONS, "shift+flip", "rotation+crop", ALL]
COUNT = 40
SHAPES = [(8, 8, 1), (9, 6, 3)]


def images_of(shape: tuple[int, int, int]) -> np.ndarray:
    """None of their pixels is 0: what is 0 afterwards was set to 0."""
    rng = np.random.default_rng(0)
    return rng.uniform(0.1, 1.0, (COUNT, *shape)).astype(np.float32)


def changed(images: Any, arrays: dict[str, Any]) -> Any:
    return _augment.apply(images, _augment.Changes(**arrays), keras.ops)


def assert_agree(found: Any, images: np.ndarray, changes: _augment.Changes) -> None:
    found, expected = np.asarray(found), _augment.apply(images, changes)
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found == 0, expected == 0)


def traced(shape: tuple[int, int, int], arrays: dict[str, np.ndarray]) -> Callable[..., Any]:
    """Returns a TensorFlow program of (images, an epoch's arrays, position of the first image)."""
    tf = pytest.importorskip("tensorflow")
    signature = (
        tf.TensorSpec((None, *shape), tf.float32),
        {name: tf.TensorSpec((None, *each.shape[1:]), each.dtype) for name, each in arrays.items()},
        tf.TensorSpec((), tf.int32),
    )

    def step(images: Any, arrays: dict[str, Any], first: Any) -> Any:
        last = first + tf.shape(images)[0]
        out = changed(images, {name: each[first:last] for name, each in arrays.items()})
        assert out.shape == (None, *shape)  # A network is built of what is known of it.
        return out

    return tf.function(step, input_signature=signature)  # type: ignore[no-any-return]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces for TensorFlow")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_tensorflow_changes_batches_of_any_size_as_numpy(
    kind: str, shape: tuple[int, int, int]
) -> None:
    images = images_of(shape)
    drawn = _augment.draw(kind, 1, 2, COUNT, shape[:2])
    arrays = drawn.arrays()
    program = traced(shape, arrays)
    for batch in (slice(0, 32), slice(32, COUNT)):
        found = program(images[batch], arrays, batch.start)
        assert_agree(found, images[batch], drawn[batch])


def test_a_compiled_call_takes_what_is_drawn_and_no_64_bits() -> None:
    assert _augment.draw("none", 1, 2, COUNT, (8, 8)).arrays() == {}
    drawn = _augment.draw(ALL, 1, 2, COUNT, (8, 8))
    arrays = drawn.arrays()
    assert {name: str(each.dtype) for name, each in arrays.items()} == {
        "shifts": "int32",
        "flips": "bool",
        "angles": "float32",
        "crops": "float32",
        "holes": "int32",
    }
    for name, each in arrays.items():
        np.testing.assert_allclose(each, getattr(drawn, name), rtol=1e-6)
    assert set(_augment.draw("flip+cutout", 1, 2, COUNT, (8, 8)).arrays()) == {"flips", "holes"}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is an extra")
def test_jax_changes_the_images_of_one_and_of_many_runs_as_numpy() -> None:
    """In a process of its own: Keras' backend is chosen once."""
    code = f"import runpy; runpy.run_path({__file__!r})['compare_on_jax']()"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(KINDS) * len(SHAPES)} agree\n"


def compare_on_jax() -> None:
    """What the test above runs: every kind, of one run and of three at once."""
    import jax

    seeds = (1, 2, 3)
    for kind in KINDS:
        for shape in SHAPES:
            images = images_of(shape)
            drawn = [_augment.draw(kind, seed, 1, COUNT, shape[:2]) for seed in seeds]
            arrays = [each.arrays() for each in drawn]
            assert_agree(jax.jit(changed)(images, arrays[0]), images, drawn[0])
            stacked = {name: np.stack([each[name] for each in arrays]) for name in arrays[0]}
            many = jax.jit(jax.vmap(changed))(np.stack([images] * len(seeds)), stacked)
            for found, changes in zip(many, drawn, strict=True):
                assert_agree(found, images, changes)
    print(len(KINDS) * len(SHAPES), "agree")
