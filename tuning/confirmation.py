"""Confirmation: a search's leaders on fresh seeds and unseen images, then the test set, once.

Every step is an event of the log before it is taken, so that an interrupted confirmation goes on
where it stopped, and nobody can take a step twice unseen.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from kerascnn import metrics, registry, training
from kerascnn.spec import RunSpec
from tuning import comparison, shortlisting
from tuning.dispatch import Run
from tuning.limits import UNLIMITED, Limits
from tuning.rounds import Rounds
from tuning.rules import Rules
from tuning.shortlisting import Candidate
from tuning.study import Study
from tuning.trial import Progress

# The events of one confirmation, in their order. "look" comes once or twice.
EVENTS = ("confirmation", "look", "chosen", "test_opened")
Repeats = Mapping[str, Sequence[int]]


class Confirmation:
    """One confirmation of a study being run, from wherever its log stands.

    Args:
        study: A search that has ended.
        executor: Where runs are trained.
        workers: Calls it runs at once.
        rules: What to go by.
        again: Whether a finished confirmation is followed by another one, which opens the test
            set once more.
        run: What a worker executes.
        limits: Of its runs.
        watch: Called with a `Progress` after every run.
    """

    def __init__(
        self,
        study: Study,
        executor: Executor,
        *,
        workers: int = 1,
        rules: Rules | None = None,
        again: bool = False,
        run: Run = training.run,
        limits: Limits = UNLIMITED,
        watch: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._study = study
        self._workers = workers
        self._rules = rules or study.spec.rules
        self._again = again
        self._maximize = metrics.maximize(study.spec.objective)
        self._name = metrics.split_name(study.spec.objective)[1]
        self._metric = metrics.prefix_of("confirmation") + self._name
        self._candidates: dict[str, Candidate] = {}
        self._limits = limits
        self._rounds: Rounds[Candidate] = Rounds(
            study, executor, key=_key, run=run, limits=limits, watch=watch
        )

    def __call__(self) -> None:
        """Runs the confirmation to its end; one that has ended is left as it is.

        Raises:
            ValueError: If there is nothing to confirm, or the rules are not those it began with.
            RuntimeError: If no configuration of the shortlist finished its runs.
            KeyboardInterrupt: After Ctrl-C; every finished run is in the log.
        """
        with self._study.log:
            self._limits.declare(self._study.log)
            self._attempt = Attempt.last(self._study)
            if (self._attempt.ended or self._attempt.broken) and self._again:
                self._attempt = Attempt(self._study, self._attempt.number + 1)
            if self._attempt.broken:
                raise ValueError(
                    f"Steps of the confirmation of {self._study.folder} are lost. --again begins "
                    "another, which opens the test set again."
                )
            try:
                self._confirm()
            except BaseException:
                self._rounds.stop()
                raise

    def _confirm(self) -> None:
        begun = self._logged("confirmation", self._begin)
        if changed := self._rules.differences(Rules(**begun["rules"])):
            told = ", ".join(f"{name}={value}" for name, value in changed.items())
            raise ValueError(
                f"The confirmation under way began with other rules than {told}. "
                "--again begins another one, once it has ended."
            )
        self._candidates = candidates(self._study, begun)
        repeats = self._attempt.repeats("confirm")
        self._train("confirm", repeats)
        look = self._logged("look", lambda: self._look(list(self._candidates), repeats))
        if look["extra"]:
            repeats = self._attempt.repeats("confirm")
            self._train("confirm", repeats)
            self._logged("look", lambda: self._look(look["in"], repeats), number=1)
        chosen = self._logged("chosen", lambda: self._choose(repeats))
        final = list(dict.fromkeys((chosen["config_id"], begun["baseline"])))
        self._logged("test_opened", lambda: {"configs": final, "times": self._openings() + 1})
        self._train("final", self._attempt.repeats("final"))

    def _logged(self, name: str, make: Callable[[], dict[str, Any]], number: int = 0) -> Any:
        """Returns the attempt's event, made and logged if it has none yet."""
        known = self._attempt.events(name)
        if len(known) <= number:
            made = {"name": name, "attempt": self._attempt.number, **make()}
            self._study.log.append("event", made)
            return made
        return known[number]

    def _begin(self) -> dict[str, Any]:
        study = self._study
        rows = comparison.from_records(study)
        chosen = shortlisting.shortlist(rows, self._rules.shortlist, maximize=self._maximize)
        if not chosen:
            raise ValueError(f"{study.folder} has no configuration trained to its planned length.")
        baseline = baseline_of(study, self._rules)
        every = dict.fromkeys((*chosen, baseline.config_id))
        following = _following_repeats(study)
        first = {
            phase: {config: following[config, phase] for config in every}
            for phase in ("confirm", "final")
        }
        return {
            "rules": dataclasses.asdict(self._rules),
            "deviates": self._rules.differences(study.spec.rules),
            "shortlist": chosen,
            "baseline": baseline.config_id,
            "first": first,
        }

    def _look(self, among: Sequence[str], repeats: Repeats) -> dict[str, Any]:
        groups = {
            config: self._candidates[config].values("confirm", repeats[config], self._metric)
            for config in among
        }
        if not any(groups.values()):
            raise RuntimeError("No configuration of the shortlist finished half of its runs.")
        count = len(self._candidates)
        left = shortlisting.undecided(groups, self._rules, count, maximize=self._maximize)
        needed = None
        if len(left) > 1:
            values = [groups[config] for config in left]
            needed = shortlisting.worthwhile_seeds(values, self._rules, count)
        extra = max(0, (needed or 0) - self._rules.confirmation_seeds)
        return {"in": left, "needed": needed, "extra": extra}

    def _choose(self, repeats: Repeats) -> dict[str, Any]:
        left = self._attempt.events("look")[-1]["in"]
        chosen = shortlisting.winner(
            [self._candidates[config] for config in left], repeats, self._metric
        )
        return {"config_id": chosen, "tied": [config for config in left if config != chosen]}

    def _openings(self) -> int:
        lines = self._study.log.lines()
        return sum(line["kind"] == "event" and line["name"] == "test_opened" for line in lines)

    def _train(self, phase: str, repeats: Repeats) -> None:
        """Trains what is missing of some runs, and waits for them."""
        specs = [
            (
                self._candidates[config],
                [
                    self._candidates[config].config.repeated(self._study.spec.seed, phase, repeat)
                    for repeat in each
                ],
            )
            for config, each in repeats.items()
        ]
        self._rounds.train(specs, parts=max(1, -(-self._workers // len(specs))))


class Attempt:
    """One confirmation as the log has it.

    Attributes:
        number: Which confirmation of the study, from 1.
    """

    def __init__(self, study: Study, number: int) -> None:
        self._study = study
        self.number = number

    @classmethod
    def last(cls, study: Study) -> "Attempt":
        """Returns the last that was begun; the first if none was."""
        numbers = [line["attempt"] for line in _confirming(study)]
        return cls(study, max(numbers, default=1))

    def events(self, name: str) -> list[Any]:
        """Returns its events of one name, oldest first."""
        lines = _confirming(self._study)
        return [e for e in lines if (e["name"], e["attempt"]) == (name, self.number)]

    def repeats(self, phase: str) -> dict[str, range]:
        """Returns the repeats planned so far of each configuration, none of them used before."""
        begun = self.events("confirmation")[0]
        rules, first = Rules(**begun["rules"]), begun["first"][phase]
        if phase == "final":
            configs = self.events("test_opened")[0]["configs"]
            return {c: range(first[c], first[c] + rules.final_seeds) for c in configs}
        looks = self.events("look")
        more = {config: look["extra"] for look in looks[:1] for config in look["in"]}
        count = rules.confirmation_seeds
        return {c: range(start, start + count + more.get(c, 0)) for c, start in first.items()}

    @property
    def broken(self) -> bool:
        """Whether a step that others follow is not in the log: it was damaged, and given up."""
        events = [event for event in _confirming(self._study) if event["attempt"] == self.number]
        steps = list(dict.fromkeys(event["name"] for event in events))
        return steps != list(EVENTS[: len(steps)])

    @property
    def ended(self) -> bool:
        """Whether every run on the test set has a record."""
        if self.broken or not self.events("test_opened"):
            return False
        known = {
            (run.spec.config_id, run.spec.repeat)
            for run in self._study.log
            if run.spec.phase == "final"
        }
        wanted = self.repeats("final")
        return all((config, repeat) in known for config in wanted for repeat in wanted[config])


def candidates(study: Study, begun: Mapping[str, Any]) -> dict[str, Candidate]:
    """Returns id -> what a confirmation began with, with the runs that its phases have so far."""
    known = searched(study)
    baseline = baseline_of(study, Rules(**begun["rules"]))
    found = {config: known.get(config, baseline) for config in begun["first"]["confirm"]}
    for record in study.log:
        if record.spec.phase in ("confirm", "final") and record.spec.config_id in found:
            runs = found[record.spec.config_id].runs
            runs[record.spec.phase, record.spec.repeat] = record
    return found


def searched(study: Study) -> dict[str, Candidate]:
    """Returns id -> configuration of the search."""
    found: dict[str, Candidate] = {}
    for record in study.log:
        if record.spec.phase == "search" and record.spec.config_id not in found:
            spec = _planned(record.spec)
            found[record.spec.config_id] = Candidate(spec, record.trial, record.point)
    return found


def baseline_of(study: Study, rules: Rules) -> Candidate:
    """Returns what the winner must beat: the defaults of the family searched, or of another."""
    base = study.spec.base
    if rules.baseline:
        registry.source_file("kerascnn.models", rules.baseline)
        base = base.configure({"family": rules.baseline})
    return searched(study).get(base.config_id) or Candidate(_planned(base))


def _planned(spec: RunSpec) -> RunSpec:
    return dataclasses.replace(spec, phase="search", repeat=0, seed=0, stop_epoch=0)


def _following_repeats(study: Study) -> defaultdict[tuple[str, str], int]:
    """Returns (configuration, phase) -> the first repeat that no run used: 0 without a run."""
    following: defaultdict[tuple[str, str], int] = defaultdict(int)
    for run in study.log:
        key = run.spec.config_id, run.spec.phase
        following[key] = max(following[key], run.spec.repeat + 1)
    return following


def _key(spec: RunSpec) -> tuple[str, int]:
    return spec.phase, spec.repeat


def _confirming(study: Study) -> list[Any]:
    lines = [line for line in study.log.lines() if line["kind"] == "event"]
    return [line for line in lines if line["name"] in EVENTS and "attempt" in line]
