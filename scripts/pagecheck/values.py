"""Values of samples and examples: finds real ones, compares and shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from .facts import MISSING

_PLACEHOLDER = re.compile(r"<.*>")
# The page generator of the vendor writes this for any number.
_NUMBER = 123


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def as_object(value: Any) -> dict[str, Any] | None:
    """Return a JSON object; None for anything else."""
    return value if _is_object(value) else None


def as_array(value: Any) -> Sequence[Any] | None:
    """Return a JSON array or a tuple; None for anything else."""
    return value if _is_array(value) else None


def first_of(value: Any) -> Any:
    """Return the first item of an array that is not empty; anything else unchanged."""
    items = as_array(value)
    return items[0] if items else value


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal in JSON."""
    # 1 and true are equal in Python, but not in JSON.
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def leaves(value: Any) -> Iterable[tuple[tuple[str | int, ...], Any]]:
    """Yield the innermost values with their paths."""
    fields, items = as_object(value), as_array(value)
    if fields is not None:
        for name, inner in fields.items():
            yield from (((name, *rest), leaf) for rest, leaf in leaves(inner))
    elif items is not None:
        for index, inner in enumerate(items):
            yield from (((index, *rest), leaf) for rest, leaf in leaves(inner))
    else:
        yield (), value


def is_placeholder(value: Any) -> bool:
    """Return whether a value is one that the page generator of the vendor writes for any string, number or boolean."""
    if isinstance(value, str):
        return _PLACEHOLDER.fullmatch(value) is not None
    return value is True or (not isinstance(value, bool) and value == _NUMBER)


def readable(value: Any) -> str:
    """Return a value as the report shows it."""
    if value is MISSING:
        return "nothing"
    items = as_array(value)
    if items is not None:
        return "[" + ", ".join(map(readable, items)) + "]"
    other: object = value
    return other if isinstance(other, str) else repr(other)
