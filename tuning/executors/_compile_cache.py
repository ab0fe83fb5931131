"""What JAX compiled, kept for the next process: a worker of another search, a confirmation.

TensorFlow has nothing like it: without XLA it compiles nothing that takes long.
"""

import hashlib
import importlib.util
import os
import platform
from pathlib import Path

from kerascnn import cache

# Bytes kept; beyond, what was not used for longest goes. JAX looks at every entry, some 20 kB on
# a CPU, before it adds one: at twice the size that would take as long as a small program's compile.
SIZE = 128 * 2**20


def settings() -> dict[str, str]:
    """Returns the environment in which JAX keeps its programs in our cache folder.

    Empty if the user named a folder of JAX' own, or if filelock is not installed, without which
    JAX cannot bound the size. What else the user set stands.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or not importlib.util.find_spec("filelock"):
        return {}
    usual = {
        "JAX_COMPILATION_CACHE_DIR": str(cache.root().absolute() / f"jax-{_processor()}"),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(SIZE),
        # Usually only what takes a second to compile is kept: our networks are small and many.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    return {name: os.environ.get(name, value) for name, value in usual.items()}


def _processor() -> str:
    """Returns eight hex digits of what this processor can do.

    Programs are compiled for it, and JAX' key of one does not say so: from a folder that machines
    share, another would take instructions that it lacks, or numbers that are not its own.
    """
    told = [platform.machine(), platform.processor()]
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # Not Linux.
        lines = []
    told += sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]
