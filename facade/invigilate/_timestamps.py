"""Times: in requests an instant in UTC with milliseconds, in answers the text that came."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal, cast

from .errors import InvalidTimestampError

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_EXPECTED = "an aware datetime, or RFC 3339 text with an offset such as 2026-03-04T15:30:00Z"


def parse_timestamp(text: str) -> datetime:
    """Read a time of an answer.

    Args:
        text: RFC 3339 with an offset, as in `2026-03-04T15:30:00.000Z`. Digits beyond microseconds are cut.

    Returns:
        An aware datetime with the offset of the text.

    Raises:
        InvalidTimestampError: if the text is a bare date, names no offset, or is no RFC 3339 date-time.
    """
    return _parse(text, "text")


def _parse(text: object, argument: str) -> datetime:
    parts = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise InvalidTimestampError(argument, _EXPECTED, _describe(text))
    year, month, day, hour, minute, second = (int(parts[index]) for index in range(1, 7))
    microsecond = int((parts[7] or "0").ljust(6, "0")[:6])
    zone: tzinfo = UTC
    try:
        if parts[9]:
            if int(parts[10]) > 23 or int(parts[11]) > 59:
                raise ValueError("offset out of range")
            offset = timedelta(hours=int(parts[10]), minutes=int(parts[11]))
            zone = timezone(-offset if parts[9] == "-" else offset) if offset else UTC
        return datetime(year, month, day, hour, minute, second, microsecond, zone)
    except ValueError:
        raise InvalidTimestampError(argument, _EXPECTED, "a time that does not exist") from None


def _describe(text: object) -> str:
    if not isinstance(text, str):
        return "None" if text is None else f"a value of type {type(text).__name__}"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return "a bare date, which names no instant"
    if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?", text, re.ASCII):
        return "a time without an offset, which names no instant"
    return f"a {len(text)}-character text" if text else "an empty text"


def wire_timestamp(value: object, argument: str) -> str:
    """Write an instant as the API takes it: UTC, milliseconds, `Z`. Finer digits are cut.

    Args:
        value: an aware datetime, or RFC 3339 text with an offset.
        argument: the name for the error.

    Raises:
        InvalidTimestampError: if the value names no instant, or one outside of the years 1 to 9999 in UTC.
    """
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidTimestampError(argument, _EXPECTED, "a datetime without time zone")
        moment = value
    else:
        moment = _parse(value, argument)
    try:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    except OverflowError:
        raise InvalidTimestampError(argument, _EXPECTED, "a time outside of the years 1 to 9999") from None


def parse_ispring_time(
    text: str,
    *,
    order: Literal["day-first", "month-first"] = "day-first",
    zone: tzinfo | str | None = None,
) -> datetime:
    """Read a time of an iSpring Learn answer, such as `05-08-2024, 23:57:49`.

    iSpring documents neither the order of day and month nor the time zone. RFC 3339 is tried first, since the
    vendor uses it elsewhere; then `order` decides. Day first is inferred, see the documentation of this library.

    Args:
        text: the text of the answer.
        order: which of day and month comes first.
        zone: the time zone that the text is in, as tzinfo or IANA name such as `Europe/Berlin`.

    Returns:
        An aware datetime if the text names an offset or `zone` is given, else a naive one.

    Raises:
        InvalidTimestampError: if the text is no date-time of this form, or one that does not exist in this order.
        ConfigurationError: if there is no time zone or order of that name.
    """
    from dateutil import tz

    from .errors import ConfigurationError

    if order not in ("day-first", "month-first"):
        raise ConfigurationError(f"order: expected 'day-first' or 'month-first', got {order!r}")
    # An empty name would be this machine's own zone.
    info = (tz.gettz(zone) if zone else None) if isinstance(zone, str) else zone
    if isinstance(zone, str) and info is None:
        raise ConfigurationError(f"zone: no time zone is called {zone!r}")
    given = cast(object, text)
    if not isinstance(given, str) or _RFC3339.fullmatch(given):
        return _parse(given, "text")
    expected = f"a time like 05-08-2024, 23:57:49 ({order}), or RFC 3339"
    form = r"(\d\d?)[-./](\d\d?)[-./](\d{4}),? (\d\d?):(\d\d)(?::(\d\d))?"
    parts = re.fullmatch(form, text.strip(), re.ASCII)
    if parts is None:
        raise InvalidTimestampError("text", expected, _describe(text))
    first, second, year, hour, minute, seconds = (int(part or 0) for part in parts.groups())
    day, month = (first, second) if order == "day-first" else (second, first)
    try:
        # Not with dateutil's parser: it moves a number that does not fit to where it does.
        return datetime(year, month, day, hour, minute, seconds, tzinfo=info)
    except ValueError:
        raise InvalidTimestampError("text", expected, "a time that does not exist in this order") from None
