"""Judgements on single facts of a specification: what was renamed, and what takes less than it took."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher

from . import patterns
from .specification import Member

# Below this, two names are not spellings of one thing.
_ALIKE = 0.5
_ANY_TEXT = "(?:.|\n)*"


def renamed(
    gone: list[str], come: list[str], before: Mapping[str, Member], after: Mapping[str, Member]
) -> list[tuple[str, str]]:
    """Pair what went with what came in its place: the same in all but the name, which is much like it.

    Args:
        gone: the names that went.
        come: those that came.
        before: all members, as they were.
        after: all members, as they are.
    """
    pairs: list[tuple[float, str, str]] = []
    for old in gone:
        for new in come:
            one, other = before[old], after[new]
            if (one.type, one.leaf.enum, one.leaf.pattern, _asked(one)) != (
                *(other.type, other.leaf.enum, other.leaf.pattern, _asked(other)),
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


def _asked(member: Member) -> bool:
    return member.fact.required and member.fact.client_default is None


def pattern(old: str | None, new: str | None) -> tuple[bool, str]:
    """Whether another pattern of an argument breaks callers, and why."""
    if new is None:
        return False, "any text is taken"
    if old is None:
        if patterns.relation(_ANY_TEXT, new) == "same":
            return False, "every text matches the pattern"
        if is_any_line(new):
            return True, "texts of several lines are refused; every other text matches the pattern"
        return True, "texts that were taken are refused unless they match the pattern"
    relation = patterns.relation(old, new)
    reasons = {
        "same": "the pattern takes the same texts",
        "wider": "the pattern takes all that it took, and more",
        "narrower": "the pattern no longer takes all that it took",
        "other": "the pattern takes other texts than it took",
        "unknown": "the pattern may no longer take all that it took; whether it does was not decided",
    }
    return relation not in {"same", "wider"}, reasons[relation]


def is_any_line(value: str) -> bool:
    """Whether a pattern takes every text without a line break."""
    return patterns.relation(".*", value) in {"same", "wider"}


def rises(was: float | None, now: float | None) -> bool:
    """Whether a smallest value excludes more than it did."""
    return now is not None and (was is None or now > was)


def falls(was: float | None, now: float | None) -> bool:
    """Whether a largest value excludes more than it did."""
    return now is not None and (was is None or now < was)


__all__ = ["falls", "is_any_line", "pattern", "renamed", "rises"]
