"""Whether a type accepts more or fewer values than another, from their annotations alone.

Exact for the annotations of the generated packages and the facade: names, unions, literals and generic types. Anything
else counts as another type.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import Literal

from .changes import Words

Relation = Literal["same", "wider", "narrower", "other"]

_READ = {
    "wider": "code that reads it must handle more types",
    "narrower": "its values are still accepted everywhere",
    "checked": "type checkers accepted any use of it, and now check it against this type",
    "other": "code that reads it gets another type",
}

# Supertypes of the first type.
_IS_ALSO: dict[str, frozenset[str]] = {
    "bool": frozenset({"int", "float"}),
    "int": frozenset({"float"}),
    "datetime": frozenset({"date", "Date"}),
    "list": frozenset({"Sequence", "Collection", "Iterable"}),
    "tuple": frozenset({"Sequence", "Collection", "Iterable"}),
    "Sequence": frozenset({"Collection", "Iterable"}),
    "dict": frozenset({"Mapping"}),
    "Iterator": frozenset({"Iterable"}),
    "Generator": frozenset({"Iterator", "Iterable"}),
    "Coroutine": frozenset({"Awaitable"}),
}
# Their arguments may be narrower; those of all others must be equal.
_COVARIANT = frozenset(
    {"AsyncIterable", "AsyncIterator", "AsyncPager", "Awaitable", "Call", "Collection", "Coroutine", "Iterable"}
    | {"Iterator", "Mapping", "Page", "PagedCall", "Pager", "RawResponse", "Response", "Sequence", "frozenset"}
    | {"tuple", "type"}
)


@dataclass(frozen=True)
class Atom:
    """One alternative of a type.

    Attributes:
        name: its name, or the source of a literal's value.
        arguments: those of a generic type; `None` if it has none.
        literal: whether it is a value rather than a type.
    """

    name: str
    arguments: tuple[frozenset[Atom], ...] | None = None
    literal: bool = False


Type = frozenset[Atom]


@cache
def parse(annotation: str) -> Type:
    """Parse an annotation into the set of its alternatives."""
    try:
        return _type(ast.parse(annotation, mode="eval").body)
    except SyntaxError:
        return frozenset({Atom(annotation)})


def relation(old: str, new: str) -> Relation:
    """Return how the values of the new type compare with those of the old one."""
    return _relation(old, new, reading=False)


def result_relation(old: str, new: str) -> Relation | Literal["checked"]:
    """Return how the types of two results compare: as `relation`, or `checked`.

    Results are read, so a list of a narrower type is narrower. `checked` is a narrower type instead of `Any`. Type
    checkers accept any use of an `Any`, and check it from then on: a `str` cannot be indexed by a name.
    """
    found = _relation(old, new, reading=True)
    known = _within(parse(new), parse(old), reading=True, any_is_known=False)
    return "checked" if found == "narrower" and not known else found


def read(was: str | None, now: str | None) -> tuple[bool, str, str | None, str | None] | None:
    """Return what a changed type of a result or an attribute means: whether it breaks callers, why, and both types.

    Args:
        was: the old annotation, if any.
        now: the new one.
    """
    if was is None or now is None:
        if was == now:
            return None
        if was is None:
            return False, "its type was inferred, and is now declared", None, now
        reason = "type checkers no longer know its type, which strict ones report"
        return True, reason, was, Words("without a type")
    found = result_relation(was, now)
    return None if found == "same" else (found != "narrower", _READ[found], was, now)


def _relation(old: str, new: str, *, reading: bool) -> Relation:
    before, after = parse(old), parse(new)
    more, fewer = _within(before, after, reading=reading), _within(after, before, reading=reading)
    if more and fewer:
        return "same"
    return "wider" if more else "narrower" if fewer else "other"


def names(annotation: str) -> set[str]:
    """Return the last part of each name in an annotation."""
    found: set[str] = set()
    waiting = [parse(annotation)]
    while waiting:
        for atom in waiting.pop():
            if not atom.literal:
                found.add(atom.name)
            waiting += atom.arguments or ()
    return found


def _type(node: ast.expr) -> Type:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union(_type(left), _type(right))
        case ast.Constant(value=None):
            return frozenset({Atom("None")})
        case ast.Constant(value=str(text)):
            return parse(text)
        case ast.Subscript(value=value, slice=inside):
            return _generic(_name(value), inside.elts if isinstance(inside, ast.Tuple) else [inside])
        case ast.List(elts=elements):
            return frozenset({Atom("[]", tuple(_type(element) for element in elements))})
        case _:
            return frozenset({Atom(_name(node))})


def _generic(name: str, inside: list[ast.expr]) -> Type:
    if name == "Literal":
        return frozenset(Atom(ast.unparse(value), literal=True) for value in inside)
    if name in {"Union", "Optional"}:
        return _union(*map(_type, inside), frozenset({Atom("None")} if name == "Optional" else ()))
    return frozenset({Atom(name, tuple(_type(value) for value in inside))})


def _union(*types: Type) -> Type:
    """Return all alternatives, without the literals that another alternative includes."""
    found = frozenset[Atom]().union(*types)
    plain = frozenset(atom for atom in found if not atom.literal)
    return plain | {atom for atom in found - plain if not _within(frozenset({atom}), plain, any_is_known=False)}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def _within(inner: Type, outer: Type, *, reading: bool = False, any_is_known: bool = True) -> bool:
    def fits(one: Atom, other: Atom) -> bool:
        if one == other or (not other.literal and (other.name == "object" or (any_is_known and other.name == "Any"))):
            return True
        if other.literal:
            return False
        if one.literal:
            kind = type(ast.literal_eval(one.name)).__name__ if _is_plain(one.name) else ""
            return other.name == kind or other.name in _IS_ALSO.get(kind, ())
        if one.name != other.name and other.name not in _IS_ALSO.get(one.name, ()):
            return False
        if one.arguments is None or other.arguments is None:
            # The arguments of a bare generic type are `Any`.
            return other.arguments is None and (any_is_known or one.arguments is None)
        covariant = other.name in _COVARIANT or (reading and other.name not in {"Callable", "[]"})
        if len(one.arguments) != len(other.arguments) or not covariant:
            return one.arguments == other.arguments
        pairs = zip(one.arguments, other.arguments, strict=True)
        return all(_within(a, b, reading=reading, any_is_known=any_is_known) for a, b in pairs)

    return all(any(fits(one, other) for other in outer) for one in inner)


def _is_plain(source: str) -> bool:
    try:
        ast.literal_eval(source)
    except ValueError:
        return False
    return True


__all__ = ["Relation", "names", "parse", "read", "relation", "result_relation"]
