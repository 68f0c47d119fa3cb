"""JSON as exports write it: compact, in UTF-8, one object in a line."""

from __future__ import annotations

import json
from typing import Any

# What comes from JSON has no circles.
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


def to_text(value: Any) -> str:
    """Write a value as JSON that has a UTF-8 form: a lone surrogate is written as an escape."""
    text = _encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _encode_ascii(value)
    return text


def to_line(value: Any) -> bytes:
    """Write a value as a line of JSON."""
    try:
        return _encode(value).encode() + b"\n"
    except UnicodeEncodeError:
        return _encode_ascii(value).encode() + b"\n"
