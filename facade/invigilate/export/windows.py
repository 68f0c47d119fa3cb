"""Half-open windows of time: how a report is split, and which rows belong to which part of it.

The documentation says that *After* times are inclusive and *Before* times exclusive. Windows are right under any other
reading, too: each asks for a millisecond more at its lower bound than it keeps, and what a row's own date places in
another window is left to that window. A row whose own date cannot be read stays where the server gave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from invigilate import InvalidTimestampError, parse_timestamp

WindowBy = Literal["appointment_date", "close_date"]

MOST_WINDOWS = 10_000
ROWS_PER_WINDOW = 5_000
_SHORTEST = timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ROW_DATES: dict[WindowBy, str] = {"appointment_date": "appointment_date", "close_date": "date_closed"}
"""The attribute of a row that the filters are about. That `closeDateAfter` is about `dateClosed` is inferred."""
SORT_KEYS: dict[WindowBy, str] = {"appointment_date": "appointmentDate", "close_date": "closeDate"}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the time between two bounds.

    Attributes:
        after: its lower bound, inclusive.
        before: its upper bound, exclusive.
        first: whether the lower bound is that of the whole report; the server alone decides there.
        last: the same for the upper bound.
    """

    after: datetime
    before: datetime
    first: bool
    last: bool

    def __str__(self) -> str:
        return f"{_text(self.after)} to {_text(self.before)}"

    def filters(self, by: WindowBy) -> dict[str, Any]:
        """What to ask the server for."""
        after = self.after if self.first else self.after - _MILLISECOND
        return {f"{by}_after": after, f"{by}_before": self.before}

    def owns(self, date: object) -> bool:
        """Whether a row with this date belongs here rather than to another window of the report."""
        moment = _moment(date)
        if moment is None:
            return True
        return (self.first or self.after <= moment) and (self.last or moment < self.before)


def _moment(date: object) -> datetime | None:
    if not isinstance(date, str):
        return None
    try:
        return parse_timestamp(date)
    except InvalidTimestampError:
        return None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, as bounds are sent: finer digits are cut."""
    return (moment - _EPOCH) // _MILLISECOND


def split(after: datetime, before: datetime, width: timedelta) -> list[int]:
    """The bounds of windows of a width, in milliseconds since 1970; the last one may be shorter."""
    first, last, step = to_milliseconds(after), to_milliseconds(before), width // _MILLISECOND
    return [*range(first, last, step), last]


def width_for(after: datetime, before: datetime, total: int, parallel: int) -> timedelta:
    """A width by which windows have about 5,000 rows, if dates are spread evenly, and as many as run in parallel."""
    number = max(parallel, min(1000, -(-total // ROWS_PER_WINDOW)))
    span = before - after
    # Rounded up, so that no sliver is left for one window more.
    return max(_SHORTEST, -(-span // number // _MILLISECOND) * _MILLISECOND + _MILLISECOND)


def windows_between(bounds: list[int]) -> list[Window]:
    """The windows between bounds."""
    moments = [_EPOCH + each * _MILLISECOND for each in bounds]
    last = len(moments) - 2
    return [Window(moments[index], moments[index + 1], index == 0, index == last) for index in range(len(moments) - 1)]
