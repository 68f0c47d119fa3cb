"""Brings together what the specification and the Python surface say of the same thing, so that it is read once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .changes import Change

_AREAS = (
    *("operation", "parameter", "field", "enum value", "sid", "surface", "released types", "released calls"),
    *("specification", "documentation"),
)
_KINDS = ("removed", "renamed", "changed", "added", "deprecated", "no longer holds")


def merge(specified: Sequence[Change], surface: Sequence[Change], checked: Sequence[Change]) -> list[Change]:
    """Give each change once, those that break callers first.

    Args:
        specified: what differs in the specifications; the Python surface decides where they leave it open.
        surface: what differs in the Python surface.
        checked: what of the released programs no longer holds.
    """
    causes: dict[int, list[Change]] = {index: [] for index in range(len(specified))}
    alone: list[Change] = []
    for change in surface:
        cause = _cause(change, specified)
        if cause is None:
            alone.append(change)
        else:
            causes[cause].append(change)
    told = [_told(change, causes[index]) for index, change in enumerate(specified)]
    return sorted(_collapsed([*told, *alone, *checked]), key=_order)


def _cause(change: Change, specified: Sequence[Change]) -> int | None:
    """The change of the specification that a change of the surface follows from."""
    matches = [
        index
        for index, one in enumerate(specified)
        if one.subjects & change.subjects or (one.kind != "renamed" and one.reached & change.reached)
    ]
    # What breaks callers is not put under something harmless, unless it just came with it.
    open_ = [index for index in matches if specified[index].breaking is None]
    same = [index for index in matches if specified[index].kind == change.kind and not change.breaking]
    breaking = [index for index in matches if specified[index].breaking]
    came = [index for index in matches if not change.breaking]
    return next(iter([*same, *open_, *breaking, *came]), None)


def _told(change: Change, effects: list[Change]) -> Change:
    """A change of the specification, with what followed from it in Python."""
    names = [name for effect in effects for name in effect.where if not name.startswith("invigilate.")]
    where = tuple(dict.fromkeys([*change.where, *names]))
    if change.breaking is not None:
        return replace(change, where=where)
    worst = max(effects, key=lambda effect: bool(effect.breaking), default=None)
    if worst is None:
        return replace(change, breaking=False, reason="the types that callers see stay as they are", where=where)
    return replace(change, breaking=bool(worst.breaking), reason=worst.reason, where=where)


def _collapsed(changes: list[Change]) -> list[Change]:
    """Tell what happened to several things in the same way as one change."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        one = (change.kind, change.area, change.breaking, change.reason, change.was, change.now)
        if change.shared:
            groups.setdefault((*one[:1], change.area == "enum value", *one[2:], change.shared), []).append(change)
            continue
        mergeable = change.area in {"parameter", "field", "enum value", "surface"}
        own = re.split(r"[.(]", change.name, maxsplit=change.name.count(".") + change.name.count("("))[-1]
        groups.setdefault((*one, own if mergeable else change.name, mergeable or len(groups)), []).append(change)
    return [_together(group) for group in groups.values()]


def _together(group: list[Change]) -> Change:
    if len(group) == 1:
        return group[0]
    # The client's own name is what people know it by, and the sync one comes first.
    group = sorted(
        group,
        key=lambda change: (change.name.startswith(("ispring_learn_", "smarterproctoring_")), ".Async" in change.name),
    )
    first, *others = group
    if first.shared:
        first = replace(first, reason=f"{first.reason} (all have the schema {first.shared})")
    where = [*(change.name for change in others), *(name for change in group for name in change.where)]
    name = f"{first.name} and {others[0].name if len(others) == 1 else f'{len(others)} more'}"
    return replace(first, name=name, where=tuple(dict.fromkeys(where)))


def _order(change: Change) -> tuple[object, ...]:
    return not change.breaking, _AREAS.index(change.area), _KINDS.index(change.kind), change.name, change.was or ""


__all__ = ["merge"]
