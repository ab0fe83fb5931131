"""The one function a worker executes: specs in, records out."""

import errno
import functools
import io
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascnn import costs, datasets, metrics, quiet, trainers
from kerascnn.attempt import Attempt
from kerascnn.building import Builder, InfeasibleError
from kerascnn.checkpoint import Checkpoint
from kerascnn.record import RunRecord, write_file
from kerascnn.spec import RunSpec

if TYPE_CHECKING:
    from kerascnn.datasets._arrays import Dataset

# Phase -> the parts whose logits are stored. The probe of train comes with each.
SCORED_PARTS = {
    "search": ("validation",),
    "decompose": ("validation",),
    "confirm": ("confirmation",),
    "final": ("test",),
}
# What a call spends at most on how long its network takes to answer: seconds a batch, and the same
# as a share of its first run's time.
_LATENCY = 0.2
_LATENCY_SHARE = 0.01


def run(
    specs: Sequence[RunSpec],
    *,
    folder: str,
    trainer: str = "compiled",
    loggers: Sequence[str] = ("tensorboard",),
    varied: Sequence[str] = (),
    checkpoint_every: float = 60.0,
    run_limit: float | None = None,
    ceilings: costs.Ceilings = costs.NONE,
) -> list[RunRecord]:
    """Trains `specs`: one configuration but for the seed and numbers such as the learning rate.

    Each run leaves in `<folder>/<config_id>/<run_name>/` its logits (float32 `.npy`, fsynced),
    `model.keras` for repeat 0 on all training images, what the loggers write and, last,
    `record.json`: a run that is found there already is not repeated, and one that left a
    checkpoint goes on from there. Whatever happens is in the records; nothing is raised but a full
    disk.

    Args:
        specs: What to train.
        folder: The study's folder.
        trainer: An entry of `kerascnn/trainers`, with a form if it has forms; see there.
        loggers: Entries of `kerascnn/loggers`.
        varied: Names of the settings that vary in the study, for the loggers.
        checkpoint_every: Seconds of training between two checkpoints, above 0.
        run_limit: Seconds a run may take in all, above 0; it has failed if it takes longer. None:
            no limit.
        ceilings: What the network may cost; one above them is infeasible, and not trained.

    Returns:
        One record a spec, in their order.
    """
    runs = [
        Attempt(
            spec,
            Path(folder),
            trainer,
            loggers=loggers,
            varied=varied,
            checkpoint_every=checkpoint_every,
            run_limit=run_limit,
        )
        for spec in specs
    ]
    while pending := [run for run in runs if run.record is None]:
        try:
            _train(pending, trainer, ceilings)
            _end(pending, status="failed", error="It was given up before its last epoch.")
        except InfeasibleError as error:
            _end(pending, status="infeasible", error=str(error))
        except Exception as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise  # No run's fault: the study stops and goes on once there is room.
            # Trainers go through runs in order: the first without a record is the one that broke.
            broken = [run for run in pending if run.record is None][:1]
            _end(broken, status="failed", error=traceback.format_exc())
    return [run.record for run in runs if run.record is not None]


def choose(specs: Sequence[RunSpec], *, trainer: str, ceilings: costs.Ceilings) -> dict[str, Any]:
    """Returns how a trainer that has forms computes `specs` fastest here; see `trainers.choose`.

    Returns:
        What a study keeps of it; {} if the network is infeasible: training will say why.
    """
    try:
        build, data = _ready(specs[0])
        over = ceilings.reason(costs.measure(build.bare, specs[0]))
        return {} if over else trainers.choose(trainer, build, data, specs)
    except InfeasibleError:
        return {}


def _end(runs: Sequence[Attempt], **fields: Any) -> None:
    for run in runs:
        if run.record is None:
            run.end(**fields)


