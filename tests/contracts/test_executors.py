"""The contract of every executor, and what the process executor promises beyond it."""

import dataclasses
import importlib.util
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kerascnn import registry
from tests import fake
from tuning import executors
from tuning.executors import _ray_cluster, processes, serial


@pytest.fixture(scope="module")
def a_ray() -> Iterator[None]:
    """A Ray on this machine that all tests here share: it takes long to start."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed.")
    os.environ["RAY_AUTH_MODE"] = "disabled"  # Ray has one in a process: tests/tuning/test_ray.py.
    _ray_cluster.connect("", cpus=2)
    yield
    _ray_cluster.disconnect()


@pytest.fixture(params=registry.names("tuning.executors"))
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("a_ray")
    return str(request.param)


def test_calls_return_or_raise(name: str) -> None:
    with registry.load("tuning.executors", name).executor(1, environment={}) as executor:
        futures = [executor.submit(fake.double, number) for number in range(3)]
        error = executor.submit(fake.raise_value_error)
        assert [future.result() for future in futures] == [0, 2, 4]
        with pytest.raises(ValueError, match="as asked"):
            error.result()


def test_the_environment_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASCNN_THREADS", "9")
    environment = {"KERASCNN_THREADS": "1"}
    with registry.load("tuning.executors", name).executor(1, environment=environment) as executor:
        assert executor.submit(fake.environment_of, "KERASCNN_THREADS").result() == "1"


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_are_counted_from_1(name: str, workers: int) -> None:
    with pytest.raises(ValueError, match=f"Received: {workers}"):
        registry.load("tuning.executors", name).executor(workers, environment={})


@pytest.mark.parametrize("machines", [{"address": "head:6379"}, {"per_gpu": 2}], ids=str)
def test_what_an_executor_does_not_go_by_is_refused(name: str, machines: dict[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(executors.Machines)}
    assert set(registry.constant("tuning.executors", name, "TAKES", ())) <= known
    executors.check(name, executors.HERE)
    (field,) = machines
    if field in registry.constant("tuning.executors", name, "TAKES", ()):
        return
    told = (
        rf"^The executor {name} takes no --{field.replace('_', '-')}\. Received: {machines[field]}"
    )
    with pytest.raises(ValueError, match=told):
        executors.check(name, executors.Machines(**machines))
    with pytest.raises(ValueError, match=told):
        executors.make(name, 1, 1, 1, backend="jax", machines=executors.Machines(**machines))


def test_runs_on_a_gpu_are_counted_from_1() -> None:
    with pytest.raises(ValueError, match=r"`per_gpu >= 1` must hold\. Received: 0"):
        executors.Machines(per_gpu=0)


@pytest.mark.parametrize("workers", [None, 1])
def test_an_executor_is_made_with_its_environment(
    name: str, workers: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The serial executor sets them in this process.
    monkeypatch.setenv("KERASCNN_THREADS", "9")
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    monkeypatch.setattr(
        executors,
        "settings",
        lambda backend, threads: {"KERASCNN_THREADS": f"{threads}", "OMP_NUM_THREADS": backend},
    )
    executor, at_once = executors.make(name, workers, 2, 1, backend="jax")
    with executor:
        assert at_once == 1
        assert executor.submit(fake.environment_of, "KERASCNN_THREADS").result() == "2"
        assert executor.submit(fake.environment_of, "OMP_NUM_THREADS").result() == "jax"


def test_serial_has_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 8)
    monkeypatch.setattr(executors, "settings", lambda backend, threads: {})
    assert executors.make("serial", None, 1, 9, backend="jax")[1] == 1
    with pytest.raises(ValueError, match=r"The serial executor has 1 worker\. Received: 2"):
        serial.executor(2, environment={})


@pytest.fixture(params=[n for n in registry.names("tuning.executors") if n != "serial"])
def apart(request: pytest.FixtureRequest) -> Any:
    """An executor whose calls run in processes of their own."""
    if request.param == "ray":
        request.getfixturevalue("a_ray")
    return registry.load("tuning.executors", request.param)


def test_a_worker_that_dies_costs_its_call_and_no_other(apart: Any, tmp_path: Path) -> None:
    with apart.executor(2, environment={}) as executor:
        signal = tmp_path / "go"
        waiting = executor.submit(fake.wait_for, str(signal))
        dead = executor.submit(fake.die, str(tmp_path))
        with pytest.raises(executors.WorkerDiedError, match="killed by SIGKILL"):
            dead.result()
        assert executor.submit(fake.double, 4).result() == 8
        signal.touch()
        assert waiting.result()


def test_the_worker_of_one_call_can_be_ended(name: str, tmp_path: Path) -> None:
    with registry.load("tuning.executors", name).executor(1, environment={}) as executor:
        if not executors.can_end(executor):
            return
        hung = executor.submit(fake.wait_for, str(tmp_path / "never"))
        following = executor.submit(fake.double, 2)
        while not hung.running():
            time.sleep(0.01)
        executors.end(executor, following)  # It is not under way: nothing happens.
        while not hung.done():  # From the moment it is under way.
            executors.end(executor, hung)
            time.sleep(0.01)
        assert isinstance(hung.exception(), executors.WorkerDiedError)
        assert following.result(timeout=60) == 4
        executors.end(executor, following)  # It has returned: its worker goes on.
        assert executor.submit(fake.double, 3).result(timeout=60) == 6


def test_shutdown_without_wait_ends_what_runs(apart: Any, tmp_path: Path) -> None:
    executor = apart.executor(1, environment={})
    running = executor.submit(fake.wait_for, str(tmp_path / "never"))
    queued = executor.submit(fake.double, 1)
    while not running.running():
        time.sleep(0.01)
    executor.shutdown(wait=False, cancel_futures=True)
    assert isinstance(running.exception(), executors.WorkerDiedError)
    assert queued.cancelled()
    with pytest.raises(RuntimeError, match="was shut down"):
        executor.submit(fake.double, 1)


@pytest.mark.parametrize("hold", [False, sys.platform == "linux"])
def test_workers_leave_when_their_parent_is_killed(tmp_path: Path, hold: bool) -> None:
    script, begun = tmp_path / "script.py", tmp_path / "begun"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, sys
            from tests import fake
            from tuning.executors import processes

            # No `if __name__ == "__main__"`: workers must not run this again.
            executor = processes.executor(1, environment={{}})
            print(executor.submit(os.getpid).result(), flush=True)
            executor.submit(fake.wait_or_hold, {str(begun)!r}, {hold}).result()
            """
        )
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    while not begun.exists() and parent.poll() is None:
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


