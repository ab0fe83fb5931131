"""A run's network that was not kept is trained again, in a fresh process, with the same numbers."""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascnn import attempt, datasets, quiet, starts, training
from kerascnn.exporters import _check
from kerascnn.record import RunRecord
from tuning import executors
from tuning.study import Study

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset


def in_process(study: Study, backend: str, function: Callable[..., Any], *values: Any) -> Any:
    """Calls `function` in a fresh process, where `backend` and the threads can still be set."""
    (result,) = in_processes(study, backend, function, [values])
    return result


def in_processes(
    study: Study, backend: str, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
) -> Iterator[Any]:
    """Calls `function` on each of `calls` in fresh processes, and yields what it returns, in order.

    As many run at once as cores and memory allow.
    """
    threads = study.spec.threads
    executor, _ = executors.make("processes", None, threads, len(calls), backend=backend)
    try:
        for future in [executor.submit(function, *values) for values in calls]:
            yield future.result()
    except BaseException:  # The caller's too, where it stops asking.
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()


def train_again(study: Study, record: RunRecord, recorded: Path, target: Path) -> None:
    """Writes the network of a run that was not kept, trained once more, to `target`.

    Args:
        study: The run's.
        record: The run's.
        recorded: The run's logits, which the network must give again.
        target: A file, beside which there is room for a folder `again`.

    Raises:
        ValueError: If the weights it started from are gone or changed.
        RuntimeError: If the run fails, or is another than the recorded one.
    """
    starts.check(record.spec.weights, record.spec.family)
    scratch = target.with_name("again")
    # Only repeat 0 leaves its network. A repeat's number is in its name and its seed, no more.
    spec = dataclasses.replace(record.spec, repeat=0)
    with quiet.silenced():
        runs = training.run([spec], folder=str(scratch), trainer=study.trainer, loggers=())
    if runs[0].status != "finished":
        raise RuntimeError(
            f"{record.spec.run_name} was trained again and {runs[0].status}: {runs[0].reason}"
        )
    again = attempt.run_dir(scratch, spec)
    _check.compare(
        _check.softmax(_check.read_logits(again / recorded.name)),
        _check.read_logits(recorded),
        f"{recorded.parent / 'model.keras'} is not kept, and trained again it is another network",
    )
    os.replace(again / "model.keras", target)
    shutil.rmtree(scratch)


def data_of(record: RunRecord) -> "Dataset":
    """Returns the data of a run.

    Raises:
        ValueError: If they are no longer what they were.
    """
    spec = record.spec
    data = datasets.load(spec.dataset, **spec.data_options)
    if data.fingerprint != spec.fingerprint:
        raise ValueError(
            f"The data of {spec.dataset} changed since the run: fingerprint "
            f"{data.fingerprint[:12]}, the run's {spec.fingerprint[:12]}. They are needed as they "
            "were, to check its network."
        )
    return data
