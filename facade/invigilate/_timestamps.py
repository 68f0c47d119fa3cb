"""Times: in requests in UTC with milliseconds, in responses the strings as received."""

from __future__ import annotations

from datetime import datetime

import invigilate_runtime

from ._identifiers import valid
from .errors import InvalidTimestampError


def parse_timestamp(value: str) -> datetime:
    """Parse a time of a response.

    Args:
        value: an RFC 3339 string with a UTC offset, such as `2026-03-04T15:30:00.000Z`. Digits beyond microseconds
            are cut.

    Returns:
        An aware datetime with the UTC offset of the string.

    Raises:
        InvalidTimestampError: if the value is a bare date, has no UTC offset, or is not an RFC 3339 date-time.
    """
    try:
        return invigilate_runtime.parse_timestamp(value)
    except invigilate_runtime.InvalidValue as error:
        expected = "an RFC 3339 string with a UTC offset such as 2026-03-04T15:30:00Z"
        raise InvalidTimestampError("value", expected, error.passed) from None


def wire_timestamp(value: object, argument: str) -> str:
    """Write a time as APIs take it: UTC, milliseconds, `Z`.

    Args:
        value: an aware datetime, or an RFC 3339 string with a UTC offset.
        argument: the name for the error.

    Raises:
        InvalidTimestampError: if the value has no UTC offset, or is outside of the years 1 to 9999 in UTC.
    """
    return valid(invigilate_runtime.format_timestamp, value, argument, InvalidTimestampError)
