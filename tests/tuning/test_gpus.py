"""Runs pinned to GPUs, by device lists that are made up: what workers see, what is refused."""

import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from kerascnn import attempt, host, quiet
from kerascnn.spec import RunSpec
from tests import fake
from tuning import executors, launch
from tuning.executors import Machines, _gpus, processes
from tuning.study import Study

ROOT = Path(__file__).parents[2]
TWO = "0, GPU-aa11-b, 81559\n1, GPU-cc22-d, 40960\n"
ENVIRONMENT = {"KERAS_BACKEND": "jax"}

Machine = Callable[..., None]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the user's own, and backends that could use GPUs if there were any."""
    for name in ("CUDA_VISIBLE_DEVICES", "XLA_CLIENT_MEM_FRACTION", "JAX_PLATFORMS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    monkeypatch.setattr(_gpus, "can_use", lambda backend: backend in ("jax", "tensorflow"))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes this a machine whose nvidia-smi prints what is given."""

    def make(printed: str = TWO, code: int = 0) -> None:
        folder = tmp_path / f"bin{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        program = folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    return make


def ids() -> list[str]:
    return [gpu.id for gpu in _gpus.listed()]


@pytest.mark.parametrize(
    ("printed", "code", "found"),
    [
        (TWO, 0, [("0", 81559), ("1", 40960)]),
        ("0, GPU-aa11-b, [N/A]\n", 0, [("0", 0)]),
        ("No devices were found\n", 0, []),
        ("NVIDIA-SMI has failed, and says it in words, with commas\n", 9, []),
        (TWO, 9, []),
        ("", 0, []),
    ],
)
def test_nvidia_smi_says_which_gpus_there_are(
    machine: Machine, printed: str, code: int, found: list[tuple[str, int]]
) -> None:
    machine(printed, code)
    assert [(gpu.id, gpu.memory) for gpu in _gpus.listed()] == found


def test_without_nvidia_smi_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _gpus.slots("jax", 1) == []
    (tmp_path / "nvidia-smi").write_bytes(b"\x7fELF, and broken")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert _gpus.slots("jax", 1) == []


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1", ["1"]),
        ("1, 0", ["1", "0"]),
        ("0,-1,1", ["0"]),
        ("GPU-cc,GPU-aa11-b", ["GPU-cc", "GPU-aa11-b"]),
        ("MIG-c6d4f1ef-42e4/7/0", ["MIG-c6d4f1ef-42e4/7/0"]),
    ],
)
@pytest.mark.parametrize("printed", [TWO, ""])
def test_the_users_own_choice_counts(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, chosen: str, found: list[str], printed: str
) -> None:
    machine(printed)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert ids() == found
    pins = _gpus.slots("jax", 1)
    assert pins == [{"CUDA_VISIBLE_DEVICES": each} for each in found]  # The order is the user's.


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ("0;1", r"numbers of GPUs, or ids .* empty it hides all\. Received: '0;1'"),
        ("all", r"Received: 'all'"),
        ("0,cuda:1", r"Received: '0,cuda:1'"),
        ("-2", r"Received: '-2'"),
        ("0,1,0", r"names 0 twice\. Received: '0,1,0'"),
        ("2", r"names GPU 2: nvidia-smi lists 0, 1\."),
        ("GPU-ee", r"names GPU GPU-ee: nvidia-smi lists 0, 1\."),
    ],
)
def test_a_choice_of_what_is_no_gpu_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, chosen: str, told: str
) -> None:
    machine()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    with pytest.raises(ValueError, match=f"^CUDA_VISIBLE_DEVICES .*{told}"):
        executors.check("processes", executors.HERE)


