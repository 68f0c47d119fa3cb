"""The sessions of a report of any length, computed from their position when needed.

A row is a function of the seed and its position, so a page costs its own rows only. Filters and sorts need the few
values below of all rows; these are computed once, when first needed, and kept as columns (100,000 rows take some 3 MB).
"""

from __future__ import annotations

import threading
from array import array
from dataclasses import dataclass
from typing import NamedTuple

from invigilate.sandbox.identifiers import Mint
from invigilate.sandbox.times import to_milliseconds

from .catalog import USERS, Catalog

SERVICE_TYPES = (
    "automated", "automated-with-review", "live", "virtual-test-center", "proctoru",
    "register-blast", "ad-hoc", "messaging",
)  # fmt: skip
STATUSES = ("Scheduled", "Closed", "Cancelled")
SCHEDULED, CLOSED, CANCELLED = range(3)
NEVER = -(1 << 60)
"""Null in columns of times: earlier than any time that a `datetime` can hold."""

# Cumulated shares, of 256, of the service types.
_SERVICE_LIMITS = (56, 96, 152, 180, 204, 222, 246, 256)
# Cumulated shares, of 256, of the statuses: in terms that have passed, and in the last one.
_PAST_LIMITS = (15, 225, 256)
_CURRENT_LIMITS = (179, 220, 256)
_SCHEDULING_MODULES = (
    "automated", "automated", "b-virtual", "vtc", "proctoru", "register-blast", "ad-hoc",
    "messaging",
)  # fmt: skip
_CLOSED_REASONS = ("Completed", "Completed", "Completed", "No Show")
_CANCELLED_REASONS = ("Changed Time", "No Show", "Technical Issue", "Other Reason")

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE
# Appointments begin every quarter of an hour from 8 to 20 UTC.
_SLOTS_A_DAY = 48


class ArchiveRow(NamedTuple):
    """One session of the archive. Times are milliseconds since 1970, or NEVER."""

    service: int
    status: int
    exam: int
    user: int
    appointment: int
    closed: int
    cancelled: int
    billable: bool
    reason: str | None

    @property
    def scheduling_module(self) -> str:
        """The module that booked the session."""
        return _SCHEDULING_MODULES[self.service]


class _Sitting(NamedTuple):
    """What the sessions of an exam have in common; the duration in milliseconds."""

    first_day: int
    slots: int
    statuses: bytes
    duration: int


@dataclass(frozen=True, slots=True)
class Columns:
    """The values that filters and sorts need, by position."""

    service: array[int]
    status: array[int]
    exam: array[int]
    user: array[int]
    appointment: array[int]
    closed: array[int]
    billable: array[int]


class Archive:
    """The sessions of an install that were not booked through this sandbox."""

    def __init__(self, mint: Mint, catalog: Catalog, size: int) -> None:
        self.size = size
        self._mint = mint
        self._catalog = catalog
        self._columns: Columns | None = None
        self._by_sitting: dict[tuple[int, int], list[int]] | None = None
        self._lock = threading.Lock()
        self._sittings = _sittings(catalog)

    def sid(self, position: int) -> str:
        """The SID of a session."""
        return self._mint.numbered_sid("ES", "archive", position)

    def position(self, sid: str) -> int | None:
        """The position of a session, None when it is not in the archive."""
        position = self._mint.index_of("ES", "archive", sid)
        return position if position is not None and position < self.size else None

    def prepare(self) -> None:
        """Build what `sids_of` needs. With many rows it takes seconds, so call it without the install's lock."""
        columns = self.columns
        with self._lock:
            if self._by_sitting is None:
                found: dict[tuple[int, int], list[int]] = {}
                for position, key in enumerate(zip(columns.exam, columns.user, strict=True)):
                    found.setdefault(key, []).append(position)
                self._by_sitting = found

    def sids_of(self, exam: int, user: int) -> list[str]:
        """The SIDs of a person's sessions of an exam."""
        if self._by_sitting is None:
            self.prepare()
        return [self.sid(position) for position in (self._by_sitting or {}).get((exam, user), ())]

    def minutes(self, position: int) -> float:
        """The duration of a session, whatever became of its exam since."""
        return self._sittings[self.row(position).exam].duration / _MINUTE

    def row(self, position: int) -> ArchiveRow:
        """One session."""
        bits = self._mint.fast_number(position)
        exam = (bits >> 16 & 0xFFFF) % len(self._sittings)
        first_day, slots, statuses, duration = self._sittings[exam]
        day, quarter = divmod((bits >> 32 & 0xFFFFFFFF) % slots, _SLOTS_A_DAY)
        appointment = first_day + day * _DAY + (8 * 4 + quarter) * 15 * _MINUTE
        status = statuses[bits >> 8 & 0xFF]
        chance = bits >> 96 & 0xFF
        closed = cancelled = NEVER
        reason = None
        billable = chance % 16 != 1
        if status == CLOSED:
            # A few sessions are closed without a date.
            if chance >= 6:
                closed = appointment + duration - (bits >> 104 & 0xFFFF) * 10
            reason = _CLOSED_REASONS[chance % 4]
        elif status == CANCELLED:
            cancelled = appointment - (1 + chance % 10) * _DAY - (bits >> 104 & 0xFFF) * 1000
            reason = _CANCELLED_REASONS[chance % 4]
            billable = not billable
        return ArchiveRow(
            _SERVICES[bits & 0xFF],
            status,
            exam,
            (bits >> 64 & 0xFFFF) % USERS,
            appointment,
            closed,
            cancelled,
            billable,
            reason,
        )

    @property
    def columns(self) -> Columns:
        """The columns. Computing them takes seconds with many rows, so ask without the install's lock."""
        with self._lock:
            if self._columns is None:
                self._columns = self._make_columns()
            return self._columns

    def _make_columns(self) -> Columns:
        columns = Columns(array("B"), array("B"), array("H"), array("H"), array("q"), array("q"), array("B"))
        for row in map(self.row, range(self.size)):
            columns.service.append(row.service)
            columns.status.append(row.status)
            columns.exam.append(row.exam)
            columns.user.append(row.user)
            columns.appointment.append(row.appointment)
            columns.closed.append(row.closed)
            columns.billable.append(row.billable)
        return columns


def _sittings(catalog: Catalog) -> list[_Sitting]:
    sittings: list[_Sitting] = []
    last = len(catalog.offerings) - 1
    for exam in catalog.exams:
        offering = exam.course.offering
        if offering.start is None or offering.end is None:
            raise ValueError("a new catalog has dates for all its offerings")
        sittings.append(
            _Sitting(
                first_day=to_milliseconds(offering.start),
                slots=((offering.end - offering.start).days + 1) * _SLOTS_A_DAY,
                statuses=_CURRENT_STATUSES if offering.index == last else _PAST_STATUSES,
                duration=int(exam.minutes * _MINUTE),
            )
        )
    return sittings


def _spread(limits: tuple[int, ...]) -> bytes:
    """A table that maps a byte to a choice, with shares according to the limits."""
    return bytes(next(choice for choice, limit in enumerate(limits) if number < limit) for number in range(256))


_SERVICES = _spread(_SERVICE_LIMITS)
_PAST_STATUSES = _spread(_PAST_LIMITS)
_CURRENT_STATUSES = _spread(_CURRENT_LIMITS)
