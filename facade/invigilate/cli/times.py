"""Times as people give them: ISO dates and date-times, with an offset or in a named time zone."""

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
    """Find a time zone by its IANA name.

    Raises:
        Failure: if there is none of that name.
    """
    if name is None:
        return None
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        # A folder of the zone database, such as Europe, is an OSError.
        raise usage("--timezone: expected the IANA name of a time zone, such as Europe/Berlin") from None


def instant(text: str, argument: str, place: tzinfo | None) -> str:
    """Read a time, and write the instant that it names in UTC.

    A date alone means the start of that day, for a lower bound and for an upper one alike: since lower bounds are
    inclusive and upper ones exclusive, the first days of two months make exactly a month. It does not do for the time
    of an appointment.

    Args:
        text: what was given.
        argument: for whom it was given.
        place: the time zone of a time without an offset.

    Returns:
        The instant as the API takes it, such as `2026-09-30T22:00:00.000Z`.

    Raises:
        InvalidTimestampError: if it names no instant, or two.
    """
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise InvalidTimestampError(argument, _EXPECTED, f"a {len(text)}-character text" if text else "an empty text")
    date, clock, offset = parts.groups()
    if clock is None and argument.endswith("date_time"):
        raise InvalidTimestampError(argument, "a date and a time", "a bare date")
    if place is None and offset is None:
        given = "a bare date" if clock is None else "a time without an offset"
        raise InvalidTimestampError(argument, "an offset such as Z or +02:00, or --timezone", given)
    try:
        moment = datetime.fromisoformat(f"{date}T{clock or '00:00'}{(offset or '').upper()}")
    except ValueError:
        raise InvalidTimestampError(argument, _EXPECTED, "a time that does not exist") from None
    if offset is None:
        try:
            moment = _local(moment.replace(tzinfo=place), argument, whole_day=clock is None)
        except OverflowError:
            given = f"a time in {place} that is outside of the years 1 to 9999 in UTC"
            raise InvalidTimestampError(argument, _EXPECTED, given) from None
    return wire_timestamp(moment, argument)


def _local(moment: datetime, argument: str, *, whole_day: bool) -> datetime:
    """Check that a clock shows this time once. A day begins all the same: with its first moment."""
    first, second = moment.replace(fold=0).astimezone(UTC), moment.replace(fold=1).astimezone(UTC)
    if first == second or whole_day:
        return first
    if first.astimezone(moment.tzinfo).replace(tzinfo=None) != moment.replace(tzinfo=None):
        given = f"a time that is skipped in {moment.tzinfo}, when clocks are put forward"
    else:
        given = f"a time that comes twice in {moment.tzinfo}, when clocks are put back"
    raise InvalidTimestampError(argument, "a time that a clock shows once; an offset makes it clear", given)
