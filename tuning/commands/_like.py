"""`search --like`: what may be said beside it, and what differs here."""

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from tuning.study import Study

# What says how far and where a search runs, not what it is.
_BESIDE = (
    "like",
    "after",
    "family",
    "dataset",
    "name",
    "trials",
    "seeds",
    "keep",
    "workers",
    "executor",
    "address",
    "per_gpu",
    "loggers",
    "time_budget",
    "run_limit",
    "checkpoint_every",
    "as_json",
)


def repeated(like: str, family: str | None, dataset: str | None, name: str | None) -> "Study":
    """Begins, or opens, the repetition of a study, as the command line says it.

    Args:
        like: The study to repeat.
        family: The first argument: beside --like it is the DATASET.
        dataset: The second.
        name: Of the repetition.

    Raises:
        ValueError: If an option says what the study says.
    """
    from tuning import repeating
    from tuning.commands import _start

    if dataset is not None:
        raise ValueError(f"--like takes the family from the study. Received also: {family}")
    context = click.get_current_context()
    for each in context.command.params:
        if each.name not in _BESIDE and _is_given(each.name or ""):
            raise ValueError(f"--like takes {each.opts[0]} from the study: leave it out.")
    original = repeating.read(like)
    study = repeating.repeat(
        original, family, name=name, trials=_given("trials"), seeds=_given("seeds")
    )
    if count := original.later:
        points = "1 point was" if count == 1 else f"{count} points were"
        click.echo(f"{points} put in line once it had begun: they are not repeated.", err=True)
    for changed in _start.other_versions(original.about.get("versions", {})):
        click.echo(changed, err=True)
    return study


def reach(study: "Study", trials: int, seeds: int) -> tuple[int, int]:
    """Returns how many trials and seeds a search goes to, those of `study` where none is given."""
    return (
        trials if _is_given("trials") else study.spec.trials,
        seeds if _is_given("seeds") else study.spec.seeds,
    )


def _is_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None)


def _given(name: str) -> Any:
    return click.get_current_context().params[name] if _is_given(name) else None
