"""Keras Tuner's hyperparameters, as its JSON describes them, in the words of this project."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kerascnn.spec import Value
from tuning.space import Choice, Domain, Float, Int, Space

# Hyperband's own entries among a trial's values.
_TUNERS_OWN = "tuner/"
# Values up to which a range with steps is a choice; above, it is the range.
_MOST_VALUES = 1000

Entry = Mapping[str, Any]


def entries(fields: Mapping[str, Any]) -> Iterator[Entry]:
    """Yields the hyperparameters that an `oracle.json` or a `trial.json` describes."""
    described = fields.get("hyperparameters")
    space = described.get("space") if isinstance(described, dict) else None
    for entry in space if isinstance(space, list) else ():
        config = entry.get("config") if isinstance(entry, dict) else None
        if isinstance(config, dict) and isinstance(config.get("name"), str):
            yield entry


def point_of(values: Mapping[str, Any], described: Iterable[Entry]) -> dict[str, Value]:
    """Returns the active values of a trial, Hyperband's own left out.

    Raises:
        ValueError: If a value is none of a setting.
    """
    scopes: dict[str, list[Any]] = {}  # Name -> the conditions of each of its entries
    for entry in described:
        config = entry["config"]
        scopes.setdefault(config["name"], []).append(config.get("conditions") or [])
    point: dict[str, Value] = {}
    for name, value in values.items():
        if name.startswith(_TUNERS_OWN) or value is None or not _is_active(name, values, scopes):
            continue
        if not isinstance(value, Value) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"{name!r} is {value!r}")
        point[name] = value
    return point


def _is_active(name: str, values: Mapping[str, Any], scopes: Mapping[str, list[Any]]) -> bool:
    """Returns whether all conditions of one of a setting's scopes hold, its parents' included."""

    def holds(condition: Mapping[str, Any]) -> bool:
        parent = condition["config"]
        known = parent["name"] in values and values[parent["name"]] in parent["values"]
        return known and _is_active(parent["name"], values, scopes)

    return any(all(map(holds, conditions)) for conditions in scopes.get(name, [[]]))


def space_of(described: Iterable[Entry], points: Iterable[Mapping[str, Value]]) -> Space:
    """Returns the domain of every setting, of all conditional scopes.

    Args:
        described: The entries of all files, the oracle's first.
        points: What was tried: the domain of a setting that no entry describes.
    """
    domains: dict[str, Domain | None] = {}  # None: read from the values that were tried
    for entry in described:
        name = entry["config"]["name"]
        if not name.startswith(_TUNERS_OWN):
            domain = _domain(entry)
            domains[name] = domain if name not in domains else _joined(domains[name], domain)
    tried: dict[str, list[Value]] = {}
    for point in points:
        for name, value in point.items():
            tried.setdefault(name, []).append(value)
    space: dict[str, Domain] = {}
    for name in dict.fromkeys((*domains, *tried)):
        domain = domains.get(name) or (_of_values(tried[name]) if name in tried else None)
        if domain is not None:
            space[name] = domain
    return space


def _domain(entry: Entry) -> Domain | None:
    """Translates one of Keras Tuner's hyperparameters; None if it is of no known kind."""
    try:
        kind, config = entry["class_name"], entry["config"]
        if kind == "Fixed":
            return Choice(config["value"])
        if kind == "Boolean":
            return Choice(True, False)
        if kind == "Choice" and all(isinstance(value, Value) for value in config["values"]):
            return Choice(*config["values"])
        return _range(kind, config) if kind in ("Int", "Float") else None
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _range(kind: str, config: Mapping[str, Any]) -> Domain:
    plain = int if kind == "Int" else float
    low, high, step = plain(config["min_value"]), plain(config["max_value"]), config.get("step")
    sampling = config.get("sampling") or "linear"
    if kind == "Int" and sampling == "linear":
        return Int(int(low), int(high), step or 1)
    if step is not None:
        count = _count(low, high, step, sampling)
        if count <= _MOST_VALUES:
            values = (_nth(low, high, step, sampling, index) for index in range(count))
            return Choice(*(plain(value) for value in values))
    if kind == "Int":
        return Int(int(low), int(high))
    return Float(low, high, log=sampling == "log")


def _count(low: float, high: float, step: float, sampling: str) -> int:
    """Returns how many values Keras Tuner takes a range with steps to have, by its own sum."""
    if sampling == "linear":
        return int((high - low) // step + 1)
    return int(math.log(high / low, step) + 1e-8) + 1


def _nth(low: float, high: float, step: float, sampling: str, index: int) -> float:
    if sampling == "linear":
        return low + index * step
    power = low * math.pow(step, index)
    return power if sampling == "log" else high + low - power


def _joined(a: Domain | None, b: Domain | None) -> Domain | None:
    """Returns a domain for a setting that two conditional scopes define, each in its own way."""
    if a is None or b is None or a == b:
        return None if b is None else a
    if isinstance(a, Choice) and isinstance(b, Choice):
        alike = type(a.values[0]) is type(b.values[0])
        return Choice(*a.values, *b.values) if alike else None
    if isinstance(a, Choice) or isinstance(b, Choice):
        return None
    low, high = min(a.low, b.low), max(a.high, b.high)
    if isinstance(a, Int) and isinstance(b, Int):
        return Int(int(low), int(high), math.gcd(a.step, b.step, a.low - b.low))
    return Float(low, high, log=getattr(a, "log", False) and getattr(b, "log", False))


def _of_values(values: Iterable[Value]) -> Domain:
    """Returns the domain of the values that were tried, where no better one is known."""
    values = list(values)
    kinds = {type(value) for value in values}
    if len(kinds) == 1:
        return Choice(*values)
    numbers = [float(value) for value in values if type(value) in (int, float)]
    if len(numbers) == len(values):
        return Float(min(numbers), max(numbers))
    return Choice(*(str(value) for value in values))
