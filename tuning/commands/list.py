"""Lists what there is to choose from."""

import json
import textwrap

import click

from kerascnn import registry
from tuning.space import text

# Room -> the package that holds it.
ROOMS = {
    "families": "kerascnn.models",
    "datasets": "kerascnn.datasets",
    "trainers": "kerascnn.trainers",
    "exporters": "kerascnn.exporters",
    "corruptions": "kerascnn.corruptions",
    "explainers": "kerascnn.explainers",
    "loggers": "kerascnn.loggers",
    "spaces": "tuning.spaces",
    "oracles": "tuning.oracles",
    "executors": "tuning.executors",
}


@click.command()
@click.argument("room", required=False)
@click.argument("entry", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
def command(room: str | None, entry: str | None, as_json: bool) -> None:
    """List families with presets, datasets, oracles and so on; `list spaces vgg` prints a space.

    ROOM is one of families, datasets, trainers, exporters, corruptions, explainers, loggers,
    spaces, oracles, executors; left out, all of them. ENTRY shows one in full.
    """
    if room is not None and room not in ROOMS:
        raise ValueError(registry.unknown("what can be listed", room, ROOMS))
    if room is not None and entry is not None:
        found = _settings(room, entry)
        _print(found if as_json else [f"{k:<16} {v}" for k, v in found.items()], as_json)
        return
    rooms = [room] if room else [name for name in ROOMS if name != "spaces"]
    if as_json:
        _print({name: {e: _about(name, e) for e in registry.names(ROOMS[name])} for name in rooms})
    else:
        _print([line for name in rooms for line in _lines(name)], False)


def _lines(room: str) -> list[str]:
    entries = [line for name in registry.names(ROOMS[room]) for line in _entry(room, name)]
    more = ["  PATH.npz, FOLDER  your own images"] if room == "datasets" else []
    return [f"{room}:", *entries, *more]


def _entry(room: str, name: str) -> list[str]:
    """Returns what an entry is and, below it, its presets."""
    width = max(16, *map(len, registry.names(ROOMS[room])))
    first = f"  {name:<{width}} {registry.summary(ROOMS[room], name)}"
    presets = _presets(room, name)
    below = f"{'Presets:':>27} {', '.join(presets)}"
    return [first, *(textwrap.wrap(below, 100, subsequent_indent=" " * 28) if presets else ())]


def _about(room: str, name: str) -> str:
    text = registry.summary(ROOMS[room], name)
    presets = _presets(room, name)
    return f"{text} Presets: {', '.join(presets)}." if presets else text


def _presets(room: str, name: str) -> tuple[str, ...]:
    found = registry.constant(ROOMS[room], name, "PRESETS", {}) if room == "families" else {}
    return tuple(found)


def _settings(room: str, entry: str) -> dict[str, object]:
    if room == "spaces":
        from tuning import searchable

        registry.source_file(ROOMS["families"], entry)
        return {name: text(domain) for name, domain in searchable.space_of(entry, {}, {}).items()}
    registry.source_file(ROOMS[room], entry)
    if room == "families":
        return registry.keywords(ROOMS[room], entry, "build")
    return {entry: registry.summary(ROOMS[room], entry)}


def _print(found: object, as_json: bool = True) -> None:
    if as_json:
        click.echo(json.dumps(found))
    else:
        for line in found if isinstance(found, list) else []:
            click.echo(line)
