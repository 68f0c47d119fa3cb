"""Reads and dates the sections of CHANGELOG.md, as functions of strings."""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

from .process import Refused

UNRELEASED = "Unreleased"
NOTHING = "Nothing yet."
_HEADING = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\S+))?[ \t]*$", re.MULTILINE)


class Section(NamedTuple):
    """A section of the changelog."""

    name: str  # a version, or "Unreleased"
    date: str | None  # the text after the name: a date, "unreleased", or None
    body: str  # the text below the heading, stripped
    start: int  # the offset of the heading in the changelog
    end: int  # the offset after the section


def sections(text: str) -> list[Section]:
    """Return all sections, in order."""
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    found: list[Section] = []
    for heading, end in zip(headings, ends, strict=True):
        body = text[heading.end() : end].strip()
        found.append(Section(heading["name"], heading["date"], "" if body == NOTHING else body, heading.start(), end))
    return found


def section(text: str, name: str) -> Section | None:
    """Return the section of a version, or None.

    Raises:
        Refused: if there are several.
    """
    found = [part for part in sections(text) if part.name == name]
    if len(found) > 1:
        raise Refused(f"CHANGELOG.md has {len(found)} sections [{name}], expected one")
    return found[0] if found else None


def problem(text: str, version: str) -> str | None:
    """Return why a version cannot be released with this changelog, or None if it can."""
    part = section(text, version)
    if part is None:
        return f"CHANGELOG.md has no section [{version}]"
    if not part.body:
        return f"the section [{version}] of CHANGELOG.md is empty"
    if part.date is None:
        return f"the section [{version}] of CHANGELOG.md has no date"
    if not is_date(part.date):
        return f"the section [{version}] of CHANGELOG.md is dated '{part.date}'"
    return None


def is_date(text: str) -> bool:
    """Return whether a string is a calendar date like 2026-03-04."""
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def dated(text: str, version: str, date: str, draft: str) -> str:
    """Return the changelog with a dated section of a version.

    An existing section is dated. Otherwise the text under Unreleased becomes the section, or the draft if there is
    none. It is idempotent.

    Args:
        text: the changelog.
        version: the version.
        date: its date, like 2026-03-04.
        draft: the content that the report proposes.

    Raises:
        Refused: if the section and Unreleased both have text, or there is none at all, or no Unreleased section.
    """
    waiting, part = section(text, UNRELEASED), section(text, version)
    if waiting is None:
        raise Refused(f"CHANGELOG.md has no section [{UNRELEASED}]")
    if part is not None:
        if waiting.body:
            raise Refused(f"CHANGELOG.md has text under [{UNRELEASED}] and under [{version}]: move it by hand")
        if not part.body:
            raise Refused(f"the section [{version}] of CHANGELOG.md is empty")
        if part.date is not None and is_date(part.date):
            return text
        heading = f"## [{version}] - {date}\n\n{part.body}\n"
        return text[: part.start] + heading + _rest(text[part.end :])
    body = waiting.body or draft.strip()
    if not body:
        raise Refused(f"no known changes: neither CHANGELOG.md under [{UNRELEASED}] nor the report has any")
    made = f"## [{UNRELEASED}]\n\n{NOTHING}\n\n## [{version}] - {date}\n\n{body}\n"
    return text[: waiting.start] + made + _rest(text[waiting.end :])


def _rest(text: str) -> str:
    return f"\n{text}" if text else ""
