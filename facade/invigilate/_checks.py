"""Checks of arguments against the specification, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

# Each generated package has a `Field` of its own; they are made from one template.
from smarterproctoring_client.calls import Field

from ._shapes import is_list, is_number, is_object
from ._timestamps import wire_timestamp
from .errors import ConfigurationError, InvalidArgumentError, InvalidSidError, InvalidTimestampError
from .sids import describe_given, expected_sid, matches, swapped

_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_HEADER = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def check_arguments(
    fields: Sequence[Field],
    arguments: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    check_sids: bool,
    reading: bool,
) -> dict[str, Any]:
    """Check the arguments of a call and bring them into the form that is sent.

    Args:
        fields: what the specification says of each argument.
        arguments: what was given, by Python name.
        defaults: what the client object supplies, by the name of its option.
        check_sids: whether identifiers must match their documented patterns.
        reading: whether the call only reads, so that an empty filter would widen it.

    Returns:
        The arguments to send, by Python name.

    Raises:
        InvalidArgumentError: naming the argument, what was expected and what was given.
        ConfigurationError: if an argument is needed that neither the call nor the client gives.
    """
    checker = _Checker(check_sids, reading)
    result: dict[str, Any] = {}
    for field in fields:
        if field.name in arguments:
            value = arguments[field.name]
        elif field.client_default is not None and defaults.get(field.client_default) is not None:
            value = defaults[field.client_default]
        elif field.required:
            raise ConfigurationError(f"{field.name} is needed: give it to the client or to the call")
        else:
            continue
        result[field.name] = checker.top(field, value)
    checker.finish()
    return result


class _Checker:
    def __init__(self, check_sids: bool, reading: bool) -> None:
        self._check_sids = check_sids
        self._reading = reading
        # Wrong identifiers are gathered first: only together they show that two arguments were exchanged.
        self._wrong: dict[str, tuple[str, object]] = {}
        self._first: InvalidSidError | None = None

    def finish(self) -> None:
        if self._first is None:
            return
        pair = swapped(self._wrong)
        if pair is not None:
            first, second = pair
            raise InvalidSidError(
                first,
                self._first.expected if self._first.argument == first else f"another kind than {second}",
                f"{describe_given(self._wrong[first][1])}: {first} and {second} seem to be exchanged",
            )
        raise self._first

    def top(self, field: Field, value: Any) -> Any:
        name = field.name
        if value is None and not field.nullable:
            advice = "leave it out" if not field.required or field.client_default else "it is required"
            raise InvalidArgumentError(name, _expected(field), f"None, which is not documented: {advice}")
        if field.place == "query" and (value is None or value == ""):
            raise InvalidArgumentError(
                name,
                _expected(field),
                f"{'None' if value is None else 'an empty text'}, which would widen the call",
            )
        result = self.value(field, value, name)
        if field.place == "path":
            # Whatever the checks above let pass: an identifier never leaves its segment of the path.
            text = str(result)
            if not _SEGMENT.fullmatch(text):
                kind = InvalidSidError if field.sid else InvalidArgumentError
                raise kind(
                    name,
                    "an identifier of ASCII letters, digits, '-', '_', '~' or '.'",
                    describe_given(text),
                )
        elif field.place == "header" and (not isinstance(result, str) or not _HEADER.fullmatch(result)):
            raise InvalidArgumentError(name, "printable ASCII text for a header", describe_given(result))
        return result

    def value(self, field: Field, value: Any, path: str) -> Any:
        """Check one value, nested ones included, and give the form that is sent."""
        if value is None:
            if field.nullable or field.kind == "any":
                return None
            raise InvalidArgumentError(path, _expected(field), "None, which is not documented")
        check = getattr(self, f"_{field.kind}", None)
        result = value if check is None else check(field, value, path)
        _refuse_if(bool(field.enum) and result not in field.enum, field, value, path)
        return result

    def _string(self, field: Field, value: Any, path: str) -> str:
        if not isinstance(value, str):
            if field.sid and self._check_sids:
                return self._wrong_sid(field, value, path)
            raise InvalidArgumentError(path, _expected(field), _given(field, value))
        if field.pattern is not None and (self._check_sids or not field.sid) and not matches(field.pattern, value):
            if field.sid:
                return self._wrong_sid(field, value, path)
            raise InvalidArgumentError(path, _expected(field), _given(field, value))
        if not value and self._reading:
            raise InvalidArgumentError(path, _expected(field), "an empty text, which would widen the call")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidArgumentError(path, "text", "text with a lone surrogate, which has no UTF-8 form") from None
        # A plain str, so that no subclass changes what is written.
        return str.__str__(value)

    def _wrong_sid(self, field: Field, value: Any, path: str) -> str:
        self._wrong[path] = (field.pattern or "", value)
        if self._first is None:
            self._first = InvalidSidError(path, _expected(field), describe_given(value))
        return "wrong"  # goes nowhere, since finish() raises; it keeps the check of the path quiet

    def _timestamp(self, field: Field, value: Any, path: str) -> str:
        return wire_timestamp(value, path)

    def _date(self, field: Field, value: Any, path: str) -> str:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        raise InvalidTimestampError(path, "a date, or text like 2026-03-04", _given(field, value))

    def _uuid(self, field: Field, value: Any, path: str) -> str:
        try:
            return str(value if isinstance(value, UUID) else UUID(value))
        except (ValueError, TypeError, AttributeError):
            raise InvalidArgumentError(path, "a UUID", _given(field, value)) from None

    def _boolean(self, field: Field, value: Any, path: str) -> Any:
        _refuse_if(not isinstance(value, bool), field, value, path)
        return value

    def _integer(self, field: Field, value: Any, path: str) -> int:
        _refuse_if(not isinstance(value, int) or isinstance(value, bool), field, value, path)
        self._range(field, value, path)
        return int(value)

    def _number(self, field: Field, value: Any, path: str) -> Any:
        _refuse_if(not (is_number(value) or isinstance(value, Decimal)), field, value, path)
        if not Decimal(value).is_finite():
            raise InvalidArgumentError(path, _expected(field), "a number that is not finite")
        if isinstance(value, Decimal) and Decimal(repr(float(value))) != value:
            raise InvalidArgumentError(path, "a number with at most 15 digits", "a Decimal with more digits")
        self._range(field, value, path)
        return value

    def _range(self, field: Field, value: float | Decimal, path: str) -> None:
        low, high = field.minimum, field.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise InvalidArgumentError(path, _expected(field), "***" if field.sensitive else str(value))

    def _comma(self, field: Field, value: Any, path: str) -> str:
        if isinstance(value, str):
            return self._string(field, value, path)
        _refuse_if(not is_list(value), field, value, path)
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item or "," in item:
                given = "a text with a comma" if isinstance(item, str) and item else _given(field, item)
                raise InvalidArgumentError(f"{path}[{index}]", "a text without a comma", given)
        if not value:
            raise InvalidArgumentError(path, "at least one text", "an empty list")
        return self._string(field, ",".join(value), path)

    def _array(self, field: Field, value: Any, path: str) -> list[Any]:
        _refuse_if(not is_list(value), field, value, path)
        if not value and self._reading:
            raise InvalidArgumentError(path, _expected(field), "an empty list, which would widen the call")
        items = field.items
        if items is None:
            return list(value)
        return [self.value(items, item, f"{path}[{index}]") for index, item in enumerate(value)]

    def _object(self, field: Field, value: Any, path: str) -> dict[str, Any]:
        to_dict = getattr(value, "to_dict", None)
        _refuse_if(to_dict is None and not is_object(value), field, value, path)
        extra: Mapping[str, Any] = getattr(value, "additional_properties", {})
        members: Mapping[str, Any] = _members(value) if to_dict is not None else value
        known = {member.wire: member for member in field.fields}
        result: dict[str, Any] = {}
        for key, item in members.items():
            member = known.get(key)
            if member is None:
                if known and not field.free and key not in extra:
                    # A misspelt member would be ignored, and the call would do more than was asked.
                    raise InvalidArgumentError(
                        path, f"members among {', '.join(known)}", f"the member {str(key)[:60]!r}"
                    )
                result[key] = item
            else:
                result[key] = self.value(member, item, f"{path}.{key}")
        for member in known.values():
            if member.required and member.wire not in result:
                raise InvalidArgumentError(path, f"the member {member.wire}", "an object without it")
        return result

    def _union(self, field: Field, value: Any, path: str) -> Any:
        reasons: list[InvalidArgumentError] = []
        for option in field.fields:
            if not _fits(option.kind, value):
                continue
            try:
                return self.value(option, value, path)
            except InvalidArgumentError as error:
                reasons.append(error)
        if reasons:
            raise reasons[0]
        raise InvalidArgumentError(path, _expected(field), _given(field, value))


def _members(model: Any) -> Mapping[str, Any]:
    """The members of a generated model as they were set, so that datetimes and decimals are still to be checked."""
    names = getattr(model, "_members", None) or model.to_dict
    members: Mapping[str, Any] = names()
    return members


def _fits(kind: str, value: Any) -> bool:
    if kind == "array":
        return is_list(value)
    if kind == "object":
        return is_object(value) or hasattr(value, "to_dict")
    if kind in {"string", "comma"}:
        return isinstance(value, str)
    return True


def _refuse_if(wrong: bool, field: Field, value: Any, path: str) -> None:
    if wrong:
        raise InvalidArgumentError(path, _expected(field), _given(field, value))


def _expected(field: Field) -> str:
    if field.sid and field.pattern:
        return expected_sid(field.sid, field.pattern)
    names = {
        "string": "text",
        "comma": "comma-separated text or a list of texts",
        "integer": "an integer",
        "number": "a number",
        "boolean": "True or False",
        "array": "a list",
        "object": "an object (a generated model or a mapping)",
        "timestamp": "a time",
        "any": "a value",
    }
    if field.kind == "union":
        return " or ".join(dict.fromkeys(_expected(option) for option in field.fields))
    text = names.get(field.kind, field.kind)
    if field.enum:
        text = f"one of {', '.join(repr(value) for value in field.enum)}"
    elif field.kind == "array" and field.items is not None:
        text = f"a list of which each is {_expected(field.items)}"
    elif field.pattern:
        text += f" matching {field.pattern}"
    if field.minimum is not None:
        text += f" of at least {field.minimum:g}"
    if field.maximum is not None:
        text += f" of at most {field.maximum:g}"
    return text


def _given(field: Field, value: Any) -> str:
    """Describe a value; only short words that cannot be anybody's data are repeated, and only for enums."""
    if not isinstance(value, str):
        return (
            f"a value of type {type(value).__name__}"
            if field.sensitive and value is not None
            else describe_given(value)
        )
    if field.enum and not field.sensitive and re.fullmatch(r"[A-Za-z][A-Za-z _-]{0,39}", value):
        return repr(value)
    return describe_given(value)
