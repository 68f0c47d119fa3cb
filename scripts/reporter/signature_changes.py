"""What differs between two signatures, and what that means for callers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .changes import Words
from .type_relations import read, relation

_POSITIONAL = frozenset({"positional-only", "positional or keyword"})
# Defaults without a value: the function chooses, or with `UNSET` the server, since nothing is sent. A new default may
# be the same choice written out, which no signature shows, so it is reported as not breaking. Any other default is a
# value that calls rely on; so is `UNCHANGED`, which keeps an option of the client that another default overrides.
_NO_VALUE = frozenset({"None", "UNSET"})


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        kind: `added`, `removed` or `changed`.
        breaking: whether valid calls fail, behave differently, or fail type checks.
        reason: what it means for callers.
        was: the old state, or `None`.
        now: the new state, or `None`.
        parameter: the parameter concerned, if any.
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
    def required(self) -> bool:
        return self.default is None and not self.kind.startswith("variadic")

    @property
    def text(self) -> str:
        annotation = f": {self.type}" if self.type else ""
        return f"{self.name}{annotation}" + (f" = {self.default}" if self.default is not None else "")


def compare(old: dict[str, Any], new: dict[str, Any], renamed: Mapping[str, list[str]]) -> Iterator[Difference]:
    """List what differs.

    Args:
        old: the old signature; see `surface.Surface`.
        new: the new signature.
        renamed: old names that are still accepted: `{old name: [new name, version that removes it]}`.
    """
    yield from _parameters(old, new, renamed)
    yield from _returns(old, new)
    on_class, off_class = old.get("method"), new.get("method") is None
    if on_class and off_class:
        yield Difference("changed", True, "it can no longer be called on the class", *_kinds(old, new))
    elif new.get("method") != on_class:
        yield Difference("changed", False, "it can still be called on an object", *_kinds(old, new))


def _kinds(*signatures: dict[str, Any]) -> Iterator[str]:
    for signature in signatures:
        kind = signature.get("method")
        yield Words(f"a {kind} method" if kind else "a method")


def _parameters(old: dict[str, Any], new: dict[str, Any], renamed: Mapping[str, list[str]]) -> Iterator[Difference]:
    before = {entry[0]: _Parameter(*entry) for entry in old["parameters"]}
    after = {entry[0]: _Parameter(*entry) for entry in new["parameters"]}
    accepts_any = any(parameter.kind == "variadic keyword" for parameter in after.values())
    moved: set[str] = set()
    for parameter in before.values():
        now = renamed.get(parameter.name, [""])[0]
        if parameter.name in after:
            yield from _parameter(parameter, after[parameter.name])
        elif now in after and now not in before:
            moved.add(now)
            yield from _parameter(parameter, after[now])
        elif not (accepts_any and parameter.kind == "keyword-only"):
            reason = "calls that pass it raise TypeError"
            yield Difference("removed", True, reason, parameter.text, None, parameter.name)
    for parameter in after.values():
        if parameter.name not in before and parameter.name not in moved:
            reason = "calls without it raise TypeError" if parameter.required else "calls without it still work"
            yield Difference("added", parameter.required, reason, None, parameter.text, parameter.name)
    order = [parameter.name for parameter in before.values() if parameter.kind in _POSITIONAL]
    place = [parameter.name for parameter in after.values() if parameter.kind in _POSITIONAL]
    stay = [one for one in order if one in place]
    if stay != place[: len(stay)] and set(stay) == set(order):
        yield Difference(
            "changed", True, "positional arguments reach other parameters", ", ".join(order), ", ".join(place)
        )


def _parameter(old: _Parameter, new: _Parameter) -> Iterator[Difference]:
    found: list[tuple[bool, str]] = []
    if old.kind in _POSITIONAL and new.kind == "keyword-only":
        found.append((True, "it can no longer be passed by position"))
    elif old.kind in {"keyword-only", "positional or keyword"} and new.kind == "positional-only":
        found.append((True, "it can no longer be passed by name"))
    elif old.kind in {"keyword-only", "positional-only"} and new.kind == "positional or keyword":
        found.append((False, "it can be passed by position and by name"))
    if not old.required and new.required:
        found.append((True, "calls without it raise TypeError"))
    elif old.required and not new.required:
        found.append((False, "it may now be omitted"))
    elif old.default is not None and new.default is not None and not _equal(old.default, new.default):
        found.append(_default(old.default, new.default))
    if old.type is not None and new.type is None:
        found.append((True, "type checkers no longer know its type, which strict ones report"))
    else:
        # Without an annotation, anything is accepted.
        kind = relation(old.type or "Any", new.type or "Any")
        if kind == "wider":
            found.append((False, "it accepts everything it did, and more"))
        elif kind != "same":
            found.append((True, "it no longer accepts everything it did"))
    if found:
        breaking = any(breaks for breaks, _ in found)
        reason = "; ".join(text for breaks, text in found if breaks or not breaking)
        was, now = (f"{one.text} ({one.kind})" if old.kind != new.kind else one.text for one in (old, new))
        yield Difference("changed", breaking, reason, was, now, old.name)


def _default(old: str, new: str) -> tuple[bool, str]:
    """Return whether a changed default breaks callers, and why."""
    if old in _NO_VALUE and new != "None":
        return (
            False,
            "calls without it had no default, and now get this one; check whether the effect differs",
        )
    # Also the other way around: `None` may be sent as null, while `UNSET` sends nothing.
    return True, "calls without it behave differently"


def _equal(one: str, other: str) -> bool:
    """Return whether two defaults are the same value, however it is written; names are compared by spelling."""
    if one == other:
        return True
    try:
        was, now = ast.literal_eval(one), ast.literal_eval(other)
    except (ValueError, SyntaxError):
        return False
    # True equals 1 in Python, but not to callers.
    return bool(was == now) and isinstance(was, bool) == isinstance(now, bool)


def _returns(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    if bool(old.get("async")) != bool(new.get("async")):
        reason = "calls must be awaited" if new.get("async") else "calls must no longer be awaited"
        yield Difference("changed", True, reason)
    if found := read(old["returns"], new["returns"]):
        yield Difference("changed", *found)


__all__ = ["Difference", "compare"]
