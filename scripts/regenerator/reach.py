"""What operations reach through shared schemas. Each schema is read once, however many operations refer to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .schemas import Fact, SharedFields


def reachable(names: Iterable[str], below: Callable[[str], Iterable[str]]) -> set[str]:
    """Return some names, and all that they lead to.

    Args:
        names: where to begin.
        below: returns what a name leads to.
    """
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += below(name)
    return found


@dataclass
class Reached:
    """What some facts lead to.

    Attributes:
        shared: the fields of shared schemas, by name.
        sensitive: the documented names of sensitive fields.
        files: those of files; empty for one without a name.
    """

    shared: dict[str, SharedFields] = field(default_factory=dict)
    sensitive: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


class Reach:
    """Finds what facts lead to, directly or through shared schemas."""

    def __init__(self) -> None:
        self._direct: dict[str, Reached] = {}

    def of(self, facts: Iterable[Fact]) -> Reached:
        """Return what some facts lead to.

        Raises:
            SpecError: if a schema is not supported.
        """
        found = _directly(facts)
        waiting = list(found.shared.values())
        while waiting:
            fields = waiting.pop()
            if fields.name not in self._direct:
                self._direct[fields.name] = _directly(fields)
            direct = self._direct[fields.name]
            found.sensitive |= direct.sensitive
            found.files |= direct.files
            waiting += [inner for name, inner in direct.shared.items() if name not in found.shared]
            found.shared |= direct.shared
        return found


def nests(fact: Fact) -> bool:
    """Return whether a value may contain fields."""
    if fact.type == "array":
        return fact.items is None or nests(fact.items)
    return any(map(nests, fact.fields)) if fact.type == "union" else fact.type in {"object", "any"}


def _directly(facts: Iterable[Fact]) -> Reached:
    found = Reached()
    waiting = list(facts)
    while waiting:
        fact = waiting.pop()
        if fact.wire_name and any(part.sensitive for part in _values(fact)):
            found.sensitive.add(fact.wire_name)
        if fact.type == "file":
            found.files.add(fact.wire_name)
        if isinstance(fact.fields, SharedFields):
            found.shared[fact.fields.name] = fact.fields
        else:
            waiting += fact.fields
        waiting += [part for part in (fact.items, fact.additional) if isinstance(part, Fact)]
    return found


def _values(fact: Fact) -> Iterator[Fact]:
    """Yield what the value of one field may be: itself, the items of a list, the alternatives of a union."""
    yield fact
    for part in (fact.items, fact.additional):
        if isinstance(part, Fact):
            yield from _values(part)
    if fact.type == "union":
        for option in fact.fields:
            yield from _values(option)
