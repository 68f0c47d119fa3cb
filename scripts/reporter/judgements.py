"""Decisions about single facts of a specification: which names are renamed, and which patterns accept less."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from fractions import Fraction

from . import patterns
from .specification import Member

# Below this ratio, two names are not similar enough for a rename.
_ALIKE = 0.5
_ANY_STRING = "(?:.|\n)*"


def renamed(
    removed: list[str], added: list[str], before: Mapping[str, Member], after: Mapping[str, Member]
) -> list[tuple[str, str]]:
    """Pair removed names with added ones that are the same except for a similar name.

    Args:
        removed: the removed names.
        added: the added names.
        before: all old values.
        after: all new values.
    """
    pairs: list[tuple[float, str, str]] = []
    for old in removed:
        for new in added:
            one, other = before[old], after[new]
            if (one.type, one.leaf.enum, one.leaf.pattern, _is_required(one)) != (
                *(other.type, other.leaf.enum, other.leaf.pattern, _is_required(other)),
            ):
                continue
            alike = SequenceMatcher(None, old.lower(), new.lower()).ratio()
            described = bool(one.fact.description) and one.fact.description == other.fact.description
            if alike >= _ALIKE or described:
                pairs.append((alike + described, old, new))
    found: list[tuple[str, str]] = []
    for _, old, new in sorted(pairs, reverse=True):
        if old not in {first for first, _ in found} and new not in {second for _, second in found}:
            found.append((old, new))
    return found


def _is_required(value: Member) -> bool:
    return value.fact.required and value.fact.client_default is None


def pattern(old: str | None, new: str | None) -> tuple[bool, str]:
    """Return whether a changed pattern of an argument breaks callers, and why."""
    if new is None:
        return False, "any string is accepted"
    if old is None:
        if patterns.relation(_ANY_STRING, new) == "same":
            return False, "every string matches the pattern"
        if is_any_line(new):
            return True, "strings of several lines are rejected; every other string matches the pattern"
        return True, "strings that were accepted are rejected unless they match the pattern"
    relation = patterns.relation(old, new)
    reasons = {
        "same": "the pattern matches the same strings",
        "wider": "the pattern matches everything it did, and more",
        "narrower": "the pattern no longer matches everything it did",
        "other": "the pattern matches other strings than it did",
        "unknown": "the pattern may no longer match everything it did; this was not decided",
    }
    return relation not in {"same", "wider"}, reasons[relation]


def is_any_line(value: str) -> bool:
    """Return whether a pattern matches every string without a line break."""
    return patterns.relation(".*", value) in {"same", "wider"}


def rises(was: float | None, now: float | None) -> bool:
    """Return whether a minimum excludes more than before."""
    return now is not None and (was is None or now > was)


def falls(was: float | None, now: float | None) -> bool:
    """Return whether a maximum excludes more than before."""
    return now is not None and (was is None or now < was)


def divides_less(was: float | None, now: float | None) -> bool:
    """Return whether a divisor excludes more than before."""
    return now is not None and (was is None or bool(Fraction(str(was)) % Fraction(str(now))))


__all__ = ["divides_less", "falls", "is_any_line", "pattern", "renamed", "rises"]
