"""Creates a report: everything that changed since a release, and the next version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regenerator.unbinding import stale

from . import checking, spec_rest, surface, surface_changes, uses, versions
from .changes import Change
from .merging import merge
from .released import Released, is_tagged, specifications, version
from .spec_changes import SpecComparison
from .specification import Specification, load


@dataclass(frozen=True)
class Report:
    """Everything that changed since a release, and the next version.

    Attributes:
        base: the version compared with.
        source: its description.
        current: the version of this tree.
        following: the lowest version for these changes.
        changes: each change once, those that break callers first.
        changelog: the section of the changelog, without its heading.
        notes: which checks of the release were run against this tree.
        specification: the file, if only that was compared. `base` and `current` are then the versions that it
            states, and `following` is the part to raise: `major`, `minor`, `patch` or `none`.
        unreleased: whether the base is the record of this version, which has no tag yet and so may still change. What
            breaks callers does not raise it then, as when the release is prepared.
        unimportable: why the facade cannot be imported, so that the report is incomplete; `None` if it can.
    """

    base: str
    source: str
    current: str
    following: str
    changes: tuple[Change, ...]
    changelog: str
    notes: tuple[str, ...]
    unimportable: str | None = None
    specification: str = ""
    unreleased: bool = False

    @property
    def breaking(self) -> bool:
        """Whether any change breaks callers."""
        return any(change.breaking for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; see the documentation of this package."""
        return {
            "base": self.base,
            "current": self.current,
            "next": self.following,
            "breaking": self.breaking,
            "changes": [change.to_dict() for change in self.changes],
            "changelog": self.changelog,
            "notes": list(self.notes),
            "specification": self.specification,
            "unimportable": self.unimportable,
        }


def make(
    root: Path,
    released: Released,
    *,
    checkers: Sequence[str] = checking.CHECKERS,
    tools: Path | None = None,
    cache: Path | None = None,
) -> Report:
    """Compare a tree with a release.

    Args:
        root: the tree, with its packages as they are generated from its specifications.
        released: the record of the release.
        checkers: the type checkers that run on its types.
        tools: the tree with the Node tools, if that is another one.
        cache: a folder for mypy's cache.

    Raises:
        ReportError: if the tree cannot be read, or a checker itself fails.
    """
    current = version(root)
    unreleased = released.version == current and released.recorded and not is_tagged(root, current)
    versions.parse(current, "facade/invigilate/_version.py")
    public = surface.read(root)
    was_bound, bound = _bound(released.surface), _bound(public)
    specified: list[Change] = []
    packages = specifications(root)
    pairs: list[tuple[Specification, Specification]] = []
    for file, package in {**{file: old.package for file, old in released.specifications.items()}, **packages}.items():
        empty = Specification({"openapi": "3.1.0", "paths": {}}, package, file)
        old = released.specifications.get(file, empty)
        new = load(root / "openapi" / file, package) if file in packages else empty
        pairs.append((old, new))
        specified += SpecComparison(old, new, bound, was_bound).changes()
        specified += spec_rest.compare(old, new) if empty not in (old, new) else []
    surfaced = surface_changes.compare(released.surface, public)
    unimportable = checking.unimportable(root)
    if unimportable is None:
        checked = checking.check(
            root, released, checkers=checkers, tools=tools, cache=cache, changes=[*specified, *surfaced]
        )
    else:
        checked = checking.Outcome(notes=["not run, since the facade cannot be imported"])
    changes = merge(specified, surfaced, checked.changes, pairs)
    changes = uses.located(root, changes, [new for _, new in pairs])
    return Report(
        base=released.version,
        source=released.source,
        current=current,
        following=current if unreleased else versions.following(released.version, changes),
        unreleased=unreleased,
        changes=tuple(changes),
        changelog=versions.changelog(changes),
        notes=(*checked.notes, *(f"to unbind: {line}" for line in stale(root))),
        unimportable=unimportable,
    )


def _bound(public: surface.Surface) -> dict[tuple[str, str], str]:
    """Return the client call that each operation is bound to, by package and module."""
    found: dict[tuple[str, str], str] = {}
    for name, thing in public.items():
        if thing["kind"] == "call" and thing["describes"] in public:
            parts = str(thing["describes"]).split(".")
            found[parts[0], parts[-2]] = surface_changes.shown(name, public)
    return found


__all__ = ["Report", "make"]
