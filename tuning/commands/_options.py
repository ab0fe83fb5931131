"""Options that several commands share, and how what is typed becomes values."""

import functools
import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from kerascnn import metrics, registry
from kerascnn.checks import PRECISIONS
from kerascnn.spec import Value
from tuning import space
from tuning.commands import _weights, _workers
from tuning.commands._workers import Function

if TYPE_CHECKING:
    from tuning.study import Study

STUDY_HELP = "STUDY is a name under ./runs or a path; left out, the study written last."


def run_options(command: Function) -> Function:
    """Adds what `search` and `train` have in common."""
    return _with_runs(_RUN_OPTIONS, command)


def unranked_options(command: Function) -> Function:
    """Adds the same to a command that ranks nothing: there is no objective."""
    return _with_runs([o for o in _RUN_OPTIONS if o is not _OBJECTIVE], command)


def rule_options(command: Function) -> Function:
    """Adds what `confirm` goes by, which a search fixes; what is left out is None."""
    return _workers.added(_RULE_OPTIONS, command)


def _with_runs(options: Sequence[Callable[[Any], Any]], command: Function) -> Function:
    """Adds `options` and where runs are trained; what is short for a setting becomes one."""

    @functools.wraps(command)
    def with_short(*, fixed: tuple[str, ...], balance: bool, **given: Any) -> Any:
        short = {name: given.pop(name) for name in _SHORT}
        short |= {"balance": "weights" if balance else None}
        return command(fixed=_with_short(fixed, short), **given)

    return cast(Function, _workers.added(options, _workers.worker_options(with_short)))


def _with_short(fixed: tuple[str, ...], short: Mapping[str, object]) -> tuple[str, ...]:
    """Returns `--set` options and those that are short for one, as `--set` options.

    Raises:
        ValueError: If a short one contradicts another.
    """
    for name, value in short.items():
        text = f"{name}={value}"
        given = [each for each in fixed if each.partition("=")[0] == name]
        if value is not None and given not in ([], [text]):
            raise ValueError(f"--{name} is short for --set {text}. Received also: --set {given[0]}")
        fixed = fixed if value is None or given else (*fixed, text)
    return fixed


# Options that are short for a setting of the same name.
_SHORT = ("patience", "precision", "weights", "freeze")
_OBJECTIVE = click.option(
    "--objective",
    default="val_accuracy",
    show_default=True,
    help=f"What ranks: val_ and one of {', '.join(metrics.DIRECTIONS)}.",
)
_RUN_OPTIONS = (
    click.option(
        "--epochs",
        type=click.IntRange(1),
        default=9,
        show_default=True,
        help="Passes over the training images.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="The study's seed; runs' seeds derive from it.",
    ),
    click.option(
        "--set",
        "fixed",
        multiple=True,
        metavar="NAME=VALUE",
        help="Fix a setting: --set filters=32.",
    ),
    click.option(
        "--patience",
        type=click.IntRange(0),
        help="Stop after this many epochs without a lower validation loss, and keep the weights "
        "of the lowest: short for --set patience=N.  [default: 0, off]",
    ),
    click.option(
        "--balance",
        is_flag=True,
        help="Weigh the loss so that every class counts the same, however many images it has: "
        "short for --set balance=weights.",
    ),
    click.option(
        "--precision",
        help=f"{' or '.join(PRECISIONS)}, in which weights and logits stay float32: short for "
        "--set precision=NAME.  [default: float32]",
    ),
    click.option(
        "--weights",
        metavar="PATH",
        help="Start from weights of keras.applications (.h5) or a run's (its model.keras, or "
        "STUDY:ID/REPEAT): short for --set weights=PATH.",
    ),
    click.option(
        "--freeze",
        metavar="LAYER",
        help="Train what comes after this layer only: short for --set freeze=LAYER.",
    ),
    _OBJECTIVE,
    click.option("--study", "name", help="Name under ./runs, or a path.  [default: made up]"),
    click.option(
        "--threads",
        type=click.IntRange(1),
        help="CPU threads of each run; the numbers depend on it.  [default: search 1, else the "
        "cores shared out]",
    ),
    click.option(
        "--backend",
        help="tensorflow or jax.  [default: what KERAS_BACKEND says, else tensorflow, or jax "
        "where it alone is installed]",
    ),
    click.option(
        "--trainer",
        default="compiled",
        show_default=True,
        help=f"One of {', '.join(registry.names('kerascnn.trainers'))}.",
    ),
    click.option(
        "--image-size",
        type=click.IntRange(1, 2048),
        help="Resize images to this many pixels a side.  [default: folders: the median side, "
        "at most 64; else as they are]",
    ),
    click.option("--skip-bad", is_flag=True, help="Leave unreadable images out."),
    click.option(
        "--group-by",
        default="",
        metavar="PATTERN",
        help="Keep images whose paths in the folder agree in what this regular expression "
        r"captures in one part: --group-by 'IMG_(\d+)_'.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON value."),
)


