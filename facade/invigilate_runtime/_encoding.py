"""How values are written into a request: the path, the query, headers, and JSON. Each rule is stated here only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, BinaryIO
from unicodedata import normalize
from urllib.parse import quote, unquote
from uuid import UUID, uuid4

from ._types import UNSET

_LEAVING = re.compile(r"\.{0,2}(?:;.*)?|.*[\x00-\x1f\x7f-\x9f/\\\u2044\u2215\u29f8].*", re.DOTALL)
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
# In the names of parts and files, as browsers write them.
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
_SURROGATE = re.compile("[\ud800-\udfff]")
FileInput = bytes | BinaryIO | tuple[str, bytes | BinaryIO] | tuple[str, bytes | BinaryIO, str]
"""A file to send: its content, a file opened in binary mode, or a tuple of name, one of these, and media type."""

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
    """Percent-encode an argument of the path; an array is joined with commas.

    Raises:
        InvalidValue: if it could leave its segment: it is empty, `.` or `..`, or has a slash, a backslash or a control
            character.
    """
    string = once = _joined(value)
    # As servers and proxies may read it: decoded again and again, with look-alikes of `.` and `/`, and cut at `;`.
    while (decoded := normalize("NFKC", unquote(once))) != once:
        once = decoded
    if _LEAVING.fullmatch(once):
        raise InvalidValue("a string other than '.' and '..', without slash and control character", describe(string))
    return quote(string, safe=",")


def header_value(value: object, style: str = "") -> str:
    """Write the value of a header; arrays and objects are joined with commas.

    Raises:
        InvalidValue: if it is not printable ASCII, or has spaces around it.
    """
    string = _joined(value, style)
    if not _HEADER.fullmatch(string):
        raise InvalidValue("a string of printable ASCII characters for a header", describe(string))
    return string


def query_pairs(name: str, value: object, style: str = "") -> list[str]:
    """Percent-encode a query parameter or a form field; see `Field.style`.

    Raises:
        InvalidValue: if a value has no form in a query.
    """
    plain = dump(value)
    if style == "comma":
        return [f"{quote(name, safe='')}={quote(_joined(plain), safe=',')}"]
    values: list[tuple[str, Any]] = [(name, item) for item in (plain if plain.__class__ is list else [plain])]
    if style and plain.__class__ is dict:
        values = [(f"{name}[{key}]" if style == "deepObject" else key, item) for key, item in plain.items()]
    if not values:
        raise InvalidValue("at least one value", f"an empty {'list' if plain.__class__ is list else 'object'}")
    return [f"{quote(key, safe='')}={quote(_scalar(item), safe='')}" for key, item in values]


def encode_body(media: str, value: Any, types: Mapping[str, str]) -> tuple[str, bytes]:
    """Encode a body; the result is its `Content-Type` and its content.

    Args:
        media: the documented media type.
        value: the body, dumped.
        types: the type of each of its fields; of an array, that of its items.

    Raises:
        InvalidValue: if a value has no form in this media type.
        ValueError: if it has none in JSON.
    """
    if media == "application/x-www-form-urlencoded":
        return media, "&".join(pair for key in value for pair in query_pairs(key, value[key])).encode()
    if media == "multipart/form-data":
        return _multipart(value, types)
    if media.startswith("text/"):
        return f"{media}; charset=utf-8", _scalar(value).encode()
    if not media.endswith("json"):
        _, content, declared = read_file(value)
        return declared if "*" in media else media, content
    return media, json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _multipart(fields: Mapping[str, Any], types: Mapping[str, str]) -> tuple[str, bytes]:
    boundary = uuid4().hex
    parts: list[bytes] = []
    for key, value in fields.items():
        is_file = types.get(key) == "file"
        # A file that was passed as a tuple is a list by now.
        several = value.__class__ is list and not (is_file and value and isinstance(value[0], str))
        if several and not value:
            raise InvalidValue("at least one value", "an empty list")
        for item in value if several else [value]:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{key.translate(_QUOTED)}"'
            if is_file:
                name, content, media = read_file(item)
                head += f'; filename="{(name or key).translate(_QUOTED)}"\r\nContent-Type: {header_value(media)}'
            elif item.__class__ in {dict, list}:
                media, content = encode_body("application/json", item, {})
                head += f"\r\nContent-Type: {media}"
            else:
                content = _scalar(item).encode()
            parts += head.encode(), b"\r\n\r\n", content, b"\r\n"
    return f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()])


def read_file(value: Any) -> tuple[str, bytes, str]:
    """Return the name, the content and the media type of a file; see `FileInput`.

    Raises:
        InvalidValue: if it is not a file that is read as bytes.
    """
    parts: list[Any] = [getattr(value, "name", ""), value, "application/octet-stream"]
    if issubclass(value.__class__, list | tuple) and 2 <= len(value) <= 3:
        parts[: len(value)] = value
    name, content, media = parts
    if hasattr(content, "read"):
        content = content.read()
    if not isinstance(content, bytes | bytearray) or not isinstance(media, str):
        raise InvalidValue("bytes, a file opened in binary mode, or (name, content, media type)", describe(content))
    return re.split(r"[/\\]", name)[-1] if isinstance(name, str) else "", bytes(content), media


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


_WRITTEN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (datetime, format_timestamp),
    ((date, time), lambda value: value.isoformat()),
    (Decimal, exact_float),
    (UUID, str),
    (Enum, lambda value: value.value),
)


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
    for types, write in _WRITTEN:
        if isinstance(value, types):
            return write(value)
    to_dict = getattr(value, "to_dict", None)
    return value if to_dict is None else to_dict()


def _joined(value: object, style: str = "comma") -> str:
    """Write a plain value, an array, or an object as `key,value,...` or, with the style `pairs`, as `key=value,...`."""
    items = dump(value)
    if items.__class__ is dict and style == "pairs":
        items = [f"{key}={_scalar(item)}" for key, item in items.items()]
    elif items.__class__ is dict:
        items = [part for pair in items.items() for part in pair]
    return comma_separated([_scalar(item) for item in items] if items.__class__ is list else _scalar(items))


def _scalar(value: Any) -> str:
    """Write a plain value outside of JSON."""
    if value is True or value is False:
        return "true" if value else "false"
    string = isinstance(value, str) and not _SURROGATE.search(value)
    if not string and not (isinstance(value, int | float) and value - value == 0):
        raise InvalidValue("a string that UTF-8 can encode, a finite number or a boolean", describe(value))
    # Not str(): a subclass, such as an enum of strings, may show itself as something else.
    return str.__str__(value) if isinstance(value, str) else str(value)
