"""Half-open time windows: how a report is split, and which rows belong to which window.

The documentation says that *After* bounds are inclusive and *Before* bounds exclusive. Windows work either way: each
requests one millisecond more at its lower bound than it keeps, and leaves rows whose own date is in another window to
that window. A row whose date cannot be parsed stays in the window that returned it.

Fields and filters of the report are named here as attributes and keyword arguments of the generated code, so that type
checkers find those that a new specification renames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from invigilate import InvalidTimestampError, parse_timestamp
from invigilate_runtime import PagedCall, Unset, format_timestamp
from smarterproctoring_client.api.reports.get_service_distribution import describe
from smarterproctoring_client.models import ServiceDistributionRow

WindowBy = Literal["appointment_date", "close_date"]
ReportCall = PagedCall[ServiceDistributionRow]

MAX_WINDOWS = 10_000
ROWS_PER_WINDOW = 5_000
_SHORTEST = timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReportDate:
    """A date that windows can split the report by.

    Attributes:
        of: reads it from a row.
        after: describes the call with a lower bound.
        before: describes the call with an upper bound.
        ordered: describes the call that sorts by it.
    """

    of: Callable[[ServiceDistributionRow], str | Unset | None]
    after: Callable[[datetime], ReportCall]
    before: Callable[[datetime], ReportCall]
    ordered: ReportCall

    @property
    def bounds(self) -> tuple[str, str]:
        """The names of the filters for its bounds."""
        (after,), (before,) = self.after(_EPOCH).arguments, self.before(_EPOCH).arguments
        return after, before


DATES: dict[WindowBy, ReportDate] = {
    "appointment_date": ReportDate(
        lambda row: row.appointment_date,
        lambda bound: describe(appointment_date_after=bound),
        lambda bound: describe(appointment_date_before=bound),
        describe(sort_keys=["appointmentDate"]),
    ),
    # That these filters are about `dateClosed` is inferred.
    "close_date": ReportDate(
        lambda row: row.date_closed,
        lambda bound: describe(close_date_after=bound),
        lambda bound: describe(close_date_before=bound),
        describe(sort_keys=["closeDate"]),
    ),
}
DESCENDING = describe(sort_order="DESC")


@dataclass(frozen=True, slots=True)
class Window:
    """The time between two bounds.

    Attributes:
        after: the lower bound, inclusive.
        before: the upper bound, exclusive.
        first: whether the lower bound is that of the whole report, where the server alone decides.
        last: the same for the upper bound.
    """

    after: datetime
    before: datetime
    first: bool
    last: bool

    def __str__(self) -> str:
        return f"{format_timestamp(self.after)} to {format_timestamp(self.before)}"

    def filters(self, by: WindowBy) -> dict[str, Any]:
        """Return the filters that request its rows."""
        after = self.after if self.first else self.after - _MILLISECOND
        return {**DATES[by].after(after).arguments, **DATES[by].before(self.before).arguments}

    def owns(self, date: object) -> bool:
        """Return whether a row with this date belongs to this window rather than to another one of the report."""
        moment = _parsed(date)
        if moment is None:
            return True
        return (self.first or self.after <= moment) and (self.last or moment < self.before)


def _parsed(date: object) -> datetime | None:
    if not isinstance(date, str):
        return None
    try:
        return parse_timestamp(date)
    except InvalidTimestampError:
        return None


def to_milliseconds(moment: datetime) -> int:
    """Return the milliseconds since the epoch, as bounds are sent; finer digits are cut."""
    return (moment - _EPOCH) // _MILLISECOND


def split(after: datetime, before: datetime, width: timedelta) -> list[int]:
    """Return the bounds of windows of a width, in milliseconds since the epoch; the last window may be shorter."""
    first, last, step = to_milliseconds(after), to_milliseconds(before), width // _MILLISECOND
    return [*range(first, last, step), last]


def width_for(after: datetime, before: datetime, total: int, parallel: int) -> timedelta:
    """Choose a width for about 5,000 rows per window if dates are spread evenly, and at least `parallel` windows."""
    number = max(parallel, min(1000, -(-total // ROWS_PER_WINDOW)))
    span = before - after
    # Rounded up, so that no sliver is left for one more window.
    return max(_SHORTEST, -(-span // number // _MILLISECOND) * _MILLISECOND + _MILLISECOND)


def windows_between(bounds: list[int]) -> list[Window]:
    """Return the windows between bounds."""
    moments = [_EPOCH + each * _MILLISECOND for each in bounds]
    last = len(moments) - 2
    return [Window(moments[index], moments[index + 1], index == 0, index == last) for index in range(len(moments) - 1)]
