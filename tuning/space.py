"""Search spaces as data: frozen domains by the name of the setting. Standard library only."""

import dataclasses
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerascnn.spec import Value


@dataclasses.dataclass(frozen=True)
class Int:
    """The integers low, low + step, ... up to `high`, included where a step lands on it."""

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        if not (self.low <= self.high and self.step > 0):
            raise ValueError(f"`low <= high` and `step > 0` must hold. Received: {text(self)}")

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(range(self.low, self.high + 1, self.step))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and value in range(self.low, self.high + 1, self.step)


@dataclasses.dataclass(frozen=True)
class Float:
    """The numbers from `low` to `high`, both included; `log` spreads them evenly in magnitude."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"`low <= high` must hold, both finite. Received: {text(self)}")
        if self.log and not self.low > 0:
            raise ValueError(f"`low > 0` must hold on a log scale. Received: {text(self)}")

    @property
    def values(self) -> tuple[float, ...] | None:
        """The one value there is, or None: without end."""
        return (self.low,) if self.low == self.high else None

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclasses.dataclass(frozen=True, init=False)
class Choice:
    """One of the given values, all of one type."""

    values: tuple[Value, ...]

    def __init__(self, *values: Value) -> None:
        if not values:
            raise ValueError("`Choice` needs at least one value.")
        if len({type(value) for value in values}) > 1:
            raise ValueError(f"`Choice` needs values of one type. Received: {values}")
        object.__setattr__(self, "values", tuple(dict.fromkeys(values)))

    def __contains__(self, value: object) -> bool:
        return any(value == v and type(value) is type(v) for v in self.values)


Domain = Int | Float | Choice
Space = Mapping[str, Domain]


def size(space: Space) -> int | None:
    """Returns how many points there are; None: without end."""
    counts = [domain.values for domain in space.values()]
    if any(values is None for values in counts):
        return None
    return math.prod(len(values) for values in counts if values is not None)


def contains(space: Space, point: Mapping[str, Value]) -> bool:
    """Returns whether `point` has a value of its domain for every setting of the space."""
    return all(name in point and point[name] in domain for name, domain in space.items())


def union(spaces: Iterable[Space]) -> dict[str, Domain]:
    """Returns one domain for every name in several spaces, which holds all that they hold.

    A setting that is a choice in one and a range in another becomes the range of both.
    """
    domains: dict[str, list[Domain]] = {}
    for space in spaces:
        for name, domain in space.items():
            domains.setdefault(name, []).append(domain)
    return {name: _joined(each) for name, each in domains.items()}


def _joined(domains: Sequence[Domain]) -> Domain:
    if len(set(domains)) == 1:
        return domains[0]
    if all(isinstance(domain, Choice) for domain in domains):
        return Choice(*(value for domain in domains for value in ends(domain)))
    every = [float(value) for domain in domains for value in ends(domain)]
    log = any(isinstance(domain, Float) and domain.log for domain in domains)
    if all(isinstance(value, int) for domain in domains for value in ends(domain)):
        return Int(int(min(every)), int(max(every)))
    return Float(min(every), max(every), log=log and min(every) > 0)


def sample(space: Space, rng: random.Random) -> dict[str, Value]:
    """Draws one point, each setting uniformly (on its scale) and independently."""
    return {name: _draw(domain, rng) for name, domain in space.items()}


def nth(space: Space, index: int) -> dict[str, Value]:
    """Returns point number `index` of a space with an end, the last setting varying fastest."""
    point: dict[str, Value] = {}
    for name, domain in reversed(list(space.items())):
        values = domain.values
        if values is None:
            raise ValueError(f"`{name}` has no end of values: {domain}")
        index, position = divmod(index, len(values))
        point[name] = values[position]
    return {name: point[name] for name in space}


def parse(typed: str, default: Value | None = None) -> Domain:
    """Reads a domain as typed: "8:64:8", "1e-4:1e-1:log", "0.0:0.5" or "max,average".

    Whole numbers make an `Int` unless `default`, the setting's own, is a float. Words may hold a
    colon if it is a word.

    Raises:
        ValueError: If it is none of these.
    """
    low, colon, rest = typed.partition(":")
    if not colon or isinstance(default, str):
        return Choice(*(_like(scalar(word), default) for word in typed.split(",")))
    high, _, step = rest.partition(":")
    ends = scalar(low), scalar(high)
    try:
        if step == "log" or isinstance(default, float) or any(type(e) is float for e in ends):
            if step not in ("", "log"):
                raise ValueError(step)
            return Float(float(low), float(high), log=step == "log")
        return Int(int(low), int(high), int(step or 1))
    except ValueError as error:
        if "must hold" in str(error):
            raise
        raise ValueError(
            f"Expected low:high, low:high:step, low:high:log or a,b,c. Received: {typed!r}"
        ) from None


def text(domain: Domain) -> str:
    """Returns a domain as `parse` reads it."""
    if isinstance(domain, Choice):
        return ",".join(
            str(value).lower() if value is True or value is False else str(value)
            for value in domain.values
        )
    if isinstance(domain, Float):
        return f"{domain.low!r}:{domain.high!r}" + (":log" if domain.log else "")
    return f"{domain.low}:{domain.high}" + (f":{domain.step}" if domain.step != 1 else "")


def scalar(typed: str) -> Value:
    """Reads one value as typed: an int, a float, true or false, else a string."""
    if typed.lower() in ("true", "false"):
        return typed.lower() == "true"
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            continue
    return typed


def to_json(domain: Domain) -> dict[str, object]:
    """Returns a domain as JSON values, its kind included."""
    fields = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(domain).items()}
    return {"kind": type(domain).__name__, **fields}


def from_json(fields: Mapping[str, Any]) -> Domain:
    """Returns the domain that `to_json` wrote."""
    rest = {name: value for name, value in fields.items() if name != "kind"}
    if fields["kind"] == "Choice":
        return Choice(*rest["values"])
    return Int(**rest) if fields["kind"] == "Int" else Float(**rest)


def ends(domain: Domain) -> tuple[Value, ...]:
    """Returns the values a domain reaches furthest with: the ends of a range, or each choice."""
    return domain.values if isinstance(domain, Choice) else (domain.low, domain.high)


def _draw(domain: Domain, rng: random.Random) -> Value:
    if isinstance(domain, Float):
        if domain.log:
            return math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
        return rng.uniform(domain.low, domain.high)
    return rng.choice(domain.values)


def _like(value: Value, default: Value | None) -> Value:
    return float(value) if isinstance(default, float) and type(value) is int else value
