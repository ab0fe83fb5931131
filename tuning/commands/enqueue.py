"""Puts a point of the user's own in line."""

import re

import click

from tuning.commands import _options


@click.command(epilog=_options.STUDY_HELP)
@click.argument("arguments", nargs=-1, metavar="[STUDY] NAME=VALUE...")
def command(arguments: tuple[str, ...]) -> None:
    """Have STUDY, a search, try a point of your own before its oracle is asked again.

    NAME=VALUE is a setting (filters=32), in the space or not; of several families one is
    family=NAME. What is not named has the value it has in the study. The next `search` command of
    the study tries it, also where the study had all its trials.
    """
    from tuning import enqueued, typed
    from tuning.study import find

    named = [argument for argument in arguments if "=" not in argument]
    if len(named) > 1:
        raise ValueError(f"One STUDY, then NAME=VALUE. Received: {' '.join(named)}")
    values = _options.read_point(argument for argument in arguments if "=" in argument)
    study = find(named[0] if named else None)
    if not named:
        click.echo(f"Study {study.folder}", err=True)
    point = enqueued.point_of(study, values)
    typed.note(study)
    if not enqueued.add(study, [(point, {})]):
        trial = enqueued.trial_of(study, point)
        where = "waits in line" if trial is None else f"is trial {trial}"
        raise ValueError(f"This configuration {where} already in {study.folder}.")
    click.echo("In line: " + " ".join(f"{name}={value}" for name, value in point.items()))
    click.echo(f"The study's own command tries it: {_own_command(study.about)}")


def _own_command(about: dict[str, str]) -> str:
    """Returns what began a study, as the user calls the command line now, without its budget."""
    words = about.get("command", "").partition(" ")[2]
    words = re.sub(r" --time-budget[ =]\S+", "", words)
    return f"{_options.program()} {words or 'search'}"
