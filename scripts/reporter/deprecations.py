"""Deprecations in the sources, as `invigilate._deprecation` and PEP 702 write them.

A decorator, or the same call around a value:

    @deprecated("use list instead of find, which is removed in 0.5")
    def find(self) -> ...

    find = operation(lambda: deprecated("use list instead of find, which is removed in 0.5")(rooms.list_rooms.describe))
    reserve = operation(lambda: renamed_argument("room", "room_sid", removed_in="0.5")(rooms.reserve_seat.describe))
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

import griffe

_NAMES = frozenset({"deprecated", "renamed_argument"})


def unwrapped(value: Any) -> tuple[Any, list[Any]]:
    """Unwrap the deprecations around a value.

    Returns:
        The deprecated value, and the decorator calls, outermost first.
    """
    calls: list[Any] = []
    while isinstance(value, griffe.ExprCall) and len(value.arguments) == 1 and _decorator(value.function):
        calls.append(value.function)
        value = value.arguments[0]
    return value, calls


def notes(calls: Iterable[Any]) -> dict[str, Any]:
    """Return the deprecations that decorators declare.

    Args:
        calls: the decorators, as they are called; others are ignored.

    Returns:
        `deprecated` with the text of the warning, and `renamed` with each old name of an argument that is still
        accepted: `{old name: [new name, version that removes it]}`. Each only if there is one.
    """
    found: dict[str, Any] = {}
    for call in calls:
        name = _decorator(call)
        keywords = (
            {part.name: part.value for part in call.arguments if isinstance(part, griffe.ExprKeyword)} if name else {}
        )
        positional = [part for part in call.arguments if not isinstance(part, griffe.ExprKeyword)] if name else []
        if name == "deprecated" and positional:
            found["deprecated"] = _text(positional[0])
        elif name == "renamed_argument":
            keywords = {**dict(zip(("old", "new"), positional, strict=False)), **keywords}
            renamed = [_text(keywords.get(key, "''")) for key in ("new", "removed_in")]
            found.setdefault("renamed", {})[_text(keywords.get("old", "''"))] = renamed
    return found


def _decorator(call: Any) -> str:
    """Return the name of the decorator that is called, if it is one of ours."""
    if not isinstance(call, griffe.ExprCall) or not isinstance(call.function, griffe.Expr):
        return ""
    name = str(call.function.canonical_path).rpartition(".")[2]
    return name if name in _NAMES else ""


def _text(value: Any) -> str:
    """Return the value of a literal, or the source of anything else."""
    try:
        return str(ast.literal_eval(str(value)))
    except (ValueError, SyntaxError):
        return str(value)


__all__ = ["notes", "unwrapped"]
