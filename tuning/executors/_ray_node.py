"""What the executor `ray` runs on a node: a look at what is there, and the worker's actor."""

import contextlib
import dataclasses
import os
import pickle
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import wait
from typing import Any

from kerascnn import host
from tuning.executors import Machines, _compile_cache, _worker, processes

# Seconds between two looks at what a call printed.
_LOOK = 0.5
_COMPILED = "JAX_COMPILATION_CACHE_DIR"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a node must have, as the machine that submits has it.

    Attributes:
        cwd: The folder relative paths are meant in, which need not be there.
        versions: Package -> version, and "Python" -> major and minor; see `versions`.
        paths: Files and folders that must be there.
        sign: A file that was just written in the study's folder; "": there is no such folder.
        content: What it holds.
    """

    cwd: str
    versions: Mapping[str, str]
    paths: tuple[str, ...] = ()
    sign: str = ""
    content: str = ""


def versions(backend: str) -> dict[str, str]:
    """Returns what must be the same on all machines for the same numbers."""
    python = ".".join(platform.python_version_tuple()[:2])
    packages = ("keras", backend, "numpy") if backend else ("keras", "numpy")
    return {"Python": python, **host.versions(*packages)}


def missing(wanted: Wanted) -> str:
    """Returns what this machine lacks, to be said behind its name; "": nothing."""
    with contextlib.suppress(OSError):
        os.chdir(wanted.cwd)
    backend = next((name for name in ("tensorflow", "jax") if name in wanted.versions), "")
    for package, found in versions(backend).items():
        if found != wanted.versions[package]:
            here = found or "none"
            return f"has {package} {here}, and this machine {wanted.versions[package] or 'none'}."
    try:
        with open(wanted.sign or os.devnull, encoding="utf-8") as file:
            seen = file.read() == wanted.content
    except OSError:
        seen = False
    if not seen:
        folder = os.path.dirname(wanted.sign)
        return f"does not see the study's folder {folder}: put it where all nodes see it."
    lacked = next((path for path in wanted.paths if not os.path.exists(path)), None)
    return "" if lacked is None else f"has no {lacked}: put it where all nodes see it."


class Seat:
    """One worker on a node: an actor that hands calls to a process of its own.

    Args:
        environment: Of that process.
        wanted: What this node must have.
        per_gpu: Calls that share a GPU, the one that Ray shows to this actor; 0: none is used.
    """

    def __init__(self, environment: Mapping[str, str], wanted: Wanted, per_gpu: int) -> None:
        self._lacks = missing(wanted)
        # What calls print travels with their results: Ray would bring it later, or not at all.
        self._text = tempfile.TemporaryFile()  # noqa: SIM115 - it is kept as long as this.
        self._told = 0
        self._log = os.dup(2)
        sys.stderr.flush()
        os.dup2(self._text.fileno(), 2)
        self._workers = processes.executor(
            1, environment=_here(environment), machines=_sharing(per_gpu)
        )

    def lacks(self) -> str:
        """Returns what this node lacks; see `missing`."""
        return self._lacks

    def call(self, work: bytes) -> Iterator[str | bytes]:
        """Yields what the call prints, as it does, and last what became of it, pickled."""
        future = self._workers.submit(_answer, work)
        while not future.done():
            wait([future], timeout=_LOOK)
            yield from self._printed()
        error = future.exception()
        yield future.result() if error is None else pickle.dumps((False, error))

    def _printed(self) -> Iterator[str]:
        """Yields what was printed since the last time, if anything was; Ray's log has it too."""
        if size := os.fstat(self._text.fileno()).st_size - self._told:
            found = os.pread(self._text.fileno(), size, self._told)
            self._told += len(found)
            os.write(self._log, found)
            yield found.decode(errors="replace")


def _answer(work: bytes) -> bytes:
    """Does a call; returns whether it returned, and what it returned or raised.

    Pickled here and read where it was asked for: nothing of it is imported in between.
    """
    fn, args, kwargs = pickle.loads(work)
    try:
        answer: tuple[bool, Any] = True, fn(*args, **kwargs)
    except Exception as error:
        answer = False, _worker.sendable(error)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return pickle.dumps(answer)


def _sharing(per_gpu: int) -> Machines:
    """Shows this process the GPU that Ray gave it, or none, and returns how many calls share it."""
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # As Ray counts them.
    if not per_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return Machines(per_gpu=per_gpu or 1)


def _here(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment with what depends on the machine as it is on this one.

    What JAX compiled on another processor may not run here, or give other numbers.
    """
    if _COMPILED not in environment:
        return dict(environment)
    others = {name: value for name, value in environment.items() if name != _COMPILED}
    return {**others, **_compile_cache.settings()}
