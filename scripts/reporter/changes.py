"""What a change is, whichever way it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What a change is about. Two changes with a subject in common are told as one.
Subject = tuple[str, ...]


class Words(str):
    """How something was or is, in plain words. What is code in it stands in backquotes."""

    __slots__ = ()


def marked(text: str, mark: str) -> str:
    """Put marks around what is code.

    Args:
        text: code, or `Words`.
        mark: what stands around code, as a backquote in Markdown; may be nothing.
    """
    return text.replace("`", mark) if isinstance(text, Words) else f"{mark}{text}{mark}"


@dataclass(frozen=True)
class Change:
    """One change, as people read it.

    Attributes:
        kind: `added`, `removed`, `renamed`, `changed`, `deprecated` or `no longer holds`.
        area: what kind of thing changed; see the package's documentation.
        name: its name in Python, where it has one.
        breaking: whether callers must change their code; `None` while only the Python surface can tell.
        reason: what it means for callers, without a full stop.
        was: how it was.
        now: how it is.
        where: the calls of the clients that it concerns, and names in Python or the specification.
        subjects: what it is about; never shown.
        reached: the models that came or went with it; never shown.
        quiet: whether it is left out of the changelog.
        shared: the shared schema whose change it is; all that have the schema are told together.
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

    def to_dict(self) -> dict[str, Any]:
        """Give the members of the JSON form."""
        return {
            "kind": self.kind,
            "area": self.area,
            "name": self.name,
            "breaking": bool(self.breaking),
            "reason": self.reason,
            "was": None if self.was is None else marked(self.was, ""),
            "now": None if self.now is None else marked(self.now, ""),
            "where": list(self.where),
        }


class ReportError(Exception):
    """The report, or the record of a release, cannot be made; the text says why."""
