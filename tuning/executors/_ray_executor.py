"""The executor `ray` where calls are submitted: what it takes of a cluster, and its slots."""

import contextlib
import os
import pickle
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import ray

from tuning.executors import Machines, _ray_cluster, _ray_node
from tuning.executors._ray_slots import Call, Calls, Slot

# Seconds a slot has to see that it was stopped.
_PATIENCE = 10.0


class RayExecutor(Executor):
    """`workers` slots, each one thread here and one actor there.

    Args:
        workers: How many.
        environment: Of the processes that run the calls.
        machines: How many of them share a GPU.
        opened: Whether the connection to Ray, which is there, is this executor's.
    """

    def __init__(
        self, workers: int, environment: Mapping[str, str], machines: Machines, *, opened: bool
    ) -> None:
        self._opened = opened
        try:
            nodes = _ray_cluster.nodes()
            self._needs = _ray_cluster.needs(
                nodes, _ray_cluster.threads(environment), machines.per_gpu
            )
            self._nodes = [node for node in nodes if node.fits(self._needs)]
            _check_room(nodes, self._nodes, self._needs)
        except BaseException:
            self._disconnect()
            raise
        self._per_gpu = machines.per_gpu if self._needs.gpus else 0
        self._workers = workers
        self._environment = dict(environment)
        self._folder: Path | None = None
        self._paths: tuple[str, ...] = ()
        self._calls = Calls()
        self._slots: list[Slot] = []
        self._closed = False

    @property
    def memory(self) -> int:
        """Bytes that a call may take, wherever it goes."""
        each = (n.memory // min(n.fits(self._needs), self._workers) for n in self._nodes)
        return int(min(each))

    def check_reach(self, folder: Path, paths: Sequence[str]) -> None:
        """Raises ValueError unless every node has what this machine has; see `executors`."""
        self._folder, self._paths = folder, tuple(paths)
        with self._wanted() as wanted:
            if told := _ray_cluster.missing(self._nodes, wanted):
                raise ValueError(told)

    @contextlib.contextmanager
    def _wanted(self) -> Iterator[_ray_node.Wanted]:
        """Yields what a node must have, while it is to be seen in the study's folder."""
        backend = self._environment.get("KERAS_BACKEND", "")
        wanted = _ray_node.Wanted(
            cwd=os.getcwd(), versions=_ray_node.versions(backend), paths=self._paths
        )
        if self._folder is None:
            yield wanted
            return
        content = secrets.token_hex(8)
        # As files are named that are on their way: what is left by a kill goes with the others.
        sign = self._folder / f".reach-{content}.{os.getpid()}"
        try:
            sign.write_text(content, encoding="utf-8")
            yield _ray_node.Wanted(
                cwd=wanted.cwd,
                versions=wanted.versions,
                paths=self._paths,
                sign=str(sign),
                content=content,
            )
        finally:
            sign.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _begun(self) -> Iterator[Any]:
        """Yields a new actor, which starts where and when there is room for it."""
        with self._wanted() as wanted:
            seat = ray.remote(_ray_node.Seat).options(
                num_cpus=self._needs.cpus,
                num_gpus=self._needs.gpus,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy="SPREAD",
            )
            yield seat.remote(self._environment, wanted, self._per_gpu)

    def _has_nodes(self) -> bool:
        return any(node.fits(self._needs) for node in _ray_cluster.nodes())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._closed:
            raise RuntimeError("The executor was shut down.")
        future: Future[Any] = Future()
        try:
            work = pickle.dumps((fn, args, kwargs))
        except Exception as error:  # As any other executor does that has to send it.
            future.set_exception(error)
            return future
        self._calls.put(Call(future, work))
        if len(self._slots) < self._workers:
            self._slots.append(Slot(self._calls, self._begun, self._has_nodes))
        return future

    def end(self, future: Future[Any]) -> None:
        """Ends the worker of a call under way; its slot gets another for the next."""
        for slot in self._slots:
            slot.end(future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the workers: after their calls with `wait`, else at once."""
        self._closed = True
        for slot in self._slots if not wait else ():
            slot.stop()
        self._calls.close(cancel=cancel_futures)
        deadline = time.monotonic() + _PATIENCE
        for slot in self._slots:
            slot.thread.join(None if wait else max(0, deadline - time.monotonic()))
        self._calls.close(cancel=True)  # There is nobody left who could take one.
        self._disconnect()

    def _disconnect(self) -> None:
        """Ends the connection if it is ours, once."""
        if self._opened:
            self._opened = False
            _ray_cluster.disconnect()


def _check_room(
    nodes: Sequence[_ray_cluster.Node], fit: Sequence[_ray_cluster.Node], needs: _ray_cluster.Needs
) -> None:
    if not fit:
        share = f" and {needs.gpus:g} of a GPU" if needs.gpus else ""
        have = ", ".join(f"{n} {n.cpus:g} CPUs, {n.gpus:g} GPUs" for n in nodes) or "none is alive"
        raise ValueError(
            f"No node has room for a run, which takes {needs.cpus} CPUs{share} (--threads, "
            f"--per-gpu): {have}."
        )
