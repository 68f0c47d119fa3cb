"""Creates a report: everything that changed since a release, and the next version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import checking, spec_rest, surface, surface_changes, versions
from .changes import Change
from .merging import merge
from .released import Released, specifications, version
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
    versions.parse(current, "facade/invigilate/_version.py")
    public = surface.read(root)
    was_bound, bound = _bound(released.surface), _bound(public)
    specified: list[Change] = []
    for file, package in specifications(root).items():
        new = load(root / "openapi" / file, package)
        old = released.specifications.get(file) or Specification({"openapi": "3.1.0", "paths": {}}, package, file)
        specified += SpecComparison(old, new, bound, was_bound).changes()
        specified += spec_rest.compare(old, new) if file in released.specifications else []
    for file, old in released.specifications.items():
        if file not in specifications(root):
            removed = Specification({"openapi": "3.1.0", "paths": {}}, old.package, file)
            specified += SpecComparison(old, removed, bound, was_bound).changes()
    unimportable = checking.unimportable(root)
    if unimportable is None:
        checked = checking.check(root, released, checkers=checkers, tools=tools, cache=cache)
    else:
        checked = checking.Outcome(notes=["not run, since the facade cannot be imported"])
    changes = merge(specified, surface_changes.compare(released.surface, public), checked.changes)
    return Report(
        base=released.version,
        source=released.source,
        current=current,
        following=versions.following(released.version, changes),
        changes=tuple(changes),
        changelog=versions.changelog(changes),
        notes=tuple(checked.notes),
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
