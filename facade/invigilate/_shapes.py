"""The shapes of values that nobody has typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value can stand for a JSON object."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value can stand for a JSON array; a text is no list of letters."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number; Python's booleans are integers, but JSON's are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
