"""Where and with what runs are trained."""

import datetime
import functools
import importlib.metadata
import os
import platform
from typing import Any

from kerascnn import __version__


def threads() -> int:
    """Returns how many CPU threads a network has here: what was fixed, else one a core."""
    return int(os.environ.get("KERASCNN_THREADS", "0")) or os.cpu_count() or 1


def about(trainer: str, form: str = "") -> dict[str, Any]:
    """Returns where and with what a run is trained, for its record.

    Args:
        trainer: Its name.
        form: Which of its forms, of a trainer that has several.
    """
    import keras

    backend = keras.backend.backend()
    device = _device(backend)
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "") if device != "cpu" else ""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "trainer": trainer,
        **({"form": form} if form else {}),
        "backend": backend,
        "threads": threads(),
        "device": device,
        "machine": platform.node(),
        **({"gpu": gpu} if gpu else {}),
        "python": platform.python_version(),
        "versions": versions("keras", backend, "numpy"),
        "ended": now.isoformat(timespec="seconds"),
    }


@functools.cache
def _device(backend: str) -> str:
    """Returns what the backend computes on: "cpu", or the name of the GPU."""
    if backend == "jax":
        import jax

        return str(jax.local_devices()[0].device_kind)
    if backend == "tensorflow":
        from tensorflow import config

        for gpu in config.list_physical_devices("GPU"):
            return str(config.experimental.get_device_details(gpu).get("device_name", "GPU"))
    return "cpu"


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def versions(*packages: str) -> dict[str, str]:
    """Returns package -> installed version, this one's included; "" where there is none."""
    return {**{name: _version(name) for name in packages}, "kerascnn": __version__}