def _train(runs: Sequence[Attempt], trainer: str, ceilings: costs.Ceilings) -> None:
    build, data = _ready(runs[0].spec)
    specs = [each.spec for each in runs]
    runs[0].begin()
    found = costs.measure(build.bare, specs[0])
    from kerascnn.trainers._epochs import Epochs  # Keras is there by now.

    for each in runs:
        each.costs, each.images = found, Epochs(data, each.spec).count
        each.started = build.start.told()
    if reason := ceilings.reason(found):
        raise InfeasibleError(reason)
    if (form := trainers.choose(trainer, build, data, specs).get("form")) is not None:
        for each in runs:
            each.trainer = trainer = f"{trainers.named(trainer)[0]}:{form}"
    if runs[0].is_watched:
        from kerascnn import signals

        probe = signals.Probe(build, data)
        for each in runs:
            each.watch = signals.Watch(probe, each.spec)

    def on_epoch(i: int, epoch: int, values: Mapping[str, float]) -> None:
        runs[i].epoch(epoch, values)

    def on_end(i: int, model: Any, predict: Any, epoch: int) -> None:
        runs[i].scored_epoch = epoch
        _time(runs, runs[i], data, model)
        _finish(runs[i], data, model, predict)

    def start(i: int) -> Checkpoint | None:
        if i:  # Loading, building and compiling count in the first.
            runs[i].begin()
        return runs[i].resumed()

    def on_pause(i: int, here: Any) -> None:
        runs[i].pause(here)

    trainers.load(trainer)(
        build, data, specs, on_epoch=on_epoch, on_end=on_end, start=start, on_pause=on_pause
    )


def _ready(spec: RunSpec) -> tuple[Builder, "Dataset"]:
    """Returns what builds the network of a seed, and the data."""
    keras = quiet.import_keras()  # It takes seconds: only workers pay.
    # Names start over, so that networks that are alike are so by name too. Freeing memory as well
    # would cost a third of a second each time; what is cyclic Python collects by itself.
    keras.utils.clear_session(free_memory=False)
    data = _load(spec)
    return Builder(spec, data), data


def _time(runs: Sequence[Attempt], run: Attempt, data: "Dataset", model: Any) -> None:
    """Measures how long the network that `runs` share takes to answer, as the first of them ends.

    It is in nobody's time.
    """
    if run.answers:
        return
    most = min(_LATENCY, _LATENCY_SHARE * run.seconds)
    start = time.perf_counter()
    try:
        from kerascnn import answers, latency  # Keras is there by now.

        answer = answers.of(model)
        found: dict[str, Any] = {
            "latency": latency.measure(answer, data.input_shape, seconds=most, warm_up=1)
        }
    except Exception as error:  # The run is trained: no reason to lose it.
        found = {"latency_error": f"{type(error).__name__}: {error}"}
    taken = time.perf_counter() - start
    for each in runs:
        each.answers = found
        each.leave_out(taken)


def _finish(run: Attempt, data: "Dataset", model: Any, predict: Any) -> None:
    import numpy as np

    found: dict[str, float] = {}
    for part in ("train", *SCORED_PARTS[run.spec.phase]):
        indices = data.probe if part == "train" else data.parts[part]
        logits = predict(indices)
        if not np.isfinite(logits).all():
            run.end(status="failed", error=f"Diverged: the logits of {part} are not finite.")
            return
        save_array(run.dir / f"logits-{part}.npy", logits)
        found |= metrics.measure(logits, data.labels[indices], part)
    if run.spec.repeat == 0 and run.spec.subset == "all":  # No model of a part is ever exported.
        beside = run.dir / ".model.keras"  # Keras insists on the ending.
        model.save(beside)
        os.replace(beside, run.dir / "model.keras")
    run.end(metrics=found)


def save_array(path: Path, array: Any) -> None:
    """Writes a small array as a whole `.npy` file, on disk when this returns, or nothing."""
    import numpy as np

    content = io.BytesIO()
    np.save(content, array)
    write_file(path, content.getvalue())


def _load(spec: RunSpec) -> "Dataset":
    data = _loaded(spec.dataset, **spec.data_options)
    if spec.fingerprint and data.fingerprint != spec.fingerprint:
        raise RuntimeError(
            f"The data of {spec.dataset} changed: fingerprint {data.fingerprint[:12]}, "
            f"the study's {spec.fingerprint[:12]}."
        )
    return data


@functools.lru_cache(maxsize=1)
def _loaded(dataset: str, **options: Any) -> "Dataset":
    return datasets.load(dataset, **options)
