"""Which classes callers construct themselves, and how, from the sources."""

from __future__ import annotations

import re
from typing import Any

import griffe


def options(value: Any) -> dict[str, str]:
    """Return the keyword arguments of `field(...)`, if it is one."""
    if not isinstance(value, griffe.ExprCall) or str(value.function).lstrip("_") != "field":
        return {}
    return {part.name: str(part.value) for part in value.arguments if isinstance(part, griffe.ExprKeyword)}


def is_constructed_by_callers(thing: Any) -> bool:
    """Return whether the docstring of a class documents its constructor, or refers to that of another."""
    text = thing.docstring.value if thing.docstring else ""
    if "Args:" in text:
        return True
    other = re.search(r"see `(\w+)`", text)
    named = thing.parent.members.get(other[1]) if other else None
    return named is not None and named is not thing and named.is_class and is_constructed_by_callers(named)


def has_generated_constructor(thing: Any) -> bool:
    """Return whether attrs, dataclasses or a named tuple generate the constructor of a class."""
    decorators = {str(decorator.value).split("(")[0].rsplit(".", 1)[-1] for decorator in thing.decorators}
    return bool(decorators & {"_define", "define", "dataclass", "frozen"}) or "NamedTuple" in map(str, thing.bases)


__all__ = ["has_generated_constructor", "is_constructed_by_callers", "options"]
