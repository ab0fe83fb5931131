"""Worker processes on the machines of a Ray cluster, or of a Ray that is started here.

Each worker of a study is an actor on a node, which holds the CPUs and the share of a GPU that a run
takes, and hands its calls to a process of its own: what a call does to its process, that process
alone suffers. So an actor ends with its node, or because the system or Ray ended it, but never
because of the user's code: its call goes on elsewhere. `docs/clusters.md` is for users.
"""

import importlib.util
from collections.abc import Mapping
from concurrent.futures import Executor

from tuning.executors import HERE, Machines, processes

TAKES = ("address", "per_gpu")


def check(machines: Machines) -> None:
    """Raises ValueError if there is no Ray, or no such cluster, or no GPU to share."""
    if importlib.util.find_spec("ray") is None:
        raise ValueError(
            "The executor ray needs Ray, which is not installed. "
            "Try: python -m pip install -e '.[ray]'"
        )
    if machines.address:
        from tuning.executors import _ray_cluster

        _ray_cluster.needs(_ray_cluster.nodes_at(machines.address), 1, machines.per_gpu)
    else:
        processes.check(machines)


def default_workers(threads: int, calls: int, *, backend: str, machines: Machines) -> int:
    """Returns as many workers as the cluster has room for, and no more than there are calls."""
    if not machines.address:
        return processes.default_workers(threads, calls, backend=backend, machines=machines)
    from tuning.executors import _ray_cluster

    nodes = _ray_cluster.nodes_at(machines.address)
    needs = _ray_cluster.needs(nodes, threads, machines.per_gpu)
    return max(1, min(sum(node.room(needs) for node in nodes), calls))


def executor(
    workers: int, *, environment: Mapping[str, str], machines: Machines = HERE
) -> Executor:
    """Returns an executor with `workers` actors; each starts when there is a call for it.

    Without an address a Ray is started here, bound to this machine, and stopped by `shutdown`. A
    Ray that this process is connected to already is used, and left as it is.

    Raises:
        ValueError: If `workers` is less than 1, or no node has room for one.
    """
    if workers < 1:
        raise ValueError(f"`workers >= 1` must hold. Received: {workers}")
    check(machines)
    from tuning.executors import _ray_cluster

    # Ray is imported as it connects, in the environment it needs; only then by the executor.
    opened = _ray_cluster.connect(machines.address, workers * _ray_cluster.threads(environment))
    from tuning.executors import _ray_executor

    return _ray_executor.RayExecutor(workers, environment, machines, opened=opened)
