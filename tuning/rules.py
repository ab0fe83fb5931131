"""What `confirm` goes by, fixed when a search begins, so that no result can choose its rules."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """How the winner of a search is found and measured.

    The metric is the search's objective. Of several that cannot be told apart the one with fewer
    parameters wins, then the one with the smaller standard deviation.

    Attributes:
        margin: Difference that matters, in the metric's own unit: 0.005 is half a point of
            accuracy. Above 0.
        alpha: Chance that the best-set misses the best of the shortlist, over all looks; above 0
            and below 0.5.
        shortlist: Leading configurations of the search that are confirmed, besides the baseline.
        confirmation_seeds: Fresh runs of each, at least 2.
        final_seeds: Runs of the winner and of the baseline on the test set, at least 2.
        baseline: A family whose defaults the winner must beat; "": those of the family searched.
    """

    margin: float = 0.005
    alpha: float = 0.05
    shortlist: int = 8
    confirmation_seeds: int = 5
    final_seeds: int = 5
    baseline: str = ""

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise ValueError(f"`margin > 0` must hold. Received: {self.margin!r}")
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"`0 < alpha < 0.5` must hold. Received: {self.alpha!r}")
        for name, least in {"shortlist": 1, "confirmation_seeds": 2, "final_seeds": 2}.items():
            if getattr(self, name) < least:
                raise ValueError(f"`{name} >= {least}` must hold. Received: {getattr(self, name)}")

    def changed(self) -> dict[str, Any]:
        """Returns the rules that are not the usual ones."""
        return self.differences(Rules())

    def differences(self, other: "Rules") -> dict[str, Any]:
        """Returns our value of every rule that `other` has another of."""
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return {name: value for name, value in ours.items() if value != theirs[name]}

    def replaced(self, values: Mapping[str, Any]) -> "Rules":
        """Returns a copy with those of `values` that are not None."""
        given = {name: value for name, value in values.items() if value is not None}
        return dataclasses.replace(self, **given)