@pytest.mark.parametrize("call", [fake.raise_odd_error, lambda: None])
def test_what_cannot_travel_is_an_error_and_no_hang(apart: Any, call: Callable[[], None]) -> None:
    with apart.executor(1, environment={}) as executor:
        future = executor.submit(call)
        assert future.exception(timeout=60) is not None
        assert executor.submit(fake.double, 2).result(timeout=60) == 4


def test_a_worker_that_grows_is_replaced_and_loses_no_call() -> None:
    """In 60 calls each keeps 1 MiB: a worker has 30 to settle and may then grow by a tenth."""
    with processes.executor(1, environment={}) as executor:
        workers = [executor.submit(fake.leak, 2**20).result() for _ in range(60)]
    assert len(set(workers[:31])) == 1
    assert len(set(workers)) == 2
    with processes.executor(1, environment={}) as executor:
        workers = [executor.submit(fake.leak, 1).result() for _ in range(60)]
    assert len(set(workers)) == 1


def test_a_worker_that_cannot_start_is_an_error_and_no_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with processes.executor(1, environment={}) as executor:
        with monkeypatch.context() as patch:

            def fail(process: object) -> None:
                raise OSError(11, "Resource temporarily unavailable")

            patch.setattr(processes._SPAWN.Process, "start", fail)
            with pytest.raises(OSError, match="temporarily unavailable"):
                executor.submit(fake.double, 1).result(timeout=60)
        assert executor.submit(fake.double, 2).result(timeout=60) == 4


def test_what_a_call_prints_is_no_result(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with registry.load("tuning.executors", name).executor(1, environment={}) as executor:
        executor.submit(print, "from a builder").result()
    out, err = capfd.readouterr()
    assert "from a builder" not in out
    assert "from a builder" in err


def test_default_workers_are_bounded_by_cores_memory_and_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 8)
    monkeypatch.setattr(executors.memory, "total", lambda: 100 * executors.WORKER_MEMORY)
    assert executors.default_workers(1, 100) == 8
    assert executors.default_workers(3, 100) == 2
    assert executors.default_workers(1, 2) == 2
    monkeypatch.setattr(executors.memory, "total", lambda: 2 * executors.WORKER_MEMORY)
    assert executors.default_workers(1, 100) == 2
    monkeypatch.setattr(executors.memory, "total", lambda: 1)
    assert executors.default_workers(16, 100) == 1
