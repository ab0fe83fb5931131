"""What ends a worker costs one run: it is tried once more, then it failed, and the rest goes on."""

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from kerascnn.record import RunRecord
from kerascnn.spec import RunSpec
from tests import fake
from tuning import dispatch, failures, stops
from tuning.dispatch import Dispatch
from tuning.executors import processes, serial
from tuning.search_spec import SearchSpec
from tuning.study import Study, create

# No formula of `fake.scored` fails this one.
BASE = RunSpec(family="cnn", dataset="digits", fingerprint="f" * 64, epochs=2)
# Seconds: longer than a worker takes to start, of which it gives no sign.
SILENCE = 3.0
SPECS = [BASE.repeated(0, "search", repeat) for repeat in range(3)]
EXHAUSTED = """Traceback (most recent call last):
  File "mine.py", line 3, in step
tensorflow.python.framework.errors_impl.ResourceExhaustedError: Graph execution error:
OOM when allocating tensor with shape[64,32]"""


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with processes.executor(1, environment={}) as executor:
        yield executor


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return create(tmp_path / "s", SearchSpec(base=BASE, space={}, oracle=""), {})


def trained(study: Study, executor: Executor, **options: Any) -> dict[int, RunRecord]:
    """Returns the records of the three runs by repeat."""
    found: dict[int, RunRecord] = {record.spec.repeat: record for record in study.log}

    def missing(owner: str, specs: Sequence[RunSpec]) -> list[RunSpec]:
        return [spec for spec in specs if spec.repeat not in found]

    def record(owner: str, ended: RunRecord) -> None:
        if ended.spec.repeat not in found:
            study.log.append_record(ended)
            found[ended.spec.repeat] = ended

    with study.log:
        runs: Dispatch[str] = Dispatch(
            study, executor, run=fake.troubled_run, missing=missing, record=record, **options
        )
        runs.submit("all", SPECS)
        while not runs.idle:
            runs.wait()
    return found


