"""Counts, sums and an order kept as runs end: nothing is counted or sorted again."""

import bisect
import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Generic, TypeVar

Name = TypeVar("Name")
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Tally:
    """Runs that ended, those of them that failed, and those that are planned."""

    ended: int = 0
    failed: int = 0
    planned: int = 0

    def replaced(self, old: "Tally", new: "Tally") -> "Tally":
        """Returns this sum with one of its parts replaced."""
        return Tally(
            self.ended - old.ended + new.ended,
            self.failed - old.failed + new.failed,
            self.planned - old.planned + new.planned,
        )


class Ranking(Generic[Name, Item]):
    """Items in the order of their keys, of which each is another's."""

    def __init__(self) -> None:
        self._keys: list[Any] = []  # Sorted
        self._items: list[Item] = []  # In the order of the keys
        self._known: dict[Name, Any] = {}  # Name -> key

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, name: Name) -> Item:
        return self._items[bisect.bisect_left(self._keys, self._known[name])]

    def place(self, name: Name) -> int:
        """Returns how many items stand before one."""
        return bisect.bisect_left(self._keys, self._known[name])

    def put(self, name: Name, key: Any, item: Item) -> None:
        """Puts an item in its place; one of the same name leaves."""
        self.remove(name)
        place = bisect.bisect_left(self._keys, key)
        self._keys.insert(place, key)
        self._items.insert(place, item)
        self._known[name] = key

    def remove(self, name: Name) -> None:
        """Takes an item out, if there is one of that name."""
        if name in self._known:
            place = bisect.bisect_left(self._keys, self._known.pop(name))
            del self._keys[place]
            del self._items[place]

    def items(self, count: int | None = None) -> list[Item]:
        """Returns the first `count` items, or all."""
        return self._items[:count]


class Sums(Generic[Name]):
    """Sums over named rows of numbers: exact, so that what leaves them leaves no trace.

    Args:
        columns: Numbers in a row.
    """

    def __init__(self, columns: int) -> None:
        self._rows: dict[Name, Sequence[float | Fraction]] = {}
        self.totals = [Fraction(0)] * columns

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, name: Name, row: Sequence[float | Fraction]) -> None:
        """Adds a row; one of the same name leaves."""
        if self._rows.get(name) != row:
            self.remove(name)
            self._rows[name] = row
            self._add(row, 1)

    def remove(self, name: Name) -> None:
        """Takes a row out, if there is one of that name."""
        if (row := self._rows.pop(name, None)) is not None:
            self._add(row, -1)

    def _add(self, row: Sequence[float | Fraction], sign: int) -> None:
        parts = (sign * Fraction(value) for value in row)
        self.totals = [total + part for total, part in zip(self.totals, parts, strict=True)]
