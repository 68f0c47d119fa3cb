"""The service distribution report: filters, order and pages over the sessions of an install."""

from __future__ import annotations

import threading
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from invigilate.sandbox.inventions import infer
from invigilate.sandbox.times import parse, to_milliseconds

from .archive import NEVER, SERVICE_TYPES, STATUSES, Columns
from .catalog import Exam
from .installs import Install

_CACHED_QUERIES = 16
_BUCKETS = 1024
# Larger than any time in milliseconds that a datetime can hold.
_LAST = 1 << 60
_SERVICE, _STATUS, _EXAM, _USER, _APPOINTMENT, _CLOSED, _BILLABLE = range(7)

Row = tuple[int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one column.

    Attributes:
        column: number of the column.
        allowed: the values, when they are few.
        least: the lower bound, inclusive. NEVER is below every bound.
        below: the upper bound, exclusive.
    """

    column: int
    allowed: frozenset[int] | None = None
    least: int | None = None
    below: int | None = None

    def holds(self, value: int) -> bool:
        """Whether a value satisfies the condition."""
        if self.allowed is not None:
            return value in self.allowed
        return (
            value != NEVER
            and (self.least is None or value >= self.least)
            and (self.below is None or value < self.below)
        )


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """Filters and order of a report; equal queries share their result."""

    conditions: tuple[Condition, ...] = ()
    keys: tuple[str, ...] = ()
    descending: bool = False
    nulls_first: bool = False

    @classmethod
    def read(cls, query: Mapping[str, Any], install: Install) -> ReportQuery:
        """Read the query of a request, whose types have been checked.

        Raises:
            Problem: a time is malformed.
        """
        catalog, behaviour = install.catalog, install.behaviour
        conditions: list[Condition] = []
        if "serviceTypes" in query:
            conditions.append(_one_of(_SERVICE, query["serviceTypes"], SERVICE_TYPES))
        if "statuses" in query:
            conditions.append(_one_of(_STATUS, query["statuses"], STATUSES))
        if "billable" in query:
            conditions.append(Condition(_BILLABLE, frozenset({int(query["billable"])})))
        wanted = {name: query[name] for name in _EXAM_FILTERS if name in query}
        if wanted:
            same = _same_but_case if behaviour.flips("title-match") else str.__eq__
            exams = (
                exam.index
                for exam in list(catalog.exams)
                if all(
                    (found := _EXAM_FILTERS[name](exam)) is not None and same(found, value)
                    for name, value in wanted.items()
                )
            )
            conditions.append(Condition(_EXAM, frozenset(exams)))
        if "userSid" in query:
            users = (user.index for user in list(catalog.users) if user.sid == query["userSid"])
            conditions.append(Condition(_USER, frozenset(users)))
        for column, name in ((_APPOINTMENT, "appointmentDate"), (_CLOSED, "closeDate")):
            least = _bound(query, f"{name}After")
            below = _bound(query, f"{name}Before")
            if least is not None or below is not None:
                conditions.append(Condition(column, least=least, below=below))
                infer("null-dates")
        keys = tuple(dict.fromkeys(query.get("sortKeys", ())))
        return cls(
            conditions=tuple(conditions),
            keys=keys,
            descending=query.get("sortOrder") == "DESC",
            nulls_first=not _DATES.isdisjoint(keys) and behaviour.flips("null-dates"),
        )

    @property
    def is_whole(self) -> bool:
        """Whether it asks for all rows in their usual order."""
        return not self.conditions and not self.keys


_EXAM_FILTERS: dict[str, Callable[[Exam], str | None]] = {
    "courseOfferingSid": lambda exam: exam.course.offering.sid,
    "courseSid": lambda exam: exam.course.sid,
    "courseTitle": lambda exam: exam.course.title,
    "courseCode": lambda exam: exam.course.code,
    "examTitle": lambda exam: exam.title,
    "examSid": lambda exam: exam.sid,
}


_DATES = frozenset({"appointmentDate", "closeDate"})


def _same_but_case(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _one_of(column: int, values: Iterable[str], names: Sequence[str]) -> Condition:
    return Condition(column, frozenset(names.index(value) for value in values))


def _bound(query: Mapping[str, Any], name: str) -> int | None:
    return to_milliseconds(parse(query[name], name)) if name in query else None


class Report:
    """The report of one install. It caches results, since pages are read in turn.

    Filtering and sorting the archive takes seconds with a million rows, so it happens without the install's lock, and
    in steps that let other threads run.
    """

    def __init__(self, install: Install) -> None:
        self._install = install
        # By query: the positions in the archive, and the positions in the report of a version.
        self._archived: OrderedDict[ReportQuery, list[int]] = OrderedDict()
        self._current: OrderedDict[ReportQuery, tuple[int, list[int]]] = OrderedDict()
        self._title_ranks: dict[str, list[int]] = {}
        self._ranked = -1
        self._building = threading.Lock()

    def page(self, query: ReportQuery, offset: int, limit: int) -> tuple[int, list[dict[str, object]]]:
        """The rows of a page, and the number of rows on all pages."""
        install = self._install
        while True:
            with install.lock:
                version = self._rank_titles()
                archived = self._find_cached(query)
                if archived is not None:
                    install.read_report()
                    found = self._merge(query, archived)
                    return len(found), [install.report_row(each) for each in found[offset : offset + limit]]
            self._build(query, version)

    def _find_cached(self, query: ReportQuery) -> Sequence[int] | None:
        """The positions of the archive that match a query, if they are known."""
        if query.is_whole:
            return range(self._install.archive.size)
        found = self._archived.get(query)
        if found is not None:
            self._archived.move_to_end(query)
        return found

    def _rank_titles(self) -> int:
        catalog = self._install.catalog
        if self._ranked != catalog.version:
            # With other titles the order may be another one.
            self._archived.clear()
            self._current.clear()
            self._title_ranks = {
                "courseTitle": _ranks([exam.course.title for exam in catalog.exams]),
                "examTitle": _ranks([exam.title for exam in catalog.exams]),
            }
            self._ranked = catalog.version
        return self._ranked

    def _build(self, query: ReportQuery, version: int) -> None:
        """Find the positions of the archive that match a query. Callers must not hold the install's lock."""
        with self._building:
            with self._install.lock:
                if self._ranked != version or query in self._archived:
                    return
                ranks = self._title_ranks
            columns = _in_order(self._install.archive.columns)
            found = list(range(self._install.archive.size))
            for condition in query.conditions:
                found = _narrow(found, columns[condition.column], condition)
            # Sorting is stable, so the least important key comes first.
            for name in reversed(query.keys):
                values = _sort_values(name, found, columns, ranks, query)
                found = _sorted_in_steps(found, values, descending=query.descending)
            with self._install.lock:
                if self._ranked == version:
                    _remember(self._archived, query, found)

    def _merge(self, query: ReportQuery, archived: Sequence[int]) -> Sequence[int]:
        install = self._install
        if query.is_whole and not install.has_gaps:
            return range(install.report_size)
        version, merged = self._current.get(query, (-1, []))
        if version == install.version:
            return merged
        if not install.live:
            return archived
        merged = [position for position in archived if position not in install.live]
        live = {position: session.columns() for position, session in install.live.items() if session.in_report}
        # Without keys no value of the archive is compared.
        columns = _in_order(install.archive.columns) if query.keys else ()

        def rank(position: int) -> tuple[int, ...]:
            row = live.get(position)
            values = [
                self._sort_value(name, row or tuple(column[position] for column in columns), query)
                for name in query.keys
            ]
            return (*(-value if query.descending else value for value in values), position)

        for position, row in live.items():
            if all(condition.holds(row[condition.column]) for condition in query.conditions):
                insort(merged, position, key=rank)
        _remember(self._current, query, (install.version, merged))
        return merged

    def _sort_value(self, name: str, row: Sequence[int], query: ReportQuery) -> int:
        if name in self._title_ranks:
            return self._title_ranks[name][row[_EXAM]]
        time = row[_APPOINTMENT if name == "appointmentDate" else _CLOSED]
        return _null_rank(query) if time == NEVER else time


def _null_rank(query: ReportQuery) -> int:
    return -_LAST if query.nulls_first else _LAST


def _sort_values(
    name: str,
    positions: Sequence[int],
    columns: Sequence[Sequence[int]],
    title_ranks: Mapping[str, Sequence[int]],
    query: ReportQuery,
) -> list[int]:
    if name in title_ranks:
        ranks, exams = title_ranks[name], columns[_EXAM]
        return [ranks[exams[position]] for position in positions]
    times, null = columns[_APPOINTMENT if name == "appointmentDate" else _CLOSED], _null_rank(query)
    return [null if times[position] == NEVER else times[position] for position in positions]


def _sorted_in_steps(positions: Sequence[int], values: Sequence[int], *, descending: bool) -> list[int]:
    """Sort positions by their values, stably, as `list.sort` does.

    One sort of a million numbers would hold the interpreter's lock for its whole length; these are sorted bucket by
    bucket.
    """
    present = [value for value in values if abs(value) != _LAST]
    low, high = (min(present), max(present)) if present else (0, 0)
    width = (high - low) // _BUCKETS + 1
    buckets: list[list[tuple[int, int]]] = [[] for _ in range(_BUCKETS + 2)]
    for position, value in zip(positions, values, strict=True):
        number = 0 if value < low else _BUCKETS + 1 if value > high else 1 + (value - low) // width
        buckets[number].append((value, position))
    found: list[int] = []
    for bucket in reversed(buckets) if descending else buckets:
        bucket.sort(key=_first, reverse=descending)
        found.extend(position for _, position in bucket)
    return found


_first: Callable[[tuple[int, int]], int] = itemgetter(0)


def _in_order(columns: Columns) -> tuple[Sequence[int], ...]:
    return (
        columns.service,
        columns.status,
        columns.exam,
        columns.user,
        columns.appointment,
        columns.closed,
        columns.billable,
    )


def _narrow(positions: list[int], column: Sequence[int], condition: Condition) -> list[int]:
    if condition.allowed is not None:
        allowed = condition.allowed
        return [position for position in positions if column[position] in allowed]
    least = NEVER + 1 if condition.least is None else condition.least
    below = _LAST if condition.below is None else condition.below
    return [position for position in positions if least <= column[position] < below]


def _ranks(titles: Sequence[str]) -> list[int]:
    order = {title: rank for rank, title in enumerate(sorted(set(titles)))}
    return [order[title] for title in titles]


def _remember(cache: OrderedDict[ReportQuery, Any], query: ReportQuery, value: Any) -> None:
    cache[query] = value
    while len(cache) > _CACHED_QUERIES:
        cache.popitem(last=False)
