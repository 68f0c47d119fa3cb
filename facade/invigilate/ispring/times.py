"""Times of iSpring Learn, whose order and time zone are not documented."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Literal, cast

from invigilate._identifiers import describe_value
from invigilate._timestamps import parse_timestamp
from invigilate.errors import ConfigurationError, InvalidTimestampError

_TIME = re.compile(r"(\d\d?)[-./](\d\d?)[-./](\d{4}),? (\d\d?):(\d\d)(?::(\d\d))?", re.ASCII)


def parse_ispring_time(
    value: str,
    *,
    order: Literal["day-first", "month-first"] = "day-first",
    zone: tzinfo | str | None = None,
) -> datetime:
    """Parse a time of an iSpring Learn response, such as `05-08-2024, 23:57:49`.

    iSpring documents neither the order of day and month nor the time zone. RFC 3339 is tried first, since the vendor
    uses it elsewhere; otherwise `order` decides. Day first is inferred, see the documentation of this library.

    Args:
        value: the string of the response.
        order: which of day and month comes first.
        zone: the time zone of the string, as tzinfo or IANA name such as `Europe/Berlin`.

    Returns:
        An aware datetime if the string has a UTC offset or `zone` is passed, otherwise a naive one.

    Raises:
        InvalidTimestampError: if the string is not a date-time of this form, or such a time does not exist.
        ConfigurationError: if the time zone or the order is unknown.
    """
    from dateutil import tz

    if order not in ("day-first", "month-first"):
        raise ConfigurationError(f"order: expected 'day-first' or 'month-first', got {order!r}")
    # An empty name would be the zone of this machine.
    info = (tz.gettz(zone) if zone else None) if isinstance(zone, str) else zone
    if isinstance(zone, str) and info is None:
        raise ConfigurationError(f"zone: unknown time zone {zone!r}")
    passed = cast(object, value)
    parts = _TIME.fullmatch(passed.strip()) if isinstance(passed, str) else None
    if parts is None:
        try:
            return parse_timestamp(value)
        except InvalidTimestampError:
            expected = f"a time like 05-08-2024, 23:57:49 ({order}), or RFC 3339"
            raise InvalidTimestampError("value", expected, describe_value(passed)) from None
    first, second, year, hour, minute, seconds = (int(part or 0) for part in parts.groups())
    day, month = (first, second) if order == "day-first" else (second, first)
    try:
        # Not with dateutil's parser: it moves a number that does not fit to where it does.
        return datetime(year, month, day, hour, minute, seconds, tzinfo=info)
    except ValueError:
        raise InvalidTimestampError("value", f"a time that exists ({order})", "a time that does not exist") from None
