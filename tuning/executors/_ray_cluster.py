"""Ray clusters: what is at an address, connecting to it, and what its nodes have.

Everything that Ray's core does before it is connected it does in C++: it waits for minutes where
nothing answers, and may end the process. A process of its own looks first, for seconds.
"""

import dataclasses
import functools
import ipaddress
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tuning.executors import WORKER_MEMORY, processes

# Seconds a machine has to take a connection, a cluster to say what it is, and a node, which may
# have to start a process first, to look at what it has.
_KNOCK = 5.0
_ANSWER = 20.0
_LOOK = 60.0
# What has Ray listen to this machine alone, if it is "0" when Ray is imported.
_HERE_ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# Bytes of shared memory of a Ray started here: calls and their results are small.
_STORE = 80 * 2**20


@dataclasses.dataclass(frozen=True)
class Needs:
    """What one worker takes of a node: CPUs, and of a GPU this share."""

    cpus: int
    gpus: float


@dataclasses.dataclass(frozen=True)
class Node:
    """A node that is alive, and what it has in all."""

    id: str
    address: str
    cpus: float
    gpus: float
    memory: float

    def __str__(self) -> str:
        return f"{self.address} ({self.id[:8]})"

    def fits(self, needs: Needs) -> int:
        """Returns how many workers Ray lets in at once."""
        places = int(self.cpus // needs.cpus)
        # A third of a GPU is 0.3333 to Ray.
        return min(places, int(self.gpus / needs.gpus + 0.01)) if needs.gpus else places

    def room(self, needs: Needs) -> int:
        """Returns how many workers it has room for, memory included: at least 1 if one fits."""
        return min(self.fits(needs), max(1, int(self.memory // WORKER_MEMORY)))


def threads(environment: Mapping[str, str]) -> int:
    """Returns the CPU threads of a call."""
    return int(environment.get("KERASCNN_THREADS", "1"))


def needs(nodes: Iterable[Node], threads: int, per_gpu: int) -> Needs:
    """Returns what a worker takes: where the cluster has GPUs, its share of one.

    Raises:
        ValueError: If it has none to share.
    """
    has_gpus = any(node.gpus for node in nodes)
    if per_gpu > 1 and not has_gpus:
        raise ValueError(f"--per-gpu shares GPUs, and the cluster has none. Received: {per_gpu}")
    return Needs(cpus=threads, gpus=round(1 / per_gpu, 4) if has_gpus else 0)


def nodes_at(address: str) -> tuple[Node, ...]:
    """Returns the nodes of the cluster at HOST:PORT, as they were when it was asked first.

    Raises:
        ValueError: If that is no address, or no cluster answers there within seconds.
    """
    return _seen(address)[0]


@functools.cache
def _seen(address: str) -> tuple[tuple[Node, ...], Mapping[str, str]]:
    """Returns the nodes of a cluster, and the environment in which it is connected to."""
    _knock(address)
    with processes.executor(1, environment=_environment(address)) as looking:
        try:
            return looking.submit(_look, address).result(timeout=_ANSWER)
        except Exception as error:
            looking.shutdown(wait=False, cancel_futures=True)
            told = (
                f"no answer within {_ANSWER:g} s."
                if isinstance(error, TimeoutError)
                else str(error)
            )
            raise ValueError(
                f"No Ray cluster can be used at {address}: {told.strip().splitlines()[0]} "
                f"This machine must be one of its nodes: ray start --address={address}"
            ) from None


def connect(address: str, cpus: int) -> bool:
    """Connects this process, and returns whether it was not connected before.

    Args:
        address: HOST:PORT; "": a Ray of its own is started here.
        cpus: What that one has.

    Raises:
        ValueError: If it is connected to another, or would not listen to this machine alone.
    """
    if there := _connected():
        if address and address != there:
            raise ValueError(
                f"This process is connected to the Ray at {there}, and not {address}: "
                "ray.shutdown() ends that."
            )
        return False
    environment = _seen(address)[1] if address else _environment(address)
    late = "ray" in sys.modules and os.environ.get(_HERE_ALONE) != environment.get(_HERE_ALONE)
    os.environ.update(environment)
    import ray

    if late and _HERE_ALONE in environment:
        raise ValueError(
            "Ray was imported before this executor was made, and would take this machine's outward "
            f"address. Set {_HERE_ALONE}=0 before it is imported, or connect it by ray.init."
        )
    if address:
        _join(address)
        return True
    ray.init(
        "local",
        num_cpus=cpus,
        object_store_memory=_STORE,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    return True


def _connected() -> str:
    """Returns the address of the cluster that this process is connected to; "": it is not."""
    ray: Any = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().gcs_address)


def nodes() -> tuple[Node, ...]:
    """Returns the nodes of the cluster that this process is connected to."""
    import ray

    return tuple(
        Node(
            id=found["NodeID"],
            address=found["NodeManagerAddress"],
            cpus=found["Resources"].get("CPU", 0),
            gpus=found["Resources"].get("GPU", 0),
            memory=found["Resources"].get("memory", 0),
        )
        for found in ray.nodes()
        if found["Alive"]
    )


def disconnect() -> None:
    """Ends the connection, and a Ray that was started here."""
    import ray

    ray.shutdown()


def missing(nodes: Sequence[Node], wanted: Any) -> str:
    """Has each node look for what it must have; returns the first node without it, and why."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from tuning.executors import _ray_node

    look = ray.remote(num_cpus=0, max_retries=0)(_ray_node.missing)
    looks = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node.id, soft=False)
        looks[look.options(scheduling_strategy=there).remote(wanted)] = node
    ray.wait(list(looks), num_returns=len(looks), timeout=_LOOK)
    for answer, node in looks.items():
        try:
            told = ray.get(answer, timeout=0)
        except ray.exceptions.GetTimeoutError:
            told = f"did not answer within {_LOOK:g} s."
        except ray.exceptions.TaskUnschedulableError:
            told = ""  # It is gone by now: no run will be there.
        except ray.exceptions.RayError as error:
            told = f"cannot run this package: {str(error).strip().splitlines()[-1]}"
        if told:
            return f"The node {node} {told}"
    return ""


def _join(address: str) -> None:
    import ray

    ray.init(address, log_to_driver=False, logging_level=logging.ERROR)


def _look(address: str) -> tuple[tuple[Node, ...], Mapping[str, str]]:
    """Does what `_seen` says, in a process that does nothing else."""
    environment = _environment(address)
    if "RAY_AUTH_MODE" not in os.environ and _asks_for_a_token(address):
        environment["RAY_AUTH_MODE"] = "token"
    os.environ.update(environment)
    with tempfile.TemporaryFile() as said:  # Ray's core says the same once a second.
        os.dup2(said.fileno(), 2)
        try:
            _join(address)
        except Exception as error:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
            why = last.rpartition("] ")[2].partition(": ")[2]
            raise ConnectionError(f"{error}{why and f' ({why})'}.") from None
        return nodes(), environment


def _asks_for_a_token(address: str) -> bool:
    """Returns whether the cluster takes nobody without a token.

    Ray's client must know: one with a token is taken by a cluster that has none, and then refuses
    what the cluster tells it.
    """
    import grpc

    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary("/ray.rpc.NodeInfoGcsService/CheckAlive")(b"", timeout=_KNOCK)
        except grpc.RpcError as error:
            return bool(error.code() is grpc.StatusCode.UNAUTHENTICATED)
    return False


def _environment(address: str) -> dict[str, str]:
    """Returns what must stand before Ray is imported."""
    found = {"RAY_USAGE_STATS_ENABLED": "0"}
    if not address or _is_loopback(_parsed(address)[0]):
        # So Ray calls this machine 127.0.0.1, as it does on macOS and Windows; else it takes an
        # address by which others reach it, even for 127.0.0.1.
        found[_HERE_ALONE] = "0"
    return found


def _parsed(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(
            f"--address takes HOST:PORT, as `ray start --head` prints it. Received: {address!r}"
        )
    if "/" in host:
        raise ValueError(
            f"--address takes HOST:PORT and no {host.partition('/')[0]}//: this machine must be "
            f"a node of the cluster. Received: {address!r}"
        )
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _knock(address: str) -> None:
    """Raises ValueError unless something takes connections there."""
    try:
        socket.create_connection(_parsed(address), timeout=_KNOCK).close()
    except OSError as error:
        raise ValueError(
            f"No Ray cluster answers at {address}: {error.strerror or error}. "
            "Start one with `ray start --head`, which prints its address."
        ) from None
