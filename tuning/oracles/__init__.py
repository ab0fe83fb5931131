"""Oracles: one file each.

Contract of every public module here:

    def oracle(space, *, maximize, seed, epochs) -> Oracle
    LEARNS = False       optional, a literal: no ask depends on a score, so none waits for one
    CONTINUES = True     optional, a literal: some asks continue an earlier trial
    SEVERAL = True       optional, a literal: it takes several objectives too. Then `maximize` is a
                         tuple of bools, one an objective, and each score that is told is a tuple
                         of floats in that order, one tuple a finished run; what belongs to the
                         configuration, as its parameters do, is the same in each
    ALLOTS_SEEDS = True  optional, a literal: asks say how many seeds; one more keyword is `seeds`,
                         how many there are at most
    POINTS = (...)       optional, a literal: the oracles that may draw its points; one more keyword
                         is `points`, which of them does
    EXTRA = "optuna"     optional, a literal: the extra of this package that it takes, and
    NEEDS = (...)        the packages that are then there
    NUMBERS = True       optional, a literal: it takes a space where some setting is a number

`epochs` is the planned length of a run. An oracle does not train, time, retry, print or write
files, and is called from one thread only. Its next ask is a function of its seed and of the
adoptions, asks and tells so far, and of nothing else, so that a log can be replayed; one that
returned None leaves no trace.

What is not known of several objectives, such as the sd of one run, is nan to an oracle that allots
seeds; others are told of such a trial that it failed.
"""

import dataclasses
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from kerascnn import registry
from kerascnn.spec import Value
from tuning.space import Choice, Domain, Space


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """What an oracle wants to know.

    Attributes:
        point: Value by name of the setting.
        epochs: Epochs to train; None: the planned length.
        seeds: Runs to train; None: the study's number.
        parent: The trial this one continues, at the same point, for more epochs or with more
            seeds; None: a new one.
    """

    point: Mapping[str, Value]
    epochs: int | None = None
    seeds: int | None = None
    parent: int | None = None


class Oracle(Protocol):
    """Proposes points of a space from the scores of earlier ones.

    Attributes:
        asks_again: Whether a log is replayed by asking again, and its answers checked, rather
            than by adopting what was asked.
    """

    asks_again: bool

    def adopt(self, trial: int, ask: Ask) -> None:
        """Takes what was chosen by others, such as the baseline, or by itself before the replay."""

    def ask(self, trial: int, *, new: bool = True) -> Ask | None:
        """Returns the point to try as `trial`.

        Args:
            trial: Its number.
            new: Whether a point never tried is wanted too; else only what continues a trial.

        None: nothing before more scores are told; if none is missing, nothing ever.
        """

    def tell(self, trial: int, scores: Sequence[Any]) -> None:
        """Takes the scores of a trial asked or adopted, one a finished run; none: it failed.

        A score is a float; of several objectives, a tuple of floats.
        """


def needs(name: str) -> tuple[str, ...]:
    """Returns the packages of an extra that an oracle takes."""
    return tuple(registry.constant(__name__, name, "NEEDS", ()))


def missing(name: str) -> tuple[str, ...]:
    """Returns those of them that this Python lacks."""
    return tuple(each for each in needs(name) if importlib.util.find_spec(each) is None)


def check(name: str, spaces: Iterable[Space]) -> None:
    """Raises ValueError if an oracle cannot be made here, or has nothing to draw from a space.

    Args:
        name: The oracle.
        spaces: What it is to draw from.
    """
    if absent := missing(name):
        extra = registry.constant(__name__, name, "EXTRA")
        raise ValueError(
            f"The oracle {name} takes {', '.join(absent)}, not installed here. "
            f"Try: python -m pip install -e '.[{extra}]'"
        )
    if not registry.constant(__name__, name, "NUMBERS", False):
        return
    for space in spaces:
        if not any(_has_numbers(domain) for domain in space.values()):
            raise ValueError(
                f"The oracle {name} learns numbers alone, and none varies here: "
                f"{', '.join(space) or 'nothing does'}."
            )


def _has_numbers(domain: Domain) -> bool:
    if isinstance(domain, Choice):
        return len(domain.values) > 1 and type(domain.values[0]) in (int, float)
    return domain.low < domain.high
