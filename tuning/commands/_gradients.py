"""What passed through the networks of some configurations, as text."""

import textwrap
from collections.abc import Sequence

import click

from tuning.commands import _board
from tuning.gradients import QUANTITIES, Found, Mean

_HEADINGS = {
    "norm": ("gradient", "at the end"),
    "update": ("update", "at the end"),
    "dead": ("dead", "at the end"),
    "saturated": ("saturated", "at the end"),
}

_MEANINGS = {
    "norm": "gradient: its norm, before training.",
    "update": "update: of the weights over the first epoch, relative to their norm.",
    "dead": "dead: share of units that are 0 for every image at every place, before training.",
    "saturated": "saturated: share of outputs at either end of their range, before training.",
}
# Columns of what is said below a table.
_WIDTH = 100


def show(found: Sequence[Found]) -> None:
    """Prints a table for each configuration, layer by layer."""
    for each in found:
        click.echo(f"\n{each.family} {each.config_id[:6]}: layer by layer")
        if each.unmeasured:
            runs = "1 run" if each.unmeasured == 1 else f"{each.unmeasured} runs"
            click.echo(
                f"{runs} had been trained without --logger gradients, and a run is not trained "
                "twice: another --study begins anew."
            )
        if each.n:
            for line in _lines(each):
                click.echo(line)


def _lines(found: Found) -> list[str]:
    names = [q for q in QUANTITIES if any(q in known for known in found.layers.values())]
    header = ["layer", *(heading for name in names for heading in _HEADINGS[name])]
    none = Mean(mean=None, interval=None)
    rows = [
        [layer, *(_cell(mean) for name in names for mean in known.get(name, (none, none)))]
        for layer, known in found.layers.items()
    ]
    return [*(line.rstrip() for line in _board.aligned([header, *rows])), *_remarks(found, names)]


def _remarks(found: Found, names: Sequence[str]) -> list[str]:
    runs = "One run" if found.n == 1 else f"Means of {found.n} runs, ± half of a 95 % interval"
    told = [f"{runs}. {' '.join(_MEANINGS[name] for name in names)}"]
    first, last = found.ends
    ratios = [
        f"{mean.mean:.1e}{_range(mean)} {when}"
        for mean, when in zip(found.ratio, ("before training", "at the end"), strict=True)
        if mean.mean is not None
    ]
    if ratios and first != last:
        told.append(f"Norm of the gradient, {first} / {last}: {', '.join(ratios)}.")
    return [line for text in told for line in textwrap.wrap(text, _WIDTH)]


def _cell(mean: Mean) -> str:
    if mean.mean is None:
        return ""
    if mean.interval is None:
        return f"{mean.mean:.2g}"
    low, high = mean.interval
    return f"{mean.mean:.2g} ±{(high - low) / 2:.2g}"


def _range(mean: Mean) -> str:
    if mean.interval is None:
        return ""
    return f" ({mean.interval[0]:.1e} to {mean.interval[1]:.1e})"
