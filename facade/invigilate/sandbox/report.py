"""The service distribution report: filters, order and pages over the sessions of an install."""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .archive import NEVER, SERVICE_TYPES, STATUSES, Columns
from .catalogue import Catalogue, Exam
from .installs import Install
from .times import parse, to_milliseconds

_CACHED_QUERIES = 16
# Larger than any time in milliseconds that a datetime can hold.
_LAST = 1 << 60
_SERVICE, _STATUS, _EXAM, _USER, _APPOINTMENT, _CLOSED, _BILLABLE = range(7)

Row = tuple[int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Condition:
    """What one column has to be.

    Attributes:
        column: number of the column.
        allowed: the values, when they are few.
        least: the lowest value, inclusive. NEVER is below every bound.
        below: the bound that values stay under.
    """

    column: int
    allowed: frozenset[int] | None = None
    least: int | None = None
    below: int | None = None

    def holds(self, value: int) -> bool:
        """Whether a value is as it has to be."""
        if self.allowed is not None:
            return value in self.allowed
        return (
            value != NEVER
            and (self.least is None or value >= self.least)
            and (self.below is None or value < self.below)
        )


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """Filters and order of a report; equal ones share their result."""

    conditions: tuple[Condition, ...] = ()
    keys: tuple[str, ...] = ()
    descending: bool = False

    @classmethod
    def read(cls, query: Mapping[str, Any], catalogue: Catalogue) -> ReportQuery:
        """Read the query of a request, whose types have been checked.

        Raises:
            Problem: if a time is none.
        """
        conditions: list[Condition] = []
        if "serviceTypes" in query:
            conditions.append(_one_of(_SERVICE, query["serviceTypes"], SERVICE_TYPES))
        if "statuses" in query:
            conditions.append(_one_of(_STATUS, query["statuses"], STATUSES))
        if "billable" in query:
            conditions.append(Condition(_BILLABLE, frozenset({int(query["billable"])})))
        wanted = {name: query[name] for name in _EXAM_FILTERS if name in query}
        if wanted:
            exams = (
                exam.index
                for exam in catalogue.exams
                if all(_EXAM_FILTERS[name](exam) == value for name, value in wanted.items())
            )
            conditions.append(Condition(_EXAM, frozenset(exams)))
        if "userSid" in query:
            users = (user.index for user in catalogue.users if user.sid == query["userSid"])
            conditions.append(Condition(_USER, frozenset(users)))
        for column, name in ((_APPOINTMENT, "appointmentDate"), (_CLOSED, "closeDate")):
            least = _bound(query, f"{name}After")
            below = _bound(query, f"{name}Before")
            if least is not None or below is not None:
                conditions.append(Condition(column, least=least, below=below))
        return cls(
            conditions=tuple(conditions),
            keys=tuple(dict.fromkeys(query.get("sortKeys", ()))),
            descending=query.get("sortOrder") == "DESC",
        )

    @property
    def is_whole(self) -> bool:
        """Whether the report is wanted as it stands."""
        return not self.conditions and not self.keys


_EXAM_FILTERS: dict[str, Callable[[Exam], str | None]] = {
    "courseOfferingSid": lambda exam: exam.course.offering.sid,
    "courseSid": lambda exam: exam.course.sid,
    "courseTitle": lambda exam: exam.course.title,
    "courseCode": lambda exam: exam.course.code,
    "examTitle": lambda exam: exam.title,
    "examSid": lambda exam: exam.sid,
}


def _one_of(column: int, values: Iterable[str], names: Sequence[str]) -> Condition:
    return Condition(column, frozenset(names.index(value) for value in values))


def _bound(query: Mapping[str, Any], name: str) -> int | None:
    return to_milliseconds(parse(query[name], name)) if name in query else None


class Report:
    """The report of one install. It remembers results, since pages are asked for in turn."""

    def __init__(self, install: Install) -> None:
        self._install = install
        # By query: the positions in the archive, and the positions in the report of a version.
        self._archived: OrderedDict[ReportQuery, list[int]] = OrderedDict()
        self._current: OrderedDict[ReportQuery, tuple[int, list[int]]] = OrderedDict()
        self._title_ranks: dict[str, list[int]] = {}
        self._ranked = -1

    def page(self, query: ReportQuery, offset: int, limit: int) -> tuple[int, list[dict[str, object]]]:
        """The rows of a page, and the number of rows on all pages."""
        install = self._install
        with install.lock:
            install.read_report()
            self._rank_titles()
            found: Sequence[int] = range(install.report_size)
            if not query.is_whole or install.has_gaps:
                found = self._merge(query, self._find_archived(query))
            return len(found), [install.report_row(each) for each in found[offset : offset + limit]]

    def _rank_titles(self) -> None:
        catalogue = self._install.catalogue
        if self._ranked != catalogue.version:
            # With other titles the order may be another one.
            self._archived.clear()
            self._current.clear()
            self._title_ranks = {
                "courseTitle": _ranks([exam.course.title for exam in catalogue.exams]),
                "examTitle": _ranks([exam.title for exam in catalogue.exams]),
            }
            self._ranked = catalogue.version

    def _find_archived(self, query: ReportQuery) -> list[int]:
        found = self._archived.get(query)
        if found is None:
            columns = _in_order(self._install.archive.columns)
            found = list(range(self._install.archive.size))
            for condition in query.conditions:
                found = _narrow(found, columns[condition.column], condition)
            # Sorting is stable, so the least important key comes first.
            for name in reversed(query.keys):
                key = self._sort_key(name, columns)
                found.sort(key=key, reverse=query.descending)
            _remember(self._archived, query, found)
        self._archived.move_to_end(query)
        return found

    def _merge(self, query: ReportQuery, archived: list[int]) -> list[int]:
        install = self._install
        version, merged = self._current.get(query, (-1, archived))
        if version == install.version:
            return merged
        if not install.live:
            return archived
        merged = [position for position in archived if position not in install.live]
        columns = _in_order(install.archive.columns)
        live = {position: session.columns() for position, session in install.live.items() if session.in_report}

        def rank(position: int) -> tuple[int, ...]:
            row = live.get(position)
            values = [
                self._sort_value(name, row or tuple(column[position] for column in columns)) for name in query.keys
            ]
            return (*(-value if query.descending else value for value in values), position)

        for position, row in live.items():
            if all(condition.holds(row[condition.column]) for condition in query.conditions):
                insort(merged, position, key=rank)
        _remember(self._current, query, (install.version, merged))
        return merged

    def _sort_key(self, name: str, columns: Sequence[Sequence[int]]) -> Callable[[int], int]:
        if name in self._title_ranks:
            ranks, exams = self._title_ranks[name], columns[_EXAM]
            return lambda position: ranks[exams[position]]
        times = columns[_APPOINTMENT if name == "appointmentDate" else _CLOSED]
        return lambda position: _LAST if times[position] == NEVER else times[position]

    def _sort_value(self, name: str, row: Sequence[int]) -> int:
        if name in self._title_ranks:
            return self._title_ranks[name][row[_EXAM]]
        time = row[_APPOINTMENT if name == "appointmentDate" else _CLOSED]
        return _LAST if time == NEVER else time


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
