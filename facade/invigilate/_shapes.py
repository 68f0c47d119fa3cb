"""Type guards for values of unknown type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether a value can be written as a JSON object."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value can be written as a JSON array; a string cannot."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a number; booleans are integers in Python, but not in JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)
