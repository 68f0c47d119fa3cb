"""JSON as exports write it: compact, in UTF-8, one object in a line.

Python reads `NaN`, `Infinity` and `1e999`, and would write the first two, which are no JSON for anybody else. Here they
are refused, or null stands in their place and a warning says so.
"""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

from invigilate._shapes import is_list, is_object

# What comes from JSON has no circles.
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(check_circular=False, allow_nan=False, separators=(",", ":")).encode


def to_text(value: Any) -> str:
    """Write a value as JSON that has a UTF-8 form: a lone surrogate is written as an escape.

    Numbers that JSON cannot write become null, with a warning.
    """
    try:
        text = _encode(value)
    except ValueError:
        found: list[str] = []
        value = finite(value, found)
        text = _encode(value)
        warnings.warn(not_finite(len(found), found[:3]), stacklevel=2)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _encode_ascii(value)
    return text


def to_line(value: Any) -> bytes:
    """Write a value as a line of JSON.

    Raises:
        ValueError: if it has numbers that JSON cannot write; see `finite`.
    """
    text = _encode(value)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return _encode_ascii(value).encode() + b"\n"


def finite(value: Any, found: list[str], place: str = "") -> Any:
    """Put null in place of the numbers that JSON cannot write.

    Args:
        value: what came from JSON. It is not changed.
        found: gets each such number with its place, as in `exam.points is NaN`.
        place: of the value.

    Returns:
        The value without them.
    """
    if isinstance(value, float) and not math.isfinite(value):
        found.append(f"{place or 'it'} is {json.dumps(value)}")
        return None
    if is_object(value):
        return {name: finite(item, found, f"{place}.{name}" if place else name) for name, item in value.items()}
    if is_list(value):
        return [finite(item, found, f"{place}[{index}]") for index, item in enumerate(value)]
    return value


def not_finite(number: int, examples: list[str]) -> str:
    """Say how many numbers JSON cannot write, and some of them."""
    more = f", and {number - len(examples)} more" if number > len(examples) else ""
    return f"null stands in place of numbers that JSON cannot write: {'; '.join(examples)}{more}"