def test_several_on_a_gpu_get_a_share_of_its_memory(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All GPUs have one before any has two."""
    machine()
    names = "CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "XLA_PYTHON_CLIENT_MEM_FRACTION"
    assert [tuple(pin.get(name, "") for name in names) for pin in _gpus.slots("jax", 2)] == [
        ("PCI_BUS_ID", "0", "0.450"),
        ("PCI_BUS_ID", "1", "0.450"),
        ("PCI_BUS_ID", "0", "0.450"),
        ("PCI_BUS_ID", "1", "0.450"),
    ]
    shares = [pin["KERASCNN_GPU_MEMORY"] for pin in _gpus.slots("tensorflow", 3)]
    assert shares == ["24467", "12288"] * 3  # Of 90 % a third.
    assert not {"KERASCNN_GPU_MEMORY", names[2]} & set(_gpus.slots("tensorflow", 1)[0])
    monkeypatch.setenv("XLA_CLIENT_MEM_FRACTION", "0.2")  # Both names at once are an error of JAX'.
    assert set(_gpus.slots("jax", 2)[0]) == set(names[:2])


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_sharing_what_is_not_there_is_refused(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    machine("")
    two = Machines(per_gpu=2)
    with pytest.raises(ValueError, match=r"there are none: nvidia-smi lists none\. Received: 2"):
        executors.check("processes", two)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(ValueError, match=r"none: nvidia-smi is missing\. Received: 2"):
            executors.check("processes", two)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(ValueError, match=r"none: CUDA_VISIBLE_DEVICES is '-1'\. Received: 2"):
        executors.make("processes", 1, 1, 1, backend=backend, machines=two)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(_gpus, "can_use", lambda backend: False)
    told = rf"^--per-gpu shares GPUs, and {backend} as it is installed here uses none\. Received: 2"
    with pytest.raises(ValueError, match=told):
        executors.make("processes", None, 1, 1, backend=backend, machines=two)
    assert _gpus.slots(backend, 1) == []


def test_by_default_there_is_a_worker_a_gpu(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine()
    monkeypatch.setattr(executors, "cores", lambda: 1)
    monkeypatch.setattr(executors.memory, "total", lambda: 3 * executors.WORKER_MEMORY)

    def workers(calls: int, per_gpu: int, backend: str = "jax") -> int:
        machines = Machines(per_gpu=per_gpu)
        made, at_once = executors.make(
            "processes", None, 4, calls, backend=backend, machines=machines
        )
        made.shutdown()
        return at_once

    assert workers(9, 1) == 2
    assert workers(1, 1) == 1
    assert workers(9, 2) == 3  # The memory of the machine.
    monkeypatch.setattr(_gpus, "can_use", lambda backend: False)
    monkeypatch.setattr(executors, "cores", lambda: 12)
    assert workers(9, 1) == 3


def test_more_workers_than_gpus_have_room_for_are_refused(machine: Machine) -> None:
    machine()
    told = r"^The GPUs here have room for 2 runs at once\. Received: 3 workers\. .* --per-gpu"
    with pytest.raises(ValueError, match=told):
        executors.make("processes", 3, 1, 9, backend="jax")
    with pytest.raises(ValueError, match=r"room for 4 runs at once\. Received: 5 workers"):
        executors.make("processes", 5, 1, 9, backend="jax", machines=Machines(per_gpu=2))


def test_a_worker_sees_its_gpu_before_anything_is_imported(
    machine: Machine, tmp_path: Path
) -> None:
    """Also the one that takes the place of another."""
    machine()
    names = ["CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "XLA_PYTHON_CLIENT_PREALLOCATE"]
    expected = [["PCI_BUS_ID", number, "false"] for number in ("0", "1")]
    executor, at_once = executors.make("processes", None, 1, 9, backend="jax")
    assert at_once == 2
    with executor:
        for round_ in ("first", "second"):
            calls = [executor.submit(fake.meet, str(tmp_path / round_), 2, names) for _ in range(2)]
            found = [call.result(timeout=60) for call in calls]
            assert sorted(values for values, _ in found) == expected
            assert {heavy for _, heavy in found} == {""}
            dead = executor.submit(fake.die, str(tmp_path))
            assert isinstance(dead.exception(timeout=60), executors.WorkerDiedError)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


@pytest.mark.parametrize(("per_gpu", "workers"), [(1, 2), (2, 3)])
def test_no_gpu_has_more_calls_than_it_may(
    machine: Machine, tmp_path: Path, per_gpu: int, workers: int
) -> None:
    machine()
    machines = Machines(per_gpu=per_gpu)
    with processes.executor(workers, environment=ENVIRONMENT, machines=machines) as executor:
        calls = [executor.submit(fake.hold_gpu, str(tmp_path / "held")) for _ in range(24)]
        found = [call.result(timeout=60) for call in calls]
    assert {gpu for gpu, _ in found} == {"0", "1"}
    assert max(count for _, count in found) <= per_gpu


def test_a_cpus_workers_are_not_pinned(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    monkeypatch.setattr(_gpus, "can_use", lambda backend: False)
    with processes.executor(1, environment=ENVIRONMENT) as executor:
        assert executor.submit(fake.environment_of, "CUDA_VISIBLE_DEVICES").result() is None


@pytest.mark.parametrize("platforms", ["", "cpu", "cuda,cpu", "gpu"])
def test_jax_can_use_a_gpu_if_its_plugin_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platforms: str
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    monkeypatch.setitem(sys.modules, "jax_plugins", None)
    monkeypatch.delitem(sys.modules, "jax_plugins")
    (tmp_path / "jax_plugins").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "jax_plugins" / "xla_tpu").mkdir()
    assert not any(tmp_path in each.parents for each in _gpus._inside("jax_plugins", "xla_cuda*"))
    (tmp_path / "jax_plugins" / "xla_cuda13").mkdir()
    assert _gpus.can_use("jax") == (platforms != "cpu")
    assert not _gpus.can_use("numpy")


@pytest.mark.skipif(not executors.is_installed("tensorflow"), reason="asks what is installed")
def test_tensorflow_can_use_a_gpu_if_cuda_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (built,) = _gpus._inside("tensorflow", "python/platform/build_info.py")
    is_for_cuda = "'is_cuda_build', True" in built.read_text()
    assert "is_cuda_build" in built.read_text()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path / 'none'}{os.pathsep}{tmp_path}")
    (tmp_path / "libcudnn.so.9").touch()
    assert _gpus.can_use("tensorflow") == is_for_cuda
    monkeypatch.setattr(_gpus, "_has_cudnn", lambda: False)
    assert not _gpus.can_use("tensorflow")


def test_to_know_of_gpus_no_framework_is_imported() -> None:
    code = (
        "import sys; from tuning.executors import _gpus, processes\n"
        "told = [_gpus.listed(), *map(_gpus.can_use, ('jax', 'tensorflow'))]\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"jax", "jaxlib", "keras", "numpy", "tensorflow"} & set(ran.stdout.split())


class Config:
    """What `tensorflow.config` is on a machine with one GPU."""

    def __init__(self) -> None:
        self.limits: list[int] = []
        self.experimental = types.SimpleNamespace(
            get_device_details=lambda gpu: {"device_name": "NVIDIA H100"}
        )

    def list_physical_devices(self, kind: str) -> list[str]:
        return [f"/physical_device:{kind}:0"]

    def get_logical_device_configuration(self, gpu: str) -> list[int] | None:
        return self.limits or None

    def set_logical_device_configuration(self, gpu: str, only: list[int]) -> None:
        self.limits += only

    def LogicalDeviceConfiguration(self, memory_limit: int) -> int:  # noqa: N802
        return memory_limit


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    quiet.import_keras()  # With the backend there is.
    made = Config()
    monkeypatch.setitem(
        sys.modules,
        "tensorflow",
        types.SimpleNamespace(config=made),  # type: ignore[arg-type]
    )
    return made


def test_tensorflow_is_held_to_its_share_once(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet._keep_to_share()
    assert config.limits == []
    monkeypatch.setenv("KERASCNN_GPU_MEMORY", "24467")
    for _ in range(2):
        quiet._keep_to_share()
    assert config.limits == [24467]


def test_a_record_names_the_device(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on, on another GPU of the kind, is the same run."""
    monkeypatch.setattr(host, "_device", host._device.__wrapped__)
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    spec = RunSpec(family="linear", dataset="digits")
    made = []
    for number in ("0", "1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", number)
        about = host.about("fit")
        assert (about["device"], about["gpu"]) == ("NVIDIA H100", number)
        run = attempt.Attempt(
            spec, tmp_path, "fit", loggers=(), varied=(), checkpoint_every=60.0, run_limit=None
        )
        made.append(run._made())
    assert made[0] == made[1]
    assert made[0]["device"] == "NVIDIA H100"
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: [])
    about = host.about("fit")
    assert about["device"] == "cpu"
    assert "gpu" not in about


@pytest.mark.slow
def test_the_numbers_do_not_depend_on_pins(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the GPUs are made up, and all train on the CPU: what is set changes nothing else."""
    machine()
    monkeypatch.chdir(tmp_path)
    found = []
    for name, machines in (("pinned", Machines(per_gpu=2)), ("plain", executors.HERE)):
        if name == "plain":
            monkeypatch.setattr(_gpus, "can_use", lambda backend: False)
        study: Study = launch.train(
            "linear",
            "synthetic",
            seeds=2,
            epochs=1,
            workers=1,
            threads=1,
            machines=machines,
            name=name,
        )
        found.append({r.spec.run_id: (r.status, r.metrics, r.history) for r in study.records()})
    assert len(found[0]) == 2
    assert found[0] == found[1]
