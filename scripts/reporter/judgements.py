"""Judgements on single facts of a specification: what was renamed, and what takes less than it took."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher

from . import patterns
from .specification import Member

# Below this, two names are not spellings of one thing.
_ALIKE = 0.5


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
        return True, "texts that were taken are refused unless they match"
    relation = patterns.relation(old, new)
    reasons = {
        "same": "it takes the same texts",
        "wider": "it takes all that it took, and more",
        "narrower": "it no longer takes all that it took",
        "other": "it takes other texts than it took",
        "unknown": "it may no longer take all that it took; whether it does was not decided",
    }
    return relation not in {"same", "wider"}, reasons[relation]


def rises(was: float | None, now: float | None) -> bool:
    """Whether a smallest value excludes more than it did."""
    return now is not None and (was is None or now > was)


def falls(was: float | None, now: float | None) -> bool:
    """Whether a largest value excludes more than it did."""
    return now is not None and (was is None or now < was)


__all__ = ["falls", "pattern", "renamed", "rises"]
