"""Values of samples and examples: which are real, where they stand, how they are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from .facts import MISSING

_PLACEHOLDER = re.compile(r"<.*>")
# What the vendor's page generator writes for any number.
_NUMBER = 123


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def as_object(value: Any) -> dict[str, Any] | None:
    """A JSON object as such; None for anything else."""
    return value if _is_object(value) else None


def as_array(value: Any) -> Sequence[Any] | None:
    """A JSON array (or a tuple) as such; None for anything else."""
    return value if _is_array(value) else None


def first_of(value: Any) -> Any:
    """The first item of an array that has one; anything else as it is."""
    items = as_array(value)
    return items[0] if items else value


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in JSON."""
    # 1 and true are equal in Python and not in JSON.
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def leaves(value: Any) -> Iterable[tuple[tuple[str | int, ...], Any]]:
    """The innermost values, each with the way to it."""
    members, items = as_object(value), as_array(value)
    if members is not None:
        for name, inner in members.items():
            yield from (((name, *rest), leaf) for rest, leaf in leaves(inner))
    elif items is not None:
        for index, inner in enumerate(items):
            yield from (((index, *rest), leaf) for rest, leaf in leaves(inner))
    else:
        yield (), value


def is_placeholder(value: Any) -> bool:
    """What the vendor's page generator writes for any text, number and truth value."""
    if isinstance(value, str):
        return _PLACEHOLDER.fullmatch(value) is not None
    return value is True or (not isinstance(value, bool) and value == _NUMBER)


def readable(value: Any) -> str:
    """A value as a line of the report shows it."""
    if value is MISSING:
        return "nothing"
    items = as_array(value)
    if items is not None:
        return "[" + ", ".join(map(readable, items)) + "]"
    text: object = value
    return text if isinstance(text, str) else repr(text)
