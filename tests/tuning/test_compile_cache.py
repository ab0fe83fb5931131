"""JAX' programs are kept for the next process, give the same numbers, and do not pile up."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tuning import executors
from tuning.executors import _compile_cache

NAMES = {
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_COMPILATION_CACHE_MAX_SIZE",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES",
}
# Trains two runs and prints what was compiled and what the logits are.
TRAIN = """
import collections, hashlib, json, sys
from pathlib import Path
import jax
from kerascnn import attempt, datasets, training
from kerascnn.spec import RunSpec

events = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: events.update([event.split("/")[-1]]))
fingerprint = datasets.load("synthetic").fingerprint
spec = RunSpec(family="mlp", dataset="synthetic", fingerprint=fingerprint, epochs=1, train_size=99)
specs = [spec.repeated(0, "search", repeat) for repeat in range(2)]
records = training.run(specs, folder=sys.argv[1], loggers=())
folders = [attempt.run_dir(Path(sys.argv[1]), each) for each in specs]
logits = [(folder / "logits-validation.npy").read_bytes() for folder in folders]
print(json.dumps({
    "status": [record.status for record in records],
    "found": events["cache_hits"],
    "compiled": events["compile_requests_use_cache"] - events["cache_hits"],
    "logits": [hashlib.sha256(each).hexdigest() for each in logits],
}))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERASCNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def has(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    find = _compile_cache.importlib.util.find_spec
    found = find("os") if installed else None
    monkeypatch.setattr(
        _compile_cache.importlib.util,
        "find_spec",
        lambda name, *rest: found if name == "filelock" else find(name, *rest),
    )


def test_jax_keeps_programs_in_our_cache_folder(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, True)
    settings = executors.settings("jax", 1)
    assert set(settings) >= NAMES
    assert Path(settings["JAX_COMPILATION_CACHE_DIR"]).parent == cache
    assert settings["JAX_COMPILATION_CACHE_MAX_SIZE"] == str(_compile_cache.SIZE)
    assert not NAMES & set(executors.settings("tensorflow", 1))


def test_programs_of_another_processor_lie_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, True)
    ours = _compile_cache.settings()["JAX_COMPILATION_CACHE_DIR"]
    assert _compile_cache.settings()["JAX_COMPILATION_CACHE_DIR"] == ours
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, **how: read(path, **how) + "\nflags : avx9999"
    )
    assert _compile_cache.settings()["JAX_COMPILATION_CACHE_DIR"] != ours


def test_what_the_user_set_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, True)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_MAX_SIZE", "5")
    assert _compile_cache.settings()["JAX_COMPILATION_CACHE_MAX_SIZE"] == "5"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/elsewhere")
    assert _compile_cache.settings() == {}


def test_nothing_is_kept_that_could_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told a size, JAX fails without filelock."""
    has(monkeypatch, False)
    assert not NAMES & set(executors.settings("jax", 1))


def test_another_process_compiles_nothing_and_gets_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="the step of .ci/run on JAX alone has it")

    def train(name: str, environment: dict[str, str]) -> dict[str, Any]:
        ran = subprocess.run(
            [sys.executable, "-c", TRAIN, str(tmp_path / name)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(ran.stdout)
        assert found["status"] == ["finished", "finished"]
        return found

    kept = executors.settings("jax", 1)
    fresh = train("fresh", {name: kept[name] for name in kept if name not in NAMES})
    first, second = (train(name, kept) for name in ("first", "second"))
    assert (fresh["found"], second["compiled"]) == (0, 0)
    assert first["compiled"] > 5
    assert second["found"] == first["compiled"] + first["found"]
    assert fresh["logits"] == first["logits"] == second["logits"]
