"""Ray: a cluster of several nodes on 127.0.0.1, one of which is lost; and what is refused."""

import contextlib
import dataclasses
import importlib.util
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerascnn import host
from tests import fake
from tests.studies import board, essence
from tuning import cli, executors, launch
from tuning.executors import Machines, WorkerDiedError, _ray_cluster, _ray_node, ray
from tuning.executors._ray_cluster import Needs, Node


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of one CPU; the first is the head."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed.")
    # Ray has one such mode in a process, and tests of other files may share it.
    os.environ.update({**_ray_cluster._environment("127.0.0.1:1"), "RAY_AUTH_MODE": "disabled"})
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args=NODE, shutdown_at_exit=False)
    for _ in range(2):
        found.add_node(**NODE)
    yield found
    _ray_cluster.disconnect()
    found.shutdown()


NODE = {
    "num_cpus": 1,
    "node_ip_address": "127.0.0.1",
    "object_store_memory": 80 * 2**20,
    "include_dashboard": False,
    "include_log_monitor": False,
}


@pytest.fixture
def machines(cluster: Any) -> Machines:
    """The cluster, with three nodes again if one was lost."""
    for _ in range(2 - len(cluster.worker_nodes)):
        cluster.add_node(**NODE)
    _ray_cluster._seen.cache_clear()
    return Machines(address=cluster.address)


def begun(folder: Path, count: int) -> set[str]:
    """Returns who has begun once so many have."""
    deadline = time.monotonic() + 120
    while len(found := {path.name for path in folder.glob("begun-*")}) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_calls_of_a_node_that_is_lost_go_on_elsewhere(
    machines: Machines, cluster: Any, tmp_path: Path
) -> None:
    assert ray.default_workers(1, 9, backend="jax", machines=machines) == 3
    assert ray.default_workers(1, 2, backend="jax", machines=machines) == 2
    with ray.executor(3, environment={}, machines=machines) as executor:
        futures = [executor.submit(fake.begin_and_wait, str(tmp_path), i) for i in range(3)]
        before = begun(tmp_path, 3)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        time.sleep(1)
        assert not any(future.done() for future in futures)  # The two others have no room.
        (tmp_path / "go").touch()
        assert [future.result(timeout=120) for future in futures] == [0, 1, 2]
        assert len(begun(tmp_path, 4) - before) == 1
    assert not executor._opened


