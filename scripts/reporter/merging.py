"""Merges changes of the specification and of the Python surface that are about the same thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .changes import Change
from .specification import Specification

_AREAS = (
    *("operation", "parameter", "field", "enum value", "sid", "surface", "released types", "released calls"),
    *("specification", "documentation"),
)
_KINDS = ("removed", "renamed", "changed", "added", "deprecated", "fails")


def merge(
    specified: Sequence[Change],
    surface: Sequence[Change],
    checked: Sequence[Change],
    specifications: Sequence[tuple[Specification, Specification]] = (),
) -> list[Change]:
    """Return each change once, those that break callers first.

    Args:
        specified: changes of the specifications; where they leave open whether they break, the Python surface decides.
        surface: changes of the Python surface.
        checked: checks of the release that fail.
        specifications: the old and the new ones; a generated class that no operation reaches is no change.
    """
    causes: dict[int, list[Change]] = {index: [] for index in range(len(specified))}
    alone: list[Change] = []
    for change in surface:
        if any(_is_unreached(change, old, new) for old, new in specifications):
            continue
        cause = _cause(change, specified)
        if cause is None:
            alone.append(change)
        else:
            causes[cause].append(change)
    merged = [_with_effects(change, causes[index]) for index, change in enumerate(specified)]
    return sorted(_collapsed([*merged, *alone, *checked]), key=_order)


def _is_unreached(change: Change, old: Specification, new: Specification) -> bool:
    classes = {one[2] for one in change.subjects if one[0] in {"model", "member"} and one[1] == new.package}
    unreached = tuple(old.unreached() | new.unreached())
    return bool(classes) and not any(
        name in old.models or name in new.models or not name.startswith(unreached) for name in classes
    )


def _cause(change: Change, specified: Sequence[Change]) -> int | None:
    """Return the change of the specification that caused a change of the surface."""
    matches = [
        index
        for index, one in enumerate(specified)
        if one.subjects & change.subjects or (one.kind != "renamed" and one.reached & change.reached)
    ]
    # A breaking change is not merged into a harmless one, unless that has the same cause.
    open_ = [index for index in matches if specified[index].breaking is None]
    same = [index for index in matches if specified[index].kind == change.kind and not change.breaking]
    breaking = [index for index in matches if specified[index].breaking]
    came = [index for index in matches if not change.breaking]
    return next(iter([*same, *open_, *breaking, *came]), None)


def _with_effects(change: Change, effects: list[Change]) -> Change:
    """Return a change of the specification with its effects in Python."""
    names = [name for effect in effects for name in effect.where if not name.startswith("invigilate.")]
    where = tuple(dict.fromkeys([*change.where, *names]))
    if change.breaking is not None:
        return replace(change, where=where)
    worst = max(effects, key=lambda effect: bool(effect.breaking), default=None)
    if worst is None:
        return replace(change, breaking=False, reason="the types in Python stay the same", where=where)
    return replace(change, breaking=bool(worst.breaking), reason=worst.reason, where=where)


def _collapsed(changes: list[Change]) -> list[Change]:
    """Merge the same change of several things into one."""
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
    # The name in the client comes first, and the sync client before the async one.
    group = sorted(
        group,
        key=lambda change: (".models." in change.name or ".api." in change.name, ".Async" in change.name),
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
