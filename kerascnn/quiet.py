"""Keras and its backend, imported without the pages they print meanwhile."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType
from typing import Any

# Calls inside one another; Python's own limit is 1,000, and ResNet-1202 has 4,207 layers in a row.
_DEEPEST = 10_000


def import_keras() -> ModuleType:
    """Imports and returns `keras`, set as this project needs it: channels last, float32.

    TensorFlow writes to file descriptor 2 before any setting of its can silence it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():
        keras: ModuleType = importlib.import_module("keras")
    _keep_to_share()
    # Whatever the user's keras.json says.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    allow_deep_networks()
    return keras


def _keep_to_share() -> None:
    """Holds TensorFlow to its share of a GPU, before it uses one: MiB in KERASCNN_GPU_MEMORY.

    It has no variable of its own for this, as JAX has. With TF_FORCE_GPU_ALLOW_GROWTH it takes
    what it needs up to that.
    """
    share = os.environ.get("KERASCNN_GPU_MEMORY")
    tensorflow: Any = sys.modules.get("tensorflow")
    if share is None or tensorflow is None:
        return
    config = tensorflow.config
    for gpu in config.list_physical_devices("GPU"):
        if not config.get_logical_device_configuration(gpu):
            only = config.LogicalDeviceConfiguration(memory_limit=int(share))
            config.set_logical_device_configuration(gpu, [only])


def allow_deep_networks() -> None:
    """Lets Keras make a model of many layers: it walks from the last to the first by recursion."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEEPEST))


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keeps what is written to file descriptor 2 back; if the block raises, it is shown."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # The process has no stderr.
        yield
        return
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            aside.seek(0)
            os.write(2, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
