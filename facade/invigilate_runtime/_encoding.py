"""How values are written into a request: the path, the query, headers, and JSON. Each rule is stated here only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote
from uuid import UUID

from ._types import UNSET

# Percent-encoding does not help where a proxy decodes `;` or a look-alike of `.` before it forwards the path.
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TIMESTAMP = "an aware datetime, or an RFC 3339 string with a UTC offset such as 2026-03-04T15:30:00Z"


class InvalidValue(ValueError):
    """A value cannot be written where it is due.

    Attributes:
        argument: the argument, if known.
        expected: what is allowed.
        passed: a description of the value, without the value itself.
        position: the index of the wrong item of a list.
    """

    def __init__(self, expected: str, passed: str, position: int | None = None) -> None:
        super().__init__(expected, passed, position)
        self.argument = ""
        self.expected = expected
        self.passed = passed
        self.position = position

    def __str__(self) -> str:
        return f"{self.argument}{': ' if self.argument else ''}expected {self.expected}, got {self.passed}"


def describe(value: object) -> str:
    """Describe a value without showing it."""
    if isinstance(value, str):
        return f"a string of length {len(value)}" if value else "an empty string"
    return "None" if value is None else f"a value of type {type(value).__name__}"


def path_segment(value: object) -> str:
    """Write an argument of the path.

    Raises:
        InvalidValue: if it could leave its segment: it is empty, starts with a dot, or has another character than
            letters, digits, `-`, `_`, `~` and `.`.
    """
    return _matching(_SEGMENT, value, "an identifier of letters, digits, '-', '_', '~' and '.', not starting with '.'")


def header_value(value: object) -> str:
    """Write the value of a header.

    Raises:
        InvalidValue: if it is not printable ASCII, or has spaces around it.
    """
    return _matching(_HEADER, value, "a string of printable ASCII characters for a header")


def _matching(pattern: re.Pattern[str], value: object, expected: str) -> str:
    string = _scalar(dump(value))
    if not pattern.fullmatch(string):
        raise InvalidValue(expected, describe(string))
    return string


def query_pairs(name: str, value: object) -> list[str]:
    """Percent-encode a query parameter or a form field; a list becomes repeated keys.

    Raises:
        InvalidValue: if a value has no form in a query.
    """
    plain = dump(value)
    values = plain if plain.__class__ is list else [plain]
    if not values:
        raise InvalidValue("at least one value", "an empty list")
    return [f"{quote(name, safe='')}={quote(_scalar(item), safe='')}" for item in values]


def comma_separated(value: Any) -> str:
    """Join a list of strings with commas; a string stays as it is.

    Raises:
        InvalidValue: if the list is empty, or an item is empty, has a comma, or is not a string.
    """
    if isinstance(value, str):
        return value
    for position, item in enumerate(value):
        if not isinstance(item, str) or not item or "," in item:
            passed = "a string with a comma" if isinstance(item, str) and item else describe(item)
            raise InvalidValue("a string without a comma", passed, position)
    if not value:
        raise InvalidValue("at least one string", "an empty list")
    return ",".join(value)


def exact_float(value: Decimal) -> float:
    """Return the float that JSON writes with the digits of a Decimal.

    Raises:
        InvalidValue: if it is not finite, or has more digits than a float keeps.
    """
    # A signaling NaN is not even converted.
    number = float(value) if value.is_finite() else None
    if number is None or Decimal(repr(number)) != value:
        passed = "a number that is not finite" if number is None else "a Decimal with more digits"
        raise InvalidValue("a finite number with at most 15 digits", passed)
    return number


def parse_timestamp(value: object) -> datetime:
    """Parse an RFC 3339 date-time with a UTC offset. Digits beyond microseconds are cut.

    Raises:
        InvalidValue: if it is not one, or such a time does not exist.
    """
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        passed = describe(value)
        if isinstance(value, str) and re.fullmatch(
            r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", value, re.ASCII
        ):
            passed = "a time without UTC offset" if ":" in value else "a date without time and UTC offset"
        raise InvalidValue(_TIMESTAMP, passed)
    from dateutil.parser import isoparse  # late: importing it takes time, and most programs parse no time

    try:
        # No hour 24, which isoparse reads as the next day.
        return isoparse(value.upper().replace(" ", "T").replace("T24", "T25"))
    except ValueError:
        raise InvalidValue(_TIMESTAMP, "a time that does not exist") from None


def format_timestamp(value: object) -> str:
    """Write a time in UTC with milliseconds and `Z`, as in `2026-03-04T15:30:00.000Z`. Finer digits are cut.

    Args:
        value: an aware datetime, or an RFC 3339 string with a UTC offset.

    Raises:
        InvalidValue: if the value has no UTC offset, or is outside of the years 1 to 9999 in UTC.
    """
    moment = value if isinstance(value, datetime) else parse_timestamp(value)
    if moment.utcoffset() is None:
        raise InvalidValue(_TIMESTAMP, "a datetime without time zone")
    try:
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    except OverflowError:
        raise InvalidValue(_TIMESTAMP, "a time outside of the years 1 to 9999") from None


def dump(value: Any) -> Any:
    """Turn models, times, decimals and collections into plain JSON values; whatever is `UNSET` is left out.

    Raises:
        InvalidValue: if a value has no form in JSON.
    """
    cls = value.__class__
    if cls is str or value is None or cls is bool or cls is int or cls is float:
        return value
    # Loops: up to Python 3.11 a comprehension takes a frame of its own, and deep values would need two per level.
    if issubclass(cls, Mapping):
        fields: dict[Any, Any] = {}
        for key, item in value.items():
            if item is not UNSET:
                fields[key] = dump(item)
        return fields
    if issubclass(cls, list | tuple):
        items: list[Any] = []
        for item in value:
            if item is not UNSET:
                items.append(dump(item))
        return items
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return exact_float(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    to_dict = getattr(value, "to_dict", None)
    return value if to_dict is None else to_dict()


def _scalar(value: Any) -> str:
    """Write a plain value outside of JSON."""
    if value is True or value is False:
        return "true" if value else "false"
    string = isinstance(value, str) and not _SURROGATE.search(value)
    if not string and not (isinstance(value, int | float) and value - value == 0):
        raise InvalidValue("a string that UTF-8 can encode, a finite number or a boolean", describe(value))
    # Not str(): a subclass, such as an enum of strings, may show itself as something else.
    return str.__str__(value) if isinstance(value, str) else str(value)
