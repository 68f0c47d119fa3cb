"""Counts sessions while a report is read, so that no row is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, timedelta, tzinfo
from typing import Any, Literal

from invigilate._timestamps import parse_timestamp
from invigilate.errors import InvalidTimestampError

from .output import shown

NONE = "(none)"
"""Stands for a service type or a status that a row does not have."""
_FIRST = ("Scheduled", "Closed", "Cancelled")
Step = Literal["day", "week", "month", "year"]
_STEPS: tuple[tuple[int, Step], ...] = ((62, "day"), (400, "week"), (3700, "month"))


class Tally:
    """Numbers of sessions by service type, status and day of the appointment.

    Args:
        place: the time zone in which a day begins; by default UTC.
    """

    def __init__(self, place: tzinfo | None = None) -> None:
        self._place = place or UTC
        self.total = 0
        self.undated = 0
        self.services: Counter[tuple[str, str]] = Counter()
        self.days: Counter[tuple[date, str]] = Counter()

    @property
    def place(self) -> str:
        """The name of the time zone."""
        return str(self._place)

    def count(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Count rows on their way."""
        for row in rows:
            self.add(row)
            yield row

    def add(self, row: Any) -> None:
        """Count a row: a generated model, or whatever came in place of an object."""
        self.total += 1
        status = _word(getattr(row, "status", None))
        self.services[_word(getattr(row, "service_type", None)), status] += 1
        day = self._day(getattr(row, "appointment_date", None))
        if day is None:
            self.undated += 1
        else:
            self.days[day, status] += 1

    def _day(self, text: Any) -> date | None:
        try:
            return parse_timestamp(text).astimezone(self._place).date()
        except (InvalidTimestampError, OverflowError):
            return None

    def statuses(self) -> list[str]:
        """The statuses: documented ones first, in the order of a session's life."""
        found = {status for _, status in self.services}
        return [name for name in _FIRST if name in found] + sorted(found.difference(_FIRST))

    def by_service(self) -> dict[str, dict[str, int]]:
        """Numbers by service type, the most frequent one first, and in it by status."""
        table: dict[str, dict[str, int]] = {}
        for (service, status), number in sorted(self.services.items()):
            table.setdefault(service, {})[status] = number
        return dict(sorted(table.items(), key=lambda item: (-sum(item[1].values()), item[0])))

    def step(self) -> Step:
        """How long the stretches of time are in which days are put together."""
        days = [day for day, _ in self.days]
        span = (max(days) - min(days)).days if days else 0
        for most, name in _STEPS:
            if span <= most:
                return name
        return "year"

    def over_time(self) -> dict[date, dict[str, int]]:
        """Numbers by the first day of each stretch of time, empty ones included, and in it by status."""
        step = self.step()
        numbers: dict[date, dict[str, int]] = {}
        for (day, status), number in sorted(self.days.items()):
            parts = numbers.setdefault(_start(day, step), {})
            parts[status] = parts.get(status, 0) + number
        if not numbers:
            return {}
        first, last = min(numbers), max(numbers)
        return {start: numbers.get(start, {}) for start in _starts(first, last, step)}

    def stretches(self) -> dict[str, dict[str, int]]:
        """As `over_time`, by the names of the stretches of time: 2026-10-05, 2026-10 or 2026."""
        length = {"day": 10, "week": 10, "month": 7, "year": 4}[self.step()]
        return {start.isoformat()[:length]: parts for start, parts in self.over_time().items()}

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON takes it."""
        return {
            "total": self.total,
            "byServiceType": self.by_service(),
            "overTime": {
                "step": self.step(),
                "timezone": self.place,
                "sessions": self.stretches(),
                "withoutAppointment": self.undated,
            },
        }


def _word(value: Any) -> str:
    return shown(value)[:40] if isinstance(value, str) and value else NONE


def _start(day: date, step: Step) -> date:
    if step == "day":
        return day
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day.replace(month=1, day=1)


def _starts(first: date, last: date, step: Step) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        longer = {"day": 1, "week": 7, "month": 32, "year": 366}[step]
        day = _start(day + timedelta(days=longer), step)


def places(statuses: Iterable[str]) -> dict[str, int]:
    """Number the statuses, for colours and signs: the documented ones are the same in every chart, whichever occur."""
    others = [status for status in statuses if status not in _FIRST]
    return {status: place for place, status in enumerate([*_FIRST, *others])}


def sessions(number: int) -> str:
    """Write a number of sessions."""
    return f"{number:,} session{'' if number == 1 else 's'}"


def sums(parts: Mapping[str, int]) -> int:
    """Add up the numbers of all statuses."""
    return sum(parts.values())
