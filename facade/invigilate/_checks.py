"""Checks arguments against the specification, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Any
from uuid import UUID

from invigilate_runtime import UNSET, Field, comma_separated, exact_float, read_file

from ._identifiers import describe_value, expected_sid, matches, valid
from ._shapes import is_list, is_number, is_object
from ._timestamps import wire_timestamp
from .errors import ConfigurationError, InvalidArgumentError, InvalidSidError, InvalidTimestampError

_MATCHES_ALL = "It would match everything"
_WORD = r"[A-Za-z][A-Za-z _-]{0,39}"
_OMIT = "Omit the argument, or pass UNSET"


def check_arguments(
    fields: Sequence[Field],
    arguments: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    check_sids: bool,
    reading: bool,
) -> dict[str, Any]:
    """Check the arguments of a call, and convert them into the form that is sent.

    Args:
        fields: what the specification says of each argument.
        arguments: what was passed, by Python name.
        defaults: what the client supplies, by the name of its option.
        check_sids: whether identifiers must match their documented patterns.
        reading: whether the call only reads, so that an empty filter would widen it.

    Returns:
        The arguments to send, by Python name.

    Raises:
        InvalidArgumentError: with the argument, what was expected and what was passed.
        ConfigurationError: if a required argument was passed neither to the call nor to the client.
    """
    checker = _Checker(check_sids, reading)
    result: dict[str, Any] = {}
    supplied = {option: value for option, value in defaults.items() if value is not None}
    for field in fields:
        value = arguments.get(field.name, supplied.get(field.client_default or "", UNSET))
        if value is not UNSET:
            result[field.name] = checker.top(field, value)
        elif field.required and field.client_default is None:
            raise InvalidArgumentError(field.name, _expected(field), "nothing", "It is required")
        elif field.required:
            raise ConfigurationError(f"no {field.name}: pass `{field.name}=` to the client or to the call")
    checker.finish()
    return result


_ACCEPTS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "comma": lambda value: isinstance(value, str) or is_list(value),
    "uuid": lambda value: isinstance(value, str | UUID),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: is_number(value) or isinstance(value, Decimal),
    "array": is_list,
    "object": lambda value: is_object(value) or hasattr(value, "to_dict"),
}
"""Which Python values each type takes; the other types decide in their check."""


def _accepts(field: Field, value: Any) -> bool:
    return field.type not in _ACCEPTS or _ACCEPTS[field.type](value)


class _Checker:
    def __init__(self, check_sids: bool, reading: bool) -> None:
        self._check_sids = check_sids
        self._reading = reading
        # Wrong SIDs are collected first: only together they show that two arguments were swapped.
        self._wrong: dict[str, tuple[Field, object]] = {}

    def finish(self) -> None:
        for first, second in combinations(self._wrong, 2):
            (field, value), (other, swapped) = self._wrong[first], self._wrong[second]
            if matches(field.pattern or "", swapped) and matches(other.pattern or "", value):
                hint = f"{first} and {second} seem to be swapped"
                raise InvalidSidError(first, _expected(field), describe_value(value), hint)
        for path, (field, value) in self._wrong.items():
            raise InvalidSidError(path, _expected(field), describe_value(value))

    def top(self, field: Field, value: Any) -> Any:
        name = field.name
        if value is None and not field.nullable:
            optional = not field.required or field.client_default
            raise InvalidArgumentError(name, _expected(field), "None", _OMIT if optional else "It is required")
        if field.location == "query" and (value is None or value == ""):
            raise InvalidArgumentError(name, _expected(field), describe_value(value), _MATCHES_ALL)
        return self.value(field, value, name)

    def value(self, field: Field, value: Any, path: str) -> Any:
        """Check one value, nested ones included, and return the form that is sent."""
        if value is None and (field.nullable or field.type == "any"):
            return None
        if value is None:
            raise InvalidArgumentError(path, _expected(field), "None", "Omit the field")
        if not _accepts(field, value):
            return self._refuse(field, value, path)
        check = getattr(self, f"_{field.type}", None)
        result = value if check is None else check(field, value, path)
        if field.enum and result not in field.enum:
            self._refuse(field, value, path)
        return result

    def _refuse(self, field: Field, value: Any, path: str) -> str:
        if not field.sid or not self._check_sids:
            raise InvalidArgumentError(path, _expected(field), _passed(field, value))
        self._wrong[path] = field, value
        return ""  # finish() raises, so this is never sent

    def _string(self, field: Field, value: str, path: str) -> str:
        if field.pattern is not None and (self._check_sids or not field.sid) and not matches(field.pattern, value):
            return self._refuse(field, value, path)
        if not value and self._reading:
            raise InvalidArgumentError(path, _expected(field), "an empty string", _MATCHES_ALL)
        try:
            value.encode()
        except UnicodeEncodeError:
            passed = "a string with a lone surrogate, which UTF-8 cannot encode"
            raise InvalidArgumentError(path, "a string", passed) from None
        self._limits(field, len(value), describe_value(value), path)
        # A plain str: a subclass may change what is written.
        return str.__str__(value)

    def _timestamp(self, field: Field, value: Any, path: str) -> str:
        return wire_timestamp(value, path)

    def _date(self, field: Field, value: Any, path: str) -> str:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            with suppress(ValueError):
                return date.fromisoformat(value).isoformat()
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        raise InvalidTimestampError(path, "a date, or a string like 2026-03-04", _passed(field, value))

    def _uuid(self, field: Field, value: Any, path: str) -> str:
        with suppress(ValueError):
            return str(value if isinstance(value, UUID) else UUID(value))
        return self._refuse(field, value, path)

    def _integer(self, field: Field, value: int, path: str) -> int:
        return int(self._number(field, value, path))

    def _number(self, field: Field, value: Any, path: str) -> Any:
        if not isinstance(value, int):
            valid(exact_float, value if isinstance(value, Decimal) else Decimal(float.__repr__(value)), path)
        self._limits(field, value, str(value), path)
        return value

    def _limits(self, field: Field, size: Any, passed: str, path: str) -> None:
        """Check a number, the length of a string, or the number of items of a list."""
        wrong = (field.minimum is not None and size < field.minimum) or (
            field.above is not None and size <= field.above
        )
        wrong |= (field.maximum is not None and size > field.maximum) or (
            field.below is not None and size >= field.below
        )
        if wrong or (field.multiple is not None and Fraction(str(size)) % Fraction(str(field.multiple))):
            raise InvalidArgumentError(path, _expected(field), "***" if field.sensitive else passed)

    def _file(self, field: Field, value: Any, path: str) -> Any:
        # Read now, so that each attempt sends the same bytes.
        return valid(read_file, value, path)

    def _comma(self, field: Field, value: Any, path: str) -> str:
        return self._string(field, valid(comma_separated, value, path), path)

    def _array(self, field: Field, value: Any, path: str) -> list[Any]:
        if not value and self._reading:
            raise InvalidArgumentError(path, _expected(field), "an empty list", _MATCHES_ALL)
        self._limits(field, len(value), f"a list of {len(value)}", path)
        items = field.items
        if items is None:
            return list(value)
        return [self.value(items, item, f"{path}[{index}]") for index, item in enumerate(value)]

    def _object(self, field: Field, value: Any, path: str) -> dict[str, Any]:
        # Models as they were set: datetimes and decimals are still to be checked.
        items: Mapping[str, Any] = value if is_object(value) else getattr(value, "_fields", value.to_dict)()
        extra: Mapping[str, Any] = getattr(value, "additional_properties", {})
        known = {nested.wire_name: nested for nested in field.fields}
        unknown = [key for key in items if key not in known and key not in extra]
        if known and unknown and not field.additional:
            # The server would ignore a misspelled field, and do more than was asked.
            raise InvalidArgumentError(
                path, f"the fields {', '.join(known)}", f"the unknown field {str(unknown[0])[:60]!r}"
            )
        for nested in field.fields:
            if nested.required and nested.wire_name not in items:
                raise InvalidArgumentError(path, f"the field {nested.wire_name}", "an object without it")
        more = field.additional if isinstance(field.additional, Field) else None
        return {
            key: self.value(inner, item, f"{path}.{key}") if (inner := known.get(key, more)) else item
            for key, item in items.items()
        }

    def _union(self, field: Field, value: Any, path: str) -> Any:
        reasons: list[InvalidArgumentError] = []
        for option in field.fields:
            if _accepts(option, value):
                try:
                    return self.value(option, value, path)
                except InvalidArgumentError as error:
                    reasons.append(error)
        raise reasons[0] if reasons else InvalidArgumentError(path, _expected(field), _passed(field, value))


def _expected(field: Field) -> str:
    if field.sid and field.pattern:
        return expected_sid(field.sid, field.pattern)
    names = {
        "string": "a string",
        "comma": "a comma-separated string or a list of strings",
        "integer": "an integer",
        "number": "a number",
        "boolean": "True or False",
        "array": "a list",
        "object": "an object (a generated model or a mapping)",
        "timestamp": "a time",
        "date": "a date",
        "uuid": "a UUID",
        "file": "a file (bytes, a file opened in binary mode, or a tuple of name, one of these, and media type)",
        "any": "a value",
    }
    if field.type == "union":
        return " or ".join(dict.fromkeys(_expected(option) for option in field.fields))
    result = names.get(field.type, field.type)
    if field.enum:
        result = f"one of {', '.join(repr(value) for value in field.enum)}"
    elif field.type == "array" and field.items is not None:
        items = _expected(field.items)
        # `one of 'a', 'b'` becomes `a list of 'a', 'b'`; other items are named one by one.
        result = f"a list of {items[7:]}" if items.startswith("one of ") else f"a list (each item: {items})"
    elif field.pattern:
        result += f" matching {field.pattern}"
    unit = {"string": " character", "array": " item"}.get(field.type, "")
    words = {"at least": field.minimum, "more than": field.above, "at most": field.maximum, "less than": field.below}
    limits = [
        f"{word} {limit:g}{unit}{'s' if unit and limit != 1 else ''}"
        for word, limit in words.items()
        if limit is not None
    ]
    result += f" of {' and '.join(limits)}" if limits else ""
    return result if field.multiple is None else f"{result} that is a multiple of {field.multiple:g}"


def _passed(field: Field, value: Any) -> str:
    """Describe a value. Only short words that cannot be personal data are shown, and only for enums."""
    if isinstance(value, str) and field.enum and not field.sensitive and re.fullmatch(_WORD, value):
        return repr(value)
    return "a value of type " + type(value).__name__ if field.sensitive and is_number(value) else describe_value(value)
