"""Times as people type them: ISO dates and date-times, with an offset or in a named time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from invigilate._timestamps import wire_timestamp
from invigilate.errors import InvalidTimestampError

from .exits import usage

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z|z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_EXPECTED = "an ISO date or date-time, such as 2026-10-01, 2026-10-01T09:30 or 2026-10-01T09:30:00+02:00"


def zone(name: str | None) -> tzinfo | None:
    """Find a time zone by its IANA name."""
    if name is None:
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        # A folder of the zone database, such as Europe, is an OSError.
        raise usage("--timezone: expected the IANA name of a time zone, such as Europe/Berlin") from None


def instant(text: str, argument: str, place: tzinfo | None) -> str:
    """Parse a time, and return it in UTC, as the API takes it: `2026-09-30T22:00:00.000Z`.

    A date alone is the start of that day, as a lower and as an upper bound: lower bounds are inclusive and upper bounds
    exclusive, so the first days of two months span exactly one month. The time of an appointment needs a time.

    Raises:
        InvalidTimestampError: if the string is not exactly one instant.
    """
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise InvalidTimestampError(
            argument, _EXPECTED, f"a string of length {len(text)}" if text else "an empty string"
        )
    date, clock, offset = parts.groups()
    if clock is None and argument.endswith("date_time"):
        raise InvalidTimestampError(argument, "a date and a time", "a bare date")
    if place is None and offset is None:
        passed = "a bare date" if clock is None else "a time without an offset"
        raise InvalidTimestampError(argument, "an offset such as Z or +02:00, or --timezone", passed)
    try:
        moment = datetime.fromisoformat(f"{date}T{clock or '00:00'}{(offset or '').upper()}")
    except ValueError:
        raise InvalidTimestampError(argument, _EXPECTED, "a time that does not exist") from None
    if offset is None:
        try:
            moment = _local(moment.replace(tzinfo=place), argument, whole_day=clock is None)
        except OverflowError:
            passed = f"a time in {place} outside the years 1 to 9999 in UTC"
            raise InvalidTimestampError(argument, _EXPECTED, passed) from None
    return wire_timestamp(moment, argument)


def _local(moment: datetime, argument: str, *, whole_day: bool) -> datetime:
    """Check that clocks show this time exactly once; a whole day starts with its first moment anyway."""
    first, second = moment.replace(fold=0).astimezone(UTC), moment.replace(fold=1).astimezone(UTC)
    if first == second or whole_day:
        return first
    if first.astimezone(moment.tzinfo).replace(tzinfo=None) != moment.replace(tzinfo=None):
        passed = f"a time that is skipped in {moment.tzinfo} when clocks go forward"
    else:
        passed = f"a time that occurs twice in {moment.tzinfo} when clocks go back"
    raise InvalidTimestampError(argument, "a time that occurs once; an offset makes it unambiguous", passed)
