"""The GPUs of this machine, listed without importing a framework, and what pins a worker to one.

Which there are: what CUDA_VISIBLE_DEVICES says, if the user set it, read as CUDA reads it (numbers,
GPU- and MIG- ids; "" and -1 are none, and what follows -1 is not there); else all that nvidia-smi
lists. Without nvidia-smi, or where it fails, there are none, and of a GPU that is divided into MIG
devices these are used if the variable names them. Two searches on one machine do not know of each
other: the variable gives each its own.
"""

import dataclasses
import functools
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Of a GPU's memory, what calls share: each process has CUDA's own state in it besides.
_SHARED = 0.9
# CUDA may name the fastest first: number 0 is to be what nvidia-smi calls so.
_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
_QUERY = ("--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits")
_PATIENCE = 60  # Seconds: on a machine of many GPUs whose driver sleeps it takes some.
_ID = re.compile(r"\d+|(GPU|MIG)-[\w/-]+")


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        id: What CUDA_VISIBLE_DEVICES calls it.
        memory: In MiB; 0: not known.
    """

    id: str
    memory: int = 0


def slots(backend: str, per_gpu: int) -> list[dict[str, str]]:
    """Returns the environment of each call that the GPUs have room for; empty: there are none.

    The first calls have a GPU each before any two share one.

    Args:
        backend: What the calls train with.
        per_gpu: Calls that share a GPU, each held to its share of the memory.

    Raises:
        ValueError: If calls are to share GPUs and there are none, or CUDA_VISIBLE_DEVICES names
            what is none.
    """
    found = check(per_gpu)
    if found and not can_use(backend):
        if per_gpu > 1:
            raise ValueError(
                f"--per-gpu shares GPUs, and {backend} as it is installed here uses none. "
                f"Received: {per_gpu}"
            )
        return []
    return [_pinned(gpu, backend, per_gpu) for _ in range(per_gpu) for gpu in found]


def check(per_gpu: int) -> list[Gpu]:
    """Returns the GPUs that this process may use.

    Raises:
        ValueError: If calls are to share GPUs and there are none; see `listed`.
    """
    found = listed()
    if per_gpu > 1 and not found:
        if "CUDA_VISIBLE_DEVICES" in os.environ:
            why = f"CUDA_VISIBLE_DEVICES is {os.environ['CUDA_VISIBLE_DEVICES']!r}"
        else:
            why = "nvidia-smi lists none" if shutil.which("nvidia-smi") else "nvidia-smi is missing"
        raise ValueError(f"--per-gpu shares GPUs, and there are none: {why}. Received: {per_gpu}")
    return found


def _pinned(gpu: Gpu, backend: str, per_gpu: int) -> dict[str, str]:
    order = {} if "CUDA_VISIBLE_DEVICES" in os.environ else _ORDER
    return {**order, "CUDA_VISIBLE_DEVICES": gpu.id, **_share(gpu, backend, per_gpu)}


def _share(gpu: Gpu, backend: str, per_gpu: int) -> dict[str, str]:
    """Returns what holds a backend to its share of a GPU's memory; alone it may have all.

    Both let it grow up to that as it needs to (`executors.settings`). TensorFlow's limit is in MiB:
    of a GPU whose memory nvidia-smi does not tell, a MIG device for one, it is not held to any.
    """
    if per_gpu == 1:
        return {}
    if backend == "tensorflow":  # No variable of its own does it: `kerascnn.quiet` reads this one.
        memory = int(_SHARED * gpu.memory / per_gpu)
        return {"KERASCNN_GPU_MEMORY": str(memory)} if memory else {}
    # JAX raises if a newer name of the same stands beside it.
    if {"XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION"} & set(os.environ):
        return {}
    return {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{_SHARED / per_gpu:.3f}"}


def listed() -> list[Gpu]:
    """Returns the GPUs that this process may use, in the order they are taken.

    Raises:
        ValueError: If CUDA_VISIBLE_DEVICES names what is none, or one twice.
    """
    there = _all(shutil.which("nvidia-smi"))
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return [Gpu(number, memory) for number, _, memory in there]
    return [Gpu(name, _memory(name, there)) for name in _ids(chosen)]


def _ids(chosen: str) -> list[str]:
    ids: list[str] = []
    for name in (part.strip() for part in chosen.split(",")):
        if name in ("", "-1", "NoDevFiles"):  # The last is how some job schedulers say "none".
            break
        if not _ID.fullmatch(name):
            raise ValueError(
                "CUDA_VISIBLE_DEVICES takes numbers of GPUs, or ids that begin with GPU- or MIG-, "
                f"with commas; empty it hides all. Received: {chosen!r}"
            )
        if name in ids:
            raise ValueError(f"CUDA_VISIBLE_DEVICES names {name} twice. Received: {chosen!r}")
        ids.append(name)
    return ids


def _memory(name: str, there: Sequence[tuple[str, str, int]]) -> int:
    """Returns the memory of a GPU in MiB; 0 if nvidia-smi did not tell.

    Raises:
        ValueError: If nvidia-smi lists GPUs, and not this one.
    """
    for number, uuid, memory in there:
        if name == number or uuid.startswith(name):
            return memory
    if there and not name.startswith("MIG-"):  # These it does not list.
        numbers = ", ".join(number for number, _, _ in there)
        raise ValueError(f"CUDA_VISIBLE_DEVICES names GPU {name}: nvidia-smi lists {numbers}.")
    return 0


@functools.cache
def _all(program: str | None) -> tuple[tuple[str, str, int], ...]:
    """Returns (number, id, memory in MiB) of all GPUs; none if nvidia-smi is missing or fails."""
    if program is None:
        return ()
    try:
        ran = subprocess.run(
            [program, *_QUERY], capture_output=True, text=True, check=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [[cell.strip() for cell in line.split(",")] for line in ran.stdout.splitlines()]
    return tuple(
        (row[0], row[1], int(row[2]) if row[2].isdecimal() else 0)
        for row in rows
        if len(row) == 3 and row[0].isdecimal()
    )


def can_use(backend: str) -> bool:
    """Returns whether a backend, as it is installed here, can use a GPU of NVIDIA's.

    Told by files alone. JAX has a plugin for CUDA. TensorFlow is built for it or not, and, built
    for it, does without where it does not find CUDA's libraries, of which cuDNN stands for all.
    """
    if backend == "jax":
        platforms = os.environ.get("JAX_PLATFORMS", "")
        wanted = not platforms or {"cuda", "gpu"} & set(platforms.split(","))
        return bool(wanted) and any(_inside("jax_plugins", "xla_cuda*"))
    if backend == "tensorflow":
        built = _inside("tensorflow", "python/platform/build_info.py")
        return any("'is_cuda_build', True" in file.read_text() for file in built) and _has_cudnn()
    return False


def _inside(package: str, pattern: str) -> list[Path]:
    """Returns the files of an installed package that match, without importing it."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    return [file for folder in folders or () for file in Path(folder).glob(pattern)]


def _has_cudnn() -> bool:
    import ctypes.util  # It asks the linker, and a compiler where there is one.

    paths = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    own = (file for path in paths if path for file in Path(path).glob("libcudnn.so*"))
    return bool(
        _inside("nvidia", "cudnn") or any(own) or ctypes.util.find_library("cudnn") is not None
    )
