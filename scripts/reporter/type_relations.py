"""Whether a type accepts more or fewer values than another, from their annotations alone.

Exact for the annotations of the generated packages and the facade: names, unions, literals and generic types. Anything
else counts as another type.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import Literal

Relation = Literal["same", "wider", "narrower", "other"]

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
    before, after = parse(old), parse(new)
    if before == after:
        return "same"
    more, fewer = _within(before, after), _within(after, before)
    if more and fewer:
        return "same"
    return "wider" if more else "narrower" if fewer else "other"


def result_relation(old: str, new: str) -> Relation | Literal["checked"]:
    """Return how the types of two results compare: as `relation`, or `checked`.

    `checked` is a narrower type instead of `Any`. Type checkers accept any use of an `Any`, and check it from then on:
    a `str` cannot be indexed by a name.
    """
    found = relation(old, new)
    return "checked" if found == "narrower" and not _within(parse(new), parse(old), any_is_known=False) else found


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
            return _type(left) | _type(right)
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
        found = frozenset(atom for value in inside for atom in _type(value))
        return found | {Atom("None")} if name == "Optional" else found
    return frozenset({Atom(name, tuple(_type(value) for value in inside))})


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def _within(inner: Type, outer: Type, any_is_known: bool = True) -> bool:
    return all(any(_fits(one, other, any_is_known) for other in outer) for one in inner)


def _fits(one: Atom, other: Atom, any_is_known: bool) -> bool:
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
    if len(one.arguments) != len(other.arguments):
        return False
    pairs = zip(one.arguments, other.arguments, strict=True)
    if other.name in _COVARIANT:
        return all(_within(a, b, any_is_known) for a, b in pairs)
    return one.arguments == other.arguments


def _is_plain(source: str) -> bool:
    try:
        ast.literal_eval(source)
    except ValueError:
        return False
    return True


__all__ = ["Relation", "names", "parse", "relation", "result_relation"]
