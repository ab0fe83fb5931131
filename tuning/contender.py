"""One family in a search: what its runs share, and its space."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascnn import weights
from kerascnn.spec import RunSpec, Value, value_of
from tuning import space as spaces
from tuning.space import Space

# Fields of a later day at their defaults: of several families, each names its own.
_LATER = {"weights": weights.NONE, "freeze": "none"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """One family in a search.

    Attributes:
        base: What all its runs share; a point's values replace its own.
        space: Domain by name of the setting.
    """

    base: RunSpec
    space: Space

    @property
    def name(self) -> str:
        """The family's name, of the user's own file without folder and ending."""
        return Path(self.base.family).stem

    def defaults(self) -> dict[str, Value]:
        """Returns the point that every other must beat: the family's own defaults."""
        return {name: value_of(self.base, name) for name in self.space}

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        space = {name: spaces.to_json(domain) for name, domain in self.space.items()}
        return {"base": self.base.to_json(), "space": space}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Contender":
        space = {name: spaces.from_json(domain) for name, domain in fields["space"].items()}
        return cls(base=RunSpec.from_json(fields["base"]), space=space)

    def told(self) -> dict[str, Any]:
        """Returns what of it counts in a study's identity, flat, its space as "space"."""
        return {**told(self.base.to_json()), "space": told_space(self.space)}

    def told_beside(self) -> dict[str, Any]:
        """Returns the same of one that is not the first, which leaves out what came later."""
        return {n: v for n, v in self.told().items() if (n, v) not in _LATER.items()}


def told(base: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what counts of a base: not where the data and the user's own code lie."""
    # The fingerprint stands for the data, and for how they were divided.
    told = {name: value for name, value in base.items() if name not in ("dataset", "group_by")}
    if told.get("code"):
        told["family"] = Path(told["family"]).name
    if "weights" in told:
        told["weights"] = weights.content(told["weights"])
    return told


def told_space(space: Space) -> dict[str, Any]:
    """Returns what counts of a space: not where files of weights lie."""
    told: dict[str, Any] = {name: spaces.to_json(domain) for name, domain in space.items()}
    if "weights" in told:
        told["weights"]["values"] = [weights.content(v) for v in told["weights"]["values"]]
    return told
