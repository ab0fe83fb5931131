"""The oracles' side of a search: made late, and told all that came before in its order.

What is asked depends on the log alone, not on who ends first: trial n is asked from the scores of
a fixed number of trials, the first ones, however many more are known already.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from kerascnn import host, quiet, registry
from tuning.contender import Contender
from tuning.oracles import Ask, Oracle
from tuning.search_spec import SearchSpec
from tuning.trial import Trial
from tuning.trials import Trials

# Asks in a row answered by a configuration already tried before the space counts as exhausted.
_DUPLICATES = 50
_ROOM = "tuning.oracles"


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What an ask depended on besides its number: written beside it in the log.

    Attributes:
        told: How many trials, from the first, the oracle knew the scores of.
        new: Whether a point never tried was wanted too.
        given: Whether the point is the user's own and no oracle was asked.
    """

    told: int
    new: bool
    given: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns what an ask of the log says of it."""
        fields = dataclasses.asdict(self)
        return fields if self.given else {k: v for k, v in fields.items() if k != "given"}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> "Circumstances":
        return cls(line["told"], line["new"], line.get("given", False))


class Asking:
    """Asks the oracles of a study, one a family, which are made when they are first needed.

    Args:
        spec: The study's; it has an oracle.
        trials: What was asked so far; each ask and score is also reported here.
        versions: Package -> version that the study was begun with.
    """

    def __init__(self, spec: SearchSpec, trials: Trials, versions: Mapping[str, Any]) -> None:
        self._spec = spec
        self._trials = trials
        self._versions = versions
        self._learns: bool = registry.constant(_ROOM, spec.oracle, "LEARNS", True)
        self._continues: bool = registry.constant(_ROOM, spec.oracle, "CONTINUES", False)
        self._allots = spec.allots_seeds
        self._asked: list[Circumstances] = []  # By number of the trial
        self._scores: dict[int, Sequence[Any]] = {}  # Trial -> of its runs; none: it failed
        self._scored = 0  # How many trials, from the first, have their scores.
        self._told = 0  # How many trials the oracles were told of.
        self._in_vain: tuple[int, Circumstances] | None = None  # The last ask without an answer.

    def prepare(self) -> None:
        """Makes the oracles, which imports Keras Tuner and takes seconds, while others work."""
        if "_oracles" in vars(self):
            return
        told = self._asked[-1].told if self._asked else 0
        if told <= self._scored:  # A lost run is trained first.
            _ = self._oracles

    def asked(self, circumstances: Circumstances) -> None:
        """Takes note of the next ask: this one's answer, or one in the log."""
        self._asked.append(circumstances)

    def given(self) -> Circumstances:
        """Returns the circumstances of a point of the user's own: no score chose it."""
        last = self._asked[-1].told if self._asked else 0
        return Circumstances(max(last, self._told), new=True, given=True)

    def entered(self, number: int) -> None:
        """Has the oracle, if it is made already, take a new trial that it did not ask for."""
        if "_oracles" in vars(self) and self._is_given(number):
            self._replay(number, self._asked[number])

    def tell(self, trial: Trial, scores: Sequence[Any]) -> None:
        """Takes the scores of a trial whose planned runs have ended; none: it failed.

        More runs later change the leaderboard, and nothing that was asked.
        """
        self._scores.setdefault(trial.number, scores)
        while self._scored in self._scores:
            self._scored += 1

    def scores_of(self, trial: Trial) -> Sequence[Any]:
        """Returns what an oracle is told of a trial; nothing: it failed."""
        if not self._spec.further:
            return trial.scores(self._spec.objective)
        found = trial.points(self._spec.objectives)
        if not self._allots and any(math.isnan(value) for point in found for value in point):
            return []
        return found

    def next(self) -> tuple[Ask, Circumstances] | None:
        """Returns what to try next, never a configuration that was tried; None: nothing now."""
        number = len(self._trials)
        if number < len(self._spec.contenders):  # The baselines that every other must beat.
            contender = self._spec.contenders[number]
            # More, if it stays in the race.
            seeds = 1 if self._allots and self._spec.seeds > 1 else None
            point = self._spec.point(contender, contender.defaults())
            return Ask(point=point, seeds=seeds), _BASELINE
        told = self._least_told(number) if self._learns else 0
        while told <= self._scored:
            known = told if self._learns else number
            now = Circumstances(told, self._trials.counted(known) < self._trials.trials)
            if (ask := self._ask_once(number, now)) is not None:
                return ask, now
            if not self._learns or told == number:
                return None
            told += 1
        return None

    def _least_told(self, number: int) -> int:
        """Returns how many scores are waited for before trial `number` is asked for."""
        last = self._asked[-1].told if self._asked else 0  # It never falls.
        return max(last, self._told, number - self._spec.lookahead)

    def _ask_once(self, number: int, now: Circumstances) -> Ask | None:
        """Asks the families' oracles, first who has least; None also if that was in vain before."""
        if not (now.new or self._continues) or self._in_vain == (number, now):
            return None
        self._tell_up_to(now.told)
        begun = self._trials.begun()
        for contender in sorted(self._spec.contenders, key=lambda each: begun[each.name]):
            if (ask := self._ask(contender, number, new=now.new)) is not None:
                return ask
        self._in_vain = (number, now)
        return None

    @functools.cached_property
    def _oracles(self) -> dict[str, Oracle]:
        """The oracle of each family by its name, told and asked all that the log says."""
        several = tuple(each.maximize for each in self._spec.objectives)
        options: dict[str, Any] = {"seeds": self._spec.seeds} if self._allots else {}
        options["maximize"] = several if self._spec.further else several[0]
        if self._spec.points:
            options["points"] = self._spec.points
        with quiet.silenced():  # It may bring Keras and its backend.
            entry = registry.load(_ROOM, self._spec.oracle)
            made: dict[str, Oracle] = {
                contender.name: entry.oracle(
                    contender.space,
                    seed=self._spec.seed,
                    epochs=contender.base.epochs,
                    **options,
                )
                for contender in self._spec.contenders
            }
        vars(self)["_oracles"] = made  # Replaying asks for it.
        for number, circumstances in enumerate(self._asked):
            self._tell_up_to(circumstances.told)
            self._replay(number, circumstances)
        return made

    def _oracle_of(self, number: int) -> Oracle:
        return self._oracles[self._spec.contender(self._trials[number].point).name]

    def _tell_up_to(self, told: int) -> None:
        _ = self._oracles  # Made now, it is told what came before.
        for number in range(self._told, told):
            self._oracle_of(number).tell(number, self._scores[number])
            self._told = number + 1

    def _is_given(self, number: int) -> bool:
        """Returns whether no oracle asked for a trial: a baseline, or a point of the user's own."""
        return number < len(self._spec.contenders) or self._asked[number].given

    def _replay(self, number: int, circumstances: Circumstances) -> None:
        point = self._trials[number].point
        contender = self._spec.contender(point)
        oracle = self._oracle_of(number)
        if self._is_given(number) or not oracle.asks_again:
            # With a setting beside the space it is no point of it, which oracles tell by its names.
            beside = {*point} - {*contender.space, "family"}
            names = () if beside else contender.space
            own = {name: point[name] for name in names}
            oracle.adopt(number, dataclasses.replace(self._trials[number].ask, point=own))
            return
        ask = self._ask(contender, number, new=circumstances.new)
        asked = (point, self._trials[number].parent)
        if ask is None or (ask.point, ask.parent) != asked:
            now = host.versions("keras-tuner")["keras-tuner"]
            raise ValueError(
                f"The oracle no longer asks what it asked as trial {number}: the study was begun "
                f"with keras-tuner {self._versions.get('keras-tuner')}, this is {now}."
            )

    def _ask(self, contender: Contender, number: int, *, new: bool) -> Ask | None:
        for _ in range(_DUPLICATES):
            ask = self._oracles[contender.name].ask(number, new=new)
            if ask is None:
                return None
            ask = dataclasses.replace(ask, point=self._spec.point(contender, ask.point))
            known = self._trials.find(ask.point)
            if ask.parent is not None or known is None or known.number >= number:
                return ask
        return None


_BASELINE = Circumstances(told=0, new=True)  # Nobody's ask.