RULES = ("margin", "alpha", "shortlist", "confirmation_seeds", "final_seeds", "baseline")
# A search writes these down; `confirm` may only deviate from them and say so.
_RULE_OPTIONS = (
    click.option(
        "--margin",
        type=float,
        help="Difference that matters, in the objective's unit.  [default: 0.005]",
    ),
    click.option(
        "--alpha",
        type=float,
        help="Chance that the set of the best misses the best.  [default: 0.05]",
    ),
    click.option("--shortlist", type=int, help="Leading configurations to confirm.  [default: 8]"),
    click.option(
        "--confirmation-seeds", type=int, help="Fresh runs of each of them.  [default: 5]"
    ),
    click.option(
        "--final-seeds",
        type=int,
        help="Runs of the winner and the baseline on the test set.  [default: 5]",
    ),
    click.option(
        "--baseline",
        metavar="FAMILY",
        help="Family whose defaults must be beaten.  [default: the one searched]",
    ),
)


def program() -> str:
    """Returns how the user calls the command line: "python run.py" or "kerascnn"."""
    return click.get_current_context().find_root().info_name or "kerascnn"


def named(study: "Study") -> str:
    """Returns what to type for a study: its name if it lies under ./runs, else its path."""
    inside = study.folder.parent.resolve() == (Path.cwd() / "runs").resolve()
    return study.name if inside else str(study.folder)


def read_settings(texts: tuple[str, ...]) -> dict[str, Value]:
    """Reads `--set` options: "filters=32"."""
    return {name: space.scalar(value) for name, value in _pairs("--set", texts).items()}


def read_point(texts: Iterable[str]) -> dict[str, Value]:
    """Reads the settings of a point: "filters=32"."""
    pairs = _pairs("A point", tuple(texts))
    return {name: space.scalar(value) for name, value in pairs.items()}


def read_domains(texts: tuple[str, ...]) -> Mapping[str, str]:
    """Reads `--vary` options: "filters=8:64:8"; the domains stay text."""
    return _pairs("--vary", texts)


def read_sweep(texts: tuple[str, ...]) -> Mapping[str, str]:
    """Reads `--over` options: "filters=8,16,32"; the values stay text."""
    return _pairs("--over", texts)


def _pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{option} takes NAME=VALUE. Received: {text!r}")
        if name in pairs:
            raise ValueError(f"{option} names {name!r} twice: {pairs[name]!r} and {value!r}.")
        pairs[name] = value
    return _weights.resolved(pairs)


def family_and_dataset(family: str | None, dataset: str | None) -> tuple[str, str]:
    """Fills in what was left out; a folder or an `.npz` alone is the dataset."""
    if family is not None and dataset is None and _is_data(family):
        return "cnn", family
    return family or "cnn", dataset or "digits"


def _is_data(text: str) -> bool:
    families = registry.names("kerascnn.models")
    datasets = registry.names("kerascnn.datasets")
    if text in families:
        return False
    meant = registry.closest(text, (*families, *datasets))
    return text.endswith((".npz", "/")) or Path(text).is_dir() or meant in datasets


def ask_without_a_backend(executor: str, backend: str | None) -> str | None:
    """Spares a process that only asks the import of TensorFlow: networks live in the workers.

    Keras' NumPy backend is enough for Keras Tuner; it needs JAX to be installed.

    Returns:
        The backend the workers should use, as far as the user said.
    """
    backend = backend or os.environ.get("KERAS_BACKEND")
    if executor != "serial" and importlib.util.find_spec("jax") is not None:
        os.environ["KERAS_BACKEND"] = "numpy"
    return backend