class Held(Executor):
    """Ends a call when it is told to."""

    def __init__(self) -> None:
        self.futures: list[Future[list[RunRecord]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.futures.append(Future())
        return self.futures[-1]


def test_owners_are_those_with_calls_under_way(study: Study) -> None:
    """An owner has as many calls as its runs went into, and one more where a run is retried."""
    found: list[RunSpec] = []
    held = Held()

    def record(owner: str, ended: RunRecord) -> None:
        found.append(ended.spec)

    def missing(owner: str, specs: Sequence[RunSpec]) -> list[RunSpec]:
        return [spec for spec in specs if spec not in found]

    runs: Dispatch[str] = Dispatch(study, held, missing=missing, record=record)
    others = [BASE.repeated(1, "search", repeat) for repeat in range(2)]
    with study.log:
        runs.submit("a", SPECS[:2], parts=2)
        runs.submit("b", others)
        assert runs.owners() == ["a", "b"]
        held.futures[0].set_result([RunRecord(spec=SPECS[0])])
        runs.wait()
        assert runs.owners() == ["a", "b"]
        held.futures[1].set_exception(MemoryError())
        held.futures[2].set_result([RunRecord(spec=spec) for spec in others])
        runs.wait()
        assert runs.owners() == ["a"]
        held.futures[3].set_result([RunRecord(spec=SPECS[1])])
        runs.wait()
    assert runs.owners() == []
    assert runs.idle


def test_of_runs_that_go_in_order_only_the_next_is_looked_for(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[RunSpec] = []
    looked: list[RunSpec] = []
    found: list[RunSpec] = []

    def outbox(folder: Path, spec: RunSpec) -> RunRecord | None:
        looked.append(spec)
        return RunRecord(spec=spec) if spec in ended else None

    def missing(owner: str, specs: Sequence[RunSpec]) -> list[RunSpec]:
        return [spec for spec in specs if spec not in found]

    def record(owner: str, ended: RunRecord) -> None:
        found.append(ended.spec)

    runs: Dispatch[str] = Dispatch(study, Held(), missing=missing, record=record)
    monkeypatch.setattr(dispatch.attempt, "outbox", outbox)
    runs.submit("all", SPECS)
    assert looked == SPECS  # Nobody is at them: what there is may be of any.
    looked.clear()
    for count, next_ones in ((1, SPECS[:2]), (3, SPECS[1:])):
        ended = SPECS[:count]
        runs.collect_finished()
        assert looked == next_ones
        looked.clear()
    assert found == SPECS


def retries(study: Study) -> list[Any]:
    return [line for line in study.log.lines() if line.get("name") == "retried"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("SIGKILL", "killed by SIGKILL. That is mostly the system's doing, for want of memory"),
        ("SIGSEGV", "killed by SIGSEGV. That is a crash in native code"),
        ("SIGABRT", "killed by SIGABRT. That is a crash in native code"),
        ("memory", "MemoryError: in the worker. Fewer --workers, or a smaller batch_size"),
        (EXHAUSTED.splitlines()[2], "ResourceExhaustedError"),
        ("jaxlib._jax.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory", "RESOURCE_EXHAUSTED"),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8 GiB", "8 GiB"),
        ("hang", "no sign of life for 3 s"),
    ],
)
def test_a_run_that_ends_its_worker_is_tried_once_more(
    study: Study, pool: Executor, kind: str, told: str
) -> None:
    fake.trouble(study.folder, 1, kind)
    found = trained(study, pool, hang_after=SILENCE)
    assert [found[repeat].status for repeat in range(3)] == ["finished"] * 3
    [event] = retries(study)
    assert (event["run_id"], event["epochs"]) == (SPECS[1].run_id, 2)
    assert told in event["reason"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("SIGSEGV", "Twice: The worker process died: killed by SIGSEGV. That is a crash in native"),
        ("memory", "Twice: MemoryError: in the worker. Fewer --workers"),
        ("ValueError: RESOURCE_EXHAUSTED: of memory", "Out of memory, twice. Fewer --workers, or"),
        ("hang", "Twice: It hung: no sign of life for 3 s, and its worker was ended."),
    ],
)
def test_then_it_failed_with_what_to_do_and_the_others_go_on(
    study: Study, pool: Executor, kind: str, told: str
) -> None:
    fake.trouble(study.folder, 0, kind, kind)
    found = trained(study, pool, hang_after=SILENCE)
    assert [found[repeat].status for repeat in range(3)] == ["failed", "finished", "finished"]
    assert told in found[0].reason
    assert len(retries(study)) == 1
    assert sorted(record.spec.repeat for record in study.log) == [0, 1, 2]


def test_what_was_tried_again_before_a_stop_is_not_after_it(study: Study, pool: Executor) -> None:
    fake.trouble(study.folder, 2, "SIGSEGV", "SIGSEGV", "SIGSEGV")
    with study.log:
        known = {"run_id": SPECS[2].run_id, "epochs": SPECS[2].last_epoch}
        study.log.append("event", {"name": "retried", **known, "reason": "before"})
    assert trained(study, pool)[2].status == "failed"
    assert (study.folder / "trouble2").read_text() == "SIGSEGV\n" * 2


def test_a_stop_between_failing_and_trying_again_forgets_nothing(
    study: Study, pool: Executor
) -> None:
    """The worker's record is there, nothing in the log: it counts as the first attempt."""
    fake.leave(str(study.folder), RunRecord(spec=SPECS[0], status="failed", error=EXHAUSTED))
    assert trained(study, pool)[0].status == "finished"
    assert len(retries(study)) == 1


def test_other_failures_are_not_tried_again(study: Study, pool: Executor) -> None:
    fake.trouble(study.folder, 0, "ValueError: MemoryError was said in passing")
    found = trained(study, pool)
    assert found[0].error.endswith("in passing")
    assert not retries(study)


def test_a_run_over_its_limit_is_ended_once_and_recorded(study: Study, pool: Executor) -> None:
    fake.trouble(study.folder, 0, "long", "long")
    found = trained(study, pool, run_limit=0.3, grace=SILENCE, hang_after=60)
    assert found[0].reason == "Over the run limit of 0.3 s, and its worker was ended."
    assert [found[repeat].status for repeat in (1, 2)] == ["finished"] * 2
    assert not retries(study)


@pytest.mark.slow
def test_signs_of_life_keep_a_long_run_alive(study: Study, pool: Executor) -> None:
    """Ended by a person in the end: it was not taken for hung in twice the silence."""
    fake.trouble(study.folder, 0, "long")
    worker = pool.submit(os.getpid).result()
    killer = threading.Timer(2 * SILENCE, os.kill, (worker, signal.SIGKILL))
    killer.start()
    assert trained(study, pool, hang_after=SILENCE)[0].status == "finished"
    assert "SIGKILL" in retries(study)[0]["reason"]


def test_a_stopped_worker_is_ended_too(study: Study, pool: Executor) -> None:
    fake.trouble(study.folder, 0, "SIGSTOP")
    assert trained(study, pool, hang_after=SILENCE)[0].status == "finished"
    assert "no sign of life" in retries(study)[0]["reason"]


def test_a_serial_executor_has_nobody_to_end(study: Study) -> None:
    fake.trouble(study.folder, 0, "memory")
    found = trained(study, serial.executor(environment={}), hang_after=0.0, run_limit=0.1)
    assert [found[repeat].status for repeat in range(3)] == ["finished"] * 3


def test_time_in_which_nobody_looked_is_no_silence(
    study: Study, pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops the whole session and comes back finds his runs where they were."""
    told: list[float] = []
    look = dispatch.Life.look

    def note(life: Any, spec: RunSpec, passed: float) -> None:
        told.append(passed)
        look(life, spec, passed)

    monkeypatch.setattr(dispatch.Life, "look", note)
    fake.trouble(study.folder, 0, "long")
    clock = time.monotonic
    ahead = iter([0.0, *(3600.0 * step for step in range(10_000))])
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: clock() + next(ahead))
    worker = pool.submit(os.getpid).result()
    threading.Timer(1.0, os.kill, (worker, signal.SIGKILL)).start()
    assert trained(study, pool, hang_after=900)[0].status == "finished"
    assert max(told) == pytest.approx(90)
    assert "SIGKILL" in retries(study)[0]["reason"]


def test_a_full_disk_in_a_worker_is_no_runs_fault(study: Study) -> None:
    def full(specs: Sequence[RunSpec], **options: Any) -> Any:
        raise OSError(28, "No space left on device")

    call: Callable[[], Any] = lambda: trained(study, serial.executor(environment={}))  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fake, "troubled_run", full)
        with pytest.raises(OSError, match="No space left"):
            call()
    assert not list(study.log)
    assert call()[0].status == "finished"


def test_the_last_line_of_a_failed_record_is_what_to_do() -> None:
    record = RunRecord(spec=BASE, status="failed", error=EXHAUSTED)
    assert failures.is_out_of_memory(record)
    assert failures.for_good(record).reason.startswith("Out of memory, twice. Fewer --workers")
    assert not failures.is_out_of_memory(dataclasses.replace(record, status="finished"))


def test_what_is_too_large_for_memory_is_no_broken_code() -> None:
    record = RunRecord(spec=BASE, status="failed", error=EXHAUSTED)
    assert stops.alike([record, record])
    assert not stops.alike([failures.for_good(record)] * 2)
