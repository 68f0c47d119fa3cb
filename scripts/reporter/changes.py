"""What a change is, whichever way it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What a change is about. Two changes with a subject in common are reported as one.
Subject = tuple[str, ...]


class Words(str):
    """A description in words, with code in backquotes."""

    __slots__ = ()


def marked(text: str, mark: str) -> str:
    """Put marks around code.

    Args:
        text: code, or `Words`.
        mark: the mark, such as a backquote for Markdown; may be empty.
    """
    return text.replace("`", mark) if isinstance(text, Words) else f"{mark}{text}{mark}"


@dataclass(frozen=True)
class Change:
    """One change, as people read it.

    Attributes:
        kind: `added`, `removed`, `renamed`, `changed`, `deprecated` or `fails`.
        area: the kind of thing that changed; see the package's documentation.
        name: its name in Python, if it has one.
        breaking: whether callers must change their code; `None` while only the Python surface can tell.
        reason: what it means for callers, without a full stop.
        was: the old state.
        now: the new state.
        where: client calls concerned, and names in Python or the specification.
        subjects: what it is about; never shown.
        reached: the models added or removed with it; never shown.
        quiet: whether it is left out of the changelog.
        shared: the shared schema that changed; all places that refer to it are reported together.
        uses: the old names that code may still use, to look for; in a finished report where it does, as file:line.
    """

    kind: str
    area: str
    name: str
    breaking: bool | None
    reason: str
    was: str | None = None
    now: str | None = None
    where: tuple[str, ...] = ()
    subjects: frozenset[Subject] = field(default=frozenset())
    reached: frozenset[Subject] = field(default=frozenset())
    quiet: bool = False
    shared: str = ""
    uses: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the keys of the JSON form."""
        return {
            "kind": self.kind,
            "area": self.area,
            "name": self.name,
            "breaking": bool(self.breaking),
            "reason": self.reason,
            "was": None if self.was is None else marked(self.was, ""),
            "now": None if self.now is None else marked(self.now, ""),
            "where": list(self.where),
            "uses": list(self.uses),
        }


class ReportError(Exception):
    """The report, or the record of a release, cannot be created; the message says why."""
