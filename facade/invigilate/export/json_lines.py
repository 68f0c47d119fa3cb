"""JSON as exports write it: compact, in UTF-8, one object per line.

Python decodes `NaN`, `Infinity` and `1e999`, and would encode the first two, which no other JSON parser accepts. Here
they raise, or are replaced by null with a warning.
"""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

from invigilate._shapes import is_list, is_object

# Decoded JSON has no cycles.
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(check_circular=False, allow_nan=False, separators=(",", ":")).encode


def to_json(value: Any) -> str:
    """Encode a value as JSON that UTF-8 can represent: a lone surrogate becomes an escape.

    Numbers that JSON cannot represent become null, with a warning.
    """
    try:
        string = _encode(value)
    except ValueError:
        found: list[str] = []
        value = replace_non_finite(value, found)
        string = _encode(value)
        warnings.warn(non_finite_warning(len(found), found[:3]), stacklevel=2)
    if not string.isascii():
        try:
            string.encode()
        except UnicodeEncodeError:
            return _encode_ascii(value)
    return string


def to_line(value: Any) -> bytes:
    """Encode a value as a line of JSON.

    Raises:
        ValueError: if it has numbers that JSON cannot represent; see `replace_non_finite`.
    """
    string = _encode(value)
    try:
        return string.encode() + b"\n"
    except UnicodeEncodeError:
        return _encode_ascii(value).encode() + b"\n"


def replace_non_finite(value: Any, found: list[str], path: str = "") -> Any:
    """Replace numbers that JSON cannot represent by null.

    Args:
        value: decoded JSON. It is not changed.
        found: receives each such number with its path, as in `exam.points is NaN`.
        path: of the value.

    Returns:
        A copy without them.
    """
    if isinstance(value, float) and not math.isfinite(value):
        found.append(f"{path or 'the value'} is {json.dumps(value)}")
        return None
    if is_object(value):
        return {key: replace_non_finite(item, found, f"{path}.{key}" if path else key) for key, item in value.items()}
    if is_list(value):
        return [replace_non_finite(item, found, f"{path}[{index}]") for index, item in enumerate(value)]
    return value


def non_finite_warning(count: int, examples: list[str]) -> str:
    """Describe how many numbers were replaced, with examples."""
    more = f", and {count - len(examples)} more" if count > len(examples) else ""
    return f"numbers that JSON cannot represent were replaced by null: {'; '.join(examples)}{more}"