@pytest.mark.slow
def test_a_search_that_loses_a_node_ends_as_one_on_this_machine(
    machines: Machines, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: dict[str, Any] = {"trials": 2, "seeds": 2, "epochs": 2, "workers": 1}
    usual = launch.search("linear", "digits", name="usual", **asked)

    def lose_one(progress: object) -> None:
        while len(cluster.worker_nodes) == 2:
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    asked |= {"workers": 3, "executor": "ray", "machines": machines}
    study = launch.search("linear", "digits", name="lost", watch=lose_one, **asked)
    assert len(cluster.worker_nodes) == 1
    assert essence(study) == essence(usual)
    assert board(study) == board(usual)
    assert not list(study.folder.glob(".reach*"))


@pytest.mark.slow
def test_what_its_machines_die_of_is_not_tried_for_ever(machines: Machines, tmp_path: Path) -> None:
    with ray.executor(1, environment={}, machines=machines) as executor:
        lost = executor.submit(fake.end_the_parent, str(tmp_path))
        with pytest.raises(WorkerDiedError, match="node was lost, 4 times in a row"):
            lost.result(timeout=240)
        assert len(begun(tmp_path, 4)) == 4
        assert executor.submit(fake.double, 2).result(timeout=120) == 4


def test_nodes_must_see_the_folder_and_have_what_is_needed(
    machines: Machines, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "nowhere")
    with ray.executor(1, environment={}, machines=machines) as executor:
        executors.check_reach(executor, tmp_path, [str(tmp_path)])
        with pytest.raises(ValueError, match=rf"^The node 127\.0\.0\.1 \(\w+\) has no {nowhere}"):
            executors.check_reach(executor, tmp_path, [nowhere])
        assert not list(tmp_path.iterdir())
        # A node that comes later is asked before its first call.
        late = executor.submit(fake.double, 1)
        with pytest.raises(OSError, match=f"Something is missing .* has no {nowhere}"):
            late.result(timeout=120)
        with pytest.raises(ValueError, match=r"^The node \S+ \(\w+\) does not see the study's"):
            raise ValueError(
                _ray_cluster.missing(
                    _ray_cluster.nodes(),
                    dataclasses.replace(wanted(), sign=f"{nowhere}/sign", content="x"),
                )
            )


def test_a_study_that_a_node_does_not_see_is_not_begun(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_ray_cluster, "missing", lambda nodes, wanted: f"Not {len(nodes)} nodes.")
    with pytest.raises(ValueError, match=r"^Not 3 nodes\.$"):
        launch.search("linear", "digits", executor="ray", machines=machines)
    assert not list((tmp_path / "runs").iterdir())


def wanted(**found: str) -> _ray_node.Wanted:
    return _ray_node.Wanted(cwd=os.getcwd(), versions={**_ray_node.versions("jax"), **found})


def test_a_node_says_what_it_lacks(tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        here = wanted()
        assert not _ray_node.missing(here)
        sign = tmp_path / "sign"
        sign.write_text("now")
        seen = dataclasses.replace(here, sign="sign", content="now", paths=(str(sign),))
        assert not _ray_node.missing(seen)
        other = dataclasses.replace(seen, content="of another folder")
        assert "does not see the study's folder" in _ray_node.missing(other)
    keras = host.versions("keras")["keras"]
    assert _ray_node.missing(wanted(keras="2.0")) == f"has keras {keras}, and this machine 2.0."
    assert "has Python 3." in _ray_node.missing(wanted(Python="2.7"))
    assert "has kerascnn " in _ray_node.missing(wanted(kerascnn="none"))


def test_what_jax_compiled_on_another_processor_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"JAX_COMPILATION_CACHE_DIR": "/jax-of-another", "KERASCNN_THREADS": "1"}
    monkeypatch.setattr(_ray_node._compile_cache, "_processor", lambda: "this")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    found = _ray_node._here(there)
    assert found.pop("JAX_COMPILATION_CACHE_DIR", "/jax-this").endswith("/jax-this")
    assert found["KERASCNN_THREADS"] == "1"
    assert _ray_node._here({"A": "b"}) == {"A": "b"}


def test_workers_are_as_many_as_nodes_have_room_for() -> None:
    giant = {"memory": 1e12}
    small = Node(id="a" * 56, address="10.0.0.1", cpus=4, gpus=0, memory=3.2e9)
    large = Node(id="b" * 56, address="10.0.0.2", cpus=9, gpus=2, **giant)
    alone = _ray_cluster.needs([small], 2, 1)
    assert alone == Needs(cpus=2, gpus=0)
    assert (small.fits(alone), small.room(alone)) == (2, 2)
    assert small.room(Needs(cpus=1, gpus=0)) == 2  # Of four: memory.
    shared = _ray_cluster.needs([small, large], 1, 3)
    assert shared == Needs(cpus=1, gpus=0.3333)
    assert (small.fits(shared), large.fits(shared)) == (0, 6)
    assert large.fits(Needs(cpus=4, gpus=0.3333)) == 2
    with pytest.raises(ValueError, match=r"the cluster has none\. Received: 2"):
        _ray_cluster.needs([small], 1, 2)
    tiny = dataclasses.replace(small, memory=1e6)
    assert tiny.room(alone) == 1


def test_a_seat_uses_the_gpu_that_ray_shows_it_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("CUDA_VISIBLE_DEVICES", "3"), ("CUDA_DEVICE_ORDER", "FASTEST_FIRST")):
        monkeypatch.setenv(name, value)
    assert _ray_node._sharing(2) == Machines(per_gpu=2)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert _ray_node._sharing(0) == Machines()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_a_run_that_fits_no_node_is_refused(machines: Machines) -> None:
    with pytest.raises(ValueError, match=r"^No node has room for a run, which takes 2 CPUs \("):
        ray.executor(1, environment={"KERASCNN_THREADS": "2"}, machines=machines)
    with ray.executor(1, environment={}, machines=machines):
        elsewhere = Machines(address="127.0.0.1:1")
        with pytest.raises(ValueError, match=r"to the Ray at \S+, and not 127\.0\.0\.1:1"):
            _ray_cluster.connect(elsewhere.address, 1)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ray://127.0.0.1:10001", "and no ray://: this machine must be a node"),
        ("auto", r"takes HOST:PORT, .* Received: 'auto'"),
        ("127.0.0.1:", "takes HOST:PORT"),
        ("127.0.0.1:99999", "takes HOST:PORT"),
        ("no-such-host.invalid:6379", "No Ray cluster answers at no-such-host.invalid:6379: "),
    ],
)
def test_an_address_must_be_one(address: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        executors.check("ray", Machines(address=address))


def test_an_address_at_which_nothing_answers_is_refused_in_seconds(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        monkeypatch.setattr(_ray_cluster, "_ANSWER", 2.0)
        with pytest.raises(ValueError, match=f"can be used at {address}: no answer within 2 s."):
            executors.check("ray", Machines(address=address))
    with pytest.raises(ValueError, match=f"answers at {address}: Connection refused"):
        executors.check("ray", Machines(address=address))
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["search", "linear", "digits", "--executor", "ray"])
    assert stopped.value.code == 2
    assert capfd.readouterr() == (
        "",
        "Error: The executor ray needs Ray, which is not installed. "
        "Try: python -m pip install -e '.[ray]'\n",
    )
    assert not list(tmp_path.iterdir())
