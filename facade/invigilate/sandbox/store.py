"""Rows in memory, with indexes and filters that stay fast when there are many."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Generic, Protocol, TypeVar

Filters = Mapping[str, Collection[Hashable]]
"""What rows must have, by the name of an index: one of the keys. `id` is always an index."""
START = -1
"""The position before the first row."""


class Identified(Protocol):
    """A row of a table."""

    @property
    def id(self) -> str:
        """Its ID."""
        ...


Row = TypeVar("Row", bound=Identified)
Item = TypeVar("Item")
Keys = Callable[[Row], Iterable[Hashable]]


class Table(Generic[Row]):
    """Rows by ID, in the order in which they were added. Each has a number that never changes: its position.

    It is not safe for threads.

    Args:
        indexes: by name, a function that returns the keys under which a row is found.

    Attributes:
        examined: number of rows that selections have looked at; it shows the cost of a list without a clock.
    """

    def __init__(self, **indexes: Keys[Row]) -> None:
        self.examined = 0
        self._keys: dict[str, Keys[Row]] = {"id": lambda row: (row.id,), **indexes}
        self._numbers: dict[str, int] = {}
        self._rows: dict[int, Row] = {}
        self._order: list[int] = []
        self._indexes: dict[str, dict[Hashable, list[int]]] = {name: {} for name in indexes}
        self._next = 0

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._numbers

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def __getitem__(self, row_id: str) -> Row:
        return self._rows[self._numbers[row_id]]

    def get(self, row_id: str) -> Row | None:
        """The row with an ID."""
        number = self._numbers.get(row_id)
        return None if number is None else self._rows[number]

    def add(self, row: Row) -> Row:
        """Add a row at the end."""
        number, self._next = self._next, self._next + 1
        self._numbers[row.id] = number
        self._rows[number] = row
        self._order.append(number)
        self._file(number, row)
        return row

    def remove(self, row_id: str) -> None:
        """Remove a row; the positions of the others stay."""
        number = self._numbers.pop(row_id)
        self._unfile(number, self._rows.pop(number))
        del self._order[bisect_left(self._order, number)]

    @contextmanager
    def changing(self, row_id: str) -> Generator[Row]:
        """Change a row; the indexes follow."""
        number = self._numbers[row_id]
        row = self._rows[number]
        self._unfile(number, row)
        try:
            yield row
        finally:
            self._file(number, row)

    def behind(self, count: int) -> int:
        """The position behind the first rows."""
        return self._order[count - 1] if 0 < count <= len(self._order) else START if count < 1 else self._next

    def has(self, index: str, key: Hashable) -> bool:
        """Whether a row has a key."""
        return key in self._indexes[index]

    def count(self, index: str, key: Hashable) -> int:
        """Number of the rows that have a key."""
        return len(self._indexes[index].get(key, ()))

    def select(
        self, filters: Filters | None = None, keep: Callable[[Row], bool] | None = None, after: int = START
    ) -> Iterator[tuple[int, Row]]:
        """The rows behind a position that pass all filters, each with its position.

        Args:
            filters: keys by index; the smallest of them is walked, so that no other rows are looked at.
            keep: a condition without an index.
            after: the position to start behind.
        """
        filters = filters or {}
        lists = {name: self._lists(name, keys) for name, keys in filters.items()}
        driver = min(lists, key=lambda name: sum(map(len, lists[name])), default=None)
        others = [(self._keys[name], frozenset(keys)) for name, keys in filters.items() if name != driver]
        last = after
        for number in _merged([self._order] if driver is None else lists[driver], after):
            if number == last:
                continue  # it has several of the keys
            last = number
            self.examined += 1
            row = self._rows[number]
            if all(not keys.isdisjoint(found(row)) for found, keys in others) and (keep is None or keep(row)):
                yield number, row

    def rows(self, **filters: Collection[Hashable]) -> list[Row]:
        """All rows that pass the filters."""
        return [row for _, row in self.select(filters)]

    def _lists(self, name: str, keys: Collection[Hashable]) -> list[list[int]]:
        if name == "id":
            return [[self._numbers[str(key)]] for key in keys if key in self._numbers]
        index = self._indexes[name]
        return [index[key] for key in keys if key in index]

    def _file(self, number: int, row: Row) -> None:
        for name, index in self._indexes.items():
            for key in self._keys[name](row):
                numbers = index.get(key)
                if numbers is None:
                    index[key] = [number]
                else:
                    insort(numbers, number)

    def _unfile(self, number: int, row: Row) -> None:
        for name, index in self._indexes.items():
            for key in self._keys[name](row):
                numbers = index[key]
                del numbers[bisect_left(numbers, number)]
                if not numbers:
                    del index[key]


def cut(rows: Iterator[tuple[int, Item]], size: int) -> tuple[list[Item], int | None]:
    """One page of a selection, and the position to continue behind; None at the end."""
    page = list(islice(rows, size))
    more = next(rows, None) is not None
    return [row for _, row in page], page[-1][0] if more else None


def _merged(lists: list[list[int]], after: int) -> Iterator[int]:
    parts = [_behind(numbers, after) for numbers in lists]
    return parts[0] if len(parts) == 1 else heapq.merge(*parts)


def _behind(numbers: list[int], after: int) -> Iterator[int]:
    # No slice: that would copy the rest of the list for each page.
    for position in range(bisect_right(numbers, after), len(numbers)):
        yield numbers[position]
