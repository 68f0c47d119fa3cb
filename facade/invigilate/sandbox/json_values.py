"""JSON as strictly as its standard has it: no NaN, no duplicate keys, exact decimal fractions."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard

_INTEGER_DIGITS = 20


def encode(data: object) -> bytes:
    """Write JSON, compact, in UTF-8."""
    try:
        return _encoder.encode(data).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, which came in as an escape, can only leave as one.
        return _ascii_encoder.encode(data).encode()


def decode(data: bytes, **_parameters: str) -> Any:
    """Read JSON. Fractions become `Decimal`, since they can be money, and 1.0 becomes 1: it is an integer.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return _decoder.decode(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def plain(value: Any) -> Any:
    """Copy a value from `decode`, with floats in place of `Decimal`, so that `encode` can write it.

    Raises:
        ValueError: a number is too large for a float.
    """
    if is_object(value):
        return {name: plain(each) for name, each in value.items()}
    if is_array(value):
        return [plain(each) for each in value]
    if isinstance(value, Decimal):
        number = float(value)
        if number in (float("inf"), float("-inf")):
            raise ValueError("a number is too large")
        return number
    return value


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether a value is a JSON array."""
    return isinstance(value, list)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("an object has a key twice")
    return fields


def _number(text: str) -> Decimal | int:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("a number has too large an exponent") from error
    # 1E+999999 is an integer as well, and would fill the memory.
    return int(value) if value == value.to_integral_value() and value.adjusted() < _INTEGER_DIGITS else value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_refuse)
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ascii_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
