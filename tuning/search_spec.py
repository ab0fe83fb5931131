"""What a search is, as one frozen value: JSON in `study.json`, and most of it the identity."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn import metrics, registry, weights
from kerascnn.checks import DRAW, SCHEMES, subset_parts
from kerascnn.spec import RunSpec, Value
from tuning import objectives
from tuning import space as spaces
from tuning.contender import Contender, told, told_space
from tuning.objectives import Objective
from tuning.rules import Rules
from tuning.space import Space

# What says how far a study goes, and from where it is worked on: not what it is.
_REACH = ("trials", "seeds", "lookahead")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """What a study is: everything that decides its numbers, and how far it goes.

    Attributes:
        base: What all runs share; a point's values replace its own. Of several families, what
            those of the first share.
        space: Domain by name of the setting; empty if points are given and not asked for. Of
            several families, that of the first.
        others: The other families of a search, each with an oracle of its own; points then name
            their family.
        oracle: An entry of `tuning/oracles`; "" if points are given (`train`).
        points: Which oracle draws the points of one that leaves them to another; "": its own rule.
        objective: The metric that ranks, such as "val_accuracy".
        further: What counts beside it, such as "parameters:min".
        seed: Of the oracle, the runs' seeds and the division of the data.
        backend: "tensorflow" or "jax".
        trainer: An entry of `kerascnn/trainers`.
        threads: CPU threads of each run; the numbers depend on it.
        trials: Distinct configurations to try. Not part of the identity.
        seeds: Runs of each configuration. Not part of the identity.
        lookahead: Trials an oracle that learns may be asked for before it knows a score, so that
            workers never wait for it: trial n is asked from the scores of the trials before
            n - lookahead, whoever ends first. Written once, from the workers there were.
        rules: What `confirm` will go by.
        max_params: Parameters a network of a search may have; 0: as many as it likes.
        max_macs: Multiply-accumulates an image it may take; 0: as many as it likes.
        subsets: "disjoint:4": how many training sets a decomposition crosses with the seeds, and
            how they are drawn; "draw:3": the same of a learning curve, at each of its sizes; "":
            it is neither.
    """

    base: RunSpec
    space: Space = dataclasses.field(default_factory=dict)
    others: tuple[Contender, ...] = ()
    oracle: str = "random_search"
    points: str = ""
    objective: str = "val_accuracy"
    further: tuple[str, ...] = ()
    seed: int = 0
    backend: str = "tensorflow"
    trainer: str = "compiled"
    threads: int = 1
    trials: int = 8
    seeds: int = 3
    lookahead: int = 4
    rules: Rules = dataclasses.field(default_factory=Rules)
    max_params: int = 0
    max_macs: int = 0
    subsets: str = ""

    def __post_init__(self) -> None:
        for name in ("trials", "seeds", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name} >= 1` must hold. Received: {getattr(self, name)}")
        for name in ("seed", "max_params", "max_macs"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name} >= 0` must hold. Received: {getattr(self, name)}")
        known = [f"val_{name}" for name in metrics.DIRECTIONS]
        if not self.oracle:
            known += [f"test_{name}" for name in metrics.DIRECTIONS]
        if self.objective in metrics.names() and self.objective not in known:
            raise ValueError(
                "A search sees the validation part only. Expected one of: "
                f"{', '.join(known)}. Received: {self.objective!r}"
            )
        if self.objective not in known:
            raise ValueError(registry.unknown("objectives", self.objective, known))
        self._check_further(known)
        labels = [contender.name for contender in self.contenders]
        if twice := [name for name in labels if labels.count(name) > 1]:
            raise ValueError(f"Two families of a search cannot share the name {twice[0]!r}.")
        if self.subsets:
            _check_subsets(self.subsets)

    def _check_further(self, known: Sequence[str]) -> None:
        for each in map(objectives.read, self.further):
            if each.name not in (*known, *objectives.COSTS):
                raise ValueError(
                    registry.unknown("objectives", each.name, [*known, *objectives.COSTS])
                )
            if each.name == "sd" and self.seeds < 2:
                raise ValueError("The objective sd takes 2 seeds or more. Received: --seeds 1")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All that it is after, what ranks first."""
        return tuple(map(objectives.read, (self.objective, *self.further)))

    @property
    def phase(self) -> str:
        """Which runs the study is of: "final" ones, scored on the test set, if it ranks by that."""
        if self.subsets:
            return "decompose"
        return "final" if self.objective.startswith("test_") else "search"

    @property
    def made_by(self) -> str:
        """The command that makes such a study."""
        if self.oracle:
            return "search"
        if self.subsets:
            return "learning-curve" if self.is_learning_curve else "decompose"
        return "train"

    @property
    def is_learning_curve(self) -> bool:
        """Whether its training sets are draws of several sizes."""
        return self.subsets.startswith(f"{DRAW}:")

    @property
    def allots_seeds(self) -> bool:
        """Whether its oracle gives some configurations more seeds than others."""
        return self._oracle_says("ALLOTS_SEEDS")

    @property
    def is_descriptive(self) -> bool:
        """Whether its oracle chose epochs or seeds by score, which intervals know nothing of."""
        return self._oracle_says("CONTINUES") or self.allots_seeds

    @property
    def goes_by_time(self) -> bool:
        """Whether its oracle learns from seconds or latency: anew it would ask otherwise."""
        timed = any(each.name in objectives.OF_THE_MACHINE for each in self.objectives)
        return timed and self._oracle_says("LEARNS", absent=True)

    def _oracle_says(self, literal: str, *, absent: bool = False) -> bool:
        known = self.oracle in registry.names("tuning.oracles")
        return known and bool(registry.constant("tuning.oracles", self.oracle, literal, absent))

    @property
    def training_sets(self) -> tuple[str, ...]:
        """What it trains on: "disjoint:4/0" and so on of a decomposition; else "all"."""
        if not self.subsets:
            return ("all",)
        count, _, _ = subset_parts(f"{self.subsets}/0")
        return tuple(f"{self.subsets}/{part}" for part in range(count))

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """The families that are searched; without an oracle the first is only a placeholder."""
        return (Contender(base=self.base, space=self.space), *self.others)

    def starts(self) -> list[tuple[str, str]]:
        """Returns the files of weights that its runs may start from, each with the family."""
        found = []
        for each in self.contenders:
            domain = each.space.get("weights")
            values = (each.base.weights, *(spaces.ends(domain) if domain else ()))
            found += [(str(value), each.base.family) for value in values if value != weights.NONE]
        return found

    def based(self, bases: Sequence[RunSpec]) -> "SearchSpec":
        """Returns a copy with other bases, one a family."""
        others = zip(self.others, bases[1:], strict=True)
        changed = tuple(dataclasses.replace(other, base=base) for other, base in others)
        return dataclasses.replace(self, base=bases[0], others=changed)

    def varied(self, point: Mapping[str, Value]) -> tuple[str, ...]:
        """Returns the names of the settings that are searched, and of what a user's own point
        sets besides; none where points are given.

        Args:
            point: What was asked for.
        """
        if not self.oracle:
            return ()
        space = self.contender(point).space
        beside = (name for name in point if name not in space and name != "family")
        return (*(("family",) if self.others else ()), *space, *beside)

    def contender(self, point: Mapping[str, Value]) -> Contender:
        """Returns the family that a point belongs to."""
        if not self.others:
            return self.contenders[0]
        return next(each for each in self.contenders if each.name == point["family"])

    def point(self, contender: Contender, values: Mapping[str, Value]) -> dict[str, Value]:
        """Returns the point of a study that `values` of one of its families are."""
        return {**({"family": contender.name} if self.others else {}), **values}

    def to_json(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        fields["others"] = [contender.to_json() for contender in self.others]
        fields["rules"] = dataclasses.asdict(self.rules)
        return {**fields, **self.contenders[0].to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "SearchSpec":
        first = Contender.from_json(fields)
        others = tuple(Contender.from_json(other) for other in fields["others"])
        rules = Rules(**fields["rules"])
        named = {"base": first.base, "space": first.space, "others": others, "rules": rules}
        further = tuple(fields.get("further", ()))
        return cls(**{**fields, **named, "further": further})

    def distinctions(self) -> dict[str, Any]:
        """Returns what of the identity is not at its default: later settings rename nothing."""
        usual = SearchSpec(base=RunSpec(family="", dataset="")).identity()
        ours = self.identity()
        return {name: value for name, value in ours.items() if value != usual.get(name)}

    def identity(self) -> dict[str, Any]:
        """Returns what another study would have to differ in, flat, by readable names."""
        fields = {name: value for name, value in self.to_json().items() if name not in _REACH}
        base = fields.pop("base")
        fields["space"] = told_space(self.space)
        fields["objective"] = ",".join((self.objective, *self.further))
        del fields["others"], fields["rules"], fields["further"]
        fields |= self.rules.changed()
        if not self.subsets:
            del fields["subsets"]
        if self.others:
            fields["families"] = ",".join(contender.name for contender in self.contenders)
        for other in self.others:
            beside = other.told_beside()
            fields |= {f"{name} of {other.name}": value for name, value in beside.items()}
        if not self.oracle:  # Several `train` commands share a study if they share these.
            base = {name: base[name] for name in ("fingerprint", "split_seed", "image_size")}
        return {**told(base), **fields}


def _check_subsets(subsets: str) -> None:
    scheme, _, count = subsets.partition(":")
    if scheme not in (*SCHEMES, DRAW):
        raise ValueError(registry.unknown("schemes", scheme, SCHEMES))
    if not count.isdecimal() or int(count) < 2:
        raise ValueError(f"`subsets >= 2` must hold. Received: {count}")
