"""What differs between two signatures, and what that means for callers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .changes import Words
from .type_relations import relation, result_relation

_POSITIONAL = frozenset({"positional-only", "positional or keyword"})
# Defaults that ask for nothing: what happens then, the function decides, or with `UNSET` the server, since nothing is
# sent. A new default in their place may be just that, written out, which no signature shows; so it is told, and not
# called breaking. Every other default is a value that calls ask for. `UNCHANGED` is one of those: it keeps what the
# client was told before, and whatever comes in its place overrides that.
_NOTHING = frozenset({"None", "UNSET"})


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        kind: `added`, `removed` or `changed`.
        breaking: whether calls that were right fail, do something else, or fail their type check.
        reason: what it means for callers.
        was: how it was, or `None`.
        now: how it is, or `None`.
        parameter: the parameter that it is about, if it is about one.
    """

    kind: str
    breaking: bool
    reason: str
    was: str | None = None
    now: str | None = None
    parameter: str = ""


@dataclass(frozen=True)
class _Parameter:
    name: str
    kind: str
    type: str | None
    default: str | None

    @property
    def needed(self) -> bool:
        return self.default is None and not self.kind.startswith("variadic")

    @property
    def text(self) -> str:
        annotation = f": {self.type}" if self.type else ""
        return f"{self.name}{annotation}" + (f" = {self.default}" if self.default is not None else "")


def compare(old: dict[str, Any], new: dict[str, Any], taken: Mapping[str, list[str]]) -> Iterator[Difference]:
    """List what differs.

    Args:
        old: the signature as it was; see `surface.Surface`.
        new: the signature as it is.
        taken: old names that are still taken: `{old name: [new name, version that removes it]}`.
    """
    yield from _parameters(old, new, taken)
    yield from _returns(old, new)
    on_class, off_class = old.get("method"), new.get("method") is None
    if on_class and off_class:
        yield Difference("changed", True, "it can no longer be called on the class", *_kinds(old, new))
    elif new.get("method") != on_class:
        yield Difference("changed", False, "it can be called as it was", *_kinds(old, new))


def _kinds(*signatures: dict[str, Any]) -> Iterator[str]:
    for signature in signatures:
        kind = signature.get("method")
        yield Words(f"a {kind} method" if kind else "a method")


def _parameters(old: dict[str, Any], new: dict[str, Any], taken: Mapping[str, list[str]]) -> Iterator[Difference]:
    before = {entry[0]: _Parameter(*entry) for entry in old["parameters"]}
    after = {entry[0]: _Parameter(*entry) for entry in new["parameters"]}
    takes_any = any(parameter.kind == "variadic keyword" for parameter in after.values())
    moved: set[str] = set()
    for parameter in before.values():
        now = taken.get(parameter.name, [""])[0]
        if parameter.name in after:
            yield from _parameter(parameter, after[parameter.name])
        elif now in after and now not in before:
            moved.add(now)
            yield from _parameter(parameter, after[now])
        elif not (takes_any and parameter.kind == "keyword-only"):
            reason = "calls that give it raise TypeError"
            yield Difference("removed", True, reason, parameter.text, None, parameter.name)
    for parameter in after.values():
        if parameter.name not in before and parameter.name not in moved:
            reason = "calls without it raise TypeError" if parameter.needed else "calls may go on without it"
            yield Difference("added", parameter.needed, reason, None, parameter.text, parameter.name)
    order = [parameter.name for parameter in before.values() if parameter.kind in _POSITIONAL]
    place = [parameter.name for parameter in after.values() if parameter.kind in _POSITIONAL]
    stay = [one for one in order if one in place]
    if stay != place[: len(stay)] and set(stay) == set(order):
        yield Difference(
            "changed", True, "arguments given by position arrive elsewhere", ", ".join(order), ", ".join(place)
        )


def _parameter(old: _Parameter, new: _Parameter) -> Iterator[Difference]:
    found: list[tuple[bool, str]] = []
    if old.kind in _POSITIONAL and new.kind == "keyword-only":
        found.append((True, "it can no longer be given by position"))
    elif old.kind in {"keyword-only", "positional or keyword"} and new.kind == "positional-only":
        found.append((True, "it can no longer be given by name"))
    elif old.kind in {"keyword-only", "positional-only"} and new.kind == "positional or keyword":
        found.append((False, "it may be given by position and by name"))
    if not old.needed and new.needed:
        found.append((True, "calls without it raise TypeError"))
    elif old.needed and not new.needed:
        found.append((False, "it may be left out now"))
    elif old.default is not None and new.default is not None and not _equal(old.default, new.default):
        found.append(_default(old.default, new.default))
    if old.type is not None and new.type is None:
        found.append((True, "type checkers no longer know its type, and strict ones object"))
    else:
        # Without an annotation, anything is taken.
        kind = relation(old.type or "Any", new.type or "Any")
        if kind == "wider":
            found.append((False, "it takes all that it took, and more"))
        elif kind != "same":
            found.append((True, "it no longer takes all that it took"))
    if found:
        breaking = any(breaks for breaks, _ in found)
        reason = "; ".join(text for breaks, text in found if breaks or not breaking)
        was, now = (f"{one.text} ({one.kind})" if old.kind != new.kind else one.text for one in (old, new))
        yield Difference("changed", breaking, reason, was, now, old.name)


def _default(old: str, new: str) -> tuple[bool, str]:
    """Whether another default breaks callers, and why."""
    if old in _NOTHING and new != "None":
        return False, "calls without it asked for nothing, and get the new default; look whether that is what they got"
    # The other way around as well: `None` may be sent as null, where with `UNSET` nothing is.
    return True, "calls without it do something else: what the new default says"


def _equal(one: str, other: str) -> bool:
    """Whether two defaults are one value, perhaps spelt otherwise; names are the same only if they are called so."""
    if one == other:
        return True
    try:
        was, now = ast.literal_eval(one), ast.literal_eval(other)
    except (ValueError, SyntaxError):
        return False
    # True is 1 to Python, and not to callers.
    return bool(was == now) and isinstance(was, bool) == isinstance(now, bool)


def _returns(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    if bool(old.get("async")) != bool(new.get("async")):
        reason = "calls must be awaited" if new.get("async") else "calls must not be awaited any more"
        yield Difference("changed", True, reason)
    was, now = old["returns"], new["returns"]
    if was is not None and now is None:
        reason = "type checkers no longer know what it gives, and strict ones object"
        yield Difference("changed", True, reason, was, Words("without a type"))
    elif was is not None and (kind := result_relation(was, now)) != "same":
        reason = {
            "wider": "callers must be ready for more types",
            "narrower": "what it gives is still accepted everywhere",
            "checked": "type checkers let everything pass that was done with it, and hold code to this type now",
            "other": "callers get another type",
        }[kind]
        yield Difference("changed", kind != "narrower", reason, was, now)
    elif was is None and now is not None:
        yield Difference("changed", False, "its type was there to be inferred, and is declared now", None, now)


__all__ = ["Difference", "compare"]
